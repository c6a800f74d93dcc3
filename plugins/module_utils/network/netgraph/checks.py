# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said against netgraph switches by looking at the whole host: its interfaces and its netgraph nodes."""

from __future__ import annotations

from typing import Any, Mapping

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import ETHERMTU
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.nodes import Node, node_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.record import NETGRAPH, NetgraphSwitch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own_checks import (
    check_addresses,
    check_mac,
    check_uplink,
)

#: NG_EIFACE_MTU_MAX (ETHER_MAX_LEN_JUMBO).
_EIFACE_MTU_MAX = 9018


def check_switch(
    switch: NetgraphSwitch,
    records: Mapping[str, Mapping[str, Any]],
    interfaces: Mapping[str, Interface],
    nodes: Mapping[str, Node],
) -> None:
    """BadInput for the first thing that cannot be. ``records`` are those of all switches when the task is done."""
    if switch.uplink:
        _check_uplink(switch, records, interfaces, nodes)
    if switch.own:
        _check_own(switch, interfaces, nodes)
        _check_mtu(switch, interfaces)
        check_mac(switch, records, interfaces)
        check_addresses(switch.name, switch.addresses, records, interfaces)
    node = nodes.get(switch.interface)
    if node is not None and node.type != "bridge":
        raise BadInput(
            f"switch {switch.name}: there is a netgraph node {node.name} of type {node.type}, which is somebody else's"
        )


def _check_uplink(
    switch: NetgraphSwitch,
    records: Mapping[str, Mapping[str, Any]],
    interfaces: Mapping[str, Interface],
    nodes: Mapping[str, Node],
) -> None:
    at = f"switch {switch.name}: uplink: {switch.uplink}"
    uplink = check_uplink(switch, records, interfaces, "a netgraph bridge")
    node = nodes.get(node_of(uplink.name))
    ours = {one.get("interface") for one in records.values() if one.get("type") == NETGRAPH}
    for hook in ("lower", "upper"):
        peer = None if node is None else node.hooks.get(hook)
        if peer is not None and peer.node not in ours:
            raise BadInput(
                f"{at}: its netgraph hook {hook} is connected to {peer.node or 'a node without a name'} ({peer.hook}), "
                "which is somebody else's"
            )


def _check_own(switch: NetgraphSwitch, interfaces: Mapping[str, Interface], nodes: Mapping[str, Node]) -> None:
    live, node = interfaces.get(switch.host_interface), nodes.get(switch.host_interface)
    ours = node is not None and node.type == "eiface"
    if (live is not None and not ours) or (live is not None and live.description not in ("", switch.tag)):
        raise BadInput(f"switch {switch.name}: {switch.host_interface} exists and may be somebody else's; rename it")


def mtu_of(switch: NetgraphSwitch, interfaces: Mapping[str, Interface]) -> int:
    """The MTU of the host's own interface: the one declared, the uplink's, or Ethernet's."""
    uplink = interfaces.get(switch.uplink)
    return switch.mtu or (uplink.mtu if uplink is not None else ETHERMTU)


def _check_mtu(switch: NetgraphSwitch, interfaces: Mapping[str, Interface]) -> None:
    at = f"switch {switch.name}: mtu: {switch.mtu}"
    uplink = interfaces.get(switch.uplink)
    if switch.mtu and uplink is not None and switch.mtu != uplink.mtu:
        raise BadInput(
            f"{at}, but its uplink {uplink.name} has {uplink.mtu}, and all of the LAN has to have the same; if it has, "
            f"set it first (ifconfig {uplink.name} mtu {switch.mtu}, and in rc.conf)"
        )
    if mtu_of(switch, interfaces) > _EIFACE_MTU_MAX:
        raise BadInput(
            f"switch {switch.name}: mtu: {mtu_of(switch, interfaces)}; an interface on a netgraph bridge can have "
            f"{_EIFACE_MTU_MAX} at most"
        )
