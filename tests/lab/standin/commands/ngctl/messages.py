# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control messages in words: ``ngctl msg NODE: COMMAND [ARGUMENTS]``, per node type."""

from __future__ import annotations

import errno
import re
from typing import List, NamedTuple, Optional

from ... import paths
from ...ifnet import dataplane
from ...ifnet.errors import NotBuilt, Refused
from ...ifnet.kernel import parse_ether
from ...netgraph import kinds, wires
from ...netgraph.graph import Graph
from ...netgraph.types import Node

#: The commands that each type's cmdlist has, in the order of their numbers, from 1.
_COMMANDS = {
    "bridge": [
        *("setconfig", "getconfig", "reset", "getstats", "clrstats", "getclrstats", "gettable", "setpersistent"),
        "movehost",
    ],
    "ether": [
        *("getifname", "getifindex", "getenaddr", "setenaddr", "getpromisc", "setpromisc", "getautosrc", "setautosrc"),
        *("addmulti", "delmulti", "detach"),
    ],
    "eiface": ["getifname", "getifaddrs", "set"],
    "socket": [],
}
_CONFIG = "{ debugLevel=1 loopTimeout=60 maxStaleness=900 minStableAge=1 }"
_COUNTERS = (
    ("recvOctets", "rx_bytes"),
    ("recvPackets", "rx_packets"),
    ("xmitOctets", "tx_bytes"),
    ("xmitPackets", "tx_packets"),
)


class Answer(NamedTuple):
    """A response: the command's number and the arguments in words."""

    number: int
    text: str


def send(found: Graph, node: Node, command: str, arguments: str) -> Optional[Answer]:
    """ENOSYS for a command that the type does not have; the answer, if there is one."""
    known = _COMMANDS[node["type"]]
    if command not in known:
        raise Refused(errno.ENOSYS)
    text = {"bridge": _bridge, "ether": _ether, "eiface": _eiface}[node["type"]](found, node, command, arguments)
    return None if text is None else Answer(known.index(command) + 1, text)


def _number(text: str) -> int:
    match = re.match(r"\s*(-?(?:0[xX][0-9a-fA-F]+|\d+))\s*\Z", text)
    if match is None:
        raise Refused(errno.EINVAL)
    return int(match.group(1), 0)


def _string(text: str) -> str:
    return f'"{text}"'


def _bridge(found: Graph, node: Node, command: str, arguments: str) -> Optional[str]:
    if command == "setpersistent":
        node["persistent"] = True
        return None
    if command == "getconfig":
        return _CONFIG
    if command in ("getstats", "clrstats", "getclrstats"):
        return _stats(found, node, command, _number(arguments))
    if command == "gettable" and not _learned(node):
        return "{}"
    raise NotBuilt(f"the message {command} of a bridge node")


def _stats(found: Graph, node: Node, command: str, number: int) -> Optional[str]:
    """ENOTCONN for a link that is not there."""
    name = f"link{number}"
    if found.hook(node, name) is None:
        raise Refused(errno.ENOTCONN)
    counted = _counted(found, node, name)
    base = node.get("base", {}).get(name, [0] * len(counted))
    if command != "getstats":
        node.setdefault("base", {})[name] = counted
    if command == "clrstats":
        return None
    shown = [f"{word}={now - then}" for (word, _file), now, then in zip(_COUNTERS, counted, base) if now > then]
    return "{ " + " ".join(shown) + " }" if shown else "{}"


def _counted(found: Graph, node: Node, name: str) -> List[int]:
    """What Linux counts at the port; the port's transmissions are the bridge's receptions for a pair's far end."""
    port = wires.port(found, node, name)
    counted: List[int] = []
    for _word, file in _COUNTERS:
        try:
            with open(f"{paths.LINUX}/sys/class/net/{port}/statistics/{file}", encoding="ascii") as stream:
                counted.append(int(stream.read()))
        except OSError:
            counted.append(0)
    return counted


def _learned(node: Node) -> bool:
    """Whether the Linux bridge behind the node knows an address that is not a port's own (struct __fdb_entry)."""
    try:
        with open(f"{paths.LINUX}/sys/class/net/{wires.device(node)}/brforward", "rb") as stream:
            table = stream.read()
    except OSError:
        return False
    return any(not table[at + 7] for at in range(0, len(table), 16))


def _ether(found: Graph, node: Node, command: str, arguments: str) -> Optional[str]:
    interface = found.net.by_index(node["interface"])
    if command == "getifname":
        return _string(interface["name"])
    if command == "getifindex":
        return str(interface["index"])
    if command == "getenaddr":
        return interface["ether"]
    if command == "setenaddr":
        _set_ether(found, node, arguments)
        return None
    if command == "getpromisc":
        return str(int(bool(node.get("promisc"))))
    if command == "setpromisc":
        kinds.set_promisc(found, node, _number(arguments) != 0)
        return None
    if command == "getautosrc":
        return str(int(bool(node.get("autosrc"))))
    if command == "setautosrc":
        node["autosrc"] = _number(arguments) != 0
        return None
    raise NotBuilt(f"the message {command} of an ether node")


def _eiface(found: Graph, node: Node, command: str, arguments: str) -> Optional[str]:
    if command == "getifname":
        return _string(found.net.by_index(node["interface"])["name"])
    if command == "getifaddrs":
        raise NotBuilt("the message getifaddrs of an eiface node")
    _set_ether(found, node, arguments)
    return None


def _set_ether(found: Graph, node: Node, text: str) -> None:
    interface = found.net.by_index(node["interface"])
    if parse_ether(text) is None:
        raise Refused(errno.EINVAL)
    found.net.set_ether(interface, text)
    dataplane.set_ether(found.net.plane, interface)
