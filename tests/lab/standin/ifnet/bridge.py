# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""if_bridge(4): members, spans, their flags, pinned addresses, spanning tree parameters."""

from __future__ import annotations

import errno
from typing import List, Set

from . import ports, vale_wires
from .addresses import member_addresses_refused
from .errors import NotBuilt, Refused
from .kernel import Ifnet
from .types import (
    IFBIF_AUTOEDGE,
    IFBIF_AUTOPTP,
    IFBIF_DISCOVER,
    IFBIF_LEARNING,
    IFBIF_STP,
    IFBRF_VLANFILTER,
    IFCAP_LRO,
    IFCAP_TSO,
    IFCAP_TXCSUM,
    IFCAP_TXCSUM_IPV6,
    IFF_RUNNING,
    Bridge,
    Interface,
    Member,
)

#: Drivers whose interfaces are Ethernet or 802.1Q; the kernel takes no other type as a member.
_NOT_ETHERNET = ("lo", "bridge")
#: What a member keeps only as long as all members have it.
_SHARED_CAPABILITIES = IFCAP_TSO | IFCAP_TXCSUM | IFCAP_TXCSUM_IPV6
_NEW_MEMBER = IFBIF_LEARNING | IFBIF_DISCOVER | IFBIF_AUTOEDGE | IFBIF_AUTOPTP
#: bridgestp(4): the cost of a port whose speed is not known, and the highest one.
_DEFAULT_COST = 55
_MAX_COST = 200_000_000
_NOT_FILTERING = "VLAN filtering not enabled"


def new() -> Bridge:
    """A bridge as it is created."""
    return {
        "members": [],
        "spans": [],
        "static": [],
        "priority": 32768,
        "root_priority": 0,
        "hellotime": 2,
        "fwddelay": 15,
        "maxage": 20,
        "holdcnt": 6,
        "proto": "rstp",
        "maxaddr": 2000,
        "timeout": 1200,
        "flags": 0,
        "defuntagged": 0,
    }


def add(net: Ifnet, interface: Interface, name: str) -> None:
    """BRDGADD.

    ENOENT: no such interface; EEXIST: a member already; EBUSY: a member elsewhere, or a span; EINVAL: no Ethernet
    interface, the bridge's MTU is too much for it, or (FreeBSD 15) it has addresses.
    """
    bridge = interface["bridge"]
    other = _named(net, name)
    if other["span_index"]:
        raise Refused(errno.EBUSY)
    if other["bridge_index"]:
        raise Refused(errno.EEXIST if other["bridge_index"] == interface["index"] else errno.EBUSY)
    if other["driver"] in _NOT_ETHERNET or _is_on_bridge(net, other):
        raise Refused(errno.EINVAL)
    if other["addresses"] and member_addresses_refused(net):
        raise Refused(errno.EINVAL)
    if "wire" in other and not vale_wires.is_apart(other):
        raise NotBuilt("a member with hooks of netgraph(4)")
    if not bridge["members"]:
        interface["mtu"] = other["mtu"]
    elif other["mtu"] != interface["mtu"]:
        net.check_mtu(other, interface["mtu"])
        net.apply_mtu(other, interface["mtu"])
    entry = _new_member(other, bridge["defuntagged"])
    bridge["members"].insert(0, entry)
    other["bridge_index"] = interface["index"]
    _mute(net, interface)
    net.promiscuous(other, 1)
    ports.plug(net, interface, entry)


def delete(net: Ifnet, interface: Interface, name: str) -> None:
    """BRDGDEL: ENOENT when it is no member."""
    other = net.find(name)
    if other is None or other["bridge_index"] != interface["index"]:
        raise Refused(errno.ENOENT)
    release(net, other)


def release(net: Ifnet, other: Interface) -> None:
    """Take an interface out of whatever bridge it is in, as a member or a span."""
    if other["bridge_index"]:
        owner = net.by_index(other["bridge_index"])
        bridge = owner["bridge"]
        for entry in bridge["members"]:
            if entry["index"] == other["index"]:
                other["options"] = entry["saved"]
        bridge["members"][:] = [member for member in bridge["members"] if member["index"] != other["index"]]
        _mute(net, owner)
        bridge["static"][:] = [entry for entry in bridge["static"] if entry["index"] != other["index"]]
        other["bridge_index"] = 0
        net.promiscuous(other, -1)
        ports.unplug(net, owner, other)
    if other["span_index"]:
        net.by_index(other["span_index"])["bridge"]["spans"].remove(other["index"])
        other["span_index"] = 0


def _mute(net: Ifnet, interface: Interface) -> None:
    """bridge_mutecaps(): no member does LRO, and none sends with offloads that another has not."""
    members = interface["bridge"]["members"]
    shared = _SHARED_CAPABILITIES
    for entry in members:
        shared &= entry["saved"]
    for entry in members:
        other = net.by_index(entry["index"])
        other["options"] = (other["options"] & ~(IFCAP_LRO | _SHARED_CAPABILITIES)) | shared


def add_span(net: Ifnet, interface: Interface, name: str) -> None:
    """BRDGADDS: EBUSY when it is a member or a span anywhere."""
    other = _named(net, name)
    if other["span_index"] or other["bridge_index"]:
        raise Refused(errno.EBUSY)
    if other["driver"] in _NOT_ETHERNET:
        raise Refused(errno.EINVAL)
    interface["bridge"]["spans"].insert(0, other["index"])
    other["span_index"] = interface["index"]


def delete_span(net: Ifnet, interface: Interface, name: str) -> None:
    """BRDGDELS: ENOENT when it is no span of this bridge."""
    other = net.find(name)
    if other is None or other["span_index"] != interface["index"]:
        raise Refused(errno.ENOENT)
    release(net, other)


def set_flag(net: Ifnet, interface: Interface, name: str, flag: int, on: bool) -> None:
    """BRDGSIFFLGS: ENOENT when it is no member."""
    found = member(net, interface, name)
    found["flags"] = found["flags"] | flag if on else found["flags"] & ~flag
    ports.set_flag(net, found, flag)


def set_vlanfilter(net: Ifnet, interface: Interface, on: bool) -> None:
    """BRDGSFLAGS: whether members pass frames of their VLANs only."""
    bridge = interface["bridge"]
    was = bool(bridge["flags"] & IFBRF_VLANFILTER)
    bridge["flags"] = bridge["flags"] | IFBRF_VLANFILTER if on else bridge["flags"] & ~IFBRF_VLANFILTER
    for entry in bridge["members"] if was != on else []:
        if on:
            ports.set_vlans(net, interface, entry)
        else:
            ports.pass_all(net, entry)


def set_untagged(net: Ifnet, interface: Interface, name: str, vlan: int) -> None:
    """BRDGSIFPVID: a member's VLAN for frames without a tag, 0 for none. EINVAL on a bridge that does not filter."""
    found = _lane_of(net, interface, name)
    found["untagged"] = vlan
    ports.set_vlans(net, interface, found)


def set_tagged(net: Ifnet, interface: Interface, name: str, vlans: Set[int]) -> None:
    """BRDGSIFVLANSET: a member's VLANs for frames with tags. EINVAL on a bridge that does not filter."""
    found = _lane_of(net, interface, name)
    found["tagged"] = _ranges(vlans)
    ports.set_vlans(net, interface, found)


def tagged(net: Ifnet, interface: Interface, name: str) -> Set[int]:
    """A member's VLANs for frames with tags."""
    return {vlan for first, last in _lane_of(net, interface, name)["tagged"] for vlan in range(first, last + 1)}


def _lane_of(net: Ifnet, interface: Interface, name: str) -> Member:
    if not interface["bridge"]["flags"] & IFBRF_VLANFILTER:
        raise Refused(errno.EINVAL, _NOT_FILTERING)
    return member(net, interface, name)


def _ranges(vlans: Set[int]) -> List[List[int]]:
    found: List[List[int]] = []
    for vlan in sorted(vlans):
        if found and found[-1][1] == vlan - 1:
            found[-1][1] = vlan
        else:
            found.append([vlan, vlan])
    return found


def set_mtu(net: Ifnet, interface: Interface, mtu: int) -> None:
    """SIOCSIFMTU of a bridge: all its members get it, or none (EINVAL)."""
    members = [net.by_index(entry["index"]) for entry in interface["bridge"]["members"]]
    net.check_mtu(interface, mtu)
    for other in members:
        net.check_mtu(other, mtu)
    for other in members:
        net.apply_mtu(other, mtu)
    net.apply_mtu(interface, mtu)


def pin(net: Ifnet, interface: Interface, name: str, ether: str) -> None:
    """BRDGSADDR: a static entry of the address table. ENOENT when the interface is no member."""
    found = member(net, interface, name)
    static = interface["bridge"]["static"]
    static[:] = [entry for entry in static if entry["ether"] != ether]
    static.append({"ether": ether, "index": found["index"]})


def unpin(interface: Interface, ether: str) -> None:
    """BRDGDADDR: ENOENT when the address table does not have it."""
    static = interface["bridge"]["static"]
    kept = [entry for entry in static if entry["ether"] != ether]
    if len(kept) == len(static):
        raise Refused(errno.ENOENT)
    static[:] = kept


def set_priority(interface: Interface, priority: int) -> None:
    """BRDGSPRI: multiples of 4096 up to 61440, else EINVAL."""
    if priority % 4096 or priority > 61440:
        raise Refused(errno.EINVAL)
    interface["bridge"]["priority"] = priority
    if interface["flags"] & IFF_RUNNING:
        interface["bridge"]["root_priority"] = priority


def bridge_id(net: Ifnet, interface: Interface) -> str:
    """The Ethernet address in the bridge's identifier: the lowest one among its spanning tree ports, else zeros."""
    ports = [
        net.by_index(entry["index"])["ether"]
        for entry in interface["bridge"]["members"]
        if entry["flags"] & IFBIF_STP and interface["flags"] & IFF_RUNNING
    ]
    return min(ports) if ports else "00:00:00:00:00:00"


def link_came_up(net: Ifnet, other: Interface) -> None:
    """The link of a member came up: its path cost is computed now if it could not be before."""
    if not other["bridge_index"]:
        return
    for entry in net.by_index(other["bridge_index"])["bridge"]["members"]:
        if entry["index"] == other["index"] and entry["pending"]:
            entry["cost"] = _cost(other)
            entry["pending"] = False


def member(net: Ifnet, interface: Interface, name: str) -> Member:
    """The member of that name: ENOENT when there is none."""
    other = net.find(name)
    for entry in interface["bridge"]["members"]:
        if other is not None and entry["index"] == other["index"]:
            return entry
    raise Refused(errno.ENOENT)


def clear(net: Ifnet, interface: Interface) -> None:
    """Release all members and spans, before the bridge goes."""
    for entry in list(interface["bridge"]["members"]):
        release(net, net.by_index(entry["index"]))
    for index in list(interface["bridge"]["spans"]):
        release(net, net.by_index(index))


def _named(net: Ifnet, name: str) -> Interface:
    other = net.find(name)
    if other is None:
        raise Refused(errno.ENOENT)
    return other


def _is_on_bridge(net: Ifnet, other: Interface) -> bool:
    """Whether it is a vlan(4) on a bridge."""
    vlan = other.get("vlan")
    return vlan is not None and bool(vlan["parent"]) and net.by_index(vlan["parent"])["driver"] == "bridge"


def _new_member(other: Interface, untagged: int) -> Member:
    pending = other["link"] == "down"
    return {
        "index": other["index"],
        "flags": _NEW_MEMBER,
        "priority": 128,
        "cost": _DEFAULT_COST if pending else _cost(other),
        "pending": pending,
        "maxaddr": 0,
        "saved": other["options"],
        "untagged": untagged,
        "tagged": [],
    }


def _cost(other: Interface) -> int:
    """IEEE 802.1D-2004, section 17.14: from the speed of the link."""
    if other["baudrate"] < 1000:
        return _DEFAULT_COST
    return min(20_000_000_000 // (other["baudrate"] // 1000), _MAX_COST)
