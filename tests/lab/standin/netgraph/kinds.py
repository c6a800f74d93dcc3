# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each node type does when it is made, connected, disconnected and shut down.

ng_bridge(4), ng_ether(4), ng_eiface(4), ng_socket(4); sys/netgraph/ng_TYPE.c.
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from ..ifnet.errors import NotBuilt, Refused
from .types import Node

if TYPE_CHECKING:
    from .graph import Graph

_LINK = re.compile(r"(link(0|[1-9][0-9]*)|uplink[1-9][0-9]*)\Z")
_LINK_MAX = 0xFFFFFFFF
#: What a Linux device takes that is only handed frames; a tap's most.
PORT_MTU = 65521
ETHER_HOOKS = ("lower", "upper", "orphans", "divert")
_MEDIA = ("Ethernet autoselect", "Ethernet autoselect (1000baseT <full-duplex>)")


def constructed(graph: Graph, node: Node) -> None:
    """A node was asked for. EINVAL for an ether node: it comes with its interface."""
    if node["type"] == "ether":
        raise Refused(errno.EINVAL)
    if node["type"] == "eiface":
        unit = 0
        while graph.net.unit_taken("ngeth", unit):
            unit += 1
        name = f"ngeth{unit}"
        interface = graph.net.attach(name, "ngeth", unit)
        node["interface"], node["unit"] = interface["index"], unit
        if graph.find(name) is None:
            node["name"] = name
        graph.net.plane.add(name, f"veth peer name {eiface_port(unit)}")
        for device in (name, eiface_port(unit)):
            graph.net.plane.line("link set dev", device, "addrgenmode none")
        graph.net.plane.line("link set dev", eiface_port(unit), "mtu", PORT_MTU, "up")
        graph.net.line(interface, "link set dev", name, "address", interface["ether"])


def eiface_port(unit: int) -> str:
    """The Linux device at the other end of an eiface's interface."""
    return f"ngp{unit}"


def new_hook(graph: Graph, node: Node, name: str) -> None:
    """The type's word on a hook's name; Refused."""
    kind = node["type"]
    if kind == "bridge":
        match = _LINK.match(name)
        if match is None or int(name.lstrip("uplink")) > _LINK_MAX:
            raise Refused(errno.EINVAL)
    elif kind == "ether":
        if name not in ETHER_HOOKS:
            raise Refused(errno.EINVAL)
        if {name, *(hook["name"] for hook in node["hooks"])} >= {"divert", "lower"}:
            raise Refused(errno.EISCONN)
        interface = graph.net.by_index(node["interface"])
        if interface["bridge_index"] or ("wire" in interface and not node["hooks"]):
            raise NotBuilt("hooks of an interface that is in an if_bridge(4) or on a VALE switch")
    elif kind == "eiface":
        if name != "ether":
            raise Refused(errno.EPFNOSUPPORT)
        if node["hooks"]:
            raise Refused(errno.EISCONN)
    if name == "" or "." in name or ":" in name:
        raise Refused(errno.EINVAL)


def connected(graph: Graph, node: Node) -> None:
    """A hook was added."""
    if node["type"] == "eiface":
        _link(graph, node, True)


def disconnected(graph: Graph, node: Node) -> None:
    """A hook has gone: a bridge that is not persistent goes with its last one, an ether node is reset."""
    kind = node["type"]
    if kind == "eiface":
        _link(graph, node, False)
    elif kind == "bridge" and not node["hooks"] and not node.get("persistent"):
        graph.remove(node)
    elif kind == "ether" and not node["hooks"]:
        reset(graph, node)


def survives(graph: Graph, node: Node) -> bool:
    """Whether a node takes a shutdown for a reset only."""
    if node["type"] != "ether":
        return False
    reset(graph, node)
    return True


def reset(graph: Graph, node: Node) -> None:
    """An ether node as it was at first."""
    set_promisc(graph, node, False)
    node["autosrc"] = True


def set_promisc(graph: Graph, node: Node, on: bool) -> None:
    """Promiscuous mode, counted once for the node."""
    if bool(node.get("promisc")) != on:
        node["promisc"] = on
        graph.net.promiscuous(graph.net.by_index(node["interface"]), 1 if on else -1)


def removed(graph: Graph, node: Node) -> None:
    """A node has died; an eiface takes its interface along."""
    if node["type"] != "eiface":
        return
    net = graph.net
    from ..ifnet import bridge, vlan

    interface = net.by_index(node["interface"])
    bridge.release(net, interface)
    vlan.orphan(net, interface)
    net.plane.delete(interface["linux"])
    net.detach(interface)


def _link(graph: Graph, node: Node, up: bool) -> None:
    interface = graph.net.document["interfaces"].get(str(node["interface"]))
    if interface is not None:
        interface["link"] = "up" if up else "down"
        interface["media"] = _MEDIA[up]
