# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the interface state, and FreeBSD's flag bits (net/if.h, netinet6/nd6.h, net/if_bridgevar.h)."""

from __future__ import annotations

from typing import Dict, List, TypedDict

IFF_UP = 0x1
IFF_BROADCAST = 0x2
IFF_DEBUG = 0x4
IFF_LOOPBACK = 0x8
#: Set on most Ethernet drivers, without a name in ifconfig's output; 14.0 and later keep it elsewhere.
IFF_KNOWSEPOCH = 0x20
IFF_RUNNING = 0x40
IFF_NOARP = 0x80
IFF_PROMISC = 0x100
IFF_SIMPLEX = 0x800
IFF_LINK0 = 0x1000
IFF_LINK1 = 0x2000
IFF_LINK2 = 0x4000
IFF_MULTICAST = 0x8000
IFF_PPROMISC = 0x20000
IFF_MONITOR = 0x40000
IFF_STATICARP = 0x80000
IFF_LOWER_UP = 0x1000000

IFCAP_TXCSUM = 0x2
IFCAP_TSO = 0x300
IFCAP_LRO = 0x400
IFCAP_TXCSUM_IPV6 = 0x400000

ND6_PERFORMNUD = 0x1
ND6_IFDISABLED = 0x8
ND6_AUTO_LINKLOCAL = 0x20
ND6_NO_DAD = 0x100

IFBIF_LEARNING = 0x1
IFBIF_DISCOVER = 0x2
IFBIF_STP = 0x4
IFBIF_SPAN = 0x8
IFBIF_STICKY = 0x10
IFBIF_EDGE = 0x20
IFBIF_AUTOEDGE = 0x40
IFBIF_PTP = 0x80
IFBIF_AUTOPTP = 0x100
IFBIF_PRIVATE = 0x800

IFBRF_VLANFILTER = 0x1

#: Longest interface name (IFNAMSIZ - 1).
NAME_MAX = 15


class Address(TypedDict):
    """An IPv4 or IPv6 address of an interface. ``settled``: when duplicate address detection ends (seconds, epoch)."""

    family: str
    address: str
    prefix: int
    broadcast: str
    settled: float
    anycast: bool


class Member(TypedDict):
    """An interface in a bridge. ``pending``: its path cost is computed once its link comes up.

    ``saved``: the capabilities that it had when it joined, which it gets back when it leaves. ``untagged``: its VLAN
    for frames without a tag, 0 for none; ``tagged``: those it has with tags, as ranges with both ends.
    """

    index: int
    flags: int
    priority: int
    cost: int
    pending: bool
    maxaddr: int
    saved: int
    untagged: int
    tagged: List[List[int]]


class StaticAddress(TypedDict):
    """An Ethernet address that ``ifconfig bridge0 static`` pinned to a member."""

    ether: str
    index: int


class Bridge(TypedDict):
    """An if_bridge(4). Members stand newest first, as the kernel lists them; spans likewise."""

    members: List[Member]
    spans: List[int]
    static: List[StaticAddress]
    priority: int
    root_priority: int
    hellotime: int
    fwddelay: int
    maxage: int
    holdcnt: int
    proto: str
    maxaddr: int
    timeout: int
    flags: int
    defuntagged: int


class Vlan(TypedDict):
    """A vlan(4). ``parent`` is an interface's index, 0 while there is none."""

    tag: int
    proto: str
    pcp: int
    parent: int


class Vxlan(TypedDict):
    """A vxlan(4). ``target`` is "remote" or "group", or empty. ``user_mtu``: somebody has set its MTU."""

    vni: int
    local: str
    target: str
    address: str
    device: str
    ttl: int
    local_port: int
    remote_port: int
    learn: bool
    user_mtu: bool


class Opener(TypedDict):
    """The process that has a tap's device open: its pid and its start time as /proc/PID/stat has it."""

    pid: int
    started: int


class _Required(TypedDict):
    index: int
    name: str
    driver: str
    unit: int
    linux: str
    flags: int
    promisc: int
    mtu: int
    metric: int
    ether: str
    hwaddr: str
    description: str
    groups: List[str]
    options: int
    capabilities: int
    addresses: List[Address]
    nd6: int
    link: str
    baudrate: int
    media: str
    bridge_index: int
    span_index: int


class Interface(_Required, total=False):
    """One interface. What only some have comes last.

    ``wire``: the Linux device at the network's side, where ``linux`` is only the host's side of it (netgraph(4), VALE).
    """

    bridge: Bridge
    vlan: Vlan
    vxlan: Vxlan
    peer: int
    wire: str
    opener: Opener
    #: Of the rings of an interface that valectl(8) made.
    slots: int


class Route(TypedDict):
    """A static route."""

    destination: str
    gateway: str
    interface: int


class Document(TypedDict):
    """The document ``kernel("ifnet")``: interfaces by index, their order of attachment, static routes."""

    interfaces: Dict[str, Interface]
    order: List[int]
    routes: List[Route]
