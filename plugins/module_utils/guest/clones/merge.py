# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a clone is, before a task's options are laid over it: which things of its source it has, and which are new."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.state import Source
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.merge import Present
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import Identity, with_eui64
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.addresses import of_a_copy
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.origin import Origin, split_option
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import PATH, Disk, Guest
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.properties import FIXED


def clone_of(record: Record, name: str, sizes: Mapping[str, Present]) -> Guest:
    """The source's declaration under a new name.

    New are the name, the MAC addresses (also explicit ones) and the VNC port; a clone is not protected, and has no
    detached disks, no devices of the host and no fixed addresses or host names, which only one guest can have. All else
    is as it is there.
    """
    guest = record.guest
    return replace(
        guest,
        name=name,
        protected=False,
        disks=tuple(_disk(disk, sizes) for disk in guest.attached),
        nics=tuple(of_a_copy(nic) for nic in guest.nics),
        passthru=(),
        vnc=replace(guest.vnc, port=0) if guest.vnc is not None else None,
    )


def _disk(disk: Disk, sizes: Mapping[str, Present]) -> Disk:
    there = sizes.get(disk.name)
    if there is None:
        return disk
    # A volume keeps its block size; said here because there is no volume yet that could tell.
    return replace(disk, size=there.size, volblocksize=there.block or disk.volblocksize)


def identity_of(record: Record) -> Identity:
    """What of the source's identity a clone has: PCI addresses, disk serials and what derives from them.

    By these the firmware's boot entries, of which the clone has a copy, know its disks. UUID and MACs are new.
    """
    identity = with_eui64(record.identity, record.guest)
    return replace(identity, uuid="", macs={})


def origin_after(request: Mapping[str, Any], old: Optional[Record], source: Optional[Source]) -> Optional[Origin]:
    """The origin that the guest's record has in the end. BadInput when the task names another than it has."""
    if old is None:
        return None if source is None else replace(source.origin, missing=())
    _check_same(request, old)
    return None if old.origin is None else replace(old.origin, missing=())


def _check_same(request: Mapping[str, Any], old: Record) -> None:
    if not request.get("clone_from"):
        return
    name, has = old.guest.name, old.origin
    guest, snapshot = split_option(name, request["clone_from"])
    if has is None:
        raise BadInput(
            f"guest {name}: clone_from: the guest exists and is no clone; remove it first, or choose another name"
        )
    if guest != has.guest or (snapshot and (has.own or snapshot != has.snapshot)):
        raise BadInput(
            f"guest {name}: clone_from: the guest exists and is a clone of {has.option}, not of "
            f"{request['clone_from']}; remove it first, or choose another name"
        )
    mode = request.get("clone_mode")
    if mode and mode != has.mode:
        raise BadInput(
            f"guest {name}: clone_mode: the guest exists and was made by {has.mode}, not by {mode}; promote: true "
            "lets a clone no longer depend on its source"
        )


def check_clone(guest: Guest, source: Source, request: Mapping[str, Any]) -> None:
    """BadInput when a clone cannot have the disks that it is to have."""
    given: Dict[str, Mapping[str, Any]] = {disk["name"]: disk for disk in request.get("disks") or ()}
    for disk in guest.attached:
        at = f"guest {guest.name}: disk {disk.name}: "
        before = source.record.guest.disk(disk.name) if source.record is not None else None
        if before is None:
            continue
        if disk.backing == PATH and disk.path == before.path and disk.path and not disk.ro:
            raise BadInput(
                f"{at}path: {disk.path} is written to by guest {source.origin.guest} and is not copied with it; give "
                "the clone another path, or leave the disk out (state: absent)"
            )
        fixed = _fixed(given.get(disk.name, {}), before)
        if fixed:
            raise BadInput(
                f"{at}properties: {', '.join(fixed)}: a clone has them from its source, they are fixed at creation "
                "(zfsprops(7))"
            )


def _fixed(given: Mapping[str, Any], before: Disk) -> List[str]:
    declared = dict(before.properties)
    values: Mapping[str, Any] = given.get("properties") or {}
    return sorted(
        str(name) for name, value in values.items() if name in FIXED and declared.get(str(name)) != str(value)
    )
