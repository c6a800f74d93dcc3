# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of interfaces and what every interface has: name, flags, MTU, Ethernet address, description, groups."""

from __future__ import annotations

import errno
from typing import Iterator, List, Optional

from . import dataplane, nodes
from .errors import Refused
from .facts import Facts
from .types import (
    IFF_BROADCAST,
    IFF_KNOWSEPOCH,
    IFF_LOOPBACK,
    IFF_MULTICAST,
    IFF_PROMISC,
    IFF_RUNNING,
    IFF_SIMPLEX,
    IFF_UP,
    NAME_MAX,
    ND6_AUTO_LINKLOCAL,
    ND6_IFDISABLED,
    ND6_PERFORMNUD,
    Document,
    Interface,
    Vxlan,
)

ETHERMTU = 1500
_IF_MINMTU = 72
_IF_MAXMTU = 65535
#: ng_eiface(4): ETHER_MAX_LEN_JUMBO.
_EIFACE_MAXMTU = 9018
_DESCRIPTION_MAX = 1024
_GROUP_MAX = 15

_ETHERNET = IFF_BROADCAST | IFF_SIMPLEX | IFF_MULTICAST
_ND6 = ND6_PERFORMNUD | ND6_IFDISABLED | ND6_AUTO_LINKLOCAL
_GBPS = 1_000_000_000


class _Driver:
    """What an interface of a driver starts with."""

    def __init__(
        self,
        flags: int,
        options: int = 0,
        media: str = "",
        baudrate: int = 0,
        mtu: int = ETHERMTU,
        nd6: int = _ND6,
        link: str = "up",
        capabilities: int = 0,
    ) -> None:
        self.flags = flags
        self.options = options
        self.media = media
        self.baudrate = baudrate
        self.mtu = mtu
        self.nd6 = nd6
        self.link = link
        self.capabilities = capabilities or options


DRIVERS = {
    "em": _Driver(
        _ETHERNET | IFF_KNOWSEPOCH,
        0x48100BB,
        "Ethernet autoselect (1000baseT <full-duplex>)",
        _GBPS,
        capabilities=0x4953FBB,
    ),
    "vtnet": _Driver(_ETHERNET | IFF_KNOWSEPOCH, 0x80028, "Ethernet autoselect (10Gbase-T <full-duplex>)", 10 * _GBPS),
    "lo": _Driver(IFF_LOOPBACK | IFF_MULTICAST, 0x680003, mtu=16384, nd6=ND6_PERFORMNUD | ND6_AUTO_LINKLOCAL),
    "tap": _Driver(_ETHERNET, 0x80000, "Ethernet autoselect", 10_000_000, link="unknown"),
    "bridge": _Driver(_ETHERNET, nd6=ND6_PERFORMNUD | ND6_IFDISABLED),
    "epair": _Driver(
        _ETHERNET | IFF_KNOWSEPOCH | IFF_RUNNING, 0x8, "Ethernet 10Gbase-T (10Gbase-T <full-duplex>)", 10 * _GBPS
    ),
    "ngeth": _Driver(_ETHERNET, 0x28, "Ethernet autoselect", link="down"),
    "vlan": _Driver(IFF_BROADCAST | IFF_MULTICAST),
    "vi": _Driver(IFF_UP | IFF_SIMPLEX | IFF_MULTICAST, 0x80000),
    "vxlan": _Driver(_ETHERNET, 0x80020, "Ethernet autoselect (autoselect <full-duplex>)", mtu=1450),
}


class Ifnet:
    """The interfaces of a host."""

    def __init__(self, document: Document, plane: dataplane.Dataplane, facts: Facts) -> None:
        self.document = document
        self.plane = plane
        self.facts = facts
        #: The names of what was attached since the state was opened, for devd(8).
        self.attached: List[str] = []
        #: The indexes of what was detached, for netgraph(4).
        self.detached: List[int] = []

    def __iter__(self) -> Iterator[Interface]:
        """In the order in which they were attached."""
        table = self.document["interfaces"]
        return iter([table[str(index)] for index in self.document["order"]])

    def find(self, name: str) -> Optional[Interface]:
        """The interface of that name, or None."""
        for interface in self.document["interfaces"].values():
            if interface["name"] == name:
                return interface
        return None

    def get(self, name: str) -> Interface:
        """The interface of that name; ENXIO when there is none."""
        interface = self.find(name)
        if interface is None:
            raise Refused(errno.ENXIO)
        return interface

    def by_index(self, index: int) -> Interface:
        """The interface with that index, which must exist."""
        return self.document["interfaces"][str(index)]

    def unit_taken(self, driver: str, unit: int) -> bool:
        """Whether a driver's unit is in use, under whatever name."""
        return any(i["driver"] == driver and i["unit"] == unit for i in self.document["interfaces"].values())

    def attach(self, name: str, driver: str, unit: int, ether: str = "") -> Interface:
        """Add an interface with its driver's defaults. EEXIST when the name is taken."""
        if self.find(name) is not None:
            raise Refused(errno.EEXIST)
        start = DRIVERS[driver]
        index = 1
        while str(index) in self.document["interfaces"]:
            index += 1
        address = ether or ("" if driver == "lo" else generated_ether(self.facts.hostuuid(), name))
        interface: Interface = {
            "index": index,
            "name": name,
            "driver": driver,
            "unit": unit,
            "linux": name,
            "flags": start.flags,
            "promisc": 0,
            "mtu": start.mtu,
            "metric": 0,
            "ether": address,
            "hwaddr": address,
            "description": "",
            "groups": [] if driver in ("em", "vtnet", "ngeth", "vi") else [driver],
            "options": start.options,
            "capabilities": start.capabilities,
            "addresses": [],
            "nd6": start.nd6,
            "link": start.link,
            "baudrate": start.baudrate,
            "media": start.media,
            "bridge_index": 0,
            "span_index": 0,
        }
        self.document["interfaces"][str(index)] = interface
        self.document["order"].append(index)
        self.attached.append(name)
        return interface

    def detach(self, interface: Interface) -> None:
        """Take an interface off the list; its driver has undone the rest."""
        index = interface["index"]
        del self.document["interfaces"][str(index)]
        self.document["order"].remove(index)
        self.detached.append(index)
        routes = self.document["routes"]
        routes[:] = [route for route in routes if route["interface"] != index]

    def rename(self, interface: Interface, name: str) -> None:
        """SIOCSIFNAME: ENAMETOOLONG beyond 15 characters, EEXIST for a name in use, nothing for the same name."""
        if len(name) > NAME_MAX:
            raise Refused(errno.ENAMETOOLONG)
        if not name:
            raise Refused(errno.EINVAL)
        if name == interface["name"]:
            return
        if self.find(name) is not None:
            raise Refused(errno.EEXIST)
        nodes.rename(interface, name)
        self.attached = [name if known == interface["name"] else known for known in self.attached]
        interface["name"] = name

    def set_flag(self, interface: Interface, flag: int, on: bool) -> None:
        """Set or clear a flag that the administrator controls, other than UP."""
        interface["flags"] = interface["flags"] | flag if on else interface["flags"] & ~flag

    def promiscuous(self, interface: Interface, by: int) -> None:
        """Count a reason for promiscuous mode in (1) or out (-1)."""
        interface["promisc"] += by
        self.set_flag(interface, IFF_PROMISC, interface["promisc"] > 0)

    def set_running(self, interface: Interface, on: bool) -> None:
        """The driver's own flag: whether it passes frames."""
        self.set_flag(interface, IFF_RUNNING, on)

    def set_mtu(self, interface: Interface, mtu: int) -> None:
        """SIOCSIFMTU for anything but a bridge: EOPNOTSUPP for a member of one, EINVAL out of range."""
        if interface["bridge_index"]:
            raise Refused(errno.EOPNOTSUPP)
        self.check_mtu(interface, mtu)
        self.apply_mtu(interface, mtu)

    def check_mtu(self, interface: Interface, mtu: int) -> None:
        """EINVAL when the driver cannot take that MTU."""
        if not _IF_MINMTU <= mtu <= _IF_MAXMTU:
            raise Refused(errno.EINVAL)
        if interface["driver"] == "ngeth" and mtu > _EIFACE_MAXMTU:
            raise Refused(errno.EINVAL)
        vlan = interface.get("vlan")
        if vlan is not None and (not vlan["parent"] or mtu > self.by_index(vlan["parent"])["mtu"]):
            raise Refused(errno.EINVAL)

    def apply_mtu(self, interface: Interface, mtu: int) -> None:
        """Set an MTU that was checked. That of a vxlan no longer follows from its headers then."""
        if "vxlan" in interface:
            interface["vxlan"]["user_mtu"] = True
        if mtu != interface["mtu"]:
            interface["mtu"] = mtu
            for device in dict.fromkeys((interface["linux"], dataplane.wire(interface))):
                self.line(interface, "link set dev", device, "mtu", self.real_mtu(interface))

    def real_mtu(self, interface: Interface) -> int:
        """The MTU of the Linux device: a vxlan on a group takes no more there than fits into what carries it."""
        vxlan = interface.get("vxlan")
        carrier = self.carrier(vxlan) if vxlan is not None and vxlan["target"] == "group" else None
        if vxlan is None or carrier is None:
            return interface["mtu"]
        return min(interface["mtu"], carrier["mtu"] - (70 if ":" in vxlan["address"] else 50))

    def carrier(self, vxlan: Vxlan) -> Optional[Interface]:
        """The interface by which a vxlan reaches its group: ``vxlandev``, else the one with the local address."""
        if vxlan["device"]:
            return self.find(vxlan["device"])
        for one in self:
            if vxlan["local"] in [address["address"] for address in one["addresses"]]:
                return one
        return None

    def set_ether(self, interface: Interface, ether: str) -> None:
        """SIOCSIFLLADDR. EINVAL for an address that is not six bytes or an interface without one."""
        value = parse_ether(ether)
        if value is None or interface["driver"] == "lo":
            raise Refused(errno.EINVAL)
        interface["ether"] = value
        dataplane.set_ether(self.plane, interface)

    def describe(self, interface: Interface, text: str) -> None:
        """SIOCSIFDESCR: the empty text removes the description; ENAMETOOLONG beyond net.ifdescr_maxlen."""
        if len(text.encode("utf-8")) >= _DESCRIPTION_MAX:
            raise Refused(errno.ENAMETOOLONG)
        interface["description"] = text

    def add_group(self, interface: Interface, group: str) -> None:
        """Add to a group; being in it already is fine."""
        if group not in interface["groups"]:
            interface["groups"].append(group)

    def remove_group(self, interface: Interface, group: str) -> None:
        """Take out of a group; not being in it is fine."""
        if group in interface["groups"]:
            interface["groups"].remove(group)

    def line(self, interface: Interface, *words: object) -> None:
        """A change to the Linux device of an interface, where it has one."""
        if dataplane.is_real(interface):
            self.plane.line(*words)


def group_name_error(group: str) -> str:
    """Why ifconfig(8) refuses a group's name, or the empty string."""
    if group[-1:].isdigit():
        return "setifgroup: group names may not end in a digit"
    if len(group) > _GROUP_MAX:
        return "setifgroup: group name too long"
    return ""


def generated_ether(hostuuid: str, name: str) -> str:
    """The Ethernet address of a cloned interface: from the host's UUID and the interface's name (ether_gen_addr(9)).

    The same on every boot, and on every host with the same UUID. The jail's name takes part as well: 0 is
    the host.
    """
    digest = digest_of(f"{hostuuid}-{name}-0")
    return f"58:9c:fc:{digest[0] & 0x10:02x}:{digest[1]:02x}:{digest[2]:02x}"


def digest_of(text: str) -> bytes:
    """SHA-1 of a text."""
    import hashlib

    return hashlib.sha1(text.encode()).digest()


def parse_ether(text: str) -> Optional[str]:
    """An Ethernet address in its canonical form, or None. Bytes may have one digit; '-' and '.' separate as well."""
    parts = text.replace("-", ":").replace(".", ":").split(":")
    try:
        values = [int(part, 16) for part in parts if 0 < len(part) <= 2]
    except ValueError:
        return None
    if len(parts) != 6 or len(values) != 6:
        return None
    return ":".join(f"{value:02x}" for value in values)
