# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What checkpoint does between its options and its result.

The host lock is held to read and plan, and for short changes. A guest is saved, verified and restored under its own
work lock, for that takes as long as its memory is large.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, List, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import runtime
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints import files
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.known import Known, read_known
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.options import (
    RESTORED,
    SUSPENDED,
    Wanted,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.plan import Element, Planner
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.restore import (
    checkpoint_of,
    plan_restores,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.steps import Resume
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.hostconf import read_conf
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observe import observe
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.plan import ReservationPlan
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock, host_lock_unless, work_lock
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Outcome, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.results import failed_part


@dataclass
class Report:
    """What was done, element by element, in the order of the task."""

    elements: List[Element]
    known: Known
    reservations: ReservationPlan = field(default_factory=ReservationPlan)
    outcome: Outcome = field(default_factory=Outcome)

    def of(self, state: str) -> List[Element]:
        """The elements with this state."""
        return [one for one in self.elements if one.wanted.state == state]


def manage(host: Host, wanted: Sequence[Wanted], check_mode: bool) -> Report:
    """Bring checkpoints to what is asked for; in check mode only say what would be done.

    BadInput, UnknownState or CommandError before the first change; after it a guest that fails is in ``failed`` and the
    others go on.
    """
    read_conf(host)
    back = [one for one in wanted if one.state == RESTORED]
    with contextlib.ExitStack() as stack:
        for guest in sorted({one.vm for one in back}) if not check_mode else ():
            stack.enter_context(work_lock(host, guest))
        with host_lock_unless(check_mode, host):
            report = _plan(host, wanted, frozenset())
        for one in back:
            _verify(one, report.known)
        if check_mode:
            _foretell(report)
            return report
        for element in report.elements:
            if element.wanted.state not in (SUSPENDED, RESTORED):
                with _reported(element, report.outcome), work_lock(host, element.wanted.vm):
                    _apply(host, element, [*element.first, *element.changes], report.outcome)
        _suspend(host, report.of(SUSPENDED), report.outcome)
        _restore(host, report)
    return report


def _verify(wanted: Wanted, known: Known) -> None:
    there = checkpoint_of(wanted, known)
    try:
        files.verify(there.manifest, there.directory)
    except ApiaryError as error:
        raise ApiaryError(f"{wanted.where}it is broken: {error}") from error


def _plan(host: Host, wanted: Sequence[Wanted], stopped: FrozenSet[str]) -> Report:
    known = read_known(host, wanted, observe(host))
    planner = Planner(known)
    planned = {id(one): planner.plan(one) for one in wanted if one.state != RESTORED}
    planner.check_space()
    restores, reservations = plan_restores(host, [one for one in wanted if one.state == RESTORED], known, stopped)
    planned.update((id(element.wanted), element) for element in restores)
    return Report([planned[id(one)] for one in wanted], known, reservations)


def _foretell(report: Report) -> None:
    report.outcome.done.update(report.reservations.descriptions())
    for element in report.elements:
        element.done = element.describe()
        report.outcome.done.setdefault(element.wanted.vm, []).extend(element.done)


@contextlib.contextmanager
def _reported(element: Element, outcome: Outcome) -> Any:
    """A guest whose lock is not to be had has failed, and the others go on."""
    try:
        yield
    except ApiaryError as error:
        outcome.failed.setdefault(element.wanted.vm, error)
        outcome.skipped.setdefault(element.wanted.vm, []).extend(element.describe())


def _apply(host: Host, element: Element, changes: Sequence[Change], outcome: Outcome) -> None:
    """Make an element's changes unless its guest has failed before."""
    guest = element.wanted.vm
    if guest in outcome.failed:
        skipped = outcome.skipped.setdefault(guest, [])
        skipped += [step for step in (change.describe() for change in changes) if step not in skipped]
        return
    made = Plan(list(changes)).apply(host)
    element.done += made.done.get(guest, [])
    outcome.add(made)


def _suspend(host: Host, elements: Sequence[Element], outcome: Outcome) -> None:
    """Suspend guests, all that get a checkpoint of one name by one call of the runtime; then take their snapshots."""
    with contextlib.ExitStack() as stack:
        for element in sorted(elements, key=lambda one: one.wanted.vm):
            if element.describe():
                with _reported(element, outcome):
                    stack.enter_context(work_lock(host, element.wanted.vm))
        for element in elements:
            _apply(host, element, element.first, outcome)
        wanted = [one for one in elements if one.suspend and one.wanted.vm not in outcome.failed]
        for name in dict.fromkeys(one.wanted.name for one in wanted):
            _suspend_to(host, name, [one for one in wanted if one.wanted.name == name], outcome)
        if any(one.changes for one in elements):
            with host_lock(host):
                for element in elements:
                    _apply(host, element, element.changes, outcome)


def _suspend_to(host: Host, name: str, elements: Sequence[Element], outcome: Outcome) -> None:
    answer = runtime.suspend(host, name, [one.wanted.vm for one in elements])
    for element in elements:
        guest, step = element.wanted.vm, f"suspend to checkpoint {element.entry['path']}"
        if guest in answer.failed:
            outcome.failed[guest] = answer.failed[guest]
            outcome.left(guest, step)
        else:
            outcome.did(guest, step)
            element.done.append(step)


def _restore(host: Host, report: Report) -> None:
    """Let disks go back and guests be resumed, whose files are as they were saved.

    Read and planned anew under the host lock: since then files were verified and guests stopped.
    """
    elements = report.of(RESTORED)
    if not elements:
        return
    outcome = report.outcome
    stopped = _stop(host, elements, outcome)
    elements = [one for one in elements if one.wanted.vm not in outcome.failed]
    try:
        with host_lock(host):
            again = _plan(host, [one.wanted for one in elements], stopped)
            running = [one.wanted.vm for one in again.elements if one.stop]
            if running:
                raise ApiaryError(f"{', '.join(running)} was started meanwhile by somebody; nothing was restored")
            for before, after in zip(elements, again.elements):
                after.done, after.before = before.done, before.before
                _apply(host, after, after.changes, outcome)
            again.reservations.apply(host, outcome)
    except ApiaryError as error:
        for element in elements:
            outcome.failed.setdefault(element.wanted.vm, error)
        return
    new = {id(one.wanted): one for one in again.elements}
    report.elements = [new.get(id(one.wanted), one) for one in report.elements]
    report.reservations = again.reservations
    _start(host, [one for one in again.elements if one.wanted.vm not in outcome.failed], outcome)


def _stop(host: Host, elements: Sequence[Element], outcome: Outcome) -> FrozenSet[str]:
    """Power guests off that run: what they would still write goes back anyway. Returns those that are off now."""
    answer = runtime.stop(host, [one.wanted.vm for one in elements if one.stop], force=True)
    outcome.failed.update(answer.failed)
    for element in elements:
        if element.wanted.vm in answer.said:
            outcome.did(element.wanted.vm, "stop")
            element.done.append("stop")
        elif element.wanted.vm in answer.failed:
            outcome.skipped[element.wanted.vm] = element.describe()
    return frozenset(answer.said)


def _start(host: Host, elements: Sequence[Element], outcome: Outcome) -> None:
    answer = runtime.start(host, [one.wanted.vm for one in elements])
    for element in elements:
        guest = element.wanted.vm
        error = answer.failed.get(guest) or _not_resumed(host, element)
        if error is None:
            outcome.did(guest, "start")
            element.done.append("start")
            continue
        undone = _take_back(host, element)
        step = next((one.describe() for one in element.changes if isinstance(one, Resume)), "")
        if undone and step in element.done:
            element.done.remove(step)
            outcome.done[guest].remove(step)
            outcome.undone.setdefault(guest, []).append(step)
        left = "; its next boot is an ordinary one" if undone else ""
        outcome.failed[guest] = ApiaryError(f"{error}{left}")
        outcome.left(guest, "start")


def _not_resumed(host: Host, element: Element) -> Any:
    """A runtime that knows nothing of checkpoints boots the guest as ever, and leaves the link."""
    top = element.entry["path"].rpartition("/")[0]
    if host.lstat(f"{top}/resume") is None:
        return None
    return ApiaryError(
        f"guest {element.wanted.vm}: the runtime has started it without its memory; run the role "
        "apiary.bhyve.bhyve_host"
    )


def _take_back(host: Host, element: Element) -> bool:
    try:
        undone = [change.undo(host) for change in element.changes if isinstance(change, Resume)]
    except ApiaryError:
        return False
    return any(undone)


def result_of(report: Report, with_diff: bool) -> Dict[str, Any]:
    """The module's result: each element of the task, what was done, and every failure by guest."""
    outcome = report.outcome
    entries: List[Dict[str, Any]] = []
    diff = Plan()
    for element in report.elements:
        guest = element.wanted.vm
        entry = {**element.entry, "changed": bool(element.done), "changes": element.done}
        if guest in outcome.failed:
            entry["failed"] = str(outcome.failed[guest])
        entries.append(entry)
        diff.before.setdefault(guest, element.before)
        diff.after[guest] = element.after
    result: Dict[str, Any] = {"changed": outcome.changed, "checkpoints": entries, **failed_part(outcome)}
    if with_diff:
        result["diff"] = [*diff.diff(), *report.reservations.plan.diff()]
    return result


def warnings_of(report: Report) -> Tuple[str, ...]:
    """What the user should know."""
    return (*(text for element in report.elements for text in element.warnings), *report.reservations.warnings)
