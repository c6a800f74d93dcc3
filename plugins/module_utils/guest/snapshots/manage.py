# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bhyve_snapshot does between its options and its result."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, List, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import runtime
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.hostconf import read_conf
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observe import observe
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.plan import ReservationPlan
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.back import check_not_suspended, plan_back
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.options import ROLLED_BACK, Wanted
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.plan import (
    Element,
    Planner,
    datasets_to_read,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Outcome, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.results import entry_of, failed_part
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import read_storage, with_tags


@dataclass
class Report:
    """What was done, guest by guest; ``elements`` is the plan in the order of the task."""

    elements: List[Element]
    reservations: ReservationPlan = field(default_factory=ReservationPlan)
    outcome: Outcome = field(default_factory=Outcome)


def manage(host: Host, wanted: Sequence[Wanted], check_mode: bool) -> Report:
    """Bring snapshots to what is asked for; in check mode only say what would be done.

    BadInput, UnknownState or CommandError before the first change; after it a guest that fails is in ``failed`` and the
    others go on.
    """
    conf = read_conf(host)
    if check_mode:
        report = Report(*_plan(host, wanted, frozenset()))
        report.outcome.done.update(report.reservations.descriptions())
        for element in report.elements:
            report.outcome.done.setdefault(element.wanted.vm, []).extend(element.describe())
        return report
    with host_lock(host):
        report = Report(*_plan(host, wanted, frozenset()))
        stops = [element.wanted.vm for element in report.elements if element.stop]
        if not stops:
            report.outcome.add(plan_of(report.elements).apply(host))
            report.reservations.apply(host, report.outcome)
    starts = [element.wanted.vm for element in report.elements if element.start]
    if stops:
        starts = _stop_and_apply(host, wanted, stops, report)
    _start(host, [name for name in starts if host.stat(conf.layout.rollback(name)) is None], report)
    return report


def _plan(host: Host, wanted: Sequence[Wanted], stopped: FrozenSet[str]) -> Tuple[List[Element], ReservationPlan]:
    observed = observe(host)
    back = [one for one in wanted if one.state == ROLLED_BACK]
    storage = with_tags(host, read_storage(host, datasets_to_read(wanted, observed)))
    planner = Planner(observed, storage, time.time())
    planned = {id(one): planner.plan(one) for one in wanted if one.state != ROLLED_BACK}
    planner.check_space()
    reservations = ReservationPlan()
    if back:
        check_not_suspended(back, observed)
        elements, reservations = plan_back(host, back, observed, storage, stopped)
        planned.update((id(element.wanted), element) for element in elements)
    return [planned[id(one)] for one in wanted], reservations


def _stop_and_apply(host: Host, wanted: Sequence[Wanted], stops: Sequence[str], report: Report) -> List[str]:
    """Stop without the host lock (it may take minutes), then read, plan and change anew; whom to start after that."""
    outcome, answer = report.outcome, runtime.stop(host, stops)
    outcome.failed.update(answer.failed)
    stopped = frozenset(answer.said)
    for name in stopped:
        outcome.did(name, "stop")
    for element in report.elements:
        if element.wanted.vm in outcome.failed:
            outcome.skipped[element.wanted.vm] = [step for step in element.describe() if step != "stop"]
    starts: List[str] = []
    remaining = [one for one in wanted if one.vm not in outcome.failed]
    try:
        with host_lock(host):
            elements, reservations = _plan(host, remaining, stopped)
            again = {element.wanted.vm for element in elements if element.stop}
            if again:
                raise ApiaryError(f"{', '.join(sorted(again))} was started again by somebody; nothing was rolled back")
            outcome.add(plan_of(elements).apply(host))
            reservations.apply(host, outcome)
            new = {id(element.wanted): element for element in elements}
            report.elements = [new.get(id(element.wanted), element) for element in report.elements]
            starts = [element.wanted.vm for element in elements if element.start]
    except ApiaryError as error:
        for one in remaining:
            outcome.failed.setdefault(one.vm, error)
    return [*starts, *(name for name in stopped if name not in starts)]


def _start(host: Host, names: Sequence[str], report: Report) -> None:
    """Start what ran before; a guest whose rollback did not end is refused by the runtime, with the reason."""
    outcome, answer = report.outcome, runtime.start(host, names)
    for name in names:
        if name in answer.failed:
            outcome.failed.setdefault(name, answer.failed[name])
            outcome.left(name, "start")
        else:
            outcome.did(name, "start")


def plan_of(elements: Sequence[Element]) -> Plan:
    """The changes of all elements, with how each guest looks before and after."""
    plan = Plan()
    for element in elements:
        for change in element.changes:
            plan.add(change)
        name = element.wanted.vm
        plan.before.setdefault(name, element.before)
        plan.after[name] = element.after
    return plan


def result_of(report: Report, with_diff: bool) -> Dict[str, Any]:
    """The module's result: each element of the task, what was done, and every failure by guest."""
    outcome = report.outcome
    entries: List[Dict[str, Any]] = []
    for element in report.elements:
        name = element.wanted.vm
        entry = entry_of(element.entry, name, outcome)
        # A guest's steps are all its elements': each takes its own.
        if element.wanted.state != ROLLED_BACK:
            mine = [step for step in element.describe() if step in entry["changes"]]
            entry.update(changed=bool(mine), changes=mine)
        entries.append(entry)
    result: Dict[str, Any] = {"changed": outcome.changed, "snapshots": entries, **failed_part(outcome)}
    if with_diff:
        result["diff"] = [*plan_of(report.elements).diff(), *report.reservations.plan.diff()]
    return result


def warnings_of(report: Report) -> Tuple[str, ...]:
    """What the user should know."""
    return (*(text for element in report.elements for text in element.warnings), *report.reservations.warnings)
