# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Switches that are bridges, as one kind among others: what a task about them reads, checks and plans."""

from __future__ import annotations

from typing import Any, Collection, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import boot as switch_boot
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import carriers, vxlan_checks
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import checks as switch_checks
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import desired as switch_desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import check_release
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.members import bridge_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import bridge_options, parse_request
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.plan import (
    entry,
    expected,
    lacks_lease,
    plan_live,
    views,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import (
    BRIDGE,
    Switch,
    on_its_way,
    switch_to_json,
    switches_from_json,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.lifeline import Loss, check_losses
from ansible_collections.apiary.bhyve.plugins.module_utils.network.nat.part import NatPart
from ansible_collections.apiary.bhyve.plugins.module_utils.network.routes import read_default_route
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.changes import Ifconfig, Record, StartDhcp
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.kinds import (
    Asked,
    Entry,
    Job,
    Kind,
    Live,
    Seen,
    Variables,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.kinds import Record as Json
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks import checks as uplink_checks
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks import moves as uplink_move
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.moves import Move
from ansible_collections.apiary.bhyve.plugins.module_utils.places import ALLOCATIONS
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.system import rc
from ansible_collections.apiary.bhyve.plugins.module_utils.system.sysctl import read_sysctls

_RELEASE = "kern.osreldate"
_MEMBER_ADDRESSES = "net.link.bridge.member_ifaddrs"


class BridgeKind(Kind):
    """Switches that are an if_bridge(4)."""

    name = BRIDGE

    def options(self) -> Dict[str, Any]:
        return bridge_options()

    def job(self, host: Host, asked: Sequence[Asked], seen: Seen) -> Job:
        return _BridgeJob(host, asked, seen)


class _BridgeJob(Job):
    """The bridges of one task."""

    def __init__(self, host: Host, asked: Sequence[Asked], seen: Seen) -> None:
        self.names = [one.name for one in asked]
        self._requests = requests = [
            parse_request({**one.options, "name": one.name, "state": "present" if one.present else "absent"})
            for one in asked
        ]
        bridges = {name: record for name, record in seen.records.items() if record["type"] == BRIDGE}
        records = switches_from_json(bridges, ALLOCATIONS)
        default = read_default_route(host) if switch_desired.needs_default_route(requests, records) else None
        cloned: Sequence[str] = ()
        if switch_desired.needs_number(requests, records):
            cloned = list(switch_rc.clones(rc.read_values(host, [switch_rc.CLONES]).values))
        uplink = default.interface if default is not None else None
        self._interfaces = seen.interfaces
        self._records = records
        self._set(switch_desired.resolve(requests, records, seen.interfaces, uplink, cloned))
        self._foresee(seen.interfaces)
        self._moves: List[Move] = []
        # The interfaces as they are when addresses have moved.
        self._moved = seen.interfaces
        self._concerned = [switch for one in self._desired for switch in (one.old, one.new) if switch is not None]
        self._scripts: Mapping[str, Optional[str]] = {}
        self._nat = NatPart(self._desired, self._after, seen.interfaces)
        self._written: Collection[str] = ()

    def _set(self, desired: Sequence[Desired]) -> None:
        self._desired = desired
        self._after = switch_desired.after(self._records, desired)
        self._by_name = {one.name: one for one in desired}

    def _foresee(self, interfaces: Mapping[str, Interface]) -> None:
        """Take what carries vxlans from these interfaces, as the task will leave them."""
        desired, self._planned = carriers.foreseen(self._desired, self._after, interfaces)
        self._set(desired)

    def variables(self) -> List[str]:
        return [
            *switch_rc.names(self._concerned),
            *switch_boot.uplink_names(self._concerned),
            *vxlan_checks.carrier_names(self._concerned, self._planned),
            *self._nat.variables(),
        ]

    def check(self, host: Host, values: Variables) -> List[str]:
        self._set(uplink_move.with_moved(self._desired, self._requests, self._interfaces, values))
        self._moves = uplink_move.due(self._desired, self._interfaces)
        self._moved = uplink_move.after_moves(self._interfaces, self._moves)
        self._foresee(self._moved)
        switch_checks.check_switches(self._desired, self._after, self._interfaces, values, self._moved)
        uplink_checks.check_others(self._moves, self._after, self._interfaces)
        self._scripts = {name: host.read(switch_rc.start_script(name)) for name in switch_boot.bridges(self._concerned)}
        switch_checks.check_scripts(self._desired, self._scripts)
        if any(one.new is not None and one.new.vlan_filter for one in self._desired if not _filtered(one)):
            release = int(read_sysctls(host, [_RELEASE]).get(_RELEASE, "0"))
            names = [one.name for one in self._desired if one.new is not None and one.new.vlan_filter]
            check_release(release, f"switch {names[0]}: vlan_filter")
        new = [one.new for one in self._desired if one.new is not None]
        self._nat.check(host, values)
        warnings = vxlan_checks.check_vxlans(self._desired, self._after, self._interfaces, self._planned, values)
        warnings += switch_checks.silenced(self._desired, self._interfaces)
        return warnings + _judge_uplinks(host, new, self._interfaces, values, self._moves)

    def moves(self) -> Sequence[Move]:
        return self._moves

    def leaving(self) -> Dict[str, Tuple[str, ...]]:
        # A NIC may name the bridge itself; that of somebody else stays there for it.
        return {
            one.name: (one.name,) if one.old.manual else (one.name, one.old.interface)
            for one in self._desired
            if one.new is None and one.old is not None
        }

    def strangers(self, name: str) -> List[str]:
        switch = self._by_name[name].old
        if switch is None or switch.manual:
            return []
        found = []
        for member in switch_checks.strangers(switch, self._interfaces):
            description = self._interfaces[member].description if member in self._interfaces else ""
            found.append(f"{member} ({description})" if description else member)
        return found

    def records(self) -> Dict[str, Optional[Json]]:
        return {one.name: None if one.new is None else switch_to_json(one.new) for one in self._desired}

    def note(self) -> List[Change]:
        found: List[Change] = []
        for one in self._desired:
            if one.new is not None and on_its_way(one.old, one.new) != one.old:
                found.append(Record(one.name, switch_to_json(on_its_way(one.old, one.new))))
        return found

    def goals(self, values: Variables) -> Dict[str, Optional[str]]:
        below = carriers.carried(self._desired, self._after, self._planned)
        return {**switch_boot.goals(self._desired, values, self._after, below), **self._nat.goals(values)}

    def files(self, host: Host, plan: Plan) -> None:
        switch_boot.plan_scripts(host, plan, self._desired, self._scripts)
        self._nat.files(host, plan)
        self._written = plan.before

    def live(self, host: Host) -> Live:
        steps = plan_live(carriers.carriers_first(self._desired, self._after), self._moved)
        check_losses(
            host,
            [
                Loss(one.name, one.old.interface, steps.losses.get(one.name, ()))
                for one in self._desired
                if one.old is not None
            ],
        )
        unloaded, loaded = self._nat.live(self._written)
        leave = [Ifconfig(step.switch, step.what, step.words) for step in steps.leave]
        join = [Ifconfig(step.switch, step.what, step.words) for step in steps.join]
        leases = [
            StartDhcp(one.name, one.new.interface, one.new.all_addresses)
            for one in self._desired
            if one.new is not None and lacks_lease(one.new, self._moved)
        ]
        return Live([*unloaded, *leave], [*join, *leases, *loaded])

    def conclude(self) -> List[Change]:
        found: List[Change] = []
        for one in self._desired:
            if one.new is None and one.old is not None:
                found.append(Record(one.name, None))
            elif one.new is not None and on_its_way(one.old, one.new) != one.new:
                found.append(Record(one.name, switch_to_json(one.new), done=True))
        return found

    def views(self, name: str) -> Tuple[Entry, Entry]:
        one = self._by_name[name]
        before, after = views(one, self._interfaces, self._moved)
        if before:
            before.update(self._nat.view(one.old, done=False))
        if after:
            after.update(self._nat.view(one.new, done=True))
        return before, after

    def expected(self, name: str) -> Entry:
        return expected(self._by_name[name], self._moved)

    def now(self, host: Host, interfaces: Mapping[str, Interface]) -> Dict[str, Entry]:
        return {one.name: entry(one.new or one.old, one.name, interfaces) for one in self._desired}


def _filtered(one: Desired) -> bool:
    """Whether a switch filters VLANs already, so that the host can do it."""
    return one.old is not None and one.old.vlan_filter


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
