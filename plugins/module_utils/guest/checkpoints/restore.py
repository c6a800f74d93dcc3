# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How guests go back to a checkpoint: what is refused, and the steps.

The disks go back by the code and the rules of bhyve_snapshot, then the next boot is one from the checkpoint.
"""

from __future__ import annotations

from typing import Dict, FrozenSet, List, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import changes, config
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints import support
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.fit import differences
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.known import Known
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.options import Wanted
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.plan import (
    Element,
    guest_of,
    written_outside,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.state import SNAPSHOT, Checkpoint
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.steps import RemoveCheckpoint, Resume
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.plan import ReservationPlan
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots import plan as snapshot_plan
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.back import plan_back
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.options import ROLLED_BACK
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.options import Wanted as Back
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.past import SNAPDIR
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.state import guest_snapshots
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

Rollbacks = Dict[str, snapshot_plan.Element]


def plan_restores(
    host: Host, wanted: Sequence[Wanted], known: Known, stopped: FrozenSet[str]
) -> Tuple[List[Element], ReservationPlan]:
    """Plan the elements with state restored. ``stopped``: guests that this task has stopped for it already.

    BadInput when one cannot be restored; the checksums of its files are not looked at here.
    """
    backs = [back for back in (_back(one, known, one.vm in stopped) for one in wanted) if back is not None]
    reservations = ReservationPlan()
    rollbacks: Rollbacks = {}
    if backs:
        elements, reservations = plan_back(host, backs, known.observed, known.storage, stopped)
        rollbacks = {one.wanted.vm: one for one in elements}
    return [_element(host, one, known, rollbacks.get(one.vm), one.vm in stopped) for one in wanted], reservations


def checkpoint_of(wanted: Wanted, known: Known) -> Checkpoint:
    """The checkpoint to be restored. BadInput when it is not there, or cannot be read."""
    mine = known.of(wanted.vm)
    if wanted.name in mine.broken:
        raise BadInput(f"{wanted.where}it is broken: {mine.broken[wanted.name]}")
    there = mine.there.get(wanted.name)
    if there is None:
        raise BadInput(
            f"guest {wanted.vm}: there is no checkpoint {wanted.name}; there are: {', '.join(mine.there) or 'none'}"
        )
    if there.problem:
        raise BadInput(f"{wanted.where}it is broken: {there.problem}")
    return there


def _back(wanted: Wanted, known: Known, was_stopped: bool) -> Optional[Back]:
    """The rollback of the disks that belongs to it, None for none. BadInput for whatever is refused."""
    seen = guest_of(wanted.vm, known, needed=True)
    there = checkpoint_of(wanted, known)
    support.check_host(known.observed.capabilities.checkpoints)
    if seen.active and not wanted.restart:
        raise BadInput(f"{wanted.where}the guest runs; stop it first, or give restart: if_needed")
    boot = config.parse(seen.boot.conf) if seen.boot is not None and seen.boot.conf is not None else None
    _check_fit(wanted, there, boot, known, "")
    resume = known.of(wanted.vm).resume
    if not wanted.force:
        _check_worth(wanted, there, seen, known, moved=resume != wanted.name)
        if resume not in ("", wanted.name):
            raise BadInput(
                f"{wanted.where}the guest is suspended to checkpoint {resume}, whose memory would be worth nothing "
                "then; remove that one, or give force: true"
            )
    if not (there.manifest.snapshot and _whole(wanted, known)):
        return None
    return Back(
        vm=wanted.vm,
        state=ROLLED_BACK,
        name=f"{SNAPSHOT}{wanted.name}",
        destroy_newer=wanted.destroy_newer,
        restart=wanted.restart or was_stopped,
    )


def _check_fit(wanted: Wanted, there: Checkpoint, boot: Optional[config.Keys], known: Known, when: str) -> None:
    found = differences(there, boot, known.machine)
    if found:
        raise BadInput(
            f"{wanted.where}it does not fit{when}, and bhyve would not notice: {'; '.join(found)}; bring these back "
            "first (bhyve_vm)"
        )


def _check_worth(wanted: Wanted, there: Checkpoint, seen: ObservedGuest, known: Known, moved: bool) -> None:
    """BadInput when the memory would meet disks of another moment; ``moved``: the guest may have run since."""
    anyway = "force: true restores its memory all the same, over the disks as they are"
    dataset = known.observed.conf.layout.guest_dataset(wanted.vm)
    if there.manifest.snapshot and not _whole(wanted, known):
        raise BadInput(f"{wanted.where}its disks' snapshot {dataset}@{there.manifest.snapshot} is gone; {anyway}")
    if there.void:
        raise BadInput(f"{wanted.where}it is void: the guest was resumed from it and its disks have moved on; {anyway}")
    if moved and not there.manifest.snapshot:
        raise BadInput(f"{wanted.where}it was made without its disks, which have moved on since; {anyway}")
    outside = written_outside(seen.record.guest) if seen.record is not None else []
    if moved and outside:
        raise BadInput(
            f"{wanted.where}the disks {', '.join(outside)} are given by a path and do not go back with it; {anyway}"
        )


def _whole(wanted: Wanted, known: Known) -> bool:
    dataset = known.observed.conf.layout.guest_dataset(wanted.vm)
    found = guest_snapshots(dataset, known.storage).get(f"{SNAPSHOT}{wanted.name}")
    return found is not None and found.whole


def _element(
    host: Host, wanted: Wanted, known: Known, rollback: Optional[snapshot_plan.Element], was_stopped: bool
) -> Element:
    seen, mine = known.observed.guest(wanted.vm), known.of(wanted.vm)
    there, layout = mine.there[wanted.name], known.observed.conf.layout
    top = layout.checkpoints(wanted.vm)
    element = Element(wanted, stop=seen.active, start=True)
    element.entry = {
        "vm": wanted.vm,
        "name": wanted.name,
        "state": wanted.state,
        "path": there.directory,
        "kind": there.manifest.kind,
        "snapshot": f"{layout.guest_dataset(wanted.vm)}@{there.manifest.snapshot}" if there.manifest.snapshot else "",
        "destroyed": [],
        "detached": [],
        "gone": [],
    }
    state = "running" if seen.active or was_stopped else seen.state
    element.before = {"state": state, "checkpoints": mine.summary}
    left = dict(mine.summary)
    if rollback is not None:
        element.changes += rollback.changes
        element.reservations = rollback.reservations
        element.warnings += rollback.warnings
        element.entry.update({key: rollback.entry[key] for key in ("destroyed", "detached", "gone")})
        element.before = {**rollback.before, **element.before}
        element.after = dict(rollback.after)
        _check_fit_after(host, wanted, there, known, rollback)
        for name in _lost(wanted, known, rollback):
            element.changes.append(RemoveCheckpoint(wanted.vm, top, name, ""))
            del left[name]
    if mine.resume != wanted.name or there.used:
        element.changes.append(Resume(wanted.vm, top, wanted.name, used=there.used))
    element.after.update(state="running, resumed from the checkpoint", checkpoints=left)
    element.warnings += _clock(host, wanted, known)
    return element


def _lost(wanted: Wanted, known: Known, rollback: snapshot_plan.Element) -> List[str]:
    """The checkpoints whose disks' snapshots the rollback destroys: their memory is worth nothing without."""
    dataset = known.observed.conf.layout.guest_dataset(wanted.vm)
    gone = set(rollback.entry["destroyed"]) if rollback.changes else set()
    there = known.of(wanted.vm).there
    return [name for name, one in there.items() if f"{dataset}@{one.manifest.snapshot}" in gone]


def _check_fit_after(
    host: Host, wanted: Wanted, there: Checkpoint, known: Known, rollback: snapshot_plan.Element
) -> None:
    """What was declared goes back with the disks; a change that waited for a boot then does so again."""
    if not rollback.changes:
        return
    written = [change.conf for change in rollback.changes if isinstance(change, changes.WriteGeneration)]
    past = f"{known.observed.conf.layout.directory(wanted.vm)}/{SNAPDIR}/snapshot/{SNAPSHOT}{wanted.name}"
    conf = written[-1] if written else host.read(f"{past}/boot/bhyve.conf")
    _check_fit(wanted, there, config.parse(conf or ""), known, " what was declared when it was made")


def _clock(host: Host, wanted: Wanted, known: Known) -> List[str]:
    hook = f"{known.observed.conf.layout.directory(wanted.vm)}/hooks/postrestore"
    if host.stat(hook) is not None:
        return []
    return [
        f"{wanted.where}the guest's clock is that of the moment when it was saved; let it ask for the time (ntpd does "
        f"not step that far by itself), for example by {hook}"
    ]
