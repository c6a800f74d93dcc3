# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said against netgraph switches by looking at the whole host: its interfaces and its netgraph nodes."""

from __future__ import annotations

import ipaddress
from typing import Any, Iterator, Mapping, Sequence, Tuple, Union

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.members import bridge_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import ETHERMTU
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.nodes import Node, node_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.record import NETGRAPH, NetgraphSwitch

#: NG_EIFACE_MTU_MAX (ETHER_MAX_LEN_JUMBO).
_EIFACE_MTU_MAX = 9018
_Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


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
        _check_mac(switch, records, interfaces)
        check_addresses(switch.name, switch.addresses, records, interfaces)
    node = nodes.get(switch.interface)
    if node is not None and node.type != "bridge":
        raise BadInput(
            f"switch {switch.name}: there is a netgraph node {node.name} of type {node.type}, which is somebody else's"
        )


def usable(one: Interface) -> bool:
    """Whether an interface can be an uplink."""
    guests = one.is_tap and one.description.startswith("apiary:")
    return bool(one.ether) and not one.is_bridge and not guests and not one.is_wireless


def _check_uplink(
    switch: NetgraphSwitch,
    records: Mapping[str, Mapping[str, Any]],
    interfaces: Mapping[str, Interface],
    nodes: Mapping[str, Node],
) -> None:
    at = f"switch {switch.name}: uplink: {switch.uplink}"
    uplink = interfaces.get(switch.uplink)
    if uplink is None:
        cards = ", ".join(one.name for one in interfaces.values() if usable(one))
        raise BadInput(f"{at} does not exist on this host; it has {cards or 'no interface that could be one'}")
    if uplink.is_wireless:
        raise BadInput(
            f"{at} is wireless, and an access point takes no frames from other addresses than the station's own, "
            "so guests would hear nothing"
        )
    own = [record.get("host_interface") for record in records.values()]
    if not usable(uplink) or uplink.name in own:
        raise BadInput(f"{at} cannot be an uplink: it is no Ethernet interface of the host's own")
    bridge = bridge_of(interfaces, uplink.name)
    if bridge is not None:
        raise BadInput(f"{at} is in the bridge {bridge} already; it can be in that or in a netgraph bridge")
    for name, record in records.items():
        if name != switch.name and record.get("uplink") == uplink.name:
            raise BadInput(f"{at} is the uplink of the switch {name}, and an interface is that of one at most")
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


def _check_mac(
    switch: NetgraphSwitch, records: Mapping[str, Mapping[str, Any]], interfaces: Mapping[str, Interface]
) -> None:
    for name, record in records.items():
        if switch.mac and record.get("mac") == switch.mac and name != switch.name:
            raise BadInput(f"switch {switch.name}: mac: {switch.mac} is that of the switch {name}")
    for one in interfaces.values():
        if switch.mac and one.ether.lower() == switch.mac and one.name != switch.host_interface:
            raise BadInput(f"switch {switch.name}: mac: {switch.mac} is the address of {one.name} already")


def check_addresses(
    switch: str,
    addresses: Sequence[str],
    records: Mapping[str, Mapping[str, Any]],
    interfaces: Mapping[str, Interface],
) -> None:
    """BadInput when an address of a switch lies in the network of something else on the host."""
    others = list(_networks(switch, records, interfaces))
    for text in addresses:
        network = ipaddress.ip_interface(text).network
        for other, whose in others:
            if network.version == other.version and network.overlaps(other):
                raise BadInput(f"switch {switch}: addresses: {text} overlaps {other} of {whose}")


def _networks(
    switch: str, records: Mapping[str, Mapping[str, Any]], interfaces: Mapping[str, Interface]
) -> Iterator[Tuple[_Network, str]]:
    """The networks of all others: as they will be for switches, as they are for the rest."""
    managed = {str(record.get("host_interface") or record.get("interface")) for record in records.values()}
    for name, record in records.items():
        if name != switch:
            for text in record.get("addresses", ()):
                yield ipaddress.ip_interface(text).network, f"the switch {name}"
    for interface in interfaces.values():
        if interface.name not in managed:
            for text in interface.addresses:
                yield ipaddress.ip_interface(text).network, interface.name
