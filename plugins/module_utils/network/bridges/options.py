# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for of switches: the options, checked one by one, before anything on the host counts."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import parse_vlans
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan import (
    Vxlan,
    parse_vxlan,
    vxlan_options,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.mac import normalise_mac
from ansible_collections.apiary.bhyve.plugins.module_utils.network.nat.options import (
    Forward,
    nat_options,
    parse_forwards,
    parse_nat,
)

AUTO = "auto"
#: The options that say how a bridge of ours is; one that is used as it is has none of them.
MANAGED = (
    *("uplink", "uplink_address", "vlan", "addresses", "mtu", "mac", "stp"),
    *("vlan_filter", "uplink_untagged", "uplink_tagged", "vxlan", "nat", "firewall", "forwards", "dhcp_guard"),
)
#: Where the addresses of an uplink are: on itself, or on the bridge.
KEEP, MOVE = "keep", "move"
#: What net/if.h and net/ethernet.h take for a name and an MTU; less than 1280 has no IPv6 (RFC 8200, section 5).
_INTERFACE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")
_BRIDGE_UNIT = re.compile(r"bridge(0|[1-9][0-9]{0,4})")
_MTU = range(576, 9217)
_VLAN = range(1, 4095)
#: What a NIC can be given in place of a switch's name.
_NO_NAMES = {"auto": "the only switch of the host", "none": "the host itself"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True)
class Request:
    """One bridge of a task. None: not said. What is empty or 0 unsets."""

    name: str
    present: bool = True
    interface: Optional[str] = None
    manual: Optional[bool] = None
    uplink: Optional[str] = None
    uplink_address: Optional[str] = None
    vlan: Optional[int] = None
    addresses: Optional[Tuple[str, ...]] = None
    mtu: Optional[int] = None
    mac: Optional[str] = None
    stp: Optional[bool] = None
    vlan_filter: Optional[bool] = None
    uplink_untagged: Optional[int] = None
    uplink_tagged: Optional[str] = None
    vxlan: Optional[Vxlan] = None
    nat: Optional[str] = None
    firewall: Optional[str] = None
    forwards: Optional[Tuple[Forward, ...]] = None
    dhcp_guard: Optional[bool] = None


def bridge_options() -> Dict[str, Any]:
    """The argument specification of what a bridge has beside name, state and type."""
    return {
        "interface": {"type": "str"},
        "manual": {"type": "bool"},
        "uplink": {"type": "str"},
        "uplink_address": {"type": "str", "choices": [KEEP, MOVE]},
        "vlan": {"type": "str"},
        "addresses": {"type": "list", "elements": "str"},
        "mtu": {"type": "int"},
        "mac": {"type": "str"},
        "stp": {"type": "bool"},
        "vlan_filter": {"type": "bool"},
        "uplink_untagged": {"type": "str"},
        "uplink_tagged": {"type": "list", "elements": "str"},
        "vxlan": vxlan_options(),
        **nat_options(),
        "dhcp_guard": {"type": "bool"},
    }


def check_name(name: str) -> None:
    """BadInput for what cannot be the name of a switch, of whichever kind."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"name: {name!r} cannot be a switch's name: 1 to 63 letters, digits, '_' and '-', beginning with a letter "
            "or digit"
        )
    if name in _NO_NAMES:
        raise BadInput(f"name: {name} cannot be a switch's name: to a NIC it means {_NO_NAMES[name]}")


def parse_request(params: Mapping[str, Any]) -> Request:
    """One bridge. BadInput, naming the option, for anything wrong with it."""
    name = str(params["name"])
    check_name(name)
    at = f"switch {name}: "
    request = Request(
        name=name,
        present=params.get("state") != "absent",
        interface=_interface(params.get("interface"), at),
        manual=params.get("manual"),
        uplink=_uplink(params.get("uplink"), at),
        uplink_address=params.get("uplink_address"),
        vlan=_vlan(params.get("vlan"), at),
        addresses=_addresses(params.get("addresses"), at),
        mtu=_mtu(params.get("mtu"), at),
        mac=_mac(params.get("mac"), at),
        stp=params.get("stp"),
        vlan_filter=params.get("vlan_filter"),
        uplink_untagged=_vlan(params.get("uplink_untagged"), at, "uplink_untagged"),
        uplink_tagged=_vlans(params.get("uplink_tagged"), at),
        vxlan=parse_vxlan(params.get("vxlan"), at),
        nat=parse_nat(params.get("nat"), at),
        firewall=(params.get("nat") or {}).get("firewall"),
        forwards=parse_forwards(params.get("forward"), at),
        dhcp_guard=params.get("dhcp_guard"),
    )
    if request.manual:
        _check_manual(request, at)
    elif request.interface is not None and not _BRIDGE_UNIT.fullmatch(request.interface) and request.present:
        raise BadInput(
            f"{at}interface: {request.interface!r}; a bridge that is made is called bridge and a number, such as "
            "bridge7; one that exists and has another name is used as it is with manual: true"
        )
    if request.uplink == "" and request.vlan:
        raise BadInput(f"{at}vlan: {request.vlan} is a VLAN of the uplink, and the task says that there is none")
    if request.vxlan and (request.uplink or request.vlan):
        other = "uplink" if request.uplink else "vlan"
        raise BadInput(f"{at}vxlan: it is in place of an uplink of the host, so not with {other}")
    if request.uplink_address == MOVE and request.uplink == "":
        raise BadInput(f"{at}uplink_address: move, and the task says that there is no uplink")
    if request.uplink_address == MOVE and request.vlan:
        raise BadInput(f"{at}uplink_address: move is for an uplink that is in the bridge itself; with vlan it is not")
    return request


def _check_manual(request: Request, at: str) -> None:
    if not request.interface:
        raise BadInput(f"{at}manual: true needs interface, the bridge that is used as it is")
    given = [name for name in MANAGED if getattr(request, name) is not None]
    if given:
        raise BadInput(f"{at}{shown_option(given[0])}: not with manual: true, for such a bridge is never changed")


def shown_option(field: str) -> str:
    """How the option is called that a field of Request is of."""
    return {"forwards": "forward", "firewall": "nat"}.get(field, field)


def _interface(text: Optional[str], at: str) -> Optional[str]:
    if text is not None and not _INTERFACE.fullmatch(text):
        raise BadInput(f"{at}interface: {text!r} is not the name of an interface")
    return text


def _uplink(text: Optional[str], at: str) -> Optional[str]:
    if text and not _INTERFACE.fullmatch(text):
        raise BadInput(f"{at}uplink: {text!r} is not the name of an interface; write one such as em0, or auto")
    return text


def _vlan(text: Optional[str], at: str, option: str = "vlan") -> Optional[int]:
    if not text:
        return None if text is None else 0
    if not text.isdecimal() or int(text) not in _VLAN:
        raise BadInput(f"{at}{option}: {text}; a VLAN has a number from 1 to 4094, and '' means none")
    return int(text)


def _vlans(texts: Optional[Sequence[str]], at: str) -> Optional[str]:
    return None if texts is None else parse_vlans(texts, f"{at}uplink_tagged")


def _mtu(number: Optional[int], at: str) -> Optional[int]:
    if number and number not in _MTU:
        raise BadInput(f"{at}mtu: {number}; allowed are {_MTU[0]} to {_MTU[-1]}, and 0 for none of its own")
    return number


def _mac(text: Optional[str], at: str) -> Optional[str]:
    return normalise_mac(text, f"{at}mac") if text else text


def _addresses(texts: Optional[Sequence[str]], at: str) -> Optional[Tuple[str, ...]]:
    if texts is None:
        return None
    found = [_address(str(text).strip(), f"{at}addresses") for text in texts]
    seen: Dict[str, str] = {}
    for address in found:
        bare = address.partition("/")[0]
        if bare in seen:
            raise BadInput(f"{at}addresses: {bare} is there twice, as {seen[bare]} and as {address}")
        seen[bare] = address
    return tuple(found)


def _address(text: str, option: str) -> str:
    """An address with its prefix length in the form that ifconfig(8) shows."""
    if "/" not in text:
        raise BadInput(
            f"{option}: {text!r} has no prefix length, without which FreeBSD 15 takes none; write 10.0.0.1/24"
        )
    try:
        address = ipaddress.ip_interface(text)
    except ValueError as error:
        raise BadInput(f"{option}: {text!r} is not an address with a prefix length ({error})") from error
    if address.ip.is_link_local and address.version == 6:
        raise BadInput(f"{option}: {text} is a link-local address, which the kernel makes by itself")
    if address.ip.is_multicast or address.ip.is_unspecified:
        raise BadInput(f"{option}: {text} is not an address that an interface can have")
    network = address.network
    if network.num_addresses > 2 and address.version == 4:
        if address.ip == network.network_address:
            raise BadInput(f"{option}: {text} is the network itself, not an address in it")
        if address.ip == network.broadcast_address:
            raise BadInput(f"{option}: {text} is the network's broadcast address")
    return f"{address.ip.compressed}/{network.prefixlen}"
