# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who gets which tap, port of a switch and VNC port: all guests of a task from one look at the host."""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Set

from ansible_collections.apiary.bhyve.plugins.module_utils.allocations import Allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import tap_description
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import Listener

FIRST_TAP = 1000
#: Far above what FreeBSD's tap(4) and a bridge's port table take.
LAST_TAP = 32767
#: Ports of VALE switches and links of netgraph bridges: one row of numbers, so that a NIC keeps its own on any of them.
FIRST_PORT = 1000
LAST_PORT = 32767
FIRST_VNC = 5900
LAST_VNC = 6899

_ANY = ("*", "0.0.0.0", "::")


class Allocator:
    """Gives out taps and ports; whatever it gives is taken for those that ask after.

    ``known`` is what guests have, ``leaving`` names those of them that go with this task, ``fixed`` the VNC ports that
    guests of the task ask for by number, ``held`` the ports of switches that running guests have. ``listeners`` is None
    when nobody had to look.
    """

    def __init__(
        self,
        known: Allocations,
        interfaces: Mapping[str, Interface],
        listeners: Optional[Sequence[Listener]] = None,
        leaving: Iterable[str] = (),
        fixed: Optional[Mapping[int, str]] = None,
        held: Iterable[int] = (),
    ) -> None:
        gone = set(leaving)
        self._known = known
        self._interfaces = interfaces
        self._tagged = {one.description: name for name, one in interfaces.items() if name.startswith("tap")}
        self._taps: Set[int] = {tap for key, tap in known.taps.items() if key.partition("/")[0] not in gone}
        self._next_tap = FIRST_TAP
        self._links: Set[int] = {port for key, port in known.ports.items() if key.partition("/")[0] not in gone}
        self._links.update(held)
        self._next_link = FIRST_PORT
        self._ports: Dict[int, str] = {port: name for name, port in known.vnc.items() if name not in gone}
        self._next_port = FIRST_VNC
        self._fixed = dict(fixed or {})
        self._listening: Dict[int, List[Listener]] = {}
        for listener in listeners or ():
            self._listening.setdefault(listener.port, []).append(listener)

    def taps(self, guest: str, nics: Iterable[str]) -> Dict[str, int]:
        """A tap number by "guest/nic": the one it has, the one of a tap that bears its tag, or the lowest that is free.

        A tap that exists without the NIC's tag is somebody else's. ApiaryError when there is none left.
        """
        own = self._known.of(guest).taps
        result: Dict[str, int] = {}
        for nic in nics:
            key = f"{guest}/{nic}"
            tag = tap_description(guest, nic)
            known = own.get(key)
            if known is None or not self._usable(known, tag):
                tagged = self._tagged.get(tag, "")[len("tap") :]
                known = int(tagged) if tagged.isdigit() and int(tagged) not in self._taps else self._lowest_tap()
                self._taps.add(known)
            result[key] = known
        return result

    def _usable(self, number: int, tag: str) -> bool:
        interface = self._interfaces.get(f"tap{number}")
        # One without a description was made by opening it or lost its tag: the runtime gives it ours.
        return interface is None or interface.description in (tag, "")

    def _lowest_tap(self) -> int:
        # What was passed over is taken and stays so: nothing is given back while a plan is made.
        for number in range(self._next_tap, LAST_TAP + 1):
            if number not in self._taps and f"tap{number}" not in self._interfaces:
                self._next_tap = number + 1
                return number
        raise ApiaryError(f"there is no free tap from tap{FIRST_TAP} to tap{LAST_TAP}")

    def ports(self, guest: str, nics: Iterable[str]) -> Dict[str, int]:
        """A number by "guest/nic" for a port of a switch: the one it has or the lowest that is free on this host.

        ApiaryError when there is none left.
        """
        own = self._known.of(guest).ports
        result: Dict[str, int] = {}
        for nic in nics:
            key = f"{guest}/{nic}"
            number = own.get(key)
            result[key] = self._lowest_link() if number is None else number
        return result

    def _lowest_link(self) -> int:
        for number in range(self._next_link, LAST_PORT + 1):
            if number not in self._links:
                self._next_link = number + 1
                self._links.add(number)
                return number
        raise ApiaryError(f"there is no free number for a port of a switch from {FIRST_PORT} to {LAST_PORT}")

    def port(self, guest: str, fixed: int, address: str, own_pid: Optional[int]) -> int:
        """The guest's VNC port: the fixed one, the one it has, or the lowest free one.

        ``own_pid`` is that of the guest's bhyve, which is no stranger. BadInput when the fixed one is another's,
        ApiaryError when none is free.
        """
        if fixed:
            self._check_fixed(guest, fixed, address, own_pid)
            self._ports[fixed] = guest
            return fixed
        mine = self._known.vnc.get(guest)
        if mine is not None and self._fixed.get(mine, guest) == guest and not self._taker(mine, address, own_pid):
            return mine
        for port in range(self._next_port, LAST_VNC + 1):
            taken = port in self._ports or port in self._fixed
            if taken and port == self._next_port:
                self._next_port += 1
            if not taken and not self._taker(port, address, own_pid):
                self._ports[port] = guest
                return port
        raise ApiaryError(f"guest {guest}: vnc.port: there is no free port from {FIRST_VNC} to {LAST_VNC}")

    def _check_fixed(self, guest: str, port: int, address: str, own_pid: Optional[int]) -> None:
        where = f"guest {guest}: vnc.port: {port}"
        owner = self._ports.get(port, guest)
        if owner != guest:
            raise BadInput(f"{where} is the port of guest {owner}; choose another, or auto")
        taker = self._taker(port, address, own_pid)
        if taker is not None:
            raise BadInput(
                f"{where} is taken on this host by {taker.command} (pid {taker.pid}), which listens on "
                f"{taker.address}:{taker.port}; choose another, or auto"
            )

    def _taker(self, port: int, address: str, own_pid: Optional[int]) -> Optional[Listener]:
        return taken_by(port, address, self._listening.get(port, ()), own_pid)


def taken_by(port: int, address: str, listeners: Sequence[Listener], own_pid: Optional[int]) -> Optional[Listener]:
    """Who listens on this port so that ours would clash or be shadowed; the guest's own bhyve does not count.

    The kernel lets 127.0.0.1 be bound beside a listener on any address, which then loses its local clients: that is a
    clash as well.
    """
    for listener in listeners:
        if listener.port != port or (own_pid is not None and listener.pid == own_pid):
            continue
        if listener.address == address or listener.address in _ANY or address in _ANY:
            return listener
    return None
