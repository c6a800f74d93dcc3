# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said against a guest by looking at nothing but the guest."""

from __future__ import annotations

import ipaddress
import re
from typing import Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.checks import (
    check_boot_order,
    check_disk,
    check_path,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.keys import check_keys
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import check_guest_name
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.checks import check_nic
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pci import check_address
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.merge import check_pxe
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Guest, Vnc

_MIB = 1 << 20
_MEMORY_LEAST = 16 * _MIB
_RESOLUTION = re.compile(r"(?P<width>[0-9]{3,4})x(?P<height>[0-9]{3,4})")
_KEYBOARD = re.compile(r"[A-Za-z0-9._-]+")


def check_guest(guest: Guest) -> None:
    """Raise BadInput, naming guest, option, value and what is allowed, for anything that bhyve would not take."""
    check_guest_name(guest.name)
    where = f"guest {guest.name}: "
    _check_memory(guest.memory, where)
    _check_cpus(guest, where)
    _check_numbers(guest, where)
    _check_loader(guest, where)
    for disk in guest.disks:
        check_disk(disk, f"{where}disk {disk.name}: ")
    check_boot_order(guest, where)
    for nic in guest.nics:
        check_nic(nic, f"{where}nic {nic.name}: ")
    for one in guest.passthru:
        check_path(one.rom, f"{where}passthru {one.name}: rom")
        if one.slot:
            check_address(one.slot, f"{where}passthru {one.name}: slot")
    check_pxe(guest, where)
    if guest.vnc is not None:
        _check_vnc(guest.vnc, where)
    _check_boot(guest, where)
    check_keys(guest.options, where)


def _check_memory(memory: int, where: str) -> None:
    if memory < _MEMORY_LEAST or memory % _MIB:
        raise BadInput(f"{where}memory: {memory} bytes; a guest's memory is a whole number of MiB, 16M at least")


def _check_cpus(guest: Guest, where: str) -> None:
    for option in ("sockets", "cores", "threads"):
        if getattr(guest, option) < 0:
            raise BadInput(f"{where}{option}: {getattr(guest, option)}; allowed are 1 and more, 0 to leave it to bhyve")
    if guest.cpus < 1:
        raise BadInput(f"{where}cpus: {guest.cpus}; a guest has at least one")
    sockets, cores, threads = guest.topology()
    if sockets * cores * threads != guest.cpus:
        raise BadInput(
            f"{where}cpus: {guest.cpus} is not sockets x cores x threads = {sockets} x {cores} x {threads} = "
            f"{sockets * cores * threads}; set them to match, or to 0 to leave them to bhyve"
        )


def _check_numbers(guest: Guest, where: str) -> None:
    limits: Tuple[Tuple[str, int, int, int], ...] = (
        ("lpc_slot", guest.lpc_slot, 1, 31),
        ("restart_limit", guest.restart_limit, 0, 1000),
        ("restart_window", guest.restart_window, 1, 86400),
        ("stop_timeout", guest.stop_timeout, 0, 86400),
        ("boot.order", guest.boot.order, 0, 9999),
        ("boot.delay", guest.boot.delay, 0, 86400),
    )
    for option, value, least, most in limits:
        if not least <= value <= most:
            raise BadInput(f"{where}{option}: {value}; allowed are {least} to {most}")
    if guest.lpc_slot in (29, 30):
        raise BadInput(f"{where}lpc_slot: {guest.lpc_slot} is kept for the frame buffer or the tablet")


def _check_loader(guest: Guest, where: str) -> None:
    for option, path in (("uefi.code", guest.uefi_code), ("uefi.vars", guest.uefi_vars)):
        check_path(path, f"{where}{option}")
    loader = guest.loader
    for option, path in (("loader.host_path", loader.host_path), ("loader.program", loader.program)):
        check_path(path, f"{where}{option}")
    for key, value in loader.env:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", key) or not value.isprintable():
            raise BadInput(f"{where}loader.env: {key!r}={value!r} is not a loader variable (bhyveload(8), -e)")
    if guest.firmware != "bhyveload":
        return
    if loader.disk and loader.host_path:
        raise BadInput(f"{where}loader: disk and host_path exclude each other; set one of them to ''")
    if loader.disk:
        disk = guest.disk(loader.disk)
        if disk is None or disk.detached:
            raise BadInput(f"{where}loader.disk: the guest has no attached disk {loader.disk!r}")
        if disk.is_scsi or disk.is_empty:
            raise BadInput(f"{where}loader.disk: bhyveload cannot read {loader.disk}; name another disk")
    elif not loader.host_path and not any(not (disk.is_scsi or disk.is_empty) for disk in guest.attached):
        raise BadInput(f"{where}firmware: bhyveload needs a disk or loader.host_path to load from")


def _check_vnc(vnc: Vnc, where: str) -> None:
    try:
        ipaddress.ip_address(vnc.address)
    except ValueError as error:
        raise BadInput(f"{where}vnc.address: {vnc.address!r} is not an IP address such as 127.0.0.1 or ::1") from error
    if len(vnc.password) > 8:
        raise BadInput(
            f"{where}vnc.password: it is longer than 8 characters, of which VNC would use the first 8 only; shorten it"
        )
    if any(character in "%\\" or not character.isprintable() or ord(character) > 126 for character in vnc.password):
        raise BadInput(
            f"{where}vnc.password: '%', backslash, control and non-ASCII characters cannot be used, "
            "bhyve_config(5) would interpret them"
        )
    match = _RESOLUTION.fullmatch(vnc.resolution)
    if match is None or not 640 <= int(match["width"]) <= 3840 or not 480 <= int(match["height"]) <= 2160:
        raise BadInput(f"{where}vnc.resolution: {vnc.resolution!r}; allowed are 640x480 to 3840x2160")
    if vnc.keyboard and not _KEYBOARD.fullmatch(vnc.keyboard):
        raise BadInput(f"{where}vnc.keyboard: {vnc.keyboard!r} is not the name of a file in /usr/share/bhyve/kbdlayout")


def _check_boot(guest: Guest, where: str) -> None:
    for name in guest.boot.after:
        check_guest_name(name, f"{where}boot.after")
    if guest.name in guest.boot.after:
        raise BadInput(f"{where}boot.after: the guest cannot start after itself")
    ready = guest.boot.ready
    if ready is None:
        return
    if not 1 <= ready.tcp <= 65535:
        raise BadInput(f"{where}boot.ready.tcp: {ready.tcp}; allowed are 1 to 65535")
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", ready.address):
        raise BadInput(f"{where}boot.ready.address: {ready.address!r} is not an address or host name")
    if not 1 <= ready.timeout <= 86400:
        raise BadInput(f"{where}boot.ready.timeout: {ready.timeout}; allowed are 1 to 86400 seconds")
