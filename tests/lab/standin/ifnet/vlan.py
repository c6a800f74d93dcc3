# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vlan(4): a tag on a parent interface. State only: no frames pass (see ``dataplane``)."""

from __future__ import annotations

import errno

from .errors import Refused
from .facts import VLAN_BRIDGES
from .kernel import ETHERMTU, Ifnet
from .types import IFF_RUNNING, IFF_SIMPLEX, Interface, Vlan

_TAG_MAX = 4094
_PROTOCOLS = {"802.1q": "802.1q", "802.1ad": "802.1ad"}
_LINKSTATE = 0x80000


def new() -> Vlan:
    """Without a parent."""
    return {"tag": 0, "proto": "0x0000", "pcp": 0, "parent": 0}


def check(net: Ifnet, tag: int, parent: str) -> Interface:
    """The parent, if a new vlan may have this tag on it: ENXIO no parent, EINVAL a bad tag, EEXIST a taken one."""
    if not 1 <= tag <= _TAG_MAX:
        raise Refused(errno.EINVAL)
    found = net.find(parent)
    if found is None:
        raise Refused(errno.ENXIO)
    on_bridge = found["driver"] == "bridge" and net.facts.osreldate() < VLAN_BRIDGES
    if found["driver"] == "lo" or on_bridge:
        raise Refused(errno.EPROTONOSUPPORT)
    for other in net:
        known = other.get("vlan")
        if known is not None and known["parent"] == found["index"] and known["tag"] == tag:
            raise Refused(errno.EEXIST)
    return found


def attach(net: Ifnet, interface: Interface, tag: int, parent: str, proto: str = "802.1q") -> None:
    """SIOCSETVLAN: EBUSY when it has a parent already."""
    if interface["vlan"]["parent"]:
        raise Refused(errno.EBUSY)
    found = check(net, tag, parent)
    vlan = interface["vlan"]
    vlan["tag"] = tag
    vlan["proto"] = proto
    vlan["parent"] = found["index"]
    interface["flags"] |= IFF_RUNNING | IFF_SIMPLEX
    interface["mtu"] = found["mtu"]
    interface["ether"] = found["ether"]
    interface["options"] = _LINKSTATE
    interface["media"] = found["media"]
    interface["baudrate"] = found["baudrate"]


def detach(interface: Interface) -> None:
    """SIOCSETVLAN without a parent."""
    interface["vlan"] = new()
    interface["flags"] &= ~IFF_RUNNING
    interface["mtu"] = ETHERMTU
    interface["media"] = ""


def orphan(net: Ifnet, parent: Interface) -> None:
    """The parent goes: its vlans stay, without it."""
    for other in net:
        known = other.get("vlan")
        if known is not None and known["parent"] == parent["index"]:
            detach(other)


def protocol(word: str) -> str:
    """The name of an Ethernet protocol for tags; EINVAL for another word."""
    try:
        return _PROTOCOLS[word.lower()]
    except KeyError:
        raise Refused(errno.EINVAL) from None
