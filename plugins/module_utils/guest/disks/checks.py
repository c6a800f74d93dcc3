# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said against a guest's disks by looking at nothing but the guest."""

from __future__ import annotations

import re
from typing import Dict

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE, PATH, ZVOL, Disk, Guest
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.properties import check_properties

_SECTOR = re.compile(r"(512|1024|2048|4096|8192)(/(512|1024|2048|4096|8192))?")
_SERIAL = re.compile(r"[A-Za-z0-9._-]{1,20}")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_VOLBLOCKSIZE = tuple(1 << power for power in range(9, 25))
_CTL_PORT = re.compile(r"/dev/cam/ctl[0-9]+\.[0-9]+")
_BOOT_ORDER_MOST = 999


def check_plain(text: str, option: str) -> None:
    """Refuse what a line of a bhyve_config(5) file cannot hold or would change: %, backslash, control
    characters. BadInput.
    """
    if any(character in "%\\" or not character.isprintable() for character in text):
        raise BadInput(
            f"{option}: {text!r} holds a '%', a backslash or a control character, which bhyve_config(5) would interpret"
        )


def check_path(path: str, option: str) -> None:
    """BadInput unless a path is '' or absolute, and plain."""
    if path and not path.startswith("/"):
        raise BadInput(f"{option}: {path!r} is not an absolute path")
    check_plain(path, option)


def check_disk(disk: Disk, at: str) -> None:
    """BadInput for options of one disk that do not go together; ``at`` names guest and disk."""
    check_path(disk.path, f"{at}path")
    _check_backing(disk, at)
    if disk.size % 512:
        raise BadInput(f"{at}size: {disk.size} bytes is not a multiple of 512")
    if disk.volblocksize:
        if disk.backing not in ZVOL:
            raise BadInput(f"{at}volblocksize is for volumes, not for backing: {disk.backing}")
        if disk.volblocksize not in _VOLBLOCKSIZE:
            raise BadInput(f"{at}volblocksize: {disk.volblocksize} bytes is not a power of two from 512 to 16M")
    if disk.image and not _IMAGE.fullmatch(disk.image):
        raise BadInput(f"{at}image: {disk.image!r} is not the name of an image, 1 to 63 letters, digits, '.', '_', '-'")
    if disk.sector_size:
        _check_sector_size(disk, at)
    if disk.serial and not _SERIAL.fullmatch(disk.serial):
        raise BadInput(f"{at}serial: {disk.serial!r} is not 1 to 20 letters, digits, '.', '_' and '-'")
    if disk.until_installed and not disk.is_cd:
        raise BadInput(f"{at}until_installed is for CD drives (controller: ahci-cd)")
    if disk.backing in FILE and disk.name in ("guest", "boot"):
        raise BadInput(f"{at}the name is taken by the guest's own files; choose another")
    if disk.is_scsi:
        _check_scsi(disk, at)


def _check_backing(disk: Disk, at: str) -> None:
    if disk.is_cd and (disk.backing != PATH or disk.size):
        raise BadInput(f"{at}a CD drive (ahci-cd) needs a path, the ISO image, and no size or backing of its own")
    if disk.backing == PATH:
        if not disk.path and not disk.is_cd:
            raise BadInput(f"{at}path is needed with backing: path")
        for option in ("size", "image", "properties"):
            if getattr(disk, option):
                raise BadInput(f"{at}{option}: a given path is used as it is; leave {option} out")
    elif disk.path:
        raise BadInput(f"{at}path: a disk with backing: {disk.backing} has its place already; leave path out")
    elif disk.properties and disk.backing not in ZVOL:
        raise BadInput(f"{at}properties are those of a volume, and backing: {disk.backing} has none")
    check_properties(dict(disk.properties), at)


def _check_sector_size(disk: Disk, at: str) -> None:
    if not _SECTOR.fullmatch(disk.sector_size):
        raise BadInput(f"{at}sector_size: {disk.sector_size!r}; allowed are 512, 4096, 512/4096 and such")
    if disk.controller == "nvme" and disk.sector_size not in ("512", "4096", "8192"):
        raise BadInput(f"{at}sector_size: {disk.sector_size!r}; nvme takes 512, 4096 or 8192")
    logical, _slash, physical = disk.sector_size.partition("/")
    if physical and int(physical) < int(logical):
        raise BadInput(f"{at}sector_size: {disk.sector_size!r}; the physical size comes second and is not smaller")


def _check_scsi(disk: Disk, at: str) -> None:
    """bhyve gives the guest a port of the CAM target layer and has no block device of its own there."""
    if not _CTL_PORT.fullmatch(disk.path):
        given = f"path: {disk.path}" if disk.backing == PATH else f"backing: {disk.backing}"
        raise BadInput(
            f"{at}controller: bhyve's virtio-scsi takes a port of the CAM target layer and nothing else, not {given}; "
            "make a port and units with ctld(8) or ctladm(8) and give path: /dev/cam/ctl1.0, or use virtio-blk or nvme"
        )
    for option in ("sector_size", "serial", "nocache", "sync", "nodelete", "ro"):
        if getattr(disk, option):
            raise BadInput(f"{at}{option}: with virtio-scsi that is a matter of the unit; set it in ctl.conf(5)")


def check_boot_order(guest: Guest, where: str) -> None:
    """BadInput for places in the boot order that are none, or taken twice (bhyve would not start)."""
    owners: Dict[int, str] = {}
    for disk in guest.disks:
        order = disk.boot_order
        if not order:
            continue
        if not 1 <= order <= _BOOT_ORDER_MOST:
            raise BadInput(
                f"{where}disk {disk.name}: boot_order: {order}; allowed are 1 to {_BOOT_ORDER_MOST}, 0 for none"
            )
        if guest.firmware != "uefi":
            raise BadInput(
                f"{where}disk {disk.name}: boot_order is for the UEFI firmware; with firmware: {guest.firmware} the "
                "disk to boot from is loader.disk"
            )
        if disk.detached:
            continue
        if order in owners:
            raise BadInput(f"{where}disk {disk.name}: boot_order: {order} is the place of disk {owners[order]} already")
        owners[order] = disk.name
