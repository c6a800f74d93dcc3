# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ngctl(8) prints about nodes and types."""

from __future__ import annotations

from typing import List

from ...ifnet.errors import NotBuilt
from ...netgraph.graph import Graph
from ...netgraph.types import Node

_NO_NAME = "<unnamed>"
_COLUMNS = "  {:<15} {:<15} {:<12} {:<15} {:<15}"


def _describe(found: Graph, node: Node, hooks: bool) -> None:
    name = node["name"] or _NO_NAME
    print(f"  Name: {name:<15} Type: {node['type']:<15} ID: {node['id']:08x}   Num hooks: {len(node['hooks'])}")
    if not hooks or not node["hooks"]:
        return
    print(_COLUMNS.format("Local hook", "Peer name", "Peer type", "Peer ID", "Peer hook"))
    print(_COLUMNS.format("----------", "---------", "---------", "-------", "---------"))
    for hook in node["hooks"]:
        peer = found.get(hook["peer"])
        name = peer["name"] or _NO_NAME
        print(_COLUMNS.format(hook["name"], name, peer["type"], f"{peer['id']:08x}", hook["peerhook"]))


def listing(found: Graph, words: List[str], usage: int) -> int:
    """``list``: -l with the hooks, -n only nodes with a name."""
    flags = {letter for word in words if word.startswith("-") for letter in word[1:]}
    if not flags <= {"l", "n"} or any(not word.startswith("-") for word in words):
        return usage
    nodes = [node for node in found if node["name"] or "n" not in flags]
    print(f"There are {len(nodes)} total {'named ' if 'n' in flags else ''}nodes:")
    for number, node in enumerate(nodes):
        if number and "l" in flags:
            print()
        _describe(found, node, "l" in flags)
    return 0


def node(found: Graph, words: List[str], usage: int) -> int:
    """``show``: one node, with -n without its hooks."""
    short = words[:1] == ["-n"]
    paths = words[1:] if short else words
    if len(paths) != 1:
        return usage
    if paths[0].startswith("-"):
        raise NotBuilt(f"show {paths[0]}")
    _describe(found, found.path(paths[0]), not short)
    return 0


def types(found: Graph) -> None:
    """``types``: each with its number of nodes."""
    names = found.types()
    print(f"There are {len(names)} total types:")
    print("      Type name   Number of living nodes")
    print("      ---------   ----------------------")
    for name in names:
        print(f"{name:>15}   {sum(1 for node in found if node['type'] == name):5d}")
