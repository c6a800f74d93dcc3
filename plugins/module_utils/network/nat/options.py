# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Translated addresses of a private switch: the options ``nat`` and ``forward``, and what they have to fit."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, Collection, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface

PROTOCOLS = ("tcp", "udp")
PF, IPFW = "pf", "ipfw"
#: The numbers of rules and of translations that switches get in ipfw(8): behind those of rc.firewall's own, before all
#: other rules that it has.
IPFW_NUMBERS = range(60, 100)
_INTERFACE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")
_PORTS = range(1, 65536)


@dataclass(frozen=True)
class Forward:
    """A port of the host's outside that leads to a guest."""

    port: int
    address: str
    to_port: int
    proto: str = "tcp"

    @property
    def shown(self) -> str:
        """What is forwarded: ``tcp port 2222``."""
        return f"{self.proto} port {self.port}"


def nat_options() -> Dict[str, Any]:
    """The argument specification of both options."""
    return {
        "nat": {
            "type": "dict",
            "options": {"interface": {"type": "str"}, "firewall": {"type": "str", "choices": [PF, IPFW]}},
        },
        "forward": {
            "type": "list",
            "elements": "dict",
            "options": {
                "port": {"type": "int", "required": True},
                "to": {"type": "str", "required": True},
                "proto": {"type": "str", "choices": list(PROTOCOLS), "default": "tcp"},
            },
        },
    }


def parse_nat(given: Optional[Mapping[str, Any]], at: str) -> Optional[str]:
    """The interface by which the switch reaches the outside; '': none, None: not said. BadInput."""
    if given is None or (given.get("interface") is None and given.get("firewall")):
        return None
    text = str(given.get("interface") or "")
    if text and not _INTERFACE.fullmatch(text):
        raise BadInput(f"{at}nat: interface: {text!r} is not the name of an interface; write one such as em0, or auto")
    return text


def parse_forwards(given: Optional[Sequence[Mapping[str, Any]]], at: str) -> Optional[Tuple[Forward, ...]]:
    """The forwarded ports, in their order; None: not said. BadInput."""
    if given is None:
        return None
    found: List[Forward] = []
    for element in given:
        forward = _forward(element, f"{at}forward: ")
        if any((other.proto, other.port) == (forward.proto, forward.port) for other in found):
            raise BadInput(f"{at}forward: {forward.shown} is there twice; it can lead to one place only")
        found.append(forward)
    return tuple(found)


def _forward(element: Mapping[str, Any], at: str) -> Forward:
    port, to = int(element["port"]), str(element["to"]).strip()
    if port not in _PORTS:
        raise BadInput(f"{at}port: {port}; a port has a number from 1 to 65535")
    text, colon, behind = to.partition(":")
    try:
        address = str(ipaddress.IPv4Address(text))
    except ValueError:
        raise BadInput(f"{at}to: {to!r} is no IPv4 address with or without a port, such as 10.10.0.11:22") from None
    if colon and not (behind.isdecimal() and int(behind) in _PORTS):
        raise BadInput(f"{at}to: {to!r}: a port has a number from 1 to 65535")
    return Forward(port, address, int(behind) if colon else port, str(element.get("proto") or "tcp"))


def forwards_to_json(forwards: Sequence[Forward]) -> List[Dict[str, Any]]:
    """The forwarded ports for host.json and for the result, as they can be given to the module."""
    return [{"port": one.port, "to": f"{one.address}:{one.to_port}", "proto": one.proto} for one in forwards]


def forwards_from_json(data: Sequence[Mapping[str, Any]]) -> Tuple[Forward, ...]:
    """What ``forwards_to_json`` has written. ValueError, KeyError, TypeError for anything else."""
    found = []
    for fields in data:
        address, _colon, port = str(fields["to"]).partition(":")
        found.append(Forward(int(fields["port"]), address, int(port), str(fields["proto"])))
    return tuple(found)


def networks(addresses: Sequence[str]) -> List[ipaddress.IPv4Network]:
    """The IPv4 networks that the host is in with these addresses."""
    return [ipaddress.IPv4Interface(text).network for text in addresses if ":" not in text]


def check_nat(
    at: str,
    nat: str,
    bridge: str,
    addresses: Sequence[str],
    forwards: Sequence[Forward],
    interfaces: Mapping[str, Interface],
) -> None:
    """BadInput when the guests of a bridge with these addresses cannot reach the outside by that interface."""
    own = networks(addresses)
    if not own:
        raise BadInput(
            f"{at}nat: the switch has no IPv4 address of the host's, which guests need as their gateway; give "
            "addresses, such as [10.10.0.1/24]"
        )
    outside = interfaces.get(nat)
    if outside is None:
        there = ", ".join(name for name, one in interfaces.items() if _can_be_outside(one, bridge))
        raise BadInput(
            f"{at}nat: interface: {nat} does not exist on this host; it has {there or 'none that could be one'}"
        )
    if not _can_be_outside(outside, bridge):
        raise BadInput(f"{at}nat: interface: {nat} does not lead to the outside")
    hosts = {text.partition("/")[0] for text in addresses}
    for forward in forwards:
        address = ipaddress.IPv4Address(forward.address)
        if not any(address in network for network in own):
            shown = ", ".join(str(network) for network in own)
            raise BadInput(f"{at}forward: to: {address} is not in the switch's network ({shown})")
        ends = [end for network in own for end in (network.network_address, network.broadcast_address)]
        if forward.address in hosts or address in ends:
            raise BadInput(f"{at}forward: to: {address} cannot be a guest's: it is the host's, or the network's own")


def _can_be_outside(one: Interface, bridge: str) -> bool:
    guests = one.is_tap and one.description.startswith("apiary:")
    return one.name != bridge and one.name != "lo0" and not guests


def check_forwards_apart(
    at: str, nat: str, forwards: Sequence[Forward], others: Mapping[str, Tuple[str, Sequence[Forward]]]
) -> None:
    """BadInput when another switch (by name its ``nat`` and forwards) has a port of the same interface."""
    for name, (interface, theirs) in others.items():
        taken = {(one.proto, one.port) for one in theirs} if interface == nat else set()
        for forward in forwards:
            if (forward.proto, forward.port) in taken:
                raise BadInput(f"{at}forward: {forward.shown} of {nat} is forwarded by the switch {name} already")


def check_lifeline(at: str, forwards: Sequence[Forward], connected: Collection[int], served: Collection[int]) -> None:
    """BadInput for ports by which somebody is ``connected`` by ssh, or would be: sshd has ``served`` on the outside."""
    for forward in forwards:
        if forward.proto == "tcp" and forward.port in connected:
            raise BadInput(f"{at}forward: {forward.shown} is that of an ssh connection; it would be cut off")
        if forward.proto == "tcp" and forward.port in served:
            raise BadInput(
                f"{at}forward: {forward.shown} is where sshd of the host listens, which nobody would reach any more; "
                "take another port, or let sshd listen elsewhere first (Port or ListenAddress in sshd_config)"
            )
