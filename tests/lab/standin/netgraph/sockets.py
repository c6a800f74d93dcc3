# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A socket's node with a hook to another node, as bhyve(8)'s netgraph backend has it; frames go by a descriptor."""

from __future__ import annotations

from typing import Optional

from .. import modules, notes
from ..ifnet.errors import NotBuilt, Refused
from .graph import Graph
from .kinds import PORT_MTU
from .store import graph
from .types import NAME_MAX, Node
from .wires import device


class NameTaken(Refused):
    """Another node has the name that the socket's was to have."""


def control(found: Graph, pid: int, name: str = "") -> Node:
    """NgMkSockNode(3): a node that lives as long as the process. NameTaken."""
    modules.load("ng_socket")
    node = found.add("socket")
    node["pid"], node["started"] = pid, notes.start_ticks(pid) or 0
    if name:
        try:
            found.name(node, name[:NAME_MAX])
        except Refused as refusal:
            found.remove(node)
            raise NameTaken(refusal.code) from None
    return node


def connect(pid: int, name: Optional[str], path: str, hook: str, peerhook: str) -> int:
    """A descriptor on which frames to and from the hook ``peerhook`` of the node at ``path`` are read and written.

    NameTaken; Refused with ENOENT (no node), EEXIST (the hook is taken), EINVAL (the node has no such hook).
    """
    with graph() as found:
        node = control(found, pid, name or "")
        # What fails must leave no node behind, and the state is only written when nothing is raised from here.
        failure: Optional[Refused] = None
        try:
            found.here = node
            found.connect(node, hook, path, peerhook)
        except Refused as refusal:
            failure = refusal
            found.remove(node)
        if failure is None:
            if found.get(node["hooks"][0]["peer"])["type"] != "bridge":
                raise NotBuilt("a guest on a node other than a bridge")
            node["data"] = True
            plane = found.net.plane
            fd = plane.open_tap(device(node))
            plane.line("link set dev", device(node), "mtu", PORT_MTU, "addrgenmode none")
            plane.line("link set dev", device(node), "up")
    if failure is not None:
        raise failure
    return fd
