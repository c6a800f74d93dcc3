# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ifconfig(8) prints about an interface."""

from __future__ import annotations

import socket
import time
from typing import Dict, List, Optional, Sequence, Tuple

from ...ifnet import tap
from ...ifnet.bridge import bridge_id
from ...ifnet.facts import NETLINK_IFCONFIG, VLAN_BRIDGES
from ...ifnet.kernel import Ifnet
from ...ifnet.routes import mask
from ...ifnet.types import IFBIF_SPAN, IFBIF_STP, IFF_KNOWSEPOCH, IFF_LOWER_UP, IFF_UP, Address, Interface, Member
from ...ifnet.vxlan import NO_VNI

Names = Sequence[Tuple[int, str]]

_IFF: Names = (
    (0x1, "UP"),
    (0x2, "BROADCAST"),
    (0x4, "DEBUG"),
    (0x8, "LOOPBACK"),
    (0x10, "POINTOPOINT"),
    (0x40, "RUNNING"),
    (0x80, "NOARP"),
    (0x100, "PROMISC"),
    (0x200, "ALLMULTI"),
    (0x400, "OACTIVE"),
    (0x800, "SIMPLEX"),
    (0x1000, "LINK0"),
    (0x2000, "LINK1"),
    (0x4000, "LINK2"),
    (0x8000, "MULTICAST"),
    (0x20000, "PPROMISC"),
    (0x40000, "MONITOR"),
    (0x80000, "STATICARP"),
    (0x1000000, "LOWER_UP"),
)
IFCAP: Names = (
    (0x1, "RXCSUM"),
    (0x2, "TXCSUM"),
    (0x4, "NETCONS"),
    (0x8, "VLAN_MTU"),
    (0x10, "VLAN_HWTAGGING"),
    (0x20, "JUMBO_MTU"),
    (0x40, "POLLING"),
    (0x80, "VLAN_HWCSUM"),
    (0x100, "TSO4"),
    (0x200, "TSO6"),
    (0x400, "LRO"),
    (0x800, "WOL_UCAST"),
    (0x1000, "WOL_MCAST"),
    (0x2000, "WOL_MAGIC"),
    (0x4000, "TOE4"),
    (0x8000, "TOE6"),
    (0x10000, "VLAN_HWFILTER"),
    (0x40000, "VLAN_HWTSO"),
    (0x80000, "LINKSTATE"),
    (0x100000, "NETMAP"),
    (0x200000, "RXCSUM_IPV6"),
    (0x400000, "TXCSUM_IPV6"),
    (0x800000, "HWSTATS"),
    (0x4000000, "MEXTPG"),
)
_ND6: Names = (
    (0x1, "PERFORMNUD"),
    (0x2, "ACCEPT_RTADV"),
    (0x4, "PREFER_SOURCE"),
    (0x8, "IFDISABLED"),
    (0x20, "AUTO_LINKLOCAL"),
    (0x40, "NO_RADR"),
    (0x80, "NO_PREFER_IFACE"),
    (0x100, "NO_DAD"),
)
_IFBIF: Names = (
    (0x1, "LEARNING"),
    (0x2, "DISCOVER"),
    (0x4, "STP"),
    (0x8, "SPAN"),
    (0x10, "STICKY"),
    (0x800, "PRIVATE"),
    (0x20, "EDGE"),
    (0x40, "AUTOEDGE"),
    (0x80, "PTP"),
    (0x100, "AUTOPTP"),
)
_IFBRF: Names = ((0x1, "VLANFILTER"), (0x2, "DEFQINQ"))
_PAD = "\t        "


def bits(value: int, names: Names) -> str:
    """``8802<BROADCAST,SIMPLEX,MULTICAST>``: the value in hexadecimal and the names of its bits."""
    return "{:x}<{}>".format(value, ",".join(name for bit, name in names if value & bit))


class Printer:
    """Prints interfaces in the formats that ``-f`` asked for; ``family`` limits to one address family."""

    def __init__(self, net: Ifnet, formats: Dict[str, str], family: Optional[str] = None, media: bool = False) -> None:
        self.net = net
        self.formats = formats
        self.family = family
        self.media = media
        self.netlink = net.facts.osreldate() >= NETLINK_IFCONFIG
        self.vlan_bridges = net.facts.osreldate() >= VLAN_BRIDGES

    def interface(self, interface: Interface) -> None:
        """The whole status of one interface."""
        flags = bits(self._flags(interface), _IFF)
        print(f"{interface['name']}: flags={flags} metric {interface['metric']} mtu {interface['mtu']}")
        if interface["description"]:
            print("\tdescription: {}".format(interface["description"]))
        if interface["options"]:
            print("\toptions={}".format(bits(interface["options"], IFCAP)))
        if self.media and interface["capabilities"]:
            print("\tcapabilities={}".format(bits(interface["capabilities"], IFCAP)))
        if self.family in (None, "ether"):
            self._ether(interface)
        for address in self._ordered(interface["addresses"]):
            if self.family in (None, address["family"]):
                self._address(interface, address)
        if self.family is None:
            self._others(interface)
        opener = tap.opener(interface)
        if opener is not None:
            print(f"\tOpened by PID {opener}")

    def _flags(self, interface: Interface) -> int:
        flags = interface["flags"]
        if not self.netlink:
            return flags
        flags &= ~IFF_KNOWSEPOCH
        if self._carrier(interface):
            flags |= IFF_LOWER_UP
        return flags

    def _carrier(self, interface: Interface) -> bool:
        """Ethernet: by the state of its link; all others: by UP."""
        if interface["driver"] in ("bridge", "lo"):
            return bool(interface["flags"] & IFF_UP)
        return bool(interface["media"]) and interface["link"] == "up"

    def _ordered(self, addresses: List[Address]) -> List[Address]:
        return sorted(addresses, key=lambda address: address["family"]) if self.netlink else addresses

    def _ether(self, interface: Interface) -> None:
        if not interface["ether"]:
            return
        print("\tether {}".format(self._ethernet(interface["ether"])))
        if interface["driver"] not in ("bridge", "vlan") and interface["hwaddr"] != interface["ether"]:
            print("\thwaddr {}".format(self._ethernet(interface["hwaddr"])))

    def _ethernet(self, address: str) -> str:
        return address.replace(":", "-") if self.formats.get("ether") == "dash" else address

    def _address(self, interface: Interface, address: Address) -> None:
        if address["family"] == "inet":
            self._inet(address)
        else:
            self._inet6(interface, address)

    def _inet(self, address: Address) -> None:
        style = self.formats.get("inet", "hex")
        value = mask("inet", address["prefix"])
        if style == "cidr":
            text = f"\tinet {address['address']}/{address['prefix']}"
        elif style == "dotted":
            text = "\tinet {} netmask {}".format(address["address"], socket.inet_ntoa(value.to_bytes(4, "big")))
        else:
            text = "\tinet {} netmask 0x{:08x}".format(address["address"], value)
        print(text + (" broadcast {}".format(address["broadcast"]) if address["broadcast"] else ""))

    def _inet6(self, interface: Interface, address: Address) -> None:
        local = address["address"].startswith("fe80:")
        text = "\tinet6 {}{}".format(address["address"], "%" + interface["name"] if local else "")
        if self.formats.get("inet6") == "cidr":
            text += f"/{address['prefix']}"
        else:
            text += f" prefixlen {address['prefix']}"
        if address["anycast"]:
            text += " anycast"
        if address["settled"] < 0 or address["settled"] > time.time():
            text += " tentative"
        print(text + (" scopeid 0x{:x}".format(interface["index"]) if local else ""))

    def _others(self, interface: Interface) -> None:
        if "bridge" in interface:
            self._bridge(interface)
        if interface["groups"]:
            print("\tgroups: {}".format(" ".join(interface["groups"])))
        self._vlan(interface)
        self._vxlan(interface)
        if interface["media"]:
            print("\tmedia: {}".format(interface["media"]))
            active = interface["driver"] not in ("tap", "ngeth") or interface["link"] == "up"
            print(f"\tstatus: {'active' if active else 'no carrier'}")
        print("\tnd6 options={}".format(bits(interface["nd6"], _ND6)))

    def _bridge(self, interface: Interface) -> None:
        bridge = interface["bridge"]
        ident = bridge_id(self.net, interface)
        print(
            f"\tid {ident} priority {bridge['priority']} hellotime {bridge['hellotime']} fwddelay {bridge['fwddelay']}"
        )
        print(
            f"\tmaxage {bridge['maxage']} holdcnt {bridge['holdcnt']} proto {bridge['proto']}"
            f" maxaddr {bridge['maxaddr']} timeout {bridge['timeout']}"
        )
        print(f"\troot id {ident} priority {bridge['root_priority']} ifcost 0 port 0")
        if self.vlan_bridges:
            untagged = f" defuntagged={bridge['defuntagged']}" if bridge["defuntagged"] else ""
            print(f"\tbridge flags={bits(bridge['flags'], _IFBRF)}{untagged}")
        priority, cost = 0, 0
        for member in bridge["members"]:
            priority, cost = member["priority"], member["cost"]
            self._member(member, bridge["proto"])
        for index in bridge["spans"]:
            # The kernel fills in neither for a span: what the member before it had is still there.
            span: Member = {
                "index": index,
                "flags": IFBIF_SPAN,
                "priority": priority,
                "cost": cost,
                "pending": False,
                "maxaddr": 0,
                "saved": 0,
                "untagged": 0,
                "tagged": [],
            }
            self._member(span, bridge["proto"])

    def _member(self, member: Member, proto: str) -> None:
        print("\tmember: {} flags={}".format(self.net.by_index(member["index"])["name"], bits(member["flags"], _IFBIF)))
        text = _PAD
        if member["maxaddr"] or not self.vlan_bridges:
            text += f"ifmaxaddr {member['maxaddr']} "
        text += f"port {member['index']}"
        text += f" priority {member['priority']} path cost {member['cost']}"
        if member["flags"] & IFBIF_STP:
            text += f" proto {proto}\n{_PAD}role disabled state discarding"
        print(text + (_lanes(member) if self.vlan_bridges else ""))

    def _vlan(self, interface: Interface) -> None:
        vlan = interface.get("vlan")
        if vlan is None:
            return
        parent = self.net.by_index(vlan["parent"])["name"] if vlan["parent"] else "<none>"
        print(f"\tvlan: {vlan['tag']} vlanproto: {vlan['proto']} vlanpcp: {vlan['pcp']} parent interface: {parent}")

    def _vxlan(self, interface: Interface) -> None:
        vxlan = interface.get("vxlan")
        if vxlan is None or vxlan["vni"] >= NO_VNI:
            return
        local = _socket(vxlan["local"], vxlan["local_port"])
        remote = _socket(vxlan["address"], vxlan["remote_port"])
        print(f"\tvxlan vni {vxlan['vni']} local {local} {vxlan['target'] or 'remote'} {remote}")


def _lanes(member: Member) -> str:
    """A member's VLANs."""
    text = " vlan protocol 802.1q"
    if member["untagged"]:
        text += f" untagged {member['untagged']}"
    if member["tagged"]:
        ranges = (str(first) if first == last else f"{first}-{last}" for first, last in member["tagged"])
        text += " tagged " + ",".join(ranges)
    return text


def _socket(address: str, port: int) -> str:
    """An address and its port; neither, as long as there is no address."""
    if not address:
        return ":"
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
