# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nodes of netgraph(4) as ngctl(8) shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

#: NG_NODESIZ - 1: ngctl(8) cuts a longer name without a word.
NODE_NAME_MAX = 31
BRIDGE_NODE = "bridge"
ETHER_NODE = "ether"
EIFACE_NODE = "eiface"

_LIST = ("ngctl", "list", "-l")
_LOADED = ("kldstat", "-qm", "ng_socket")
_HEAD = re.compile(r"There are \d+ total nodes:")
_NODE = re.compile(r"  Name: (?P<name>.*?) +Type: (?P<type>\S+) +ID: (?P<id>[0-9a-f]{8})   Num hooks: (?P<hooks>\d+)")
_HOOK = re.compile(r"  (?P<name>\S+) +(?P<peer>.*?) +(?P<type>\S+) +(?P<id>[0-9a-f]{8}) +(?P<hook>\S+) *")
_TABLE = ("  Local hook ", "  ---------- ")
_RESPONSE = re.compile(r"Rec'd response \"(?P<name>get\w+)\" \(\d+\) from \"\[(?P<id>[0-9a-f]+)\]:\":")
_ARGS = re.compile(r"Args:\t(?P<value>-?\d+)")


@dataclass(frozen=True)
class Peer:
    """What a hook is connected to."""

    node: str
    type: str
    hook: str


@dataclass(frozen=True)
class Node:
    """A node; ``name`` is '' for one without."""

    id: int
    name: str
    type: str
    hooks: Mapping[str, Peer] = field(default_factory=dict)


@dataclass(frozen=True)
class Passing:
    """Whether an ether node's card takes frames to others (promisc), and whether it changes their sender (autosrc)."""

    promisc: bool
    autosrc: bool


def node_of(interface: str) -> str:
    """The name of an interface's ether node (ng_ether(4))."""
    return interface.replace(".", "_").replace(":", "_")


def parse_nodes(text: str) -> List[Node]:
    """What ``ngctl list -l`` prints. UnknownState for a line that cannot be read."""
    lines = text.splitlines()
    if not lines or not _HEAD.fullmatch(lines[0]):
        raise _unreadable(lines[0] if lines else "nothing")
    found: List[Node] = []
    hooks: Dict[str, Peer] = {}
    for line in lines[1:]:
        node, hook = _NODE.fullmatch(line), _HOOK.fullmatch(line)
        if node is not None:
            hooks = {}
            name = "" if node["name"] == "<unnamed>" else node["name"]
            found.append(Node(int(node["id"], 16), name, node["type"], hooks))
        elif hook is not None and found:
            hooks[hook["name"]] = Peer("" if hook["peer"] == "<unnamed>" else hook["peer"], hook["type"], hook["hook"])
        elif line.strip() and not line.startswith(_TABLE):
            raise _unreadable(line)
    return found


def read_nodes(host: Host) -> Dict[str, Node]:
    """The nodes that have a name, by name; none while netgraph(4) is not loaded, which ngctl(8) itself would load."""
    loaded = host.run(_LOADED, what="cannot find out whether netgraph is loaded", accept=(0, 1))
    if loaded.rc == 1:
        return {}
    nodes = parse_nodes(host.run(_LIST, what="cannot list the netgraph nodes").stdout)
    return {node.name: node for node in nodes if node.name}


def read_passing(host: Host, nodes: Sequence[Node]) -> Dict[str, Passing]:
    """How the ether nodes among these pass frames, by name, with one command for all of them."""
    nodes = [node for node in nodes if node.type == ETHER_NODE]
    if not nodes:
        return {}
    lines = [f"msg {node.name}: {word}\n" for node in nodes for word in ("getpromisc", "getautosrc")]
    result = host.run(["ngctl", "-f", "-"], what="cannot ask the netgraph nodes", stdin="".join(lines))
    values = parse_answers(result.stdout)
    return {
        node.name: Passing(bool(values.get((node.id, "getpromisc"))), values.get((node.id, "getautosrc")) != 0)
        for node in nodes
    }


def parse_answers(text: str) -> Dict[Tuple[int, str], int]:
    """The numbers that nodes answered, by the node's number and the message."""
    found: Dict[Tuple[int, str], int] = {}
    asked: Optional[Tuple[int, str]] = None
    for line in text.splitlines():
        response, args = _RESPONSE.fullmatch(line), _ARGS.fullmatch(line)
        if response is not None:
            asked = (int(response["id"], 16), response["name"])
        elif args is not None and asked is not None:
            found[asked] = int(args["value"])
    return found


def _unreadable(line: str) -> UnknownState:
    return UnknownState(f"`{' '.join(_LIST)}` printed a line that cannot be read: {line!r}")
