# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bhyve_switch does between its options and its result."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils import allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock_unless
from ansible_collections.apiary.bhyve.plugins.module_utils.network import switch_checks, switch_desired, switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridge import bridge_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface, read_interfaces
from ansible_collections.apiary.bhyve.plugins.module_utils.network.routes import read_default_route
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switch_changes import Ifconfig, Record
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switch_desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switch_options import Request
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switch_plan import entry, expected, plan_live, views
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switch_record import (
    Switch,
    leaving,
    on_its_way,
    switches_from_json,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.places import ALLOCATIONS
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Outcome, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.results import entry_of, failed_part
from ansible_collections.apiary.bhyve.plugins.module_utils.system import rc
from ansible_collections.apiary.bhyve.plugins.module_utils.system.files import RemoveFile, plan_file
from ansible_collections.apiary.bhyve.plugins.module_utils.system.sysctl import read_sysctls

_RELEASE = "kern.osreldate"
_MEMBER_ADDRESSES = "net.link.bridge.member_ifaddrs"

#: Says who uses switches and bridges of these names: "guest web1 nic lan".
Users = Callable[[Sequence[str]], Mapping[str, Sequence[str]]]


@dataclass
class Report:
    """What was planned and what became of it; ``outcome`` is that of check mode where nothing was done."""

    desired: Sequence[Desired]
    plan: Plan
    outcome: Outcome
    warnings: List[str]
    expected: Dict[str, Dict[str, Any]]


def manage(host: Host, requests: Sequence[Request], users: Users, check_mode: bool) -> Report:
    """Bring switches to what is asked for; in check mode only say what would be done.

    ``users`` is asked only where a switch is to go. BadInput, UnknownState or CommandError before the first change;
    after it a switch that fails is in the outcome and the others go on.
    """
    with host_lock_unless(check_mode, host):
        report = _plan(host, requests, users)
        if not check_mode:
            report.outcome = report.plan.apply(host)
    return report


def _plan(host: Host, requests: Sequence[Request], users: Users) -> Report:
    known = allocations.load(host.read(ALLOCATIONS), ALLOCATIONS)
    records = switches_from_json(known.switches, ALLOCATIONS)
    interfaces = read_interfaces(host)
    default = read_default_route(host) if switch_desired.needs_default_route(requests, records) else None
    cloned: Sequence[str] = ()
    if switch_desired.needs_number(requests, records):
        cloned = list(switch_rc.clones(rc.read_values(host, [switch_rc.CLONES]).values))
    uplink = default.interface if default is not None else None
    desired = switch_desired.resolve(requests, records, interfaces, uplink, cloned)
    switches = switch_desired.after(records, desired)
    concerned = [switch for one in desired for switch in (one.old, one.new) if switch is not None]
    values = rc.read_values(host, switch_rc.names(concerned))
    switch_checks.check_switches(desired, switches, interfaces, values.values)
    scripts = {name: host.read(switch_rc.start_script(name)) for name in _bridges(concerned)}
    switch_checks.check_scripts(desired, scripts)
    new = [one.new for one in desired if one.new is not None]
    warnings = _judge_uplinks(host, new, interfaces, values.values)
    _check_users(desired, interfaces, users)
    plan = Plan()
    looks = _plan_all(host, plan, desired, interfaces, values, scripts)
    return Report(desired, plan, Outcome(plan.descriptions()), warnings, looks)


def _judge_uplinks(
    host: Host, switches: Sequence[Switch], interfaces: Mapping[str, Interface], values: Mapping[str, Optional[str]]
) -> List[str]:
    """BadInput for an uplink that may not have an address and has one; warnings for what is allowed and not wise."""
    warnings: List[str] = []
    addressed = switch_checks.addressed_uplinks(switches, interfaces, values)
    if addressed:
        kernel = read_sysctls(host, [_RELEASE, _MEMBER_ADDRESSES])
        by_name = {switch.name: switch for switch in switches}
        allowed = kernel.get(_MEMBER_ADDRESSES) == "1"
        switch_checks.check_members_without_addresses(addressed, by_name, int(kernel.get(_RELEASE, "0")), allowed)
    for switch in switches:
        joins = bool(switch.member) and bridge_of(interfaces, switch.member) != switch.interface
        if joins and switch.name in addressed:
            warnings.append(
                f"switch {switch.name}: its uplink {switch.uplink} keeps its address ({addressed[switch.name]}); "
                "FreeBSD 14 allows that, 15 does not"
            )
        if joins and not switch_rc.is_sticky(switch.uplink, values):
            warnings.append(
                f"switch {switch.name}: `service netif restart` destroys its uplink {switch.uplink} and makes it anew, "
                f"outside the bridge; write {switch.uplink}:sticky in cloned_interfaces of rc.conf"
            )
    return warnings


def _check_users(desired: Sequence[Desired], interfaces: Mapping[str, Interface], users: Users) -> None:
    """BadInput when a switch is to go that somebody is plugged into."""
    going = [one.old for one in desired if one.new is None and one.old is not None]
    if not going:
        return
    # A NIC may name the bridge itself; that of somebody else stays there for it.
    names = {switch.name: (switch.name,) if switch.manual else (switch.name, switch.interface) for switch in going}
    found = users([name for several in names.values() for name in several])
    for switch in going:
        plugged = [user for name in names[switch.name] for user in found.get(name, ())]
        if not switch.manual:
            for name in switch_checks.strangers(switch, interfaces):
                description = interfaces[name].description if name in interfaces else ""
                plugged.append(f"{name} ({description})" if description else name)
        if plugged:
            raise BadInput(f"switch {switch.name}: in use by {', '.join(plugged)}; unplug or remove these first")


def _plan_all(
    host: Host,
    plan: Plan,
    desired: Sequence[Desired],
    interfaces: Mapping[str, Interface],
    values: rc.Values,
    scripts: Mapping[str, Optional[str]],
) -> Dict[str, Dict[str, Any]]:
    """The changes in their order: what is given out is noted first, then rc.conf, then the kernel; the rest is noted.

    So a host that loses its power in between makes at boot what was asked for, and a second run finds what is its own.
    """
    looks: Dict[str, Dict[str, Any]] = {}
    for one in desired:
        looks[one.name] = expected(one, interfaces)
        plan.before[one.name], plan.after[one.name] = views(one, interfaces)
        if one.new is not None and on_its_way(one.old, one.new) != one.old:
            plan.add(Record(one.name, on_its_way(one.old, one.new)))
    files = set(plan.before)
    _plan_rc(host, plan, desired, values)
    _plan_scripts(host, plan, desired, scripts)
    written = tuple(name for name in plan.before if name not in files)
    for one in desired:
        plan.needs[one.name] = written
    steps = plan_live(desired, interfaces)
    if steps.losses:
        _check_lifeline(host, desired, steps.losses)
    for step in [*steps.leave, *steps.join]:
        plan.add(Ifconfig(step.switch, step.what, step.words))
    for one in desired:
        if one.new is None and one.old is not None:
            plan.add(Record(one.name, None))
        elif one.new is not None and on_its_way(one.old, one.new) != one.new:
            plan.add(Record(one.name, one.new, done=True))
    return looks


def _plan_rc(host: Host, plan: Plan, desired: Sequence[Desired], values: rc.Values) -> None:
    goals = _goals(desired, values.values)
    wanted: List[rc.Wanted] = []
    for name, value in goals.items():
        current, default = values.values[name], values.defaults[name]
        if value is None or (name == switch_rc.CLONES and value == default and value != current):
            if current != default:
                wanted.append(rc.Wanted(name, state="absent"))
        elif value != current:
            wanted.append(rc.Wanted(name, value))
    if wanted:
        rc.plan_read(host, plan, wanted, values)


def _bridges(switches: Sequence[Switch]) -> List[str]:
    return list(dict.fromkeys(switch.interface for switch in switches if not switch.manual))


def _plan_scripts(host: Host, plan: Plan, desired: Sequence[Desired], scripts: Mapping[str, Optional[str]]) -> None:
    for one in desired:
        switch = one.new or one.old
        if switch is None or switch.manual:
            continue
        path = switch_rc.start_script(switch.interface)
        if one.new is not None:
            plan_file(host, plan, path, switch_rc.START_SCRIPT, 0o644)
        elif scripts[switch.interface] is not None:
            plan.add(RemoveFile(path))
            plan.before[path], plan.after[path] = scripts[switch.interface] or "", ""


def _goals(desired: Sequence[Desired], values: Mapping[str, Optional[str]]) -> Dict[str, Optional[str]]:
    """The value of each variable (None: not set)."""
    managed = [one.new for one in desired if one.new is not None and not one.new.manual]
    goals: Dict[str, Optional[str]] = {}
    gone: List[str] = []
    for one in desired:
        if one.old is None or one.old.manual:
            continue
        goals.update(dict.fromkeys([*switch_rc.lines(one.old), *switch_rc.vlan_lines(one.old.tag, one.old.former)]))
        gone += [one.old.interface, *(port.member for port in leaving(one.old, None) if port.vlan)]
    for switch in managed:
        goals.update(switch_rc.lines(switch))
        gone = [name for name in gone if name not in (switch.vlan_interface, switch.interface)]
    for switch in managed:
        if switch.uplink:
            name = switch_rc.variable("ifconfig_IF", switch.uplink)
            current = goals.get(name) or values[name]
            goals[name] = switch_rc.uplink_line(current, values[switch_rc.DEFAULT], offloads=bool(switch.vlan))
    if managed or gone:
        goals[switch_rc.CLONES] = switch_rc.clone_list(values[switch_rc.CLONES], managed, gone)
    return goals


def _check_lifeline(host: Host, desired: Sequence[Desired], losses: Mapping[str, Sequence[str]]) -> None:
    """BadInput when the way by which we came, or the default route, would go."""
    connection = os.environ.get("SSH_CONNECTION", "").split()
    for name, addresses in losses.items():
        for text in addresses:
            if len(connection) == 4 and text.partition("/")[0] == connection[2]:
                raise BadInput(f"switch {name}: {text} is the address by which you are connected; it would be cut off")
    route = read_default_route(host)
    if route is not None and route.gateway:
        switch_checks.check_lifeline(desired, losses, route.interface, route.gateway)


def result_of(host: Host, report: Report, check_mode: bool, with_diff: bool) -> Dict[str, Any]:
    """The module's result: each switch as it is now, or would be in check mode; what was done, and every failure."""
    outcome = report.outcome
    interfaces: Optional[Mapping[str, Interface]] = None
    unread: Optional[ApiaryError] = None
    if not check_mode and (outcome.changed or outcome.failed):
        try:
            interfaces = read_interfaces(host)
        except ApiaryError as error:
            # What was done is done and has to be told, with what the plan expected in place of what is.
            unread = error
    switches: List[Dict[str, Any]] = []
    for one in report.desired:
        fields = report.expected[one.name]
        if interfaces is not None and not (one.new is None and one.name not in outcome.failed):
            fields = entry(one.new or one.old, one.name, interfaces)
        switches.append(entry_of(fields, one.name, outcome))
    result: Dict[str, Any] = {"changed": outcome.changed, "switches": switches}
    if with_diff:
        result["diff"] = report.plan.diff()
    if outcome.failed:
        result.update(failed_part(outcome))
    elif unread is not None:
        result["failed"] = True
        result["msg"] = f"all was done, but how the switches are now could not be read: {unread}"
    return result
