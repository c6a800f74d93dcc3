# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's network interfaces as ifconfig(8) shows them."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import Lanes

IFCONFIG = ("ifconfig", "-a")

_HEADER = re.compile(r"(?P<name>\S.*?): flags=[0-9a-f]+<(?P<flags>[^>]*)> metric \d+ mtu (?P<mtu>\d+)")
_MEMBER = re.compile(r"member: (?P<name>\S.*?) flags=[0-9a-f]+<(?P<flags>[^>]*)>(?: .*)?")
_OPTIONS = re.compile(r"options=[0-9a-f]+<(?P<options>[^>]*)>(?: .*)?")
_VLAN = re.compile(r"vlan: (?P<tag>\d+) vlanproto: \S+ vlanpcp: \d+ parent interface: (?P<parent>\S+)(?: .*)?")
_LANES = re.compile(r".* vlan protocol \S+(?: untagged (?P<untagged>\d+))?(?: tagged (?P<tagged>[\d,-]+))?")
_BRIDGE_FLAGS = re.compile(r"bridge flags=[0-9a-f]+<(?P<flags>[^>]*)>(?: defuntagged=(?P<default>\d+))?(?: .*)?")
_VXLAN = re.compile(
    r"vxlan vni (?P<id>\d+) local (?P<local>\S*):\d* (?:remote|group) (?P<far>\S*):(?P<port>\d*)(?: .*)?"
)
_INET = re.compile(r"inet (?P<address>[\d.]+)(?: --> [\d.]+)? netmask 0x(?P<mask>[0-9a-f]{8})(?: .*)?")
_INET6 = re.compile(r"inet6 (?P<address>[0-9a-f:.]+)(?:%\S+)?(?: --> \S+)? prefixlen (?P<length>\d+)(?: .*)?")
_OPENED = re.compile(r"Opened by PID (?P<pid>\d+)")


@dataclass(frozen=True)
class Vlan:
    """What makes a vlan(4) one: its tag, and the interface that carries it ('' while there is none)."""

    tag: int
    parent: str


@dataclass(frozen=True)
class Vxlan:
    """What makes a vxlan(4) one: its network identifier, its own address, the far one or the group, the UDP port."""

    id: int
    local: str
    far: str
    port: int


@dataclass(frozen=True)
class Interface:
    """One interface.

    ``members``, and which of them are ``stp`` ports or ``private``, is filled for a bridge, ``vlan`` for a VLAN,
    ``opened_by`` (a pid) for a tap that somebody holds open. ``options``: the capabilities that are on, such as TSO4.
    A bridge that ``filters`` VLANs has the VLANs of its members in ``lanes``; ``default_vlan`` (0: none) is that of the
    frames without a tag of those that join it.
    """

    name: str
    flags: Tuple[str, ...]
    mtu: int
    description: str = ""
    ether: str = ""
    groups: Tuple[str, ...] = ()
    members: Tuple[str, ...] = ()
    opened_by: Optional[int] = None
    inet: Tuple[str, ...] = ()
    inet6: Tuple[str, ...] = ()
    options: Tuple[str, ...] = ()
    stp: Tuple[str, ...] = ()
    private: Tuple[str, ...] = ()
    vlan: Optional[Vlan] = None
    media: str = ""
    vxlan: Optional[Vxlan] = None
    filters: bool = False
    default_vlan: int = 0
    lanes: Mapping[str, Lanes] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether its driver passes frames."""
        return "RUNNING" in self.flags

    @property
    def addresses(self) -> Tuple[str, ...]:
        """Its addresses, but for the link-local ones, which the kernel makes by itself."""
        own = (text for text in self.inet6 if not ipaddress.IPv6Interface(text).ip.is_link_local)
        return (*self.inet, *own)

    @property
    def is_wireless(self) -> bool:
        """Whether it is a wlan(4)."""
        return "wlan" in self.groups or "802.11" in self.media

    @property
    def up(self) -> bool:
        """Whether the administrator's up flag is set."""
        return "UP" in self.flags

    @property
    def is_bridge(self) -> bool:
        """Whether it is an if_bridge(4); the kernel puts every clone in its driver's group, whatever its name."""
        return "bridge" in self.groups

    @property
    def is_tap(self) -> bool:
        """Whether it is a tap(4)."""
        return "tap" in self.groups


def parse_ifconfig(text: str) -> Dict[str, Interface]:
    """Interfaces by name, in ifconfig's order.

    UnknownState for a line that cannot be read where we rely on it; details that we do not use are passed over.
    """
    result: Dict[str, Interface] = {}
    for block in _blocks(text):
        interface = _parse_block(block)
        result[interface.name] = interface
    if not result:
        # Every FreeBSD has a loopback interface: an empty answer is none.
        raise UnknownState(f"`{' '.join(IFCONFIG)}` exited 0 and printed no interface at all")
    return result


def read_interfaces(host: Host) -> Dict[str, Interface]:
    """All interfaces of the host."""
    return parse_ifconfig(host.run(IFCONFIG, what="cannot list the network interfaces").stdout)


def _blocks(text: str) -> List[List[str]]:
    blocks: List[List[str]] = []
    for line in text.splitlines():
        if not line.startswith("\t"):
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line)
        else:
            raise _unreadable(line)
    return blocks


def _parse_block(lines: List[str]) -> Interface:
    header = _HEADER.match(lines[0])
    if header is None:
        raise _unreadable(lines[0])
    description, ether, opened_by = "", "", None
    groups: Tuple[str, ...] = ()
    members: List[str] = []
    stp: List[str] = []
    private: List[str] = []
    default_vlan = 0
    options: Tuple[str, ...] = ()
    vlan: Optional[Vlan] = None
    media = ""
    vxlan: Optional[Vxlan] = None
    filters = False
    lanes: Dict[str, Lanes] = {}
    inet: List[str] = []
    inet6: List[str] = []
    for line in lines[1:]:
        word, _blank, rest = line[1:].partition(" ")
        if word == "description:":
            description = rest
        elif word == "ether":
            ether = rest.strip()
        elif word == "groups:":
            groups = tuple(rest.split())
        elif word == "member:":
            match = _matched(_MEMBER, line)
            members.append(match["name"])
            marks = _words(match["flags"])
            stp += [match["name"]] if "STP" in marks else []
            private += [match["name"]] if "PRIVATE" in marks else []
        elif members and " vlan protocol " in rest:
            lanes[members[-1]] = _lanes(line)
        elif word == "bridge":
            match = _matched(_BRIDGE_FLAGS, line)
            filters, default_vlan = "VLANFILTER" in _words(match["flags"]), int(match["default"] or 0)
        elif word == "vxlan":
            match = _matched(_VXLAN, line)
            vxlan = Vxlan(int(match["id"]), _bare(match["local"]), _bare(match["far"]), int(match["port"] or 0))
        elif word.startswith("options="):
            options = _words(_matched(_OPTIONS, line)["options"])
        elif word == "vlan:":
            match = _matched(_VLAN, line)
            vlan = Vlan(int(match["tag"]), "" if match["parent"] == "<none>" else match["parent"])
        elif word == "media:":
            media = rest
        elif word == "inet":
            inet.append(_cidr(line))
        elif word == "inet6":
            match = _matched(_INET6, line)
            inet6.append(f"{match['address']}/{match['length']}")
        elif word == "Opened":
            opened_by = int(_matched(_OPENED, line)["pid"])
    return Interface(
        name=header["name"],
        flags=_words(header["flags"]),
        mtu=int(header["mtu"]),
        description=description,
        ether=ether,
        groups=groups,
        members=tuple(members),
        opened_by=opened_by,
        inet=tuple(inet),
        inet6=tuple(inet6),
        options=options,
        stp=tuple(stp),
        private=tuple(private),
        vlan=vlan,
        media=media,
        vxlan=vxlan,
        filters=filters,
        default_vlan=default_vlan,
        lanes=lanes,
    )


def _words(text: str) -> Tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def _lanes(line: str) -> Lanes:
    match = _matched(_LANES, line)
    return Lanes(int(match["untagged"] or 0), match["tagged"] or "")


def _bare(address: str) -> str:
    """An address without the brackets that keep its colons from the port's."""
    return address.strip("[]")


def _cidr(line: str) -> str:
    match = _matched(_INET, line)
    mask = ipaddress.IPv4Address(int(match["mask"], 16))
    try:
        length = ipaddress.IPv4Network(f"0.0.0.0/{mask}").prefixlen
    except ValueError as error:
        raise _unreadable(line) from error
    return f"{match['address']}/{length}"


def _matched(pattern: re.Pattern[str], line: str) -> re.Match[str]:
    match = pattern.fullmatch(line.strip())
    if match is None:
        raise _unreadable(line)
    return match


def _unreadable(line: str) -> UnknownState:
    return UnknownState(f"`{' '.join(IFCONFIG)}` printed a line that cannot be read: {line!r}")
