# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the graph: what died meanwhile is taken out, ether nodes follow their interfaces, frames follow the hooks."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import Iterator, Sequence

from .. import modules, notes, paths, state
from ..ifnet.kernel import Ifnet
from ..ifnet.store import network
from ..ifnet.types import Interface
from . import wires
from .graph import Graph, empty
from .types import MODULES

#: Interfaces that are no Ethernet: no ether node.
_NO_ETHER = ("lo",)


@contextmanager
def graph() -> Iterator[Graph]:
    """The nodes and the interfaces, under the state's lock."""
    with ExitStack() as stack:
        net = stack.enter_context(network())
        found = Graph(empty(stack.enter_context(state.kernel("netgraph"))), net)
        _bury(found)
        _follow(found)
        yield found
        wires.pull(found)


def forget(net: Ifnet, indexes: Sequence[int]) -> None:
    """Interfaces have gone: their ether nodes die, whatever hangs on them."""
    if not os.path.exists(f"{paths.KERNEL}/netgraph.json"):
        return
    with state.kernel("netgraph") as document:
        found = Graph(empty(document), net)
        for node in list(found):
            if node.get("interface") in indexes and node["type"] == "ether":
                found.remove(node)
        wires.pull(found)


def _bury(found: Graph) -> None:
    """The sockets of processes that have ended are closed."""
    for node in list(found):
        if "pid" in node and not notes.alive(node["pid"], node["started"]):
            found.remove(node)


def _follow(found: Graph) -> None:
    """ng_ether(4), once loaded: a node for each Ethernet interface, of its name, unless another node has that name."""
    if not modules.loaded("ng_ether"):
        return
    known = {node["interface"]: node for node in found.document["nodes"].values() if "interface" in node}
    for interface in found.net:
        if interface["driver"] in _NO_ETHER:
            continue
        name = node_name(interface)
        node = known.get(interface["index"])
        if node is None:
            if found.find(name) is None:
                node = found.add("ether")
                node.update({"name": name, "label": name, "interface": interface["index"], "autosrc": True})
        elif node["type"] == "ether" and node["label"] != name:
            node["label"] = name
            if found.find(name) is None:
                node["name"] = name


def node_name(interface: Interface) -> str:
    """An interface's name as that of a node."""
    return interface["name"].replace(".", "_").replace(":", "_")


def type_in_use(module: str) -> bool:
    """Whether nodes live whose type the kernel module has."""
    with graph() as found:
        return any(MODULES[node["type"]] == module for node in found)
