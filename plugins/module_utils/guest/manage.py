# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bhyve_vm does between its options and its result."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.planning import SUBJECT
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import info, runtime
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.dependents import in_order
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.source import read_sources
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired, resolve
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.from_image import read_disk_images
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.given import add_sizes
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.in_use import check_disks
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.properties import read_properties
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.hostconf import read_conf
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import UNALLOCATED
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observe import observe, observe_more
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.passthru.checks import check_roms
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.planner import FleetPlan, plan_fleet
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.renames.look import look_for_renames
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.renames.references import with_followers
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.fleet import add_reservations
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.validate import needs
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Outcome
from ansible_collections.apiary.bhyve.plugins.module_utils.results import entry_of, failed_part


@dataclass
class Report:
    """What was done, guest by guest."""

    plan: FleetPlan
    observed: Observed
    outcome: Outcome = field(default_factory=Outcome)
    stages: Dict[str, str] = field(default_factory=dict)


def manage(host: Host, requests: Sequence[Mapping[str, Any]], check_mode: bool) -> Report:
    """Bring guests to what is asked for; in check mode only say what would be done.

    BadInput, UnknownState or CommandError before the first change; after it a guest that fails is in ``failed`` and the
    others go on.
    """
    read_conf(host)
    if check_mode:
        plan, observed = _plan(host, requests, lambda: UNALLOCATED, frozenset())
        return Report(plan, observed, plan.foretold())
    with host_lock(host):
        plan, observed = _plan(host, requests, _new_uuid, frozenset())
        report = Report(plan, observed)
        if not plan.stops:
            report.outcome.add(plan.apply(host))
    if plan.stops:
        _stop_and_apply(host, requests, report)
    _start(host, report)
    return report


def _new_uuid() -> str:
    return str(uuid.uuid4())


def _plan(
    host: Host, requests: Sequence[Mapping[str, Any]], new_uuid: Callable[[], str], stopped: FrozenSet[str]
) -> tuple[FleetPlan, Observed]:
    observed = observe(host)
    observed = read_sources(host, requests, look_for_renames(host, requests, observed))
    requests = with_followers(requests, observed)
    observed = read_disk_images(host, requests, observed)
    desired: List[Desired] = resolve(requests, observed, new_uuid)
    wanted = needs(desired)
    if wanted:
        observed = observe_more(host, observed, wanted)
    observed = read_properties(host, desired, observed)
    plan = plan_fleet(desired, observed, stopped)
    check_disks(host, desired, observed, plan.stops, plan.plan().changes)
    check_roms(host, desired)
    add_reservations(host, plan, desired, observed)
    return plan, observed


def _stop_and_apply(host: Host, requests: Sequence[Mapping[str, Any]], report: Report) -> None:
    """Stop what has to be stopped, without the host lock (it may take minutes), then read, plan and change anew."""
    stops = report.plan.stops
    outcome = report.outcome
    answer = runtime.stop_all(host, stops, {request["name"] for request in requests if request.get("force")})
    for name in stops:
        if name in answer.failed:
            outcome.failed[name] = answer.failed[name]
        else:
            outcome.did(name, "stop")
            report.stages[name] = answer.said[name]
    needs = report.plan.needs
    for name in in_order([one.name for one in report.plan.guests], needs):
        outcome.leave_without(name, needs.get(name, ()))
    stopped = frozenset(name for name in stops if name not in outcome.failed)
    remaining = [request for request in requests if request["name"] not in outcome.failed]
    for one in report.plan.guests:
        if one.name in outcome.failed:
            outcome.skipped[one.name] = [step for step in one.describe() if step != "stop"]
    try:
        with host_lock(host):
            plan, report.observed = _plan(host, remaining, _new_uuid, stopped)
            for name in plan.stops:
                if name in stopped:
                    raise ApiaryError(
                        f"guest {name} runs, though the runtime said that it was stopped; somebody may have started it"
                    )
            report.outcome.add(plan.apply(host))
            report.plan.reservations = plan.reservations
    except ApiaryError as error:
        # The guests are stopped already: say so, and do not leave those off that were only to be restarted.
        for name in (one.name for one in report.plan.guests):
            outcome.failed.setdefault(name, error)


def _start(host: Host, report: Report) -> None:
    """Start what is to run; a guest that was stopped only for a restart is started again whatever else failed.

    A guest that somebody else is about to start runs as well when this returns; only if that came to nothing, and it
    was started here after all, is that a step of this task.
    """
    outcome = report.outcome
    wanted = {one.name: one.start_step for one in report.plan.guests if one.start_step}
    for name in report.plan.reservations.unserved(outcome):
        left = ", so it is left off" if name in wanted and name not in report.stages else ""
        outcome.failed.setdefault(name, ApiaryError(f"its reservation was not made{left}"))
    names: List[str] = []
    for name, step in wanted.items():
        if name not in outcome.failed or name in report.stages:
            names.append(name)
        else:
            outcome.left(name, step)
    awaited = [name for name in report.plan.awaits if name not in outcome.failed]
    answer = runtime.start(host, [*names, *awaited])
    for name in awaited:
        if name in answer.failed:
            outcome.failed[name] = answer.failed[name]
        elif answer.said[name] != runtime.ALREADY:
            outcome.did(name, "start")
    for name in names:
        if name in answer.failed:
            outcome.failed.setdefault(name, answer.failed[name])
            outcome.left(name, wanted[name])
        else:
            outcome.did(name, wanted[name])


def result_of(host: Host, report: Report, check_mode: bool, with_diff: bool) -> Dict[str, Any]:
    """The module's result: each guest's state, what was done and what waits, and every failure by name."""
    outcome = report.outcome
    observed: Optional[Observed] = report.observed
    unread: Optional[ApiaryError] = None
    if not check_mode and (outcome.changed or outcome.failed):
        try:
            observed = observe(host)
        except ApiaryError as error:
            # What was done is done and has to be told, with what the plan expected in place of what is.
            observed, unread = None, error
    now = time.time()
    vms: List[Dict[str, Any]] = []
    for one in report.plan.guests:
        entry = one.entry
        if observed is not None and not check_mode:
            entry = _entry_after(one.name, one.entry, observed, now)
        entry = entry_of(entry, one.name, outcome)
        if one.name in report.stages:
            entry["stopped_by"] = report.stages[one.name]
        vms.append(entry)
    unread = unread or _with_sizes(host, vms)
    result: Dict[str, Any] = {
        "changed": outcome.changed,
        "vms": vms,
        "pending": _pending(vms),
        "reservations": outcome.done.get(SUBJECT, []),
        "shutdown_seconds": report.plan.shutdown_seconds,
    }
    if with_diff:
        result["diff"] = report.plan.diff()
    if outcome.failed:
        result.update(failed_part(outcome))
    elif unread is not None:
        result["failed"] = True
        result["msg"] = f"all was done, but how the guests are now could not be read: {unread}"
    return result


def _with_sizes(host: Host, vms: Sequence[Dict[str, Any]]) -> Optional[ApiaryError]:
    """Add the sizes of given disks, or return why they could not be read: by now everything is done."""
    try:
        add_sizes(host, vms)
    except ApiaryError as error:
        return error
    return None


def _entry_after(name: str, planned: Mapping[str, Any], observed: Observed, now: float) -> Dict[str, Any]:
    if planned.get("state") == "absent" and observed.guest(name).record is None:
        return dict(planned)
    return info.entry(name, observed, now)


def _pending(vms: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    """The guests with something that waits for their next boot."""
    found: Dict[str, Any] = {}
    for entry in vms:
        status: Optional[Mapping[str, Any]] = entry.get("status")
        if status is not None and status.get("pending"):
            found[str(entry["name"])] = status["pending"]
    return found
