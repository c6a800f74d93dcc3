# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes a guest itself: UUID, MAC addresses, PCI addresses, disk serials. Given once, written down, kept."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pci import allocate_slots
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Guest
from ansible_collections.apiary.bhyve.plugins.module_utils.network.mac import derive_mac

#: What check mode shows for what only apply can know: a new UUID and what derives from it.
UNALLOCATED = "to be allocated"

#: What FreeBSD's identifiers of nvme disks begin with (sys/net/ieee_oui.h).
_OUI_NVME = 0x589CFC200000

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Identity:
    """MACs by NIC, serials by disk, PCI addresses by device (``disk/root``, ``nic/lan``, ``rng``).

    ``eui64``: of nvme disks whose guest has had another name, the identifier that bhyve derived from that one.
    """

    uuid: str
    macs: Dict[str, str] = field(default_factory=dict)
    slots: Dict[str, str] = field(default_factory=dict)
    serials: Dict[str, str] = field(default_factory=dict)
    eui64: Dict[str, str] = field(default_factory=dict)


def normalise_uuid(text: str, option: str) -> str:
    """The UUID in lower case; BadInput, naming ``option``, if it is none."""
    uuid = text.lower()
    if not _UUID.fullmatch(uuid):
        raise BadInput(f"{option}: {text!r} is not a UUID such as 01234567-89ab-cdef-0123-456789abcdef")
    return uuid


def allocate(guest: Guest, known: Optional[Identity], uuid: Optional[str], new_uuid: Callable[[], str]) -> Identity:
    """The guest's identity: what ``known`` has stays, what is missing is given.

    ``uuid`` is the one that the task names, or None; ``new_uuid`` makes one when nobody else has.
    """
    old = known or Identity(uuid="")
    own = uuid or old.uuid or new_uuid()
    macs = {nic.name: nic.mac or old.macs.get(nic.name) or _mac(own, nic.name) for nic in guest.nics}
    serials = {
        disk.name: disk.serial or old.serials.get(disk.name) or _serial(guest.name, disk.name) for disk in guest.disks
    }
    eui64 = {disk.name: old.eui64[disk.name] for disk in guest.disks if disk.name in old.eui64}
    return Identity(uuid=own, macs=macs, slots=allocate_slots(guest, old.slots), serials=serials, eui64=eui64)


def _mac(uuid: str, nic: str) -> str:
    return UNALLOCATED if uuid == UNALLOCATED else derive_mac(uuid, nic)


def _serial(guest: str, disk: str) -> str:
    # Only the guest itself has to tell its disks apart by it, so the names will do.
    return hashlib.sha256(f"{guest}/{disk}".encode()).hexdigest()[:16].upper()


def with_eui64(identity: Identity, guest: Guest) -> Identity:
    """The identity with the identifiers that bhyve gives to the guest's nvme disks as long as it has its name.

    The firmware's boot entries know an nvme disk by it. bhyve makes it from the guest's name and the disk's place
    (usr.sbin/bhyve/pci_nvme.c, pci_nvme_init_nsdata), so that a guest with another name has to be given it.
    """
    keys = dict(guest.options)
    found: Dict[str, str] = {}
    for disk in guest.disks:
        place = identity.slots.get(f"disk/{disk.name}", "")
        if disk.controller != "nvme" or not place or f"pci.{place}.eui64" in keys:
            continue
        found[disk.name] = identity.eui64.get(disk.name) or _default_eui64(guest.name, place)
    return replace(identity, eui64=found)


def _default_eui64(guest: str, place: str) -> str:
    """The value for the key eui64, whose bytes bhyve turns round before it shows them."""
    value = _OUI_NVME | _crc16(f"{guest}{place.replace('.', '')}".encode())
    shown = value << 16 | 1  # the number of the namespace, there is one
    return "0x" + shown.to_bytes(8, "little").hex()


def _crc16(data: bytes) -> int:
    """CRC-16 with the polynomial 0x8005, reflected, from 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _bit in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def identity_to_json(identity: Identity) -> Dict[str, Any]:
    """The identity as JSON-ready data."""
    data: Dict[str, Any] = {
        "uuid": identity.uuid,
        "macs": identity.macs,
        "slots": identity.slots,
        "serials": identity.serials,
    }
    return {**data, "eui64": identity.eui64} if identity.eui64 else data


def identity_from_json(data: Mapping[str, Any]) -> Identity:
    """The inverse of identity_to_json(). KeyError, TypeError or ValueError if data is nothing of the kind."""
    return Identity(
        uuid=str(data["uuid"]),
        macs=dict(data["macs"]),
        slots=dict(data["slots"]),
        serials=dict(data["serials"]),
        eui64=dict(data.get("eui64", {})),
    )
