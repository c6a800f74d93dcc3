# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bhyve_switch does between its options and its result: one task, one lock, one plan for switches of all kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils import allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock_unless
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.kind import BridgeKind
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import check_name
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.rc_lines import CLONES
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import BRIDGE
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface, read_interfaces
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.kind import NetgraphKind
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.kinds import (
    Asked,
    Entry,
    Job,
    Kind,
    Record,
    Seen,
    check_uplinks_apart,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks import state as uplink_state
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks import steps as uplink_task
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.state import Waiting
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.steps import (
    FIRST,
    Passage,
    Step,
    step_options,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.kind import ValeKind
from ansible_collections.apiary.bhyve.plugins.module_utils.places import ALLOCATIONS
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Outcome, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.results import entry_of, failed_part
from ansible_collections.apiary.bhyve.plugins.module_utils.system import rc

KINDS: Dict[str, Kind] = {kind.name: kind for kind in (BridgeKind(), ValeKind(), NetgraphKind())}

#: Says who uses switches and bridges of these names: "guest web1 nic lan".
Users = Callable[[Sequence[str]], Mapping[str, Sequence[str]]]


@dataclass
class Report:
    """What was planned and what became of it; ``outcome`` is that of check mode where nothing was done.

    ``passage`` are the addresses that have to move before anything else is done; ``waiting`` says that they have been
    sent on their way, and nothing else was done.
    """

    order: Sequence[str]
    jobs: Sequence[Job]
    plan: Plan
    outcome: Outcome
    warnings: List[str]
    expected: Dict[str, Entry]
    passage: Optional[Passage] = None
    waiting: Optional[Waiting] = None


def switch_options(kind: Optional[str] = None) -> Dict[str, Any]:
    """The argument specification of one switch, of whichever kind or of a given one."""
    common: Dict[str, Any] = {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
    if kind is not None:
        return {**common, **KINDS[kind].options()}
    common["type"] = {"type": "str", "choices": list(KINDS)}
    return {**common, **{name: spec for one in KINDS.values() for name, spec in one.options().items()}}


def module_options(kind: Optional[str] = None) -> Dict[str, Any]:
    """The argument specification of a module: one switch by its own options, or many by ``switches``.

    Only a module for switches of all kinds is run in two steps, if addresses have to move.
    """
    return {**_form(kind).spec(), **(step_options() if kind is None else {})}


def _form(kind: Optional[str]) -> Form:
    return Form("switches", "switch", switch_options(kind))


def elements_of(params: Mapping[str, Any], kind: Optional[str] = None) -> List[Dict[str, Any]]:
    """The switches of a task, whichever form it has. BadInput for names that cannot be one, or are there twice."""
    elements = _form(kind).elements(params)
    for element in elements:
        check_name(str(element["name"]))
    check_once([str(element["name"]) for element in elements], "switches")
    return elements if kind is None else [{**element, "type": kind} for element in elements]


def asked_of(elements: Sequence[Mapping[str, Any]], records: Mapping[str, Record]) -> List[Asked]:
    """What is asked for of each switch, with its type: the one given, the one it has, a bridge. BadInput."""
    return [_asked(element, records) for element in elements]


def _asked(element: Mapping[str, Any], records: Mapping[str, Record]) -> Asked:
    name, given = str(element["name"]), element.get("type")
    known = str(records[name]["type"]) if name in records else None
    if given and known and given != known:
        raise BadInput(
            f"switch {name}: type: {given}; it is a switch of type {known}, which cannot be changed; make that absent "
            "first"
        )
    kind = str(given or known or BRIDGE)
    options = {key: value for key, value in element.items() if key not in ("name", "state", "type")}
    own = KINDS[kind].options()
    foreign = [key for key, value in options.items() if value is not None and key not in own]
    if foreign:
        raise BadInput(f"switch {name}: {foreign[0]}: a switch of type {kind} has no such option")
    mine = {key: value for key, value in options.items() if key in own}
    return Asked(name, element.get("state") != "absent", kind, mine)


def manage(
    host: Host, elements: Sequence[Mapping[str, Any]], users: Users, check_mode: bool, step: Step = FIRST
) -> Report:
    """Bring switches to what is asked for; in check mode only say what would be done.

    ``users`` is asked only where a switch is to go. BadInput, UnknownState or CommandError before the first change;
    after it a switch that fails is in the outcome and the others go on. Where addresses have to move, the first step
    does nothing but send them on their way, and the second one does all the rest.
    """
    # Before the lock: the move waits for this, and not longer because somebody else has the lock.
    moved = uplink_state.confirm(host, step.confirms) if step.confirms and not check_mode else {}
    with host_lock_unless(check_mode, host):
        if not step.confirms:
            uplink_state.refuse_beside_another(host)
        report = _plan(host, elements, users)
        if report.passage is not None and not check_mode:
            report.waiting = uplink_task.start(host, report.passage, step)
        elif not check_mode:
            report.outcome = report.plan.apply(host)
    for name, steps in moved.items():
        report.outcome.done[name] = [*steps, *report.outcome.done.get(name, [])]
    return report


def _plan(host: Host, elements: Sequence[Mapping[str, Any]], users: Users) -> Report:
    records = allocations.load(host.read(ALLOCATIONS), ALLOCATIONS).switches
    _check_known(records)
    asked = asked_of(elements, records)
    seen = Seen(records, read_interfaces(host))
    kinds = dict.fromkeys(one.type for one in asked)
    jobs = [KINDS[kind].job(host, [one for one in asked if one.type == kind], seen) for kind in kinds]
    names = list(dict.fromkeys(name for job in jobs for name in job.variables()))
    values = rc.read_values(host, names) if names else rc.Values((), {}, {})
    warnings = [warning for job in jobs for warning in job.check(host, values.values)]
    _check_apart(records, jobs)
    _check_users(jobs, users)
    plan = Plan()
    moves = [move for job in jobs for move in job.moves()]
    for move in moves:
        plan.add(move)
    _plan_all(host, plan, jobs, values)
    expected = {name: job.expected(name) for job in jobs for name in job.names}
    passage = uplink_task.passage(host, moves)
    return Report([one.name for one in asked], jobs, plan, Outcome(plan.descriptions()), warnings, expected, passage)


def _check_known(records: Mapping[str, Record]) -> None:
    for name, record in records.items():
        if record.get("type") not in KINDS or not isinstance(record.get("interface"), str):
            raise UnknownState(
                f"{ALLOCATIONS}: the switch {name} cannot be read (type {record.get('type')!r}); put back a copy of it"
            )


def _check_apart(records: Mapping[str, Record], jobs: Sequence[Job]) -> None:
    after: Dict[str, Optional[Record]] = dict(records)
    mine: List[str] = []
    for job in jobs:
        after.update(job.records())
        mine += job.names
    check_uplinks_apart({name: record for name, record in after.items() if record is not None}, mine)


def _check_users(jobs: Sequence[Job], users: Users) -> None:
    """BadInput when a switch is to go that somebody is plugged into."""
    going = {name: (job, names) for job in jobs for name, names in job.leaving().items()}
    if not going:
        return
    found = users([name for _job, names in going.values() for name in names])
    for switch, (job, names) in going.items():
        plugged = [user for name in names for user in found.get(name, ())] + job.strangers(switch)
        if plugged:
            raise BadInput(f"switch {switch}: in use by {', '.join(plugged)}; unplug or remove these first")


def _plan_all(host: Host, plan: Plan, jobs: Sequence[Job], values: rc.Values) -> None:
    """The changes in their order: what is given out is noted first, then rc.conf, then the kernel; the rest is noted.

    So a host that loses its power in between makes at boot what was asked for, and a second run finds what is its own.
    """
    for job in jobs:
        for name in job.names:
            plan.before[name], plan.after[name] = job.views(name)
        for change in job.note():
            plan.add(change)
    switches = set(plan.before)
    _plan_rc(host, plan, jobs, values)
    for job in jobs:
        job.files(host, plan)
    written = tuple(name for name in plan.before if name not in switches)
    for name in switches:
        plan.needs[name] = written
    parts = [job.live(host) for job in jobs]
    for change in [step for part in parts for step in part.leave] + [step for part in parts for step in part.join]:
        plan.add(change)
    for job in jobs:
        for change in job.conclude():
            plan.add(change)


def _plan_rc(host: Host, plan: Plan, jobs: Sequence[Job], values: rc.Values) -> None:
    goals: Dict[str, Optional[str]] = {}
    for job in jobs:
        goals.update(job.goals({**values.values, **goals}))
    wanted: List[rc.Wanted] = []
    for name, value in goals.items():
        current, default = values.values[name], values.defaults[name]
        if value is None or (name == CLONES and value == default and value != current):
            if current != default:
                wanted.append(rc.Wanted(name, state="absent"))
        elif value != current:
            wanted.append(rc.Wanted(name, value))
    if wanted:
        rc.plan_read(host, plan, wanted, values)


def result_of(host: Host, report: Report, check_mode: bool, with_diff: bool) -> Dict[str, Any]:
    """The module's result: each switch as it is now, or would be in check mode; what was done, and every failure."""
    outcome = report.outcome
    entries = dict(report.expected)
    unread: Optional[ApiaryError] = None
    if not check_mode and report.waiting is None and (outcome.changed or outcome.failed):
        try:
            entries.update(_now(host, report))
        except ApiaryError as error:
            # What was done is done and has to be told, with what the plan expected in place of what is.
            unread = error
    result: Dict[str, Any] = {
        "changed": outcome.changed,
        "switches": [entry_of(entries[name], name, outcome) for name in report.order],
    }
    if report.waiting is not None:
        result["move"] = {"id": report.waiting.identity, "timeout": report.waiting.timeout}
    if with_diff:
        result["diff"] = report.plan.diff()
    if outcome.failed:
        result.update(failed_part(outcome))
    elif unread is not None:
        result["failed"] = True
        result["msg"] = f"all was done, but how the switches are now could not be read: {unread}"
    return result


def _now(host: Host, report: Report) -> Dict[str, Entry]:
    """The switches as they are; one that was made absent is absent."""
    interfaces: Mapping[str, Interface] = read_interfaces(host)
    found = {name: entry for job in report.jobs for name, entry in job.now(host, interfaces).items()}
    return {
        name: entry
        for name, entry in found.items()
        if report.expected[name]["state"] == "present" or name in report.outcome.failed
    }
