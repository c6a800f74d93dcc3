# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest is after it was rolled back: its declaration as it was, its identity as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Set, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checks import check_guest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import UNALLOCATED, Identity, allocate
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE, PATH, ZVOL, Disk


@dataclass(frozen=True)
class Merged:
    """The record after a rollback; the disks that stay, detached, for the snapshot does not have them; those gone."""

    record: Record
    detached: Tuple[str, ...] = ()
    gone: Tuple[str, ...] = ()


def merge_records(past: Record, today: Record, restored: Set[str], volumes: Set[str], files: Set[str]) -> Merged:
    """The record of the snapshot with today's identity.

    ``restored``: the volumes (by disk) that the snapshot has, ``volumes``: those that there are now, ``files``: the
    disk files that the snapshot has. BadInput when that is no guest.
    """
    name = today.guest.name
    disks: List[Disk] = []
    detached: List[str] = []
    gone: List[str] = []
    for disk in past.guest.disks:
        if disk.backing == PATH or disk.name in (restored if disk.backing in ZVOL else files):
            _check_double(name, disk, volumes)
            disks.append(disk)
        elif disk.name in volumes:
            disks.append(replace(today.guest.disk(disk.name) or disk, detached=True))
            detached.append(disk.name)
        else:
            gone.append(disk.name)
    for disk in today.guest.disks:
        if past.guest.disk(disk.name) is None and (disk.backing == PATH or disk.name in volumes):
            disks.append(replace(disk, detached=True))
            detached.append(disk.name)
    guest = replace(past.guest, name=name, disks=tuple(disks))
    check_guest(guest)
    known = Identity(
        uuid=today.identity.uuid,
        macs={**past.identity.macs, **today.identity.macs},
        slots=merge_slots(past.identity.slots, today.identity.slots),
        serials={**past.identity.serials, **today.identity.serials},
        eui64={**past.identity.eui64, **today.identity.eui64},
    )
    # The UUID is there, so that none is made.
    return Merged(
        replace(today, guest=guest, identity=allocate(guest, known, None, lambda: UNALLOCATED)),
        tuple(detached),
        tuple(gone),
    )


def merge_slots(past: Mapping[str, str], today: Mapping[str, str]) -> Dict[str, str]:
    """PCI addresses by device: today's, and the snapshot's for what went since.

    Where a device of the snapshot went and another got its address, the one that comes back has it: the guest's own
    boot entries know it there. The other gets a new one.
    """
    slots = dict(today)
    for device, address in past.items():
        if device in slots:
            continue
        slots = {other: place for other, place in slots.items() if place != address}
        slots[device] = address
    return slots


def _check_double(name: str, disk: Disk, volumes: Set[str]) -> None:
    if disk.backing in FILE and disk.name in volumes:
        raise BadInput(
            f"guest {name}: disk {disk.name} was a file when the snapshot was taken and is a volume now; rename or "
            "destroy the volume first"
        )
