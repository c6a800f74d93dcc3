# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames between the hooks of a bridge node: a Linux bridge for each, with a Linux device for each hook as its port.

An ether node's two sides are two devices while it has a hook: the wire, which is lower's port, and a veth pair in
between, whose far end is upper's port and whose near end is the host's side of the interface. While only one of the
two is connected, no frame takes the other's usual way. While the node would give all frames its own source address
(autosrc), or the card takes only its own frames (no promisc), guests are not reached: then nothing passes the wire at
all. An interface without a Linux device (vlan, vxlan) passes no frames here.
"""

from __future__ import annotations

from typing import Dict, Optional, Set

from ..ifnet import dataplane, link
from ..ifnet.errors import NotBuilt
from ..ifnet.types import Interface
from .graph import Graph
from .kinds import PORT_MTU, eiface_port
from .types import Node


def device(node: Node) -> str:
    """The Linux device behind a bridge or socket node."""
    return f"{'ngb' if node['type'] == 'bridge' else 'ngs'}{node['id']}"


def pull(graph: Graph) -> None:
    """Make the devices what the graph says."""
    _split(graph)
    document, plane = graph.document, graph.net.plane
    bridges = [device(node) for node in graph if node["type"] == "bridge"]
    wanted = _wanted(graph)
    for name in bridges:
        if name not in document["bridges"]:
            plane.add(name, "bridge mcast_snooping 0")
            plane.line("link set dev", name, "mtu", PORT_MTU, "addrgenmode none")
            plane.line("link set dev", name, "up")
    there = _devices(graph)
    for name, bridge in document["ports"].items():
        if wanted.get(name) != bridge and name in there:
            plane.line("link set dev", name, "nomaster")
    for name, bridge in wanted.items():
        if document["ports"].get(name) != bridge:
            plane.line("link set dev", name, "master", bridge)
    for name in document["bridges"]:
        if name not in bridges:
            plane.delete(name)
    document["ports"], document["bridges"] = wanted, bridges


def _wanted(graph: Graph) -> Dict[str, str]:
    """Port -> bridge, for every hook of a bridge through which frames can go."""
    found: Dict[str, str] = {}
    for node in graph:
        if node["type"] == "bridge":
            for hook in node["hooks"]:
                name = port(graph, node, hook["name"])
                if name is not None:
                    found[name] = device(node)
    return found


def port(graph: Graph, node: Node, hook: str) -> Optional[str]:
    """The Linux device that is the port of a bridge's hook, or None."""
    found = graph.hook(node, hook)
    return None if found is None else _port(graph, graph.get(found["peer"]), found["peerhook"])


def _port(graph: Graph, peer: Node, hook: str) -> Optional[str]:
    if peer["type"] == "eiface":
        return eiface_port(peer["unit"])
    if peer["type"] == "socket":
        return device(peer) if peer.get("data") else None
    if peer["type"] == "ether":
        interface = graph.net.by_index(peer["interface"])
        if "wire" not in interface:
            return None
        if hook == "upper":
            return _far(interface["index"])
        if hook in ("lower", "divert") and peer.get("promisc") and not peer.get("autosrc"):
            return interface["wire"]
    return None


def _devices(graph: Graph) -> Set[str]:
    """The ports that are not on their way out."""
    found: Set[str] = set()
    for node in graph:
        for hook in ("upper", "lower") if node["type"] == "ether" else ("",):
            name = _port(graph, node, hook)
            if name is not None:
                found.add(name)
    return found


def _near(index: int) -> str:
    return f"ngu{index}"


def _far(index: int) -> str:
    return f"ngv{index}"


def _split(graph: Graph) -> None:
    net, split = graph.net, graph.document["split"]
    for index in list(split):
        if str(index) not in net.document["interfaces"]:
            net.plane.delete(_near(index))
            split.remove(index)
    for node in graph:
        if node["type"] != "ether":
            continue
        interface = net.by_index(node["interface"])
        if node["hooks"] and dataplane.is_real(interface) and interface["index"] not in split:
            if "wire" in interface:
                raise NotBuilt("a hook of an interface that is on a VALE switch")
            _part(graph, interface)
            split.append(interface["index"])
        elif not node["hooks"] and interface["index"] in split:
            _rejoin(graph, interface)
            split.remove(interface["index"])


def _part(graph: Graph, interface: Interface) -> None:
    net, index = graph.net, interface["index"]
    net.plane.add(_near(index), f"veth peer name {_far(index)}")
    for name in (_near(index), _far(index)):
        net.plane.line("link set dev", name, "addrgenmode none")
    net.plane.line("link set dev", _far(index), "mtu", PORT_MTU, "up")
    wire = interface["linux"]
    link.rehome(net, interface, _near(index))
    interface["wire"] = wire
    # The address is the host's side's now; a Linux bridge would keep frames to its ports' addresses for itself.
    net.plane.line("link set dev", wire, "address", f"06:6e:67:00:{index >> 8:02x}:{index & 255:02x}")


def _rejoin(graph: Graph, interface: Interface) -> None:
    net, near = graph.net, interface["linux"]
    net.plane.line("link set dev", interface["wire"], "nomaster")
    link.rehome(net, interface, interface.pop("wire"))
    net.plane.delete(near)
