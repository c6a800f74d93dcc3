# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The graph: nodes come and go, hooks connect and disconnect, paths lead to nodes (sys/netgraph/ng_base.c)."""

from __future__ import annotations

import errno
import re
from typing import Iterator, List, Optional, cast

from .. import modules
from ..ifnet.errors import NotBuilt, Refused
from ..ifnet.kernel import Ifnet
from . import kinds
from .types import MODULES, NAME_MAX, Document, Hook, Node

_BY_ID = re.compile(r"\[([0-9a-fA-F]+)\]\Z")


class Graph:
    """The nodes of a host; ``here`` is the node that relative paths start at."""

    def __init__(self, document: Document, net: Ifnet) -> None:
        self.document = document
        self.net = net
        self.here: Optional[Node] = None

    def __iter__(self) -> Iterator[Node]:
        """In the order in which the kernel lists them: by its hash of the numbers, the newest first in each place."""
        mask = self.document["mask"]
        nodes = self.document["nodes"].values()
        return iter(sorted(nodes, key=lambda node: (node["id"] & mask, -node["id"])))

    def get(self, number: int) -> Node:
        """The node of that number, which must exist."""
        return self.document["nodes"][str(number)]

    def find(self, name: str) -> Optional[Node]:
        """The node of that name, or of the number in brackets."""
        match = _BY_ID.match(name)
        if match is not None:
            return self.document["nodes"].get(str(int(match.group(1), 16)))
        return next((node for node in self.document["nodes"].values() if node["name"] and node["name"] == name), None)

    def make(self, kind: str) -> Node:
        """A new node of a type; the type's module is loaded if it is not there. ENOENT when there is no such type."""
        module = MODULES.get(kind)
        if module is None:
            raise Refused(errno.ENOENT)
        modules.load(module)
        node = self.add(kind)
        try:
            kinds.constructed(self, node)
        except Refused:
            del self.document["nodes"][str(node["id"])]
            raise
        return node

    def add(self, kind: str) -> Node:
        """A node as the kernel itself makes it, without asking its type."""
        document = self.document
        document["last"] += 1
        node: Node = {"id": document["last"], "type": kind, "name": "", "hooks": []}
        document["nodes"][str(node["id"])] = node
        if 2 * len(document["nodes"]) > document["mask"]:
            document["mask"] = 2 * document["mask"] + 1
        return node

    def name(self, node: Node, name: str) -> None:
        """EINVAL for a name with '.' or ':' or in the form of a number, EADDRINUSE for one that is taken."""
        if not name or "." in name or ":" in name or _BY_ID.match(name):
            raise Refused(errno.EINVAL)
        other = self.find(name)
        if other is not None and other is not node:
            raise Refused(errno.EADDRINUSE)
        node["name"] = name

    def path(self, address: str) -> Node:
        """The node that a path leads to: ENOENT when a name or a hook on the way is missing, EINVAL for a bad path."""
        name, colon, rest = address.partition(":")
        if not colon:
            name, rest = ".", address
        if not name or (name != "." and "." in name) or ":" in rest or ".." in rest:
            raise Refused(errno.EINVAL)
        node = self.here if name == "." else self.find(name)
        if node is None:
            raise Refused(errno.ENOENT)
        for segment in rest.split("."):
            if segment:
                hook = self.hook(node, segment)
                if hook is None:
                    raise Refused(errno.ENOENT)
                node = self.get(hook["peer"])
        return node

    def hook(self, node: Node, name: str) -> Optional[Hook]:
        """A node's hook by its name."""
        return next((hook for hook in node["hooks"] if hook["name"] == name), None)

    def mkpeer(self, node: Node, kind: str, name: str, peername: str) -> None:
        """NGM_MKPEER: a new node, connected to this one, or no new node."""
        name, peername = name[:NAME_MAX], peername[:NAME_MAX]
        peer = self.make(kind)
        try:
            self._check(node, name)
            self._check(peer, peername)
        except Refused:
            self.remove(peer)
            raise
        self._join(node, name, peer, peername)

    def connect(self, node: Node, name: str, path: str, peername: str) -> None:
        """NGM_CONNECT: two nodes that exist. EEXIST when one of the hooks does."""
        name, peername = name[:NAME_MAX], peername[:NAME_MAX]
        origin, self.here = self.here, node
        try:
            peer = self.path(path)
        finally:
            self.here = origin
        if self.hook(peer, peername) is not None:
            raise Refused(errno.EEXIST)
        self._check(node, name)
        if peer is node:
            raise Refused(errno.ELOOP if node["type"] == "bridge" else errno.EINVAL)
        self._check(peer, peername)
        self._join(node, name, peer, peername)

    def _check(self, node: Node, name: str) -> None:
        if self.hook(node, name) is not None:
            raise Refused(errno.EEXIST)
        kinds.new_hook(self, node, name)

    def _join(self, node: Node, name: str, peer: Node, peername: str) -> None:
        bridges = [one["type"] for one in (node, peer)].count("bridge")
        if bridges != 1 and not any("pid" in one for one in (node, peer)):
            raise NotBuilt(f"an edge between nodes of the types {node['type']} and {peer['type']}")
        node["hooks"].insert(0, {"name": name, "peer": peer["id"], "peerhook": peername})
        peer["hooks"].insert(0, {"name": peername, "peer": node["id"], "peerhook": name})
        for one in (node, peer):
            kinds.connected(self, one)

    def disconnect(self, node: Node, name: str) -> None:
        """NGM_RMHOOK: both ends go; that there is none is fine."""
        hook = self.hook(node, name)
        if hook is None:
            return
        peer = self.get(hook["peer"])
        node["hooks"].remove(hook)
        peer["hooks"][:] = [other for other in peer["hooks"] if other["name"] != hook["peerhook"]]
        for one in (node, peer):
            if str(one["id"]) in self.document["nodes"]:
                kinds.disconnected(self, one)

    def shutdown(self, node: Node) -> None:
        """NGM_SHUTDOWN: the hooks go, then the node, unless it belongs to an interface that stays."""
        self._unhook(node)
        if kinds.survives(self, node):
            return
        self.remove(node)

    def remove(self, node: Node) -> None:
        """Really die."""
        if str(node["id"]) not in self.document["nodes"]:
            return
        del self.document["nodes"][str(node["id"])]
        self._unhook(node)
        kinds.removed(self, node)

    def _unhook(self, node: Node) -> None:
        for hook in list(node["hooks"]):
            if hook in node["hooks"]:
                self.disconnect(node, hook["name"])

    def types(self) -> List[str]:
        """The types that the kernel knows, the newest first."""
        from ..system import klds

        loaded = klds.loaded_files()
        known = {module: kind for kind, module in MODULES.items()}
        return [known[name] for name in reversed(loaded) if name in known]


def empty(document: object) -> Document:
    """The document of a host on which nobody has used netgraph yet."""
    found = cast(Document, document)
    if "nodes" not in found:
        found.update({"last": 0, "mask": 31, "nodes": {}, "ports": {}, "bridges": [], "split": []})
    return found
