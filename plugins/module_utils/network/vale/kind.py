# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Switches that are VALE switches, as one kind among others: what a task about them reads, checks and plans."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import bridge_options
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.routes import read_default_route
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.boot_files import plan_boot_files
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.changes import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.kinds import (
    Asked,
    Entry,
    Job,
    Kind,
    Seen,
    Variables,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.kinds import Record as Json
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own import Desired, needs_default_route
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own_job import OwnJob
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale import checks as vale_checks
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale import desired as vale_desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale import plan as vale_plan
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.plan import Scene
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.ports import read_ports
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.record import (
    VALE,
    ValeSwitch,
    boot_file,
    clone_list,
    from_json,
    on_its_way,
    pair_of,
    rc_lines,
    rc_names,
    to_json,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.places import ALLOCATIONS
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.system import rc
from ansible_collections.apiary.bhyve.plugins.module_utils.system.sysctl import read_sysctls

_SHARED = ("interface", "uplink", "addresses", "mac")
_LIMIT = "dev.netmap.max_bridges"
#: Of a kernel that does not tell (vale(4)).
_DEFAULT_LIMIT = 8


class ValeKind(Kind):
    """Switches of netmap(4)."""

    name = VALE

    def options(self) -> Dict[str, Any]:
        known = bridge_options()
        return {**{name: known[name] for name in _SHARED}, "host_stack": {"type": "bool"}}

    def job(self, host: Host, asked: Sequence[Asked], seen: Seen) -> Job:
        return _ValeJob(host, asked, seen)


class _ValeJob(OwnJob[ValeSwitch]):
    """The VALE switches of one task."""

    type = VALE

    def __init__(self, host: Host, asked: Sequence[Asked], seen: Seen) -> None:
        requests = [vale_desired.parse(one) for one in asked]
        switches = from_json(seen.records, ALLOCATIONS)
        self._scene = Scene(seen.interfaces, read_ports(host))
        super().__init__(vale_desired.resolve(requests, switches, self._around(host, requests, switches, seen)), seen)

    def _json(self, switch: ValeSwitch) -> Json:
        return to_json(switch)

    def _around(
        self,
        host: Host,
        requests: Sequence[vale_desired.Request],
        switches: Mapping[str, ValeSwitch],
        seen: Seen,
    ) -> vale_desired.Around:
        common = [request.common for request in requests]
        route = read_default_route(host) if needs_default_route(common, switches) else None
        cloned: Sequence[str] = ()
        if vale_desired.needs_number(requests, switches):
            cloned = list(switch_rc.clones(rc.read_values(host, [switch_rc.CLONES]).values))
        limit = 0
        if vale_desired.needs_limit(requests, switches):
            limit = int(read_sysctls(host, [_LIMIT]).get(_LIMIT, _DEFAULT_LIMIT))
        default = route.interface if route is not None else None
        return vale_desired.Around(seen.records, seen.interfaces, self._scene.ports, cloned, default, limit)

    def variables(self) -> List[str]:
        names = [switch_rc.CLONES, switch_rc.STICKY, switch_rc.DEFAULT]
        for one in self._desired:
            for switch in (one.old, one.new):
                names += rc_names(switch) if switch is not None else []
        for new in self._new:
            if new.uplink:
                names += switch_rc.address_names(new.uplink)
        return list(dict.fromkeys(names))

    def _check(self, one: Desired[ValeSwitch], values: Variables) -> List[str]:
        vale_checks.check_switch(one, self._after, self._scene.interfaces, self._scene.ports, values)
        return [] if one.new is None else self._warnings(one.new, values)

    def _warnings(self, new: ValeSwitch, values: Variables) -> List[str]:
        found: List[str] = []
        if not new.uplink or new.uplink in self._scene.ports.get(new.interface, ()):
            return found
        if self._scene.interfaces[new.uplink].addresses:
            found.append(
                f"switch {new.name}: its uplink {new.uplink} has an address of the host; its link may be interrupted "
                "for some seconds when netmap(4) takes it over"
            )
        if not switch_rc.is_sticky(new.uplink, values):
            found.append(
                f"switch {new.name}: `service netif restart` destroys its uplink {new.uplink} and makes it anew, off "
                f"the switch; write {new.uplink}:sticky in cloned_interfaces of rc.conf"
            )
        return found

    def strangers(self, name: str) -> List[str]:
        old = self._by_name[name].old
        return [] if old is None else vale_plan.strangers(old, self._scene.ports)

    def note(self) -> List[Change]:
        return [
            Record(one.name, to_json(on_its_way(one.old, one.new)))
            for one in self._desired
            if one.new is not None and on_its_way(one.old, one.new) != one.old
        ]

    def goals(self, values: Variables) -> Dict[str, Optional[str]]:
        found: Dict[str, Optional[str]] = {}
        clones = values[switch_rc.CLONES]
        for one in self._desired:
            switch = one.new or one.old
            if switch is not None and switch.host_interface:
                wanted = one.new is not None and bool(one.new.own)
                clones = clone_list(clones, pair_of(switch.host_interface), wanted)
            if one.old is not None:
                found.update(dict.fromkeys(rc_names(one.old)))
        for new in self._new:
            found.update(rc_lines(new))
            if new.uplink:
                name = switch_rc.variable("ifconfig_IF", new.uplink)
                found[name] = switch_rc.uplink_line(values[name], values[switch_rc.DEFAULT], offloads=True)
        if clones != values[switch_rc.CLONES]:
            found[switch_rc.CLONES] = clones
        return found

    def files(self, host: Host, plan: Plan) -> None:
        plan_boot_files(host, plan, {new.name: boot_file(new) for new in self._new}, self._gone)

    def _leave(self, one: Desired[ValeSwitch]) -> List[Change]:
        return vale_plan.leave(one, self._scene)

    def _join(self, new: ValeSwitch) -> List[Change]:
        return vale_plan.join(new, self._scene)

    def conclude(self) -> List[Change]:
        found: List[Change] = []
        for one in self._desired:
            if one.new is None and one.old is not None:
                found.append(Record(one.name, None))
            elif one.new is not None and on_its_way(one.old, one.new) != one.new:
                found.append(Record(one.name, to_json(one.new), done=True))
        return found

    def views(self, name: str) -> Tuple[Entry, Entry]:
        return vale_plan.views(self._by_name[name], self._scene)

    def expected(self, name: str) -> Entry:
        return vale_plan.expected(self._by_name[name], self._scene)

    def now(self, host: Host, interfaces: Mapping[str, Interface]) -> Dict[str, Entry]:
        scene = Scene(interfaces, read_ports(host))
        return {one.name: vale_plan.entry(one.new or one.old, one.name, scene) for one in self._desired}
