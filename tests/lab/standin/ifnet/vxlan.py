# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vxlan(4): Ethernet frames in UDP. A Linux vxlan stands behind one as long as it runs."""

from __future__ import annotations

import errno
import ipaddress
import time
from typing import Optional

from . import dataplane, ports, routes
from .errors import NotBuilt, Refused
from .kernel import ETHERMTU, Ifnet
from .types import IFF_MULTICAST, IFF_RUNNING, Interface, Vxlan

#: No network identifier yet, and the first number that is none.
NO_VNI = 1 << 24
_PORT = 4789
#: Ethernet, UDP and VXLAN headers; the outer IP header comes to it.
_HEADERS = 14 + 8 + 8
_IP_HEADER = {4: 20, 6: 40}


def new() -> Vxlan:
    """As it is created without any word."""
    return {
        "vni": NO_VNI,
        "local": "",
        "target": "",
        "address": "",
        "device": "",
        "ttl": 64,
        "local_port": _PORT,
        "remote_port": _PORT,
        "learn": True,
        "user_mtu": False,
    }


def set_mtu(interface: Interface) -> None:
    """The MTU that follows from the headers, unless somebody has set one."""
    vxlan = interface["vxlan"]
    if not vxlan["user_mtu"]:
        outer = _IP_HEADER[ipaddress.ip_address(vxlan["address"]).version] if vxlan["address"] else 0
        interface["mtu"] = ETHERMTU - _HEADERS - outer


def changeable(interface: Interface) -> Vxlan:
    """Its configuration, to be changed: EBUSY while it runs."""
    if interface["flags"] & IFF_RUNNING:
        raise Refused(errno.EBUSY)
    return interface["vxlan"]


def start(net: Ifnet, interface: Interface) -> bool:
    """Let it run, if it can; whether it does. What keeps it from running, the kernel says on the console only."""
    vxlan = interface["vxlan"]
    if not _valid(net, vxlan) or _taken(net, interface) or not _bound(net, vxlan):
        return False
    net.set_running(interface, True)
    _make(net, interface)
    return True


def stop(net: Ifnet, interface: Interface) -> None:
    """It runs no more."""
    if interface["flags"] & IFF_RUNNING:
        net.set_running(interface, False)
        net.plane.delete(interface["linux"])
        # It may run again before the command ends.
        net.plane.flush()


def _valid(net: Ifnet, vxlan: Vxlan) -> bool:
    if vxlan["vni"] >= NO_VNI or not vxlan["address"] or not vxlan["local_port"] or not vxlan["remote_port"]:
        return False
    if vxlan["local"] and _version(vxlan["local"]) != _version(vxlan["address"]):
        return False
    if vxlan["target"] != "group":
        return not vxlan["device"]
    if not vxlan["device"]:
        return True
    device = net.find(vxlan["device"])
    return device is not None and bool(device["flags"] & IFF_MULTICAST)


def _bound(net: Ifnet, vxlan: Vxlan) -> bool:
    """Whether its socket can be bound to the local address, and an IPv4 group be joined.

    An IPv6 address takes no socket while it is tentative. The group is joined on the interface with the local address,
    else on that of the default route, else on the first one with an address.
    """
    if vxlan["target"] != "group":
        return not vxlan["local"] or _usable(net, vxlan["local"]) is not None
    if _version(vxlan["address"]) == 6:
        return True
    joined = _usable(net, vxlan["local"]) if vxlan["local"] else _multicast(net)
    if joined is not None and vxlan["device"] and joined["name"] != vxlan["device"]:
        raise NotBuilt(f"a vxlan group that is joined on {joined['name']} and sent to on {vxlan['device']}")
    return joined is not None


def _usable(net: Ifnet, address: str) -> Optional[Interface]:
    """The interface with an address that a socket can be bound to."""
    for interface in net:
        for record in interface["addresses"]:
            if record["address"] == address and 0 <= record["settled"] <= time.time():
                return interface
    return None


def _multicast(net: Ifnet) -> Optional[Interface]:
    """The interface by which IPv4 multicast goes that nobody gave an interface for."""
    way = routes.find(net, "default")
    if way is not None:
        return net.by_index(way["interface"])
    for interface in net:
        known = any(record["family"] == "inet" for record in interface["addresses"])
        if known and interface["driver"] != "lo" and interface["flags"] & IFF_MULTICAST:
            return interface
    return None


def _version(address: str) -> int:
    return ipaddress.ip_address(address).version


def _taken(net: Ifnet, interface: Interface) -> bool:
    """Whether another one that runs has the same network identifier."""
    mine = interface["vxlan"]
    for other in net:
        theirs = other.get("vxlan")
        if theirs is None or other is interface or not other["flags"] & IFF_RUNNING:
            continue
        if (theirs["vni"], theirs["local_port"]) == (mine["vni"], mine["local_port"]):
            return True
    return False


def _make(net: Ifnet, interface: Interface) -> None:
    """The Linux device, in the bridge that the interface is in."""
    vxlan, name = interface["vxlan"], interface["linux"]
    if vxlan["local_port"] != vxlan["remote_port"]:
        raise NotBuilt("a vxlan with another port on the remote side")
    words = [f"vxlan id {vxlan['vni']} {vxlan['target']} {vxlan['address']}"]
    if vxlan["local"]:
        words.append(f"local {vxlan['local']}")
    if vxlan["target"] == "group":
        words.append(f"dev {_device(net, vxlan)}")
    words.append(f"dstport {vxlan['remote_port']} ttl {vxlan['ttl']} {'' if vxlan['learn'] else 'no'}learning")
    net.plane.add(name, " ".join(words))
    net.line(interface, "link set dev", name, "addrgenmode none")
    net.line(interface, "link set dev", name, "mtu", net.real_mtu(interface))
    dataplane.set_ether(net.plane, interface)
    if interface["bridge_index"]:
        owner = net.by_index(interface["bridge_index"])
        for entry in owner["bridge"]["members"]:
            if entry["index"] == interface["index"]:
                ports.plug(net, owner, entry)


def _device(net: Ifnet, vxlan: Vxlan) -> str:
    """The Linux device by which a group is reached."""
    device = net.carrier(vxlan)
    if device is None or not dataplane.is_real(device):
        raise NotBuilt("a vxlan group without a vxlandev that passes frames")
    return device["linux"]
