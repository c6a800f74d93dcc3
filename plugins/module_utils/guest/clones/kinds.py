# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a clone is made from: a guest as it is, as a snapshot has it, or what one that was begun still needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Container, Dict, List, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.state import Source
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import actual_block, actual_size
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.merge import Present
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.origin import BASE, CLONE, COPY, Origin
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.past import SNAPDIR, read_past
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.state import GuestSnapshot, guest_snapshots
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import PATH, ZVOL, Disk
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import space

VARIABLES = "uefi-vars.fd"


@dataclass(frozen=True)
class Clone:
    """A clone that is to be made, or finished: its name, and where from."""

    name: str
    guest: str
    snapshot: str
    mode: Optional[str]
    begun: Optional[Origin] = None

    @property
    def where(self) -> str:
        return f"guest {self.name}: clone_from: "


def check_off(clone: Clone, seen: ObservedGuest) -> None:
    """BadInput when the source runs: what it writes meanwhile would be cut off anywhere."""
    if seen.active:
        raise BadInput(
            f"{clone.where}guest {clone.guest} runs; stop it first (state: stopped), or take a snapshot of it "
            f"(bhyve_snapshot) and give clone_from: {clone.guest}@SNAPSHOT"
        )


def free_name(name: str, taken: Container[str]) -> str:
    """The name of the clone's own snapshot: one that was left by an earlier guest of its name is not used again."""
    number, free = 1, f"{BASE}{name}"
    while free in taken:
        number += 1
        free = f"{BASE}{name}-{number}"
    return free


def plain(clone: Clone, seen: ObservedGuest, record: Record, observed: Observed) -> Source:
    """On a host without ZFS: files that nobody writes to are copied. BadInput when that cannot be."""
    if clone.snapshot and clone.begun is None:
        raise BadInput(
            f"{clone.where}{clone.snapshot}: the guests of this host are in plain directories, snapshots need ZFS"
        )
    if clone.mode == CLONE:
        raise BadInput(
            f"guest {clone.name}: clone_mode: clone needs ZFS, and the guests of this host are in plain directories"
        )
    if seen.active:
        raise BadInput(f"{clone.where}guest {clone.guest} runs; stop it first (state: stopped)")
    source = now(clone, clone.begun or Origin(clone.guest, "", True, COPY), seen, record, observed)
    made = observed.guest(clone.name).file_sizes if clone.begun is not None else {}
    return replace(source, taken=True, needs=(), made=frozenset(made))


def now(clone: Clone, origin: Origin, seen: ObservedGuest, record: Record, observed: Observed) -> Source:
    """The guest as it is, of which a snapshot is taken first where there is ZFS. BadInput when it cannot be cloned."""
    layout = observed.conf.layout
    sizes: Dict[str, Present] = {}
    held: Dict[str, int] = {}
    needs: List[space.Need] = []
    for disk in _own_disks(record):
        size = actual_size(clone.guest, disk, observed)
        if size is None:
            raise BadInput(f"{clone.where}disk {disk.name} of guest {clone.guest} is not there")
        sizes[disk.name] = Present(size, actual_block(clone.guest, disk, observed))
        volume = observed.datasets.get(layout.volume(clone.guest, disk.name)) if disk.backing in ZVOL else None
        if volume is not None:
            held[disk.name] = volume.size("referenced")
        full = observed.storage.datasets.get(layout.volume(clone.guest, disk.name))
        if full is not None and full.is_volume:
            who = f"guest {clone.guest}: the reservation of {full.name} again"
            needs.append(space.Need(who, space.snapshot(full.size("written"), full.size("refreservation"))))
    return Source(
        origin=origin,
        taken=False,
        directory=_directory(clone.guest, origin.snapshot, observed),
        record=record if clone.begun is None else None,
        sizes=sizes,
        held=held,
        needs=tuple(needs),
        variables=VARIABLES in seen.entries,
    )


def past_of(host: Host, clone: Clone, observed: Observed) -> Source:
    """The guest as a snapshot that somebody took has it. BadInput when there is none, or it is not whole."""
    layout = observed.conf.layout
    snapshots = guest_snapshots(layout.guest_dataset(clone.guest), observed.storage)
    snapshot = snapshots.get(clone.snapshot)
    if snapshot is None or not snapshot.whole:
        names = [name for name, one in snapshots.items() if one.whole]
        there = f"there are: {', '.join(names)}" if names else "there is none"
        problem = "there is no such snapshot" if snapshot is None else "that is no snapshot of the whole guest"
        raise BadInput(f"{clone.where}{clone.snapshot} of guest {clone.guest}: {problem}; {there}")
    past = read_past(host, layout, clone.guest, clone.snapshot)
    if past.record.incomplete:
        raise BadInput(f"{clone.where}in the snapshot {clone.snapshot} guest {clone.guest} is not complete")
    sizes = _sizes_in(snapshot, past.record, past.file_sizes, clone, observed)
    return Source(
        origin=Origin(clone.guest, clone.snapshot, False, clone.mode or CLONE),
        taken=True,
        directory=_directory(clone.guest, clone.snapshot, observed),
        record=past.record,
        sizes=sizes,
        held=_held(snapshot),
        variables=VARIABLES in past.entries,
    )


def resumed(clone: Clone, begun: Origin, seen: ObservedGuest, record: Record, observed: Observed) -> Source:
    """A clone that was begun: what is missing comes from the snapshot that the rest came from. BadInput without it."""
    layout = observed.conf.layout
    own = observed.guest(clone.name)
    target = own.record.guest if own.record is not None else record.guest
    disks = [disk for disk in target.disks if disk.name in begun.missing]
    made = frozenset(disk.name for disk in disks if actual_size(clone.name, disk, observed) is not None)
    snapshot = guest_snapshots(layout.guest_dataset(clone.guest), observed.storage).get(begun.snapshot)
    copied = any(
        point.name == begun.snapshot for point in observed.storage.points_below(layout.guest_dataset(clone.name))
    )
    todo = [disk for disk in disks if disk.name not in made]
    if snapshot is None and not made and begun.own and todo:
        check_off(clone, seen)
        return now(clone, begun, seen, record, observed)
    volumes = set(snapshot.disks) if snapshot is not None else set()
    whole = snapshot is not None and snapshot.whole
    gone = [disk.name for disk in todo if not (disk.name in volumes if disk.backing in ZVOL else whole)]
    if gone:
        raise BadInput(
            f"{clone.where}the snapshot {begun.snapshot} of guest {begun.guest} is gone before the disks "
            f"{', '.join(gone)} were made from it; remove the guest (state: absent, destroy: true) and clone again"
        )
    sizes = {}
    if snapshot is not None:
        for disk in todo:
            point = layout.volume(clone.guest, disk.name)
            size = snapshot.point(point).volsize if disk.backing in ZVOL else disk.size
            sizes[disk.name] = Present(size, actual_block(clone.guest, disk, observed))
    return Source(
        origin=begun,
        taken=snapshot is not None,
        directory=_directory(clone.guest, begun.snapshot, observed),
        sizes=sizes,
        held=_held(snapshot) if snapshot is not None else {},
        variables=whole and VARIABLES in seen.entries,
        copied=copied and begun.mode == COPY,
        made=made,
    )


def _own_disks(record: Record) -> List[Disk]:
    """The disks that a clone gets: those that are attached, and whose data is ours."""
    return [disk for disk in record.guest.attached if disk.backing != PATH]


def _directory(guest: str, snapshot: str, observed: Observed) -> str:
    directory = observed.conf.layout.directory(guest)
    return f"{directory}/{SNAPDIR}/snapshot/{snapshot}" if snapshot else directory


def _sizes_in(
    snapshot: GuestSnapshot, record: Record, files: Mapping[str, int], clone: Clone, observed: Observed
) -> Dict[str, Present]:
    layout = observed.conf.layout
    sizes: Dict[str, Present] = {}
    for disk in _own_disks(record):
        if disk.backing in ZVOL and disk.name in snapshot.disks:
            size: Optional[int] = snapshot.point(layout.volume(clone.guest, disk.name)).volsize
        else:
            size = files.get(disk.name)
        if size is None:
            raise BadInput(
                f"{clone.where}disk {disk.name} is not in the snapshot {snapshot.name} of guest {clone.guest}"
            )
        sizes[disk.name] = Present(size, actual_block(clone.guest, disk, observed))
    return sizes


def _held(snapshot: GuestSnapshot) -> Dict[str, int]:
    """What the snapshot's volumes hold, by disk."""
    prefix = f"{snapshot.dataset}/"
    return {
        point.dataset[len(prefix) :]: point.referenced for point in snapshot.points if point.dataset.startswith(prefix)
    }
