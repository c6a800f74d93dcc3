# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIOCAIFADDR and SIOCDIFADDR: IPv4 and IPv6 addresses of an interface."""

from __future__ import annotations

import errno
import socket
from typing import Optional

from . import link
from .errors import Refused
from .facts import NO_MEMBER_ADDRESSES
from .kernel import Ifnet
from .routes import mask, number
from .types import IFF_BROADCAST, Address, Interface


def add_inet(net: Ifnet, interface: Interface, address: str, prefix: int, broadcast: str = "") -> None:
    """Give an IPv4 address, and bring the interface up, as the kernel does. The same address again changes its mask."""
    _check_member(net, interface)
    if interface["driver"] == "vi":
        # A VALE interface has no network stack behind it.
        raise Refused(errno.EINVAL)
    known = _find(interface, "inet", address)
    record: Address = {
        "family": "inet",
        "address": address,
        "prefix": prefix,
        "broadcast": (broadcast or _broadcast(address, prefix)) if interface["flags"] & IFF_BROADCAST else "",
        "settled": 0.0,
        "anycast": False,
    }
    if known is None or known != record:
        if known is not None:
            link.withdraw(net, interface, known)
        link.assign(net, interface, record)
    link.up(net, interface)


def add_inet6(net: Ifnet, interface: Interface, address: str, prefix: int, anycast: bool = False) -> None:
    """Give an IPv6 address; the interface takes part in IPv6 from now on. The same address again changes nothing."""
    _check_member(net, interface)
    known = _find(interface, "inet6", address)
    if known is not None and known["prefix"] != prefix:
        link.withdraw(net, interface, known)
        known = None
    if known is None:
        link.assign(net, interface, link.inet6(address, prefix, anycast))
    link.enable_inet6(net, interface)
    link.up(net, interface)


def delete(net: Ifnet, interface: Interface, family: str, address: Optional[str]) -> None:
    """Take an address away, the first of its family when none is named. EADDRNOTAVAIL when there is none."""
    for record in interface["addresses"]:
        if record["family"] == family and address in (None, record["address"]):
            link.withdraw(net, interface, record)
            return
    raise Refused(errno.EADDRNOTAVAIL)


def _find(interface: Interface, family: str, address: str) -> Optional[Address]:
    for record in interface["addresses"]:
        if record["family"] == family and record["address"] == address:
            return record
    return None


def _check_member(net: Ifnet, interface: Interface) -> None:
    """FreeBSD 15 keeps addresses off the members of a bridge unless net.link.bridge.member_ifaddrs says otherwise."""
    if interface["bridge_index"] and member_addresses_refused(net):
        raise Refused(errno.EINVAL)


def member_addresses_refused(net: Ifnet) -> bool:
    """Whether a member of a bridge may have no address on this host."""
    return net.facts.osreldate() >= NO_MEMBER_ADDRESSES and not net.facts.sysctl("net.link.bridge.member_ifaddrs", 0)


def _broadcast(address: str, prefix: int) -> str:
    value = number(address)[1] | (~mask("inet", prefix) & 0xFFFFFFFF)
    return socket.inet_ntop(socket.AF_INET, value.to_bytes(4, "big"))
