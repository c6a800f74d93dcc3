# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How guests go back to a snapshot. Pure: from the task, the host as read, and what the snapshots hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, FrozenSet, List, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.looks import before_view
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.origin import Renaming
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.planner import GuestPlan, plan_fleet
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots import note as snapshot_note
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.merge import Merged, merge_records
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.note import Note
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.options import Wanted
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.past import Past
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.plan import (
    Element,
    guest_of,
    interrupted,
    not_included,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.state import (
    GuestSnapshot,
    guest_snapshots,
    summary,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.steps import (
    BeginRollback,
    EndRollback,
    RollBack,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import Point, Storage
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.streams import MARK
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import volume_node


@dataclass(frozen=True)
class Target:
    """Where a guest is to go back to, and what is newer there; ``note`` when a rollback was interrupted."""

    wanted: Wanted
    seen: ObservedGuest
    snapshot: GuestSnapshot
    newer: Tuple[Point, ...]
    note: Optional[Note]
    today: Record

    @property
    def volumes(self) -> List[str]:
        """The volumes that go back, and whatever else is below the guest's dataset; that itself comes last."""
        names = [point.dataset for point in self.snapshot.points]
        return sorted(name for name in names if name != self.snapshot.dataset)


def target_of(wanted: Wanted, observed: Observed, storage: Storage, note: Optional[Note]) -> Target:
    """Where an element with state rolled_back leads. BadInput when it cannot be gone there."""
    seen = guest_of(wanted.vm, observed, needed=True)
    where = f"guest {wanted.vm}: "
    if note is not None and note.snapshot != wanted.name:
        raise interrupted(seen)
    today = note.record if note is not None else seen.record
    if today is None:
        raise BadInput(f"{where}there is no such guest on this host")
    if today.guest.protected:
        raise BadInput(f"{where}it is protected; set protected: false (bhyve_vm) to roll it back")
    dataset = observed.conf.layout.guest_dataset(wanted.vm)
    snapshots = guest_snapshots(dataset, storage)
    snapshot = snapshots.get(wanted.name)
    if snapshot is None:
        there = ", ".join(snapshots) or "none"
        raise BadInput(f"{where}there is no snapshot {wanted.name}; there are: {there}")
    if not snapshot.whole:
        names = ", ".join(point.full_name for point in snapshot.points)
        raise BadInput(f"{where}{names}: not a snapshot of the whole guest, its record is not in it")
    newer = _newer(snapshot, storage)
    _check_newer(wanted, snapshot, newer, storage, where)
    if seen.active and not wanted.restart:
        raise BadInput(f"{where}it runs; stop it before it is rolled back, or give restart: if_needed")
    return Target(wanted, seen, snapshot, newer, note, today)


def _newer(snapshot: GuestSnapshot, storage: Storage) -> Tuple[Point, ...]:
    ages = {point.dataset: point.txg for point in snapshot.points}
    return tuple(
        point
        for point in storage.points_below(snapshot.dataset)
        if point.dataset in ages and point.txg > ages[point.dataset]
    )


def _check_newer(wanted: Wanted, snapshot: GuestSnapshot, newer: Sequence[Point], storage: Storage, where: str) -> None:
    at = f"{where}snapshot {snapshot.name}: "
    clones = [f"{clone} (of {point.full_name})" for point in newer for clone in point.clones]
    if clones:
        raise BadInput(
            f"{at}newer snapshots would have to go, and these are clones of them: {', '.join(clones)}; destroy or "
            "promote them first, a rollback never does"
        )
    held = [storage.holders(point.full_name) for point in newer if point.holds]
    if held:
        raise BadInput(f"{at}newer snapshots would have to go and are held: {', '.join(held)}; release them first")
    kept = _of_somebody(newer)
    if kept and not wanted.destroy_newer:
        raise BadInput(
            f"{at}a rollback would destroy what is newer: {', '.join(_names(kept))}; give destroy_newer: true if it "
            "may go"
        )


def _of_somebody(points: Sequence[Point]) -> List[Point]:
    """Without the bookmarks of exports, which are of no use once a volume is rolled back."""
    return [point for point in points if not (point.bookmark and point.name == MARK)]


def _names(points: Sequence[Point]) -> List[str]:
    return sorted(point.full_name for point in points)


@dataclass(frozen=True)
class Case:
    """A target with what its snapshot holds."""

    target: Target
    past: Past
    merged: Merged


def case_of(target: Target, past: Past, observed: Observed) -> Case:
    """What the guest will be. BadInput when data would be lost that no word of the task gives up."""
    dataset = target.snapshot.dataset
    prefix = f"{dataset}/"
    volumes = {
        name[len(prefix) :] for name, one in observed.datasets.items() if name.startswith(prefix) and one.is_volume
    }
    restored = {name[len(prefix) :] for name in target.volumes}
    merged = merge_records(past.record, target.today, restored, volumes, set(past.file_sizes))
    lost = [
        f"{disk.name} ({observed.conf.layout.image(target.seen.name, disk.name)})"
        for disk in target.today.guest.disks
        if disk.backing in FILE and disk.name in target.seen.file_sizes and disk.name not in past.file_sizes
    ]
    if lost and not target.wanted.destroy_newer:
        raise BadInput(
            f"guest {target.seen.name}: snapshot {target.snapshot.name}: disks that are files and younger than it "
            f"would be lost: {', '.join(lost)}; move them away, or give destroy_newer: true if they may go"
        )
    return Case(target, past, merged)


def plan_rollbacks(
    cases: Sequence[Case], observed: Observed, storage: Storage, stopped: FrozenSet[str]
) -> List[Element]:
    """Plan the elements with state rolled_back. ``stopped``: guests that this task has stopped for it already."""
    moving = [case for case in cases if case.target.seen.name in stopped or not _is_there(case, observed, storage)]
    after = _observed_after(moving, observed)
    desired = [_desired(case, after, case.target.seen.name in stopped) for case in moving]
    plans = {one.name: one for one in plan_fleet(desired, after).guests}
    elements = []
    for case in cases:
        name = case.target.seen.name
        elements.append(_element(case, observed, storage, plans.get(name), name in stopped))
    return elements


def _restarts(target: Target, was_stopped: bool) -> bool:
    ran = target.seen.active or was_stopped or (target.note is not None and target.note.ran)
    return target.wanted.restart and ran


def _is_there(case: Case, observed: Observed, storage: Storage) -> bool:
    """Whether the guest is as the snapshot has it: nothing was written since, and nothing newer is there."""
    target = case.target
    # What a running guest has written may not be accounted for yet; a volume that is closed is.
    if target.note is not None or target.seen.active or _of_somebody(target.newer) or not case.past.same:
        return False
    if any(storage.datasets[name].size("written") for name in target.volumes):
        return False
    if target.seen.record != case.merged.record:
        return False
    desired = Desired(target.seen.name, "present", {}, target.seen, case.merged.record)
    return not plan_fleet([desired], observed).changed


def _observed_after(cases: Sequence[Case], observed: Observed) -> Observed:
    """The host as it is once the datasets are rolled back: the guests off, files and sizes those of the snapshots."""
    guests, datasets = dict(observed.guests), dict(observed.datasets)
    for case in cases:
        name = case.target.seen.name
        guests[name] = case.past.as_guest(case.target.seen, _renamed(case.past.record, name))
        for point in case.target.snapshot.points:
            one = datasets.get(point.dataset)
            if one is not None and one.is_volume:
                props = {**one.props, "volsize": (str(point.volsize), "-")}
                datasets[point.dataset] = replace(one, props=props)
    return replace(observed, guests=guests, datasets=datasets)


def _renamed(past: Record, name: str) -> Record:
    """The record as it is found after the rollback; one with a former name of the guest has to be written anew."""
    if past.guest.name == name:
        return past
    return replace(past, guest=replace(past.guest, name=name), renaming=Renaming(past.guest.name, name))


def _desired(case: Case, after: Observed, was_stopped: bool) -> Desired:
    state = "started" if _restarts(case.target, was_stopped) else "present"
    name = case.target.seen.name
    return Desired(name, state, {}, after.guest(name), case.merged.record)


def _element(case: Case, observed: Observed, storage: Storage, plan: Optional[GuestPlan], was_stopped: bool) -> Element:
    target = case.target
    known = guest_snapshots(target.snapshot.dataset, storage)
    element = Element(target.wanted)
    element.entry = {
        "vm": target.seen.name,
        "name": target.snapshot.name,
        "state": target.wanted.state,
        "consistency": target.snapshot.state or None,
        "disks": target.snapshot.disks,
        "not_included": not_included(case.merged.record),
        "destroyed": _names(target.newer),
        "detached": list(case.merged.detached),
        "gone": list(case.merged.gone),
    }
    element.before = _looks(before_view(target.seen), known, target, storage)
    if plan is None:
        element.after = element.before
        return element
    element.changes = _changes(case, observed, plan, was_stopped)
    element.stop = target.seen.active
    element.start = _restarts(target, was_stopped)
    # Those of disks that the snapshot does not have stay with them.
    left = {name: one for name, one in known.items() if set(one.points) - set(target.newer)}
    element.after = _looks(plan.after, left, target, None)
    element.warnings = _warnings(case)
    return element


def _looks(view: Any, known: Dict[str, GuestSnapshot], target: Target, storage: Optional[Storage]) -> Dict[str, Any]:
    written = {name: storage.datasets[name].size("written") if storage else 0 for name in target.volumes}
    unfinished = {"rollback": f"to {target.note.snapshot}, interrupted"} if storage and target.note else {}
    return {**view, "snapshots": summary(known), "bytes written since the last snapshot": written, **unfinished}


def _changes(case: Case, observed: Observed, plan: GuestPlan, was_stopped: bool) -> List[Change]:
    target, layout = case.target, observed.conf.layout
    name, snapshot = target.seen.name, target.snapshot
    path = layout.rollback(name)
    note = snapshot_note.dump(Note(snapshot.name, target.today, _restarts(target, was_stopped)))
    nodes = tuple(volume_node(one) for one in target.volumes)
    changes: List[Change] = [BeginRollback(name, path, note, snapshot.name, nodes)]
    with_newer = {point.dataset for point in target.newer}
    for dataset in [*target.volumes, snapshot.dataset]:
        changes.append(RollBack(name, f"{dataset}@{snapshot.name}", dataset in with_newer))
    return [*changes, *plan.changes, EndRollback(name, path)]


def _warnings(case: Case) -> List[str]:
    at = f"guest {case.target.seen.name}: snapshot {case.target.snapshot.name}: "
    result = []
    if case.merged.detached:
        result.append(f"{at}it does not have the disks {', '.join(case.merged.detached)}, which stay, detached")
    if case.merged.gone:
        result.append(f"{at}the disks {', '.join(case.merged.gone)} were destroyed since and do not come back")
    return result
