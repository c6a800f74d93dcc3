# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what a task asks for to whole guests: merged with their records, checked one by one, with an identity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checks import check_guest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.merge import (
    check_clone,
    clone_of,
    identity_of,
    origin_after,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.merge import Present, Removed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import Identity, allocate, normalise_uuid
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.merge import merge
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import check_guest_name
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plugs import chosen_switch
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record, load
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.renames.references import followed, followed_origin
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE, PATH, ZVOL, Disk, Guest, Nic


@dataclass(frozen=True)
class Desired:
    """One guest of the task. ``record`` is what it is to be, None when it is to be absent."""

    name: str
    state: str
    request: Mapping[str, Any]
    seen: ObservedGuest
    record: Optional[Record]
    removed: Tuple[Removed, ...] = ()

    @property
    def guest(self) -> Guest:
        if self.record is None:
            raise LookupError(f"guest {self.name} is to be absent")
        return self.record.guest

    @property
    def identity(self) -> Identity:
        if self.record is None:
            raise LookupError(f"guest {self.name} is to be absent")
        return self.record.identity

    @property
    def old(self) -> Optional[Guest]:
        return self.seen.record.guest if self.seen.record is not None else None

    @property
    def destroy(self) -> bool:
        return bool(self.request.get("destroy"))

    @property
    def given_disks(self) -> Dict[str, Mapping[str, Any]]:
        """The elements of the task's ``disks``, by name."""
        return {disk["name"]: disk for disk in self.request.get("disks") or ()}

    @property
    def will_start(self) -> bool:
        """Whether the task starts the guest, whatever its configuration."""
        return self.state == "restarted" or (self.state == "started" and not self.seen.active)


def resolve(requests: Sequence[Mapping[str, Any]], observed: Observed, new_uuid: Callable[[], str]) -> List[Desired]:
    """The guests of a task. BadInput for anything wrong with one of them, UnknownState for an unreadable record."""
    names = [check_guest_name(request["name"]) for request in requests]
    check_once(names, "vms")
    return [_resolve(request, observed, new_uuid) for request in requests]


def _resolve(request: Mapping[str, Any], observed: Observed, new_uuid: Callable[[], str]) -> Desired:
    name = request["name"]
    state = request.get("state") or "present"
    seen = observed.guest(name)
    if seen.error is not None:
        raise seen.error
    old = seen.record
    if old is not None and old.owner != observed.hostuuid:
        raise BadInput(
            f"guest {name}: its record belongs to the host with kern.hostuuid {old.owner}, this one is "
            f"{observed.hostuuid}; it may run there: nothing is done with it here"
        )
    if state == "absent":
        if old is not None and old.guest.protected and request.get("protected") is not False:
            raise BadInput(f"guest {name}: it is protected; set protected: false in the same task to remove it")
        return Desired(name, state, request, seen, None)
    if seen.rollback:
        raise BadInput(
            f"guest {name}: a rollback to the snapshot {seen.rollback} was interrupted, its disks are of different "
            "times; run that task of bhyve_snapshot again first"
        )
    if request.get("destroy"):
        raise BadInput(f"guest {name}: destroy: true goes with state: absent only; for one disk, give it at the disk")
    if old is None and request.get("must_exist"):
        raise BadInput(f"guest {name}: there is no such guest on this host; make it first (bhyve_vm)")
    source = observed.sources.get(name)
    begun = old is not None or source is not None
    if not begun and state in ("started", "stopped", "restarted") and request.get("memory") is None:
        raise BadInput(f"guest {name}: there is no such guest on this host; to make it, give at least its memory")
    base = followed(old.guest, observed.renamed) if old is not None else None
    known = old.identity if old is not None else None
    present = _present(name, old.guest.disks if old else (), observed)
    if source is not None:
        present = {**source.sizes, **present}
        if old is None and source.record is not None:
            base, known = clone_of(source.record, name, source.sizes), identity_of(source.record)
    merged = merge(base, request, observed.with_zfs, present)
    guest = _settled(merged.guest, old, request, observed)
    check_guest(guest)
    if source is not None:
        check_clone(guest, source, request)
    origin = followed_origin(origin_after(request, old, source), observed.renamed)
    uuid = normalise_uuid(request["uuid"], f"guest {name}: uuid") if request.get("uuid") else None
    if old is None and source is None:
        known = _former(seen, observed)
    identity = allocate(guest, known, uuid, new_uuid)
    return Desired(name, state, request, seen, Record(guest, identity, observed.hostuuid, origin), merged.removed)


def _present(name: str, disks: Sequence[Disk], observed: Observed) -> Dict[str, Present]:
    """The disks of a guest that are on the host now, by name."""
    result: Dict[str, Present] = {}
    for disk in disks:
        size = actual_size(name, disk, observed)
        if size is not None:
            result[disk.name] = Present(size, actual_block(name, disk, observed))
    return result


def _former(seen: ObservedGuest, observed: Observed) -> Optional[Identity]:
    """The identity that a removed guest left with its data; UnknownState when it cannot be read."""
    if seen.former is None:
        return None
    return load(seen.former, observed.conf.layout.former(seen.name), seen.name).identity


def _settled(guest: Guest, old: Optional[Record], request: Mapping[str, Any], observed: Observed) -> Guest:
    """Leave what only repeats the identity undeclared, and take the sizes of disks that grew by another hand."""
    guest = replace(guest, nics=tuple(_settled_nic(guest.name, nic, old, observed) for nic in guest.nics))
    given = {disk["name"] for disk in request.get("disks") or () if disk.get("size") is not None}
    guest = _settled_serials(guest, old)
    disks = [
        disk if disk.name in given else replace(disk, size=max(disk.size, _least_size(guest.name, disk, observed)))
        for disk in guest.disks
    ]
    return replace(guest, disks=tuple(disks))


def _settled_nic(guest: str, nic: Nic, old: Optional[Record], observed: Observed) -> Nic:
    before = old.guest.nic(nic.name) if old is not None else None
    at = f"guest {guest}: nic {nic.name}: "
    nic = replace(nic, switch=chosen_switch(nic, before, observed.allocations.switches, at))
    derived = old is not None and before is not None and not before.mac
    repeats = derived and old is not None and nic.mac == old.identity.macs.get(nic.name)
    return replace(nic, mac="") if repeats else nic


def _least_size(guest: str, disk: Disk, observed: Observed) -> int:
    """Bytes that a disk has without anybody asking: what is there, or what the image holds that it is made from."""
    actual = actual_size(guest, disk, observed)
    if actual is None and disk.image in observed.images:
        return observed.images[disk.image].size
    return actual or 0


def _settled_serials(guest: Guest, old: Optional[Record]) -> Guest:
    """The guest with serial numbers undeclared that only repeat the identity."""
    disks = []
    for disk in guest.disks:
        before = old.guest.disk(disk.name) if old is not None else None
        derived = old is not None and before is not None and not before.serial
        repeats = derived and old is not None and disk.serial == old.identity.serials.get(disk.name)
        disks.append(replace(disk, serial="") if repeats else disk)
    return replace(guest, disks=tuple(disks))


def actual_size(guest: str, disk: Disk, observed: Observed) -> Optional[int]:
    """Bytes that a disk of ours has on the host now, None if it does not exist (or is a given path)."""
    if disk.backing == PATH:
        return None
    if disk.backing in FILE:
        return observed.guest(guest).file_sizes.get(disk.name)
    volume = observed.datasets.get(observed.conf.layout.volume(guest, disk.name))
    return volume.size("volsize") if volume is not None else None


def actual_block(guest: str, disk: Disk, observed: Observed) -> int:
    """The block size of a disk's volume, 0 if it has none."""
    volume = observed.datasets.get(observed.conf.layout.volume(guest, disk.name)) if disk.backing in ZVOL else None
    return volume.size("volblocksize") if volume is not None else 0
