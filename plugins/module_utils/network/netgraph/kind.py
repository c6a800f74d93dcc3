# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Switches that are netgraph bridges, as one kind among others: what a task about them reads, checks and plans."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import bridge_options, parse_request
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph import checks as netgraph_checks
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph import desired as netgraph_desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph import plan as netgraph_plan
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.nodes import (
    node_of,
    read_nodes,
    read_passing,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.plan import Scene
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.record import (
    NETGRAPH,
    NetgraphSwitch,
    boot_file,
    from_json,
    rc_lines,
    rc_names,
    to_json,
)
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
from ansible_collections.apiary.bhyve.plugins.module_utils.places import ALLOCATIONS
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan

_OPTIONS = ("uplink", "addresses", "mtu", "mac")


class NetgraphKind(Kind):
    """Switches that are an ng_bridge(4)."""

    name = NETGRAPH

    def options(self) -> Dict[str, Any]:
        known = bridge_options()
        return {name: known[name] for name in _OPTIONS}

    def job(self, host: Host, asked: Sequence[Asked], seen: Seen) -> Job:
        return _NetgraphJob(host, asked, seen)


class _NetgraphJob(OwnJob[NetgraphSwitch]):
    """The netgraph switches of one task."""

    type = NETGRAPH

    def __init__(self, host: Host, asked: Sequence[Asked], seen: Seen) -> None:
        requests = [
            parse_request({**one.options, "name": one.name, "state": "present" if one.present else "absent"})
            for one in asked
        ]
        switches = from_json(seen.records, ALLOCATIONS)
        route = read_default_route(host) if needs_default_route(requests, switches) else None
        nodes = read_nodes(host)
        default = route.interface if route is not None else None
        super().__init__(
            netgraph_desired.resolve(requests, switches, seen.records, seen.interfaces, nodes, default), seen
        )
        self._scene = _scene(host, self._new, seen.interfaces, nodes)

    def _json(self, switch: NetgraphSwitch) -> Json:
        return to_json(switch)

    def variables(self) -> List[str]:
        names = [switch_rc.CLONES, switch_rc.STICKY, switch_rc.DEFAULT]
        for one in self._desired:
            for switch in (one.old, one.new):
                if switch is not None:
                    names += rc_names(switch)
                if switch is not None and switch.uplink:
                    names.append(switch_rc.variable("ifconfig_IF", switch.uplink))
        return list(dict.fromkeys(names))

    def _check(self, one: Desired[NetgraphSwitch], values: Variables) -> List[str]:
        if one.new is None:
            return []
        netgraph_checks.check_switch(one.new, self._after, self._scene.interfaces, self._scene.nodes)
        if not one.new.uplink or switch_rc.is_sticky(one.new.uplink, values):
            return []
        return [
            f"switch {one.name}: `service netif restart` destroys its uplink {one.new.uplink} and makes it anew, off "
            f"the netgraph bridge; write {one.new.uplink}:sticky in cloned_interfaces of rc.conf"
        ]

    def strangers(self, name: str) -> List[str]:
        old = self._by_name[name].old
        return [] if old is None else netgraph_plan.strangers(old, self._scene.nodes)

    def note(self) -> List[Change]:
        return [
            Record(one.name, to_json(one.new)) for one in self._desired if one.new is not None and one.new != one.old
        ]

    def goals(self, values: Variables) -> Dict[str, Optional[str]]:
        found: Dict[str, Optional[str]] = {}
        for one in self._desired:
            if one.old is not None:
                found.update(dict.fromkeys(rc_names(one.old)))
        for switch in self._new:
            found.update(rc_lines(switch))
            if switch.uplink:
                name = switch_rc.variable("ifconfig_IF", switch.uplink)
                current = found.get(name) or values[name]
                found[name] = switch_rc.uplink_line(current, values[switch_rc.DEFAULT], offloads=False)
        return found

    def files(self, host: Host, plan: Plan) -> None:
        interfaces = self._scene.interfaces
        texts = {new.name: boot_file(new, netgraph_checks.mtu_of(new, interfaces)) for new in self._new}
        plan_boot_files(host, plan, texts, self._gone)

    def _leave(self, one: Desired[NetgraphSwitch]) -> List[Change]:
        return netgraph_plan.leave(one, self._scene)

    def _join(self, new: NetgraphSwitch) -> List[Change]:
        return netgraph_plan.join(new, self._scene)

    def conclude(self) -> List[Change]:
        return [Record(name, None) for name in self._gone]

    def views(self, name: str) -> Tuple[Entry, Entry]:
        return netgraph_plan.views(self._by_name[name], self._scene)

    def expected(self, name: str) -> Entry:
        return netgraph_plan.expected(self._by_name[name], self._scene)

    def now(self, host: Host, interfaces: Mapping[str, Interface]) -> Dict[str, Entry]:
        scene = Scene(interfaces, read_nodes(host))
        return {one.name: netgraph_plan.entry(one.new or one.old, one.name, scene) for one in self._desired}


def _scene(
    host: Host, new: Sequence[NetgraphSwitch], interfaces: Mapping[str, Interface], nodes: Mapping[str, Any]
) -> Scene:
    uplinks = [nodes[name] for name in dict.fromkeys(node_of(one.uplink) for one in new if one.uplink) if name in nodes]
    return Scene(interfaces, nodes, read_passing(host, uplinks))
