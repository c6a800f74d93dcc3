# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ifconfig(8)'s keywords for if_bridge(4)."""

from __future__ import annotations

import errno
from typing import Callable, List, Sequence, Tuple

from ...ifnet import bridge
from ...ifnet.errors import Refused
from ...ifnet.kernel import parse_ether
from ...ifnet.types import (
    IFBIF_AUTOEDGE,
    IFBIF_AUTOPTP,
    IFBIF_DISCOVER,
    IFBIF_EDGE,
    IFBIF_LEARNING,
    IFBIF_PRIVATE,
    IFBIF_PTP,
    IFBIF_STICKY,
    IFBIF_STP,
    Bridge,
    Interface,
)
from . import values
from .session import Session, Word, explained
from .values import IfconfigError

Arguments = Sequence[str]
_Change = Callable[[Session, Interface, str], None]

_MEMBER_FLAGS = {
    "discover": IFBIF_DISCOVER,
    "learn": IFBIF_LEARNING,
    "sticky": IFBIF_STICKY,
    "stp": IFBIF_STP,
    "edge": IFBIF_EDGE,
    "autoedge": IFBIF_AUTOEDGE,
    "ptp": IFBIF_PTP,
    "autoptp": IFBIF_AUTOPTP,
    "private": IFBIF_PRIVATE,
}


def bridge_of(session: Session) -> Interface:
    """The interface, which must be a bridge: no other driver knows these requests."""
    interface = session.interface
    if "bridge" not in interface:
        raise Refused(errno.EINVAL)
    return interface


def _request(name: str, request: str, change: _Change) -> Word:
    """A keyword with one argument that is a request to the kernel, named in the error."""

    def call(session: Session, arguments: Arguments) -> None:
        with explained(f"{request} {arguments[0]}"):
            change(session, bridge_of(session), arguments[0])

    return Word(name, call, 1)


def _flag(name: str, bit: int, on: bool) -> Word:
    def call(session: Session, arguments: Arguments) -> None:
        with explained("unable to get bridge flags"):
            bridge.set_flag(session.net, bridge_of(session), arguments[0], bit, on)

    return Word(name, call, 1)


def _limited(text: str, most: int) -> int:
    value = values.unsigned(text)
    if value is None or value > most:
        raise IfconfigError(f"invalid value: {text}")
    return value


def _parameter(name: str, request: str, most: int, assign: Callable[[Bridge, int], None]) -> Word:
    return _request(name, request, lambda session, interface, text: assign(interface["bridge"], _limited(text, most)))


def _set_maxaddr(state: Bridge, value: int) -> None:
    state["maxaddr"] = value


def _set_timeout(state: Bridge, value: int) -> None:
    state["timeout"] = value


def _set_hellotime(state: Bridge, value: int) -> None:
    state["hellotime"] = _between(value, 1, 2)


def _set_fwddelay(state: Bridge, value: int) -> None:
    state["fwddelay"] = _between(value, 4, 30)


def _set_maxage(state: Bridge, value: int) -> None:
    state["maxage"] = _between(value, 6, 40)


def _set_holdcnt(state: Bridge, value: int) -> None:
    state["holdcnt"] = _between(value, 1, 10)


def _between(value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise Refused(errno.EINVAL)
    return value


def _priority(_session: Session, interface: Interface, text: str) -> None:
    bridge.set_priority(interface, _limited(text, 0xFFFF))


def _proto(_session: Session, interface: Interface, text: str) -> None:
    if text.lower() not in ("stp", "rstp"):
        raise IfconfigError("unknown stp protocol")
    interface["bridge"]["proto"] = text.lower()


def _ifpriority(session: Session, arguments: Arguments) -> None:
    value = _limited(arguments[1], 0xFF)
    with explained(f"BRDGSIFPRIO {arguments[1]}"):
        member = bridge.member(session.net, bridge_of(session), arguments[0])
        if value % 16 or value > 240:
            raise Refused(errno.EINVAL)
        member["priority"] = value


def _ifpathcost(session: Session, arguments: Arguments) -> None:
    value = values.unsigned(arguments[1])
    if value is None:
        raise IfconfigError(f"invalid value: {arguments[1]}")
    with explained(f"BRDGSIFCOST {arguments[1]}"):
        member = bridge.member(session.net, bridge_of(session), arguments[0])
        if value > 200_000_000:
            raise Refused(errno.EINVAL)
        member["cost"] = value
        member["pending"] = False


def _ifmaxaddr(session: Session, arguments: Arguments) -> None:
    value = _limited(arguments[1], 0xFFFFFFFF)
    with explained(f"BRDGSIFAMAX {arguments[1]}"):
        bridge.member(session.net, bridge_of(session), arguments[0])["maxaddr"] = value


def _static(session: Session, arguments: Arguments) -> None:
    name, text = arguments
    ether = parse_ether(text)
    if ether is None:
        raise IfconfigError(f"{name}: invalid address: {text}")
    with explained(f"BRDGSADDR {name}"):
        bridge.pin(session.net, bridge_of(session), name, ether)


def _deladdr(session: Session, arguments: Arguments) -> None:
    ether = parse_ether(arguments[0])
    if ether is None:
        raise IfconfigError(f"invalid address: {arguments[0]}")
    with explained(f"BRDGDADDR {arguments[0]}"):
        bridge.unpin(bridge_of(session), ether)


def _addr(session: Session, _arguments: Arguments) -> None:
    """The address table: what was pinned. What the bridge has learned is in Linux's own table."""
    with explained("unable to get address cache"):
        for entry in bridge_of(session)["bridge"]["static"]:
            print("{} Vlan1 {} 0 flags=1<STATIC>".format(entry["ether"], session.net.by_index(entry["index"])["name"]))


def _flush(session: Session, _arguments: Arguments) -> None:
    """Forgets what was learned; nothing of that is kept here."""
    with explained("BRDGFLUSH"):
        bridge_of(session)


def _flushall(session: Session, _arguments: Arguments) -> None:
    with explained("BRDGFLUSH"):
        bridge_of(session)["bridge"]["static"].clear()


def _requests() -> List[Tuple[str, str, _Change]]:
    return [
        ("addm", "BRDGADD", lambda session, interface, name: bridge.add(session.net, interface, name)),
        ("deletem", "BRDGDEL", lambda session, interface, name: bridge.delete(session.net, interface, name)),
        ("span", "BRDGADDS", lambda session, interface, name: bridge.add_span(session.net, interface, name)),
        ("-span", "BRDGDELS", lambda session, interface, name: bridge.delete_span(session.net, interface, name)),
        ("priority", "BRDGSPRI", _priority),
        ("proto", "BRDGSPROTO", _proto),
    ]


def words() -> List[Word]:
    """The keywords of bridges."""
    found = [_request(*request) for request in _requests()]
    for name, bit in _MEMBER_FLAGS.items():
        found += [_flag(name, bit, True), _flag("-" + name, bit, False)]
    return found + [
        _parameter("maxaddr", "BRDGSCACHE", 0xFFFFFFFF, _set_maxaddr),
        _parameter("timeout", "BRDGSTO", 0xFFFFFFFF, _set_timeout),
        _parameter("hellotime", "BRDGSHT", 0xFF, _set_hellotime),
        _parameter("fwddelay", "BRDGSFD", 0xFF, _set_fwddelay),
        _parameter("maxage", "BRDGSMA", 0xFF, _set_maxage),
        _parameter("holdcnt", "BRDGSTXHC", 0xFF, _set_holdcnt),
        Word("ifpriority", _ifpriority, 2),
        Word("ifpathcost", _ifpathcost, 2),
        Word("ifmaxaddr", _ifmaxaddr, 2),
        Word("static", _static, 2),
        Word("deladdr", _deladdr, 1),
        Word("addr", _addr),
        Word("flush", _flush),
        Word("flushall", _flushall),
    ]
