# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""netmap(4)'s VALE switches: their ports, in the order with the kernel's numbers (document netmap).

A switch is there as long as it has ports. A port is an interface that was attached, the host's side of one (its name
ends in ``^``), or one that a process has opened, which goes when it dies. A port keeps its name and its place when its
interface is renamed or destroyed. ``vale_wires`` makes frames pass.
"""

from __future__ import annotations

import errno
import re
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from .. import notes, state
from . import vale_wires as wires
from .errors import Refused
from .kernel import Ifnet
from .store import network
from .types import Interface

PORTS = 254
#: The driver of interfaces that ``valectl -n`` makes.
DRIVER = "vi"
_NAME_SIZE = 16
_SWITCH = re.compile(r"vale[0-9A-Za-z_]*:")


class Port(NamedTuple):
    """A line of ``valectl``."""

    name: str
    bridge: int
    port: int


class Switches:
    """The switches of the kernel."""

    def __init__(self, net: Ifnet, document: Dict[str, Any]) -> None:
        self.net = net
        self._bridges: Dict[str, Dict[str, Any]] = document.setdefault("bridges", {})

    def listed(self) -> List[Port]:
        """All ports, by switch and number."""
        return [
            Port(f"{bridge['name']}:{port['name']}", int(index), int(number))
            for index, bridge in sorted(self._bridges.items(), key=lambda item: int(item[0]))
            for number, port in sorted(bridge["ports"].items(), key=lambda item: int(item[0]))
        ]

    def find(self, name: str) -> Optional[Port]:
        """The port of that whole name, None if there is none; with nothing behind the colon the switch's (255)."""
        for port in self.listed():
            if port.name == name:
                return port
            if name == port.name.partition(":")[0] + ":":
                return Port(name, port.bridge, 255)
        return None

    def attach(self, name: str, host: bool) -> int:
        """NETMAP_REQ_VALE_ATTACH; the port's number. EINVAL, ENOMEM (the switch's name, or one too many), EBUSY."""
        index, rest = self._place(name)
        if not rest:
            raise Refused(errno.EINVAL)
        if self.find(name) is not None:
            raise Refused(errno.EBUSY)
        interface = self.net.find(rest)
        if interface is None:
            raise Refused(errno.EINVAL)
        if self._attached(interface):
            raise Refused(errno.EBUSY)
        bridge = self._bridge(index, name)
        number, second = bridge["free"][0], bridge["free"][1:2]
        host = host and interface["driver"] != DRIVER
        if host and not second:
            raise Refused(errno.EBUSY)
        self._take(bridge, number, {"name": interface["name"], "index": interface["index"]})
        if host:
            self._take(bridge, second[0], {"name": interface["name"] + "^", "host": number})
        wires.attach(self.net, interface, index, host)
        return int(number)

    def detach(self, name: str) -> int:
        """NETMAP_REQ_VALE_DETACH; the number it had. EINVAL: no switch's name; ENXIO: no port; EBUSY: a process's."""
        if not name.startswith("vale"):
            raise Refused(errno.EINVAL)
        found = self.find(name)
        if found is None or found.port == 255:
            raise Refused(errno.ENXIO)
        bridge = self._bridges[str(found.bridge)]
        port = bridge["ports"][str(found.port)]
        if "opener" in port or "host" in port:
            raise Refused(errno.EBUSY)
        interface = self._by_index(port["index"])
        if interface is not None:
            wires.detach(self.net, interface)
        sides = [int(key) for key, other in bridge["ports"].items() if other.get("host") == found.port]
        self._leave(found.bridge, [found.port, *sides])
        return found.port

    def open(self, name: str, pid: int) -> Tuple[int, int]:
        """NETMAP_REQ_REGISTER of a port that is no interface: its switch's and its own number. EINVAL, ENOMEM.

        EEXIST: another process has it. netmap would let both share its rings.
        """
        index, rest = self._place(name)
        if not rest:
            raise Refused(errno.EINVAL)
        if self.find(name) is not None or self.net.find(rest) is not None:
            raise Refused(errno.EEXIST)
        bridge = self._bridge(index, name)
        number = bridge["free"][0]
        self._take(bridge, number, {"name": rest, "opener": {"pid": pid, "started": notes.start_ticks(pid) or 0}})
        return index, int(number)

    def close_dead(self) -> None:
        """The ports whose process is gone go, too."""
        for index, bridge in list(self._bridges.items()):
            dead = [int(number) for number, port in bridge["ports"].items() if "opener" in port and not _lives(port)]
            if dead:
                self._leave(int(index), dead)

    def forget(self, interface: Interface) -> None:
        """An interface is destroyed: its ports stay listed, and nothing is behind them."""
        for bridge in self._bridges.values():
            for port in bridge["ports"].values():
                if port.get("index") == interface["index"]:
                    port["index"] = 0
                    wires.detach(self.net, interface)

    def _place(self, name: str) -> Tuple[int, str]:
        """The number of the switch that a port's name means, which may be a free one, and what is behind the colon."""
        if not name.startswith("vale"):
            raise Refused(errno.EINVAL)
        found = _SWITCH.match(name)
        if found is None or found.end() > _NAME_SIZE:
            raise Refused(errno.ENOMEM)
        switch, rest = name[: found.end() - 1], name[found.end() :]
        for index, bridge in self._bridges.items():
            if bridge["name"] == switch:
                return int(index), rest
        for number in range(self.net.facts.sysctl("dev.netmap.max_bridges", 8)):
            if str(number) not in self._bridges:
                return number, rest
        raise Refused(errno.ENOMEM)

    def _bridge(self, index: int, name: str) -> Dict[str, Any]:
        known = self._bridges.get(str(index))
        if known is None:
            known = {"name": name.partition(":")[0], "free": list(range(PORTS)), "ports": {}}
            self._bridges[str(index)] = known
            wires.make(self.net, index)
        if not known["free"]:
            raise Refused(errno.EBUSY)
        return known

    def _take(self, bridge: Dict[str, Any], number: int, port: Dict[str, Any]) -> None:
        bridge["free"].remove(number)
        bridge["order"] = [*bridge.get("order", []), number]
        bridge["ports"][str(number)] = port

    def _leave(self, index: int, numbers: List[int]) -> None:
        """The kernel puts its last active port in the place of each that leaves, and what left before the free ones."""
        bridge = self._bridges[str(index)]
        order: List[int] = bridge["order"]
        place = 0
        while place < len(order):
            number = order[place]
            if number not in numbers:
                place += 1
                continue
            order[place] = order[-1]
            order.pop()
            bridge["free"].insert(0, number)
            del bridge["ports"][str(number)]
        if not bridge["ports"]:
            del self._bridges[str(index)]
            wires.remove(self.net, index)

    def _attached(self, interface: Interface) -> bool:
        return any(
            port.get("index") == interface["index"]
            for bridge in self._bridges.values()
            for port in bridge["ports"].values()
        )

    def _by_index(self, index: int) -> Optional[Interface]:
        return self.net.by_index(index) if str(index) in self.net.document["interfaces"] else None


def _lives(port: Dict[str, Any]) -> bool:
    return notes.alive(port["opener"]["pid"], port["opener"]["started"])


@contextmanager
def switches(net: Ifnet) -> Iterator[Switches]:
    """The switches, within the state of the network."""
    with state.kernel("netmap") as document:
        found = Switches(net, document)
        found.close_dead()
        yield found


def open_port(name: str, pid: int) -> int:
    """Open a port for the process ``pid``: a descriptor on which frames are read and written. Refused: see ``open``."""
    with network() as net, switches(net) as found:
        return wires.plug(net, *found.open(name, pid))


def forget(net: Ifnet, interface: Interface) -> None:
    """An interface is about to be destroyed."""
    if state.peek("kernel", "netmap").get("bridges"):
        with switches(net) as found:
            found.forget(interface)
