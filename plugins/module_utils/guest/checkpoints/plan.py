# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which checkpoints a task makes and removes. Pure: from the task and the host as read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import config
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints import support
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.known import SOCKETS, Known
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.manifest import (
    CHECKPOINT,
    RAM,
    SUSPEND,
    Manifest,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.options import (
    ABSENT,
    ALL,
    PRESENT,
    SUSPENDED,
    Wanted,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.state import (
    PARTIAL,
    SNAPSHOT,
    GuestCheckpoints,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.steps import (
    RemoveCheckpoint,
    RemoveLeftover,
    Saved,
    SnapshotDisks,
    TakeCheckpoint,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.taking import Job
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.plan import (
    LONGEST,
    ROOM_ADVICE,
    interrupted,
    reservations_again,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.state import GuestSnapshot, guest_snapshots
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import PATH, Guest
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import parse_size
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import space

#: Bytes beside the memory: devices, metadata, and what a file system needs to put them down.
OVERHEAD = 64 << 20


#: A guest's checkpoints as a diff shows them.
Summary = Dict[str, str]


@dataclass
class Element:
    """What happens for one element of a task.

    In this order: ``first``, suspend, stop, ``changes``, start. ``done`` is what came true of it.
    """

    wanted: Wanted
    first: List[Change] = field(default_factory=list)
    changes: List[Change] = field(default_factory=list)
    suspend: bool = False
    stop: bool = False
    start: bool = False
    reservations: Sequence[str] = ()
    entry: Dict[str, Any] = field(default_factory=dict)
    before: Dict[str, Any] = field(default_factory=dict)
    after: Dict[str, Any] = field(default_factory=dict)
    warnings: List[str] = field(default_factory=list)
    done: List[str] = field(default_factory=list)

    def describe(self) -> List[str]:
        """The steps for humans, in order."""
        first = [change.describe() for change in self.first]
        steps = [*(change.describe() for change in self.changes), *self.reservations]
        suspend = [f"suspend to checkpoint {self.entry.get('path')}"] if self.suspend else []
        return [*first, *suspend, *(["stop"] if self.stop else []), *steps, *(["start"] if self.start else [])]


class Planner:
    """Plans the elements of a task one after the other; what one makes or removes, the next one knows."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._layout = known.observed.conf.layout
        self._left: Dict[str, Dict[str, str]] = {}
        self._needs: List[space.Need] = []
        self._snapshot_needs: List[space.Need] = []

    def plan(self, wanted: Wanted) -> Element:
        """Plan an element with state present, suspended or absent. BadInput when it cannot be."""
        mine = self._known.of(wanted.vm)
        seen = guest_of(wanted.vm, self._known, needed=wanted.state != ABSENT)
        element = Element(wanted)
        summary = self._left.setdefault(wanted.vm, dict(mine.summary))
        element.before = {"state": seen.state, "checkpoints": dict(summary)}
        element.entry = {"vm": wanted.vm, "name": wanted.name, "state": wanted.state}
        self._leftovers(element, seen, mine, summary)
        if wanted.state == ABSENT:
            self._absent(element, seen, mine, summary)
        else:
            element.entry["path"] = self._layout.checkpoint(wanted.vm, wanted.name)
            if wanted.state == PRESENT:
                self._present(element, seen, mine, summary)
            else:
                self._suspended(element, seen, mine, summary)
            self._prune(element, mine, summary)
        resume = wanted.name if element.suspend else mine.resume if mine.resume in summary else ""
        element.after = {"state": _state_after(seen, element, resume), "checkpoints": dict(summary)}
        return element

    def check_space(self) -> None:
        """BadInput when the memory of the guests does not fit where checkpoints are, or snapshots beside disks."""
        free = self._known.observed.free_bytes
        space.check_room(self._snapshot_needs, free, f"dataset {self._layout.dataset}", ROOM_ADVICE)
        space.check_room(
            self._needs, self._known.free, f"the directory {self._layout.all_checkpoints}", "make room there"
        )

    # states

    def _present(self, element: Element, seen: ObservedGuest, mine: GuestCheckpoints, summary: Summary) -> None:
        wanted = element.wanted
        if wanted.name in mine.broken:
            raise _broken(wanted, mine)
        there = mine.there.get(wanted.name)
        if there is not None:
            element.entry.update(kind=there.manifest.kind, snapshot=self._full(wanted, there.manifest.snapshot))
            return
        with_disks = self._with_disks(wanted, seen, default=True)
        change = self._take(wanted, seen, with_disks)
        element.changes.append(change)
        snapshot = change.job.snapshot
        summary[wanted.name] = f"{CHECKPOINT}{f', disks in @{snapshot}' if snapshot else ''}"
        element.entry.update(kind=CHECKPOINT, snapshot=self._full(wanted, snapshot))
        self._not_included(element, seen)

    def _suspended(self, element: Element, seen: ObservedGuest, mine: GuestCheckpoints, summary: Summary) -> None:
        wanted = element.wanted
        with_disks = self._with_disks(wanted, seen, default=False)
        if not seen.active and mine.resume == wanted.name and wanted.name in mine.there:
            there = mine.there[wanted.name]
            snapshot = there.manifest.snapshot
            if with_disks and not snapshot:
                element.changes.append(self._snapshot_disks(wanted))
                snapshot = _snapshot(wanted.name)
        else:
            if not seen.active and mine.resume:
                raise BadInput(f"{wanted.where}the guest is suspended already, to checkpoint {mine.resume}")
            if wanted.name in mine.broken:
                raise _broken(wanted, mine)
            self._replace(element, mine)
            replaced = bool(element.first) and wanted.name in mine.there
            self._take(wanted, seen, with_disks, replaced)  # what it checks, suspending needs as well
            element.suspend = True
            snapshot = _snapshot(wanted.name) if with_disks else ""
            if with_disks:
                element.changes.append(self._snapshot_disks(wanted))
            self._not_included(element, seen)
        summary[wanted.name] = f"{SUSPEND}{f', disks in @{snapshot}' if snapshot else ''}"
        element.entry.update(kind=SUSPEND, snapshot=self._full(wanted, snapshot))

    def _replace(self, element: Element, mine: GuestCheckpoints) -> None:
        """One from which the guest was resumed since gives way to a new one of its name."""
        wanted = element.wanted
        there = mine.there.get(wanted.name)
        if there is None:
            return
        if not there.resumed:
            raise BadInput(
                f"{wanted.where}it is there already and holds another moment; choose another name, or remove it first "
                "(state: absent)"
            )
        if mine.resuming == wanted.name:
            raise BadInput(f"{wanted.where}the guest is being resumed from it at this moment")
        element.first.append(self._remove(wanted, wanted.name))

    def _absent(self, element: Element, seen: ObservedGuest, mine: GuestCheckpoints, summary: Summary) -> None:
        wanted = element.wanted
        for name in mine.names:
            if wanted.name not in (name, ALL):
                continue
            why = self._kept(wanted.vm, name)
            if mine.resuming == name and seen.active:
                why = "the guest is being resumed from it at this moment"
            if why:
                raise BadInput(f"guest {wanted.vm}: checkpoint {name} cannot be removed: {why}")
            element.changes.append(self._remove(wanted, name))
            del summary[name]

    def _prune(self, element: Element, mine: GuestCheckpoints, summary: Summary) -> None:
        """Remove the oldest others beyond ``keep``, but never those that the guest is, or will be, resumed from."""
        wanted = element.wanted
        if wanted.keep is None:
            return
        made = [name for name in summary if name not in mine.names and not name.startswith(PARTIAL)]
        others = [name for name in (*mine.there, *made) if name != wanted.name and name in summary]
        doomed = others[: max(len(others) - (wanted.keep - 1), 0)]
        doomed = [name for name in doomed if name in mine.there and name not in (mine.resume, mine.resuming)]
        reasons = {name: self._kept(wanted.vm, name) for name in doomed}
        pruned = [name for name in doomed if not reasons[name]]
        left = {name: reason for name, reason in reasons.items() if reason}
        for name in pruned:
            element.changes.append(self._remove(wanted, name))
            del summary[name]
        element.entry.update(pruned=pruned, not_pruned=left)
        element.warnings += [f"guest {wanted.vm}: checkpoint {name} is not pruned: {left[name]}" for name in left]

    def _leftovers(self, element: Element, seen: ObservedGuest, mine: GuestCheckpoints, summary: Summary) -> None:
        """What a task has left that broke off; nothing while somebody may still be at it."""
        live = self._known.live.get(element.wanted.vm)
        if seen.stop_asked or (live is not None and live.at_work):
            return
        for name in mine.partial:
            if f"{PARTIAL}{name}" not in summary:
                continue  # an element before this one does it
            snapshot = "" if name in mine.names else self._there(element.wanted.vm, name)
            top = self._layout.checkpoints(element.wanted.vm)
            element.first.append(RemoveLeftover(element.wanted.vm, top, name, snapshot))
            del summary[f"{PARTIAL}{name}"]

    # parts

    def _take(self, wanted: Wanted, seen: ObservedGuest, with_disks: bool, replaced: bool = False) -> TakeCheckpoint:
        observed, live = self._known.observed, self._known.live[wanted.vm]
        able = support.check_host(observed.capabilities.checkpoints)
        running = seen.running
        if seen.state != "running" or running is None or running.conf is None or running.rc is None:
            raise BadInput(
                f"{wanted.where}the guest does not run (it is {seen.state}); only one that runs has a memory to save"
            )
        if seen.rollback:
            raise interrupted(seen)
        if not live.noted or not live.socket:
            what = (
                f"its bhyve has no socket {SOCKETS}/{wanted.vm}" if live.noted else "an earlier runtime has started it"
            )
            raise BadInput(
                f"{wanted.where}{what}; start the guest anew (bhyve_vm, state: restarted), then it can be saved"
            )
        keys = config.parse(running.conf)
        support.check_devices(support.devices_of(keys, live.arguments), able, wanted.where)
        partial = f"{self._layout.checkpoints(wanted.vm)}/{PARTIAL}{wanted.name}"
        support.check_path(f"{partial}/{RAM}", wanted.where)
        dataset = self._layout.guest_dataset(wanted.vm) if with_disks else ""
        if dataset:
            self._check_snapshot(wanted, dataset, replaced)
        size = keys.get("memory.size", "0")
        memory = int(size) if size.isdigit() else parse_size(size, "memory.size")
        self._needs.append(space.Need(f"guest {wanted.vm}: memory and devices", memory + OVERHEAD))
        return TakeCheckpoint(
            subject=wanted.vm,
            job=Job(
                guest=wanted.vm,
                pid=seen.pid or 0,
                memory=memory,
                cpus=int(keys.get("cpus", "1")),
                directory=partial,
                dataset=dataset,
                snapshot=_snapshot(wanted.name) if dataset else "",
            ),
            noted=Manifest(
                guest=wanted.vm,
                uuid=keys.get("uuid", ""),
                name=wanted.name,
                kind=CHECKPOINT,
                created=0,
                generation=running.name,
                memory=memory,
                cpus=int(keys.get("cpus", "1")),
                machine=self._known.machine,
                snapshot=_snapshot(wanted.name) if dataset else "",
            ),
            saved=Saved(running.conf, running.rc, live.arguments),
            directory=self._layout.checkpoint(wanted.vm, wanted.name),
            started=seen.started,
        )

    def _with_disks(self, wanted: Wanted, seen: ObservedGuest, default: bool) -> bool:
        """Whether the disks are snapshotted with the memory; ``default``: where that cannot be, it has to be said."""
        there = self._layout.guest_dataset(wanted.vm) in self._known.observed.datasets
        given = wanted.disks
        if not there and (given or (given is None and default)):
            raise BadInput(
                f"{wanted.where}disks: the guest is in the plain directory {self._layout.directory(seen.name)}, and "
                "only ZFS can keep its disks as they are at that moment; give disks: false to save its memory alone"
            )
        return there if given is None else given

    def _check_snapshot(self, wanted: Wanted, dataset: str, replaced: bool) -> None:
        if self._there(wanted.vm, wanted.name) and not (replaced or wanted.name in self._known.of(wanted.vm).partial):
            raise BadInput(
                f"{wanted.where}there is a snapshot {dataset}@{_snapshot(wanted.name)} without such a checkpoint; "
                "choose another name, or destroy it first"
            )
        below = self._known.storage.below(dataset)
        self._snapshot_needs += reservations_again(wanted.vm, below)
        longest = max((one.name for one in below), key=len, default=dataset)
        if len(longest) + 1 + len(_snapshot(wanted.name)) > LONGEST:
            raise BadInput(
                f"{wanted.where}name: {longest}@{_snapshot(wanted.name)} is longer than the {LONGEST} characters that "
                "ZFS takes"
            )

    def _snapshot_disks(self, wanted: Wanted) -> SnapshotDisks:
        dataset = self._layout.guest_dataset(wanted.vm)
        mine = self._known.of(wanted.vm)
        # That of one which is replaced goes with it.
        old = bool(self._there(wanted.vm, wanted.name)) and mine.resume == wanted.name
        return SnapshotDisks(
            wanted.vm, dataset, _snapshot(wanted.name), self._layout.checkpoints(wanted.vm), wanted.name, old
        )

    def _remove(self, wanted: Wanted, name: str) -> RemoveCheckpoint:
        return RemoveCheckpoint(wanted.vm, self._layout.checkpoints(wanted.vm), name, self._there(wanted.vm, name))

    def _there(self, guest: str, name: str) -> str:
        """The full name of the snapshot of a checkpoint's disks, '' if there is none."""
        dataset = self._layout.guest_dataset(guest)
        found = self._snapshots(guest).get(_snapshot(name))
        return f"{dataset}@{found.name}" if found is not None else ""

    def _full(self, wanted: Wanted, snapshot: str) -> str:
        return f"{self._layout.guest_dataset(wanted.vm)}@{snapshot}" if snapshot else ""

    def _snapshots(self, guest: str) -> Dict[str, GuestSnapshot]:
        return guest_snapshots(self._layout.guest_dataset(guest), self._known.storage)

    def _kept(self, guest: str, name: str) -> str:
        """Why a checkpoint cannot be removed; '' if it can."""
        snapshot = self._snapshots(guest).get(_snapshot(name))
        if snapshot is not None and snapshot.clones:
            return f"these are clones of its disks: {', '.join(snapshot.clones)}; destroy or promote them first"
        if snapshot is not None and snapshot.held:
            held = ", ".join(self._known.storage.holders(point) for point in snapshot.held)
            return f"its snapshot is held: {held}; release it first (zfs release)"
        return ""

    def _not_included(self, element: Element, seen: ObservedGuest) -> None:
        outside = written_outside(seen.record.guest) if seen.record is not None else []
        element.entry["not_included"] = outside
        if outside:
            element.warnings.append(
                f"{element.wanted.where}the disks {', '.join(outside)} are given by a path and not in it: they do not "
                "go back with the guest"
            )


def _snapshot(name: str) -> str:
    return f"{SNAPSHOT}{name}"


def _broken(wanted: Wanted, mine: GuestCheckpoints) -> BadInput:
    return BadInput(f"{wanted.where}it is broken: {mine.broken[wanted.name]}; remove it first (state: absent)")


def _state_after(seen: ObservedGuest, element: Element, resume: str) -> str:
    if seen.active and not element.suspend:
        return seen.state
    if element.suspend or (seen.state in ("suspended", "stopped") and resume):
        return SUSPENDED
    return "stopped" if seen.state == "suspended" else seen.state


def guest_of(name: str, known: Known, needed: bool) -> ObservedGuest:
    """The guest, of this host. BadInput or its own error when it is not; ``needed``: it has to be there."""
    observed = known.observed
    seen = observed.guest(name)
    if seen.error is not None:
        raise seen.error
    if seen.record is not None and seen.record.owner != observed.hostuuid:
        raise BadInput(
            f"guest {name}: its record belongs to the host with kern.hostuuid {seen.record.owner}, this one is "
            f"{observed.hostuuid}; it may run there: nothing is done with it here"
        )
    if needed and seen.record is None:
        raise BadInput(f"guest {name}: there is no such guest on this host")
    return seen


def written_outside(guest: Guest) -> List[str]:
    """The guest's disks that it writes to and that are somewhere else, so that no snapshot of ours has them."""
    return [disk.name for disk in guest.attached if disk.backing == PATH and not (disk.ro or disk.is_cd)]
