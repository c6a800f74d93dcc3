# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a light guest writes to its disks, and whether it is still there: data that a test can follow."""

from __future__ import annotations

import hashlib
import os
from typing import Any, Dict, List, Sequence

from ..commands.bhyve.blocks import Disk

_BLOCK = 4096
_START = 64 * 1024
_BLOCKS = 64


def _block(seed: str, number: int) -> bytes:
    return hashlib.sha256(f"{seed}/{number}".encode()).digest() * (_BLOCK // 32)


def _hard(disks: Sequence[Disk]) -> List[Disk]:
    return [disk for disk in disks if disk.kind == "hd" and disk.size >= _START + _BLOCKS * _BLOCK]


def write(disks: Sequence[Disk], seed: str) -> None:
    """Fill a part of every hard disk that can be written with what follows from ``seed``; sector 0 stays."""
    for disk in _hard(disks):
        if disk.ro:
            continue
        for number in range(_BLOCKS):
            os.pwrite(disk.fd, _block(f"{seed}/{disk.serial}", number), _START + number * _BLOCK)
        os.fsync(disk.fd)


def check(disks: Sequence[Disk], seed: str) -> Dict[str, bool]:
    """By serial number: whether each hard disk has what write() wrote."""
    return {
        disk.serial: all(
            os.pread(disk.fd, _BLOCK, _START + number * _BLOCK) == _block(f"{seed}/{disk.serial}", number)
            for number in range(_BLOCKS)
        )
        for disk in _hard(disks)
    }


def look(disks: Sequence[Disk], before: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """The disks as the guest sees them now: bhyve tells virtio-blk and nvme of another size, ahci never."""
    return [seen if disk.model == "ahci" else {**seen, "size": disk.size} for disk, seen in zip(disks, before)]
