# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks: what block_if.c and the models on top of it (virtio-blk, nvme, ahci) accept and refuse."""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import List, NamedTuple, Tuple

from ... import held, notes, paths
from ...zfs import content
from .devices import DeviceError
from .errors import say, strerror
from .tree import Config

_SECTOR = 512


class Disk(NamedTuple):
    """A disk of the guest, open in this process. ``ro``: whether it could be opened for reading only."""

    slot: str
    model: str
    kind: str  # hd or cd
    path: str
    fd: int
    ro: bool
    serial: str

    @property
    def size(self) -> int:
        """In bytes; 0 for a directory."""
        found = os.fstat(self.fd)
        return os.lseek(self.fd, 0, os.SEEK_END) if not stat.S_ISDIR(found.st_mode) else 0


def _fstat_name(path: str, real: str) -> str:
    return path[len("/dev/") :] if path.startswith("/dev/") else real


def _open(path: str, ro: bool) -> Tuple[int, bool]:
    """Read-write if it can be had, else read-only, without a word: also when the host has it mounted or in a pool."""
    real = paths.root(path)
    if path.startswith("/dev/zvol/"):
        content.mend_volume(real)
    if not ro and not held.by_host(path):
        try:
            return os.open(real, os.O_RDWR | os.O_CLOEXEC), False
        except OSError:
            pass
    return os.open(real, os.O_RDONLY | os.O_CLOEXEC), True


def _sector_sizes(text: str) -> Tuple[int, int]:
    found = re.match(r"(\d+)(?:/(\d+))?", text)
    if not found:
        raise DeviceError(errno.ENOENT, f'Invalid sector size "{text}"')
    logical = int(found.group(1))
    return logical, int(found.group(2) or logical)


def open_disk(config: Config, slot: str, node: str, model: str, kind: str) -> Disk:
    """Open a block device's backing store: DeviceError with blockif_open's own words."""
    path = config.get(f"{node}.path")
    if path is None:
        raise DeviceError(errno.ENOENT, 'Missing "path" for block device.')
    for name in ("nocache", "nodelete", "sync", "direct"):
        config.boolean(f"{node}.{name}")
    ro = config.boolean(f"{node}.ro")
    sector = config.get(f"{node}.sectorsize")
    sizes = _sector_sizes(sector) if sector is not None else None
    try:
        fd, ro = _open(path, ro)
    except OSError as error:
        code = error.errno or 0
        raise DeviceError(code, f"bhyve: Could not open backing file: {path}: {strerror(code)}") from None
    if sizes is not None:
        logical, physical = sizes
        if logical < _SECTOR or logical & (logical - 1) or physical < logical or physical & (physical - 1):
            os.close(fd)
            raise DeviceError(errno.ENOENT, f"Invalid sector size {logical}/{physical}")
    notes.note_open(_fstat_name(path, path), "r" if ro else "rw")
    return Disk(slot, model, kind, path, fd, ro, config.get(f"{node}.ser") or "")


def virtio_blk(config: Config, slot: str, node: str) -> List[Disk]:
    try:
        return [open_disk(config, slot, node, "virtio-blk", "hd")]
    except DeviceError as error:
        say(f"Could not open backing file: {strerror(error.errno)}")
        raise


def nvme(config: Config, slot: str, node: str) -> List[Disk]:
    if config.get(f"{node}.ram") is not None:
        return []
    try:
        return [open_disk(config, slot, node, "nvme", "hd")]
    except DeviceError as error:
        say(f"nvme: Could not open backing file: {strerror(error.errno)}")
        raise


def ahci(config: Config, slot: str, node: str) -> List[Disk]:
    ports = config.node(f"{node}.port") or {}
    found = []
    for number in sorted((name for name in ports if name.isdigit()), key=int):
        port = f"{node}.port.{number}"
        kind = config.get(f"{port}.type")
        if kind is None:
            continue
        if kind not in ("hd", "cd"):
            raise DeviceError(errno.EINVAL)
        found.append(open_disk(config, f"{slot}.port.{number}", port, "ahci", kind))
    return found
