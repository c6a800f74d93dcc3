# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static routes (route(8)), and which interface reaches an address."""

from __future__ import annotations

import errno
import socket
from typing import Optional, Tuple

from .errors import Refused
from .kernel import Ifnet
from .types import IFF_UP, Address, Interface, Route


def number(address: str) -> Tuple[str, int]:
    """The family of an address and its value as an integer."""
    family = "inet6" if ":" in address else "inet"
    packed = socket.inet_pton(socket.AF_INET6 if family == "inet6" else socket.AF_INET, address)
    return family, int.from_bytes(packed, "big")


def mask(family: str, prefix: int) -> int:
    """The netmask of a prefix as an integer."""
    bits = 128 if family == "inet6" else 32
    return ((1 << prefix) - 1) << (bits - prefix)


def covers(address: Address, other: str) -> bool:
    """Whether the network of an interface's address contains another address."""
    family, value = number(other)
    if family != address["family"]:
        return False
    bits = mask(family, address["prefix"])
    return value & bits == number(address["address"])[1] & bits


def reaching(net: Ifnet, gateway: str) -> Optional[Interface]:
    """The interface whose network contains an address: the longest prefix wins."""
    best: Optional[Tuple[int, Interface]] = None
    for interface in net:
        for address in interface["addresses"]:
            if covers(address, gateway) and (best is None or address["prefix"] > best[0]):
                best = (address["prefix"], interface)
    return best[1] if best else None


def find(net: Ifnet, destination: str, family: str = "inet") -> Optional[Route]:
    """The static route to exactly that destination ("default" or a network with its prefix length)."""
    for route in net.document["routes"]:
        if route["destination"] == destination and (":" in route["gateway"]) == (family == "inet6"):
            return route
    return None


def add(net: Ifnet, destination: str, gateway: str) -> None:
    """RTM_ADD: EEXIST when there is one, ENETUNREACH when no interface reaches the gateway."""
    if find(net, destination, number(gateway)[0]) is not None:
        raise Refused(errno.EEXIST)
    interface = reaching(net, gateway)
    if interface is None:
        raise Refused(errno.ENETUNREACH)
    route: Route = {"destination": destination, "gateway": gateway, "interface": interface["index"]}
    net.document["routes"].append(route)
    _put(net, interface, route)


def change(net: Ifnet, destination: str, gateway: str) -> None:
    """RTM_CHANGE: ESRCH when there is none."""
    route = find(net, destination, number(gateway)[0])
    if route is None:
        raise Refused(errno.ESRCH)
    interface = reaching(net, gateway)
    if interface is None:
        raise Refused(errno.ENETUNREACH)
    _remove(net, route)
    route["gateway"] = gateway
    route["interface"] = interface["index"]
    _put(net, interface, route)


def delete(net: Ifnet, destination: str, family: str = "inet") -> Route:
    """RTM_DELETE: ESRCH when there is none."""
    route = find(net, destination, family)
    if route is None:
        raise Refused(errno.ESRCH)
    net.document["routes"].remove(route)
    _remove(net, route)
    return route


def drop_unreachable(net: Ifnet, interface: Interface) -> None:
    """Forget the routes over an interface whose gateway no address of it reaches any more."""
    for route in list(net.document["routes"]):
        if route["interface"] != interface["index"]:
            continue
        if not any(covers(address, route["gateway"]) for address in interface["addresses"]):
            net.document["routes"].remove(route)


def restore(net: Ifnet, interface: Interface) -> None:
    """Linux lost the routes over a device that was down; put them back."""
    for route in net.document["routes"]:
        if route["interface"] == interface["index"]:
            _put(net, interface, route)


def _words(route: Route) -> str:
    # No family: ip(8) takes none in a line of a batch, and tells it by the gateway.
    return "route %s {} via {}".format(route["destination"], route["gateway"])


def _put(net: Ifnet, interface: Interface, route: Route) -> None:
    if interface["flags"] & IFF_UP:
        net.line(interface, _words(route) % "replace", "dev", interface["linux"])


def _remove(net: Ifnet, route: Route) -> None:
    interface = net.by_index(route["interface"])
    if interface["flags"] & IFF_UP:
        net.line(interface, _words(route) % "del", "dev", interface["linux"])
