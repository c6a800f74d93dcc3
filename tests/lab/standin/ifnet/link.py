# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Up and down, and the addresses that come and go with it.

On Linux a device has its addresses while it is up: ``down`` takes them off the device, ``up`` puts back what the
state says. So the order in which FreeBSD's commands come does not matter there.
"""

from __future__ import annotations

import socket
import time
from typing import List

from . import dataplane, routes, vxlan
from .kernel import Ifnet
from .types import IFF_UP, ND6_AUTO_LINKLOCAL, ND6_IFDISABLED, ND6_NO_DAD, Address, Interface

#: How long duplicate address detection takes: one probe, one second (net.inet6.ip6.dad_count).
_DAD_SECONDS = 1.0
#: What dhclient-script(8) gives an interface before it has an address. Linux needs none for that.
_NONE = "0.0.0.0"


def up(net: Ifnet, interface: Interface) -> None:
    """Set UP, and let the driver run where it can."""
    if interface["flags"] & IFF_UP:
        return
    interface["flags"] |= IFF_UP
    _run(net, interface)
    net.line(interface, "link set dev", interface["linux"], "up")
    if "wire" in interface:
        net.line(interface, "link set dev", interface["wire"], "up")
    for address in interface["addresses"]:
        _start_detection(interface, address)
        _put(net, interface, address)
    _autoconfigure(net, interface)
    routes.restore(net, interface)


def down(net: Ifnet, interface: Interface) -> None:
    """Clear UP; a physical interface, a bridge and a vxlan stop running with it."""
    if not interface["flags"] & IFF_UP:
        return
    interface["flags"] &= ~IFF_UP
    if interface["driver"] == "vxlan":
        vxlan.stop(net, interface)
    elif interface["driver"] not in ("lo", "tap", "epair", "vlan"):
        net.set_running(interface, False)
    net.line(interface, "addr flush dev", interface["linux"])
    net.line(interface, "link set dev", interface["linux"], "down")
    if "wire" in interface:
        net.line(interface, "link set dev", interface["wire"], "down")


def rehome(net: Ifnet, interface: Interface, device: str) -> None:
    """Another Linux device becomes the host's side of an interface: what it has on Linux moves there."""
    net.line(interface, "addr flush dev", interface["linux"])
    interface["linux"] = device
    dataplane.set_ether(net.plane, interface)
    net.line(interface, "link set dev", device, "mtu", interface["mtu"])
    if interface["flags"] & IFF_UP:
        net.line(interface, "link set dev", device, "up")
        for address in interface["addresses"]:
            _put(net, interface, address)
        routes.restore(net, interface)


def enable_inet6(net: Ifnet, interface: Interface) -> None:
    """Clear IFDISABLED, as a first IPv6 address or ``inet6 -ifdisabled`` does."""
    interface["nd6"] &= ~ND6_IFDISABLED
    _autoconfigure(net, interface)


def assign(net: Ifnet, interface: Interface, address: Address) -> None:
    """Append an address."""
    interface["addresses"].append(address)
    if interface["flags"] & IFF_UP:
        _start_detection(interface, address)
        _put(net, interface, address)


def withdraw(net: Ifnet, interface: Interface, address: Address) -> None:
    """Take an address away, and with it the routes whose gateway it reached."""
    interface["addresses"].remove(address)
    if interface["flags"] & IFF_UP and address["address"] != _NONE:
        net.line(interface, "addr del", _cidr(address), "dev", interface["linux"])
        # Linux drops the other addresses of a network with its first one.
        for other in interface["addresses"]:
            if other["family"] == address["family"] == "inet":
                _put(net, interface, other)
    routes.drop_unreachable(net, interface)


def purge(net: Ifnet, interface: Interface) -> None:
    """Take all addresses away, as closing a tap does."""
    for address in list(interface["addresses"]):
        withdraw(net, interface, address)


def _run(net: Ifnet, interface: Interface) -> None:
    driver = interface["driver"]
    if driver in ("tap", "vlan"):
        return
    if driver == "vxlan":
        vxlan.start(net, interface)
        return
    net.set_running(interface, True)
    if driver == "bridge":
        interface["bridge"]["root_priority"] = interface["bridge"]["priority"]


def _autoconfigure(net: Ifnet, interface: Interface) -> None:
    wanted: List[Address] = []
    if not interface["flags"] & IFF_UP or interface["nd6"] & ND6_IFDISABLED:
        return
    if interface["driver"] == "lo":
        if interface["name"] == "lo0":
            wanted = [inet6("::1", 128), inet6("fe80::1", 64)]
    elif interface["nd6"] & ND6_AUTO_LINKLOCAL:
        wanted = [inet6(_linklocal(interface["ether"]), 64)]
    have = {address["address"] for address in interface["addresses"]}
    for address in wanted:
        linklocal = any(known.startswith("fe80:") for known in have)
        if address["address"] not in have and not (linklocal and address["address"].startswith("fe80:")):
            assign(net, interface, address)


def inet6(address: str, prefix: int, anycast: bool = False) -> Address:
    """An IPv6 address record."""
    return {
        "family": "inet6",
        "address": address,
        "prefix": prefix,
        "broadcast": "",
        "settled": -1.0,
        "anycast": anycast,
    }


def _linklocal(ether: str) -> str:
    return eui64("fe80::", ether)


def eui64(prefix: str, ether: str) -> str:
    """The address with the interface identifier made of an Ethernet address (RFC 4291, appendix A)."""
    octets = bytes(int(part, 16) for part in ether.split(":"))
    identifier = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, prefix)[:8] + identifier)


def _start_detection(interface: Interface, address: Address) -> None:
    if address["family"] == "inet6":
        skipped = interface["driver"] == "lo" or interface["nd6"] & ND6_NO_DAD or address["anycast"]
        address["settled"] = 0.0 if skipped else time.time() + _DAD_SECONDS


def _cidr(address: Address) -> str:
    return f"{address['address']}/{address['prefix']}"


def _put(net: Ifnet, interface: Interface, address: Address) -> None:
    if address["address"] == _NONE:
        return
    words: List[object] = ["addr replace", _cidr(address)]
    if address["family"] == "inet6":
        words.append("nodad" if interface["driver"] != "lo" else "")
    elif address["broadcast"] and address["prefix"] < 31:
        words += ["broadcast", address["broadcast"]]
    net.line(interface, *words, "dev", interface["linux"])
