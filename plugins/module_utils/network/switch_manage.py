# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bhyve_switch does between its options and its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils import allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock_unless
from ansible_collections.apiary.bhyve.plugins.module_utils.network import (
    switch_checks,
    switch_desired,
    switch_rc,
    uplink_lines,
    uplink_move,
    uplink_state,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridge import bridge_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface, read_interfaces
from ansible_collections.apiary.bhyve.plugins.module_utils.network.routes import (
    DefaultRoute,
    read_default_route,
    read_default_route6,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switch_changes import Ifconfig, Record, StartDhcp
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switch_desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switch_options import MOVE_TIMEOUT, Request
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switch_plan import (
    entry,
    expected,
    lacks_lease,
    plan_live,
    views,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switch_record import (
    Switch,
    leaving,
    on_its_way,
    switches_from_json,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplink_move import Move
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplink_program import Gateways
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplink_state import Waiting
from ansible_collections.apiary.bhyve.plugins.module_utils.places import ALLOCATIONS
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Outcome, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import read_ssh_addresses
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
    """What was planned and what became of it; ``outcome`` is that of check mode where nothing was done.

    ``moves`` are the addresses that have to go between an uplink and its bridge before anything else is done;
    ``waiting`` says that they have been sent on their way, and nothing else was done.
    """

    desired: Sequence[Desired]
    plan: Plan
    outcome: Outcome
    warnings: List[str]
    expected: Dict[str, Dict[str, Any]]
    moves: Sequence[Move] = ()
    waiting: Optional[Waiting] = None


@dataclass(frozen=True)
class Step:
    """Which step of a task this is: the first, or the one that confirms a move; how long that waits, in seconds."""

    timeout: int = MOVE_TIMEOUT
    confirms: str = ""


def manage(host: Host, requests: Sequence[Request], users: Users, check_mode: bool, step: Step) -> Report:
    """Bring switches to what is asked for; in check mode only say what would be done.

    ``users`` is asked only where a switch is to go. BadInput, UnknownState or CommandError before the first change;
    after it a switch that fails is in the outcome and the others go on. Where addresses have to move, the first step
    does nothing but send them on their way, and the second one does all the rest.
    """
    moved = uplink_state.confirm(host, step.confirms) if step.confirms else {}
    with host_lock_unless(check_mode, host):
        if not step.confirms:
            uplink_state.refuse_beside_another(host)
        report = _plan(host, requests, users)
        if report.moves and step.confirms:
            raise ApiaryError(f"was confirmed, and is not so: {report.moves[0].describe()}")
        if report.moves and not check_mode:
            gateways = _gateways(host, report.moves)
            report.waiting = uplink_state.start(host, report.moves, gateways, step.timeout)
        elif not check_mode:
            report.outcome = report.plan.apply(host)
    for name, steps in moved.items():
        report.outcome.done[name] = [*steps, *report.outcome.done.get(name, [])]
    return report


def _gateways(host: Host, moves: Sequence[Move]) -> Gateways:
    """The gateways of the default routes that go by the interfaces which lose their addresses. BadInput."""
    sources = [move.source.name for move in moves]

    def over(route: Optional[DefaultRoute]) -> str:
        return route.gateway if route is not None and route.interface in sources else ""

    gateways = Gateways(over(read_default_route(host)), over(read_default_route6(host)))
    uplink_move.check_gateway(moves, gateways.inet6)
    return gateways


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
    concerned = [switch for one in desired for switch in (one.old, one.new) if switch is not None]
    values = rc.read_values(host, [*switch_rc.names(concerned), *_uplink_names(concerned)])
    desired = uplink_move.with_moved(desired, requests, interfaces, values.values)
    moves = uplink_move.due(desired, interfaces)
    moved = uplink_move.after_moves(interfaces, moves)
    switches = switch_desired.after(records, desired)
    switch_checks.check_switches(desired, switches, interfaces, values.values, moved)
    scripts = {name: host.read(switch_rc.start_script(name)) for name in _bridges(concerned)}
    switch_checks.check_scripts(desired, scripts)
    new = [one.new for one in desired if one.new is not None]
    warnings = _judge_uplinks(host, new, interfaces, values.values, moves)
    _check_users(desired, interfaces, users)
    plan = Plan()
    for move in moves:
        plan.add(move)
    looks = _plan_all(host, plan, desired, _Seen(interfaces, moved), values, scripts)
    if moves:
        _gateways(host, moves)
    return Report(desired, plan, Outcome(plan.descriptions()), warnings, looks, moves)


def _uplink_names(switches: Sequence[Switch]) -> List[str]:
    uplinks = [switch.uplink for switch in switches if switch.uplink and not switch.manual]
    return [name for uplink in dict.fromkeys(uplinks) for name in uplink_lines.names(uplink)]


@dataclass(frozen=True)
class _Seen:
    """The interfaces as they are, and as they are when addresses have moved."""

    now: Mapping[str, Interface]
    moved: Mapping[str, Interface]


def _judge_uplinks(
    host: Host,
    switches: Sequence[Switch],
    interfaces: Mapping[str, Interface],
    values: Mapping[str, Optional[str]],
    moves: Sequence[Move],
) -> List[str]:
    """BadInput for an uplink that may not have an address and has one; warnings for what is allowed and not wise."""
    warnings: List[str] = []
    addressed = switch_checks.addressed_uplinks(switches, interfaces, values)
    # What goes back to an uplink that stays one.
    addressed.update({move.subject: move.going[0] for move in moves if move.back and move.stays})
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
                "FreeBSD 14 allows that, 15 does not (uplink_address: move gives it to the bridge)"
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
    seen: _Seen,
    values: rc.Values,
    scripts: Mapping[str, Optional[str]],
) -> Dict[str, Dict[str, Any]]:
    """The changes in their order: what is given out is noted first, then rc.conf, then the kernel; the rest is noted.

    So a host that loses its power in between makes at boot what was asked for, and a second run finds what is its own.
    """
    looks: Dict[str, Dict[str, Any]] = {}
    for one in desired:
        looks[one.name] = expected(one, seen.moved)
        plan.before[one.name], plan.after[one.name] = views(one, seen.now, seen.moved)
        if one.new is not None and on_its_way(one.old, one.new) != one.old:
            plan.add(Record(one.name, on_its_way(one.old, one.new)))
    files = set(plan.before)
    _plan_rc(host, plan, desired, values)
    _plan_scripts(host, plan, desired, scripts)
    written = tuple(name for name in plan.before if name not in files)
    for one in desired:
        plan.needs[one.name] = written
    steps = plan_live(desired, seen.moved)
    if steps.losses:
        check_lifeline(host, desired, steps.losses)
    for step in [*steps.leave, *steps.join]:
        plan.add(Ifconfig(step.switch, step.what, step.words))
    for one in desired:
        if one.new is not None and lacks_lease(one.new, seen.moved):
            plan.add(StartDhcp(one.name, one.new.interface, one.new.all_addresses))
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
        if one.old.moved is not None and (one.new is None or one.new.moved is None):
            goals.update(uplink_lines.with_addresses(one.old.uplink, values, one.old.moved))
        gone += [one.old.interface, *(port.member for port in leaving(one.old, None) if port.vlan)]
    for switch in managed:
        goals.update(switch_rc.lines(switch))
        gone = [name for name in gone if name not in (switch.vlan_interface, switch.interface)]
    for switch in managed:
        if switch.uplink:
            name = switch_rc.variable("ifconfig_IF", switch.uplink)
            if switch.moved is not None:
                goals.update(uplink_lines.without_addresses(switch.uplink, values))
            current = goals[name] if goals.get(name) is not None else values[name]
            goals[name] = switch_rc.uplink_line(current, values[switch_rc.DEFAULT], offloads=bool(switch.vlan))
    if managed or gone:
        goals[switch_rc.CLONES] = switch_rc.clone_list(values[switch_rc.CLONES], managed, gone)
    return goals


def check_lifeline(host: Host, desired: Sequence[Desired], losses: Mapping[str, Sequence[str]]) -> None:
    """BadInput when a way by which somebody has come by ssh, or the default route, would go."""
    # The environment of a task with become says nothing of its connection, so the sockets of all sshd are looked at.
    connected = read_ssh_addresses(host)
    for name, addresses in losses.items():
        for text in addresses:
            if text.partition("/")[0] in connected:
                raise BadInput(f"switch {name}: {text} is the address of an ssh connection; it would be cut off")
    route = read_default_route(host)
    if route is not None and route.gateway:
        switch_checks.check_lifeline(desired, losses, route.interface, route.gateway)


def result_of(host: Host, report: Report, check_mode: bool, with_diff: bool) -> Dict[str, Any]:
    """The module's result: each switch as it is now, or would be in check mode; what was done, and every failure."""
    outcome = report.outcome
    interfaces: Optional[Mapping[str, Interface]] = None
    unread: Optional[ApiaryError] = None
    if not check_mode and report.waiting is None and (outcome.changed or outcome.failed):
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
