# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which netgraph switches there are to be: what a task says over what is recorded, and what is given to new ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Collection, List, Mapping, Optional, Sequence, Set

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import Request
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.nodes import NODE_NAME_MAX, Node, node_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.record import NetgraphSwitch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.choices import interface_of, mac_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own import Desired

FIRST_NUMBER = 1000
_LAST_NUMBER = 32767


def resolve(
    requests: Sequence[Request],
    switches: Mapping[str, NetgraphSwitch],
    records: Mapping[str, Mapping[str, Any]],
    interfaces: Mapping[str, Interface],
    nodes: Mapping[str, Node],
    default: Optional[str],
) -> List[Desired[NetgraphSwitch]]:
    """The switches of the task in its order. ``default`` is the interface of the default route, if it was asked for."""
    taken: Set[str] = {*interfaces, *nodes, *map(node_of, interfaces)}
    for record in records.values():
        taken |= {str(record.get("interface")), str(record.get("host_interface"))}
    found: List[Desired[NetgraphSwitch]] = []
    for request in requests:
        old = switches.get(request.name)
        if not request.present:
            found.append(Desired(request.name, old, None))
            continue
        base = old or NetgraphSwitch(request.name, _node_name(request.name, taken))
        new = _merged(request, base, interfaces, default)
        if new.addresses and not new.host_interface:
            new = replace(new, host_interface=_lowest("ngeth", taken))
        taken |= {new.interface, new.host_interface}
        found.append(Desired(request.name, old, new))
    return found


def _node_name(name: str, taken: Collection[str]) -> str:
    """The switch's own, where ngctl(8) would not cut it and nothing else has it."""
    return name if len(name) <= NODE_NAME_MAX and name not in taken else _lowest("ngbridge", taken)


def _lowest(prefix: str, taken: Collection[str]) -> str:
    for number in range(FIRST_NUMBER, _LAST_NUMBER + 1):
        if f"{prefix}{number}" not in taken:
            return f"{prefix}{number}"
    raise BadInput(f"there is no number left for {prefix}")


def _merged(
    request: Request, base: NetgraphSwitch, interfaces: Mapping[str, Interface], default: Optional[str]
) -> NetgraphSwitch:
    uplink = interface_of(request.uplink, base.uplink, default, f"switch {request.name}: uplink")
    addresses = base.addresses if request.addresses is None else request.addresses
    if not addresses:
        for option in ("mtu", "mac"):
            if getattr(request, option):
                raise BadInput(
                    f"switch {request.name}: {option}: of a netgraph bridge only the host's own interface on it has "
                    "one, and that is there while the switch has addresses"
                )
        return replace(base, uplink=uplink, addresses=(), mtu=0, mac="")
    mtu = base.mtu if request.mtu is None else request.mtu
    mac = mac_of(request, base.mac, uplink, interfaces, base.host_interface)
    return replace(base, uplink=uplink, addresses=addresses, mtu=mtu, mac=mac)
