# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which snapshots a task takes and destroys. Pure: from the task, the host as read, and the time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.changes import (
    Batch,
    DestroySnapshots,
    TakeSnapshot,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.options import PRESENT, Wanted
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.state import (
    GuestSnapshot,
    guest_snapshots,
    summary,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import PATH
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import space
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import (
    CRASH_CONSISTENT,
    STOPPED,
    Point,
    Storage,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Dataset

#: The longest name of a snapshot with its dataset (ZFS_MAX_DATASET_NAME_LEN, less the final NUL).
LONGEST = 255
#: What to do where a snapshot does not fit.
ROOM_ADVICE = "make room, or make the volumes sparse (zfs set refreservation=none), before the snapshot is taken"


@dataclass
class Element:
    """What happens for one element of a task: stop, changes, start, in this order."""

    wanted: Wanted
    changes: List[Change] = field(default_factory=list)
    entry: Dict[str, Any] = field(default_factory=dict)
    before: Dict[str, Any] = field(default_factory=dict)
    after: Dict[str, Any] = field(default_factory=dict)
    warnings: List[str] = field(default_factory=list)
    reservations: Sequence[str] = ()
    stop: bool = False
    start: bool = False

    @property
    def changed(self) -> bool:
        return bool(self.changes or self.reservations) or self.stop or self.start

    def describe(self) -> List[str]:
        """The steps for humans, in order."""
        steps = [*(change.describe() for change in self.changes), *self.reservations]
        return [*(["stop"] if self.stop else []), *steps, *(["start"] if self.start else [])]


class Planner:
    """Plans the elements of a task one after the other; what one takes or destroys, the next one knows."""

    def __init__(self, observed: Observed, storage: Storage, now: float) -> None:
        self._observed = observed
        self._storage = storage
        self._now = now
        self._known: Dict[str, Dict[str, GuestSnapshot]] = {}
        self._batches: List[Batch] = []
        self._needs: Dict[str, List[space.Need]] = {}

    def plan(self, wanted: Wanted) -> Element:
        """Plan an element with state present or absent. BadInput when it cannot be."""
        seen = guest_of(wanted.vm, self._observed, needed=wanted.state == PRESENT)
        dataset = self._observed.conf.layout.guest_dataset(wanted.vm)
        if wanted.vm not in self._known:
            self._known[wanted.vm] = guest_snapshots(dataset, self._storage)
        known = self._known[wanted.vm]
        element = Element(wanted, before={"snapshots": summary(known)})
        element.entry = {"vm": wanted.vm, "name": wanted.name or None, "state": wanted.state}
        if wanted.state == PRESENT:
            self._take(element, seen, dataset, known)
        elif wanted.name:
            self._destroy(element, seen, dataset, known)
        if wanted.prunes:
            self._prune(element, seen, dataset, known)
        element.after = {"snapshots": summary(known)}
        return element

    def check_space(self) -> None:
        """BadInput when what is taken does not fit: a thick volume's reservation has to fit beside its snapshot."""
        every: List[space.Need] = []
        for dataset, needs in self._needs.items():
            free = self._storage.datasets[dataset].size("available")
            space.check_room(needs, free, f"dataset {dataset}", ROOM_ADVICE)
            every += needs
        space.check_room(every, self._observed.free_bytes, f"dataset {self._observed.conf.layout.dataset}", ROOM_ADVICE)

    def _take(self, element: Element, seen: ObservedGuest, dataset: str, known: Dict[str, GuestSnapshot]) -> None:
        name, where = element.wanted.name, f"guest {seen.name}: snapshot {element.wanted.name}: "
        if seen.rollback:
            raise interrupted(seen)
        there = known.get(name)
        if there is not None and not there.whole:
            names = ", ".join(point.full_name for point in there.points)
            raise BadInput(
                f"{where}the name is taken by {names}, which are no snapshot of the whole guest; choose another name, "
                "or destroy them first (state: absent)"
            )
        if there is None:
            below = self._storage.below(dataset)
            longest = max((one.name for one in below), key=len)
            if len(longest) + 1 + len(name) > LONGEST:
                raise BadInput(f"{where}name: {longest}@{name} is longer than the {LONGEST} characters that ZFS takes")
            state = CRASH_CONSISTENT if seen.active else STOPPED
            full = f"{dataset}@{name}"
            element.changes.append(TakeSnapshot(seen.name, dataset, name, self._batch(state, dataset, full)))
            latest = max((point.txg for point in self._storage.points), default=0)
            points = [Point(one.name, name, latest + 1, int(self._now), state=state) for one in below]
            there = known[name] = GuestSnapshot(name, dataset, tuple(points))
            self._needs[dataset] = reservations_again(seen.name, below)
        element.entry.update(consistency=there.state or None, disks=there.disks, not_included=not_included(seen.record))

    def _batch(self, state: str, dataset: str, full: str) -> Batch:
        """The command that takes this one too; ZFS takes one snapshot of a dataset by a command."""
        for batch in self._batches:
            if batch.state == state and not any(name.partition("@")[0] == dataset for name in batch.names):
                batch.names.append(full)
                return batch
        batch = Batch(state, [full])
        self._batches.append(batch)
        return batch

    def _destroy(self, element: Element, seen: ObservedGuest, dataset: str, known: Dict[str, GuestSnapshot]) -> None:
        snapshot = known.get(element.wanted.name)
        if snapshot is None:
            return
        why = self._kept(snapshot, seen)
        if why:
            raise BadInput(f"guest {seen.name}: snapshot {snapshot.name} cannot be destroyed: {why}")
        element.changes.append(DestroySnapshots(seen.name, dataset, (snapshot.name,)))
        del known[snapshot.name]

    def _prune(self, element: Element, seen: ObservedGuest, dataset: str, known: Dict[str, GuestSnapshot]) -> None:
        """Destroy what the pattern fits and is ours, beyond the newest ``keep`` and older than ``older_than``."""
        wanted = element.wanted
        fitting = [one for one in known.values() if one.ours and one.name != wanted.name and wanted.matches(one.name)]
        kept = wanted.keep or 0
        if kept and wanted.state == PRESENT and wanted.matches(wanted.name):
            kept -= 1
        doomed = fitting[: len(fitting) - kept] if kept < len(fitting) else []
        if wanted.older_than is not None:
            doomed = [one for one in doomed if self._now - one.created > wanted.older_than]
        reasons = {one.name: self._kept(one, seen) for one in doomed}
        pruned = [one.name for one in doomed if not reasons[one.name]]
        left = {name: reason for name, reason in reasons.items() if reason}
        for name in pruned:
            del known[name]
        if pruned:
            element.changes.append(DestroySnapshots(seen.name, dataset, tuple(pruned)))
        element.entry.update(pruned=pruned, not_pruned=left)
        element.warnings += [f"guest {seen.name}: snapshot {name} is not pruned: {left[name]}" for name in left]

    def _kept(self, snapshot: GuestSnapshot, seen: ObservedGuest) -> str:
        """Why a snapshot cannot be destroyed; '' if it can."""
        if seen.rollback == snapshot.name:
            return "a rollback to it was interrupted; run that task again first"
        if snapshot.clones:
            return f"these are clones of it: {', '.join(snapshot.clones)}; destroy or promote them first"
        if snapshot.held:
            held = ", ".join(self._storage.holders(name) for name in snapshot.held)
            return f"it is held: {held}; release it first (zfs release)"
        return ""


def reservations_again(guest: str, below: Sequence[Dataset]) -> List[space.Need]:
    """What a snapshot of these datasets of a guest takes: the reservations of volumes have to fit beside it."""
    return [
        space.Need(
            f"guest {guest}: the reservation of {one.name} again",
            space.snapshot(one.size("written"), one.size("refreservation")),
        )
        for one in below
        if one.is_volume
    ]


def guest_of(name: str, observed: Observed, needed: bool) -> ObservedGuest:
    """The guest, on ZFS and of this host. BadInput or its own error when it is not; ``needed``: it has to be there."""
    if not observed.with_zfs:
        raise BadInput("snapshots need ZFS, and the guests of this host are in plain directories")
    seen = observed.guest(name)
    if seen.error is not None:
        raise seen.error
    if seen.record is not None and seen.record.owner != observed.hostuuid:
        raise BadInput(
            f"guest {name}: its record belongs to the host with kern.hostuuid {seen.record.owner}, this one is "
            f"{observed.hostuuid}; it may run there: nothing is done with it here"
        )
    dataset = observed.conf.layout.guest_dataset(name)
    if needed and seen.record is None:
        raise BadInput(f"guest {name}: there is no such guest on this host")
    if needed and seen.record is not None and seen.record.incomplete:
        raise BadInput(f"guest {name}: it is a clone some of whose disks are missing; a task of bhyve_vm completes it")
    if needed and dataset not in observed.datasets:
        raise BadInput(f"guest {name}: it is in a plain directory, there is no dataset {dataset}; snapshots need ZFS")
    return seen


def interrupted(seen: ObservedGuest) -> BadInput:
    """The error for a guest whose disks are of different times."""
    return BadInput(
        f"guest {seen.name}: a rollback to the snapshot {seen.rollback} was interrupted; run that task again first"
    )


def not_included(record: Optional[Record]) -> List[str]:
    """The disks of a guest that are somewhere else, of which no snapshot is taken."""
    return [disk.name for disk in record.guest.disks if disk.backing == PATH] if record is not None else []


def datasets_to_read(wanted: Sequence[Wanted], observed: Observed) -> Tuple[str, ...]:
    """The datasets of the guests of a task, as far as they are there."""
    names = dict.fromkeys(observed.conf.layout.guest_dataset(one.vm) for one in wanted)
    return tuple(name for name in names if name in observed.datasets)
