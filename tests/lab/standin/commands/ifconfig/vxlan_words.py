# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ifconfig(8)'s keywords for vxlan(4), which come with its creation or later."""

from __future__ import annotations

import errno
import ipaddress
from typing import Callable, List, Sequence

from ...ifnet import vxlan
from ...ifnet.errors import Refused
from ...ifnet.types import Vxlan
from . import values
from .session import Session, Word, explained
from .values import IfconfigError

Arguments = Sequence[str]
#: Reads an argument, and gives what sets it.
_Reader = Callable[[str], Callable[[Vxlan], None]]

_PORT_MAX = 65535
_TTL_MAX = 255


def _vni(text: str) -> Callable[[Vxlan], None]:
    value = values.unsigned(text)
    if value is None or value >= vxlan.NO_VNI:
        raise IfconfigError(f"invalid network identifier: {text}")
    return lambda state: state.update({"vni": value})


def _address(text: str, which: str, multicast: bool) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        # Names are looked up on FreeBSD; no resolver knows any here.
        raise IfconfigError(f"error in parsing {which} address string: Name does not resolve") from None
    if address.is_multicast and not multicast:
        raise IfconfigError(f"{which} address cannot be multicast")
    if multicast and not address.is_multicast:
        raise IfconfigError(f"{which} address must be multicast")
    return str(address)


def _local(text: str) -> Callable[[Vxlan], None]:
    address = _address(text, "local", False)
    return lambda state: state.update({"local": address})


def _remote(text: str) -> Callable[[Vxlan], None]:
    address = _address(text, "remote", False)
    return lambda state: state.update({"target": "remote", "address": address})


def _group(text: str) -> Callable[[Vxlan], None]:
    address = _address(text, "group", True)
    return lambda state: state.update({"target": "group", "address": address})


def _port(text: str, which: str) -> int:
    value = values.unsigned(text)
    if value is None or value >= _PORT_MAX:
        raise IfconfigError(f"invalid {which} port: {text}")
    return value


def _local_port(text: str) -> Callable[[Vxlan], None]:
    port = _port(text, "local")
    return lambda state: state.update({"local_port": port})


def _remote_port(text: str) -> Callable[[Vxlan], None]:
    port = _port(text, "remote")
    return lambda state: state.update({"remote_port": port})


def _device(text: str) -> Callable[[Vxlan], None]:
    return lambda state: state.update({"device": text})


def _ttl(text: str) -> Callable[[Vxlan], None]:
    value = values.unsigned(text)
    if value is None or value > _TTL_MAX + 1:
        raise IfconfigError(f"invalid TTL value: {text}")
    ttl = value

    def change(state: Vxlan) -> None:
        if ttl > _TTL_MAX:
            raise Refused(errno.EINVAL)
        state["ttl"] = ttl

    return change


def _word(name: str, request: str, read: _Reader, running: bool = False) -> Word:
    """A keyword with one argument. ``running``: it may be changed while the interface runs."""

    def call(session: Session, arguments: Arguments) -> None:
        _change(session, request, read(arguments[0]), running)

    return Word(name, call, 1, clone=True)


def _learn(on: bool) -> Word:
    def call(session: Session, _arguments: Arguments) -> None:
        _change(session, "VXLAN_CMD_SET_LEARN", lambda state: state.update({"learn": on}), True)

    return Word("vxlanlearn" if on else "-vxlanlearn", call, clone=True)


def _change(session: Session, request: str, change: Callable[[Vxlan], None], running: bool) -> None:
    """Change what is to be created, or what is there. For an interface that is no vxlan the words do nothing."""
    with explained(request):
        if session.creating:
            if session.vxlan is None:
                session.vxlan = vxlan.new()
            change(session.vxlan)
            _check_families(session.vxlan)
            return
        interface = session.interface
        if "vxlan" in interface:
            change(interface["vxlan"] if running else vxlan.changeable(interface))
            vxlan.set_mtu(interface)


def _check_families(state: Vxlan) -> None:
    versions = {ipaddress.ip_address(text).version for text in (state["local"], state["address"]) if text}
    if len(versions) > 1:
        raise IfconfigError("cannot mix IPv4 and IPv6 addresses")


def words() -> List[Word]:
    """The keywords of vxlan(4)."""
    return [
        _word("vni", "VXLAN_CMD_SET_VNI", _vni),
        _word("vxlanid", "VXLAN_CMD_SET_VNI", _vni),
        _word("vxlanlocal", "VXLAN_CMD_SET_LOCAL_ADDR", _local),
        _word("vxlanremote", "VXLAN_CMD_SET_REMOTE_ADDR", _remote),
        _word("vxlangroup", "VXLAN_CMD_SET_REMOTE_ADDR", _group),
        _word("vxlanlocalport", "VXLAN_CMD_SET_LOCAL_PORT", _local_port),
        _word("vxlanremoteport", "VXLAN_CMD_SET_REMOTE_PORT", _remote_port),
        _word("vxlandev", "VXLAN_CMD_SET_MULTICAST_IF", _device),
        _word("vxlanttl", "VXLAN_CMD_SET_TTL", _ttl, running=True),
        _learn(True),
        _learn(False),
    ]
