# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A switch as it stands in the host's allocation file: what was declared, and what was given to it once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import Lanes
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.members import switch_tag
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan import (
    Vxlan,
    vxlan_from_json,
    vxlan_to_json,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.nat.options import (
    IPFW,
    PF,
    Forward,
    forwards_from_json,
    forwards_to_json,
)

BRIDGE = "bridge"
ETHERMTU = 1500


@dataclass(frozen=True)
class Port:
    """How a bridge is connected to other hosts: an interface, with ``vlan`` (else 0) that VLAN of it, or a vxlan(4)."""

    uplink: str
    vlan: int = 0
    vxlan: str = ""

    @property
    def member(self) -> str:
        """The interface that is in the bridge, '' if there is none."""
        return self.vxlan or (f"{self.uplink}.{self.vlan}" if self.vlan else self.uplink)

    @property
    def made(self) -> str:
        """The interface that is made for it, '' if it needs none."""
        return self.member if self.vlan or self.vxlan else ""


@dataclass(frozen=True)
class Moved:
    """The addresses of the uplink that the bridge has in its place: static ones, and whether there is one by DHCP.

    ``lines`` is what rc.conf said of them, by patterns of its variables; of ``ifconfig_IF`` the words of addresses.
    """

    addresses: Tuple[str, ...] = ()
    dhcp: bool = False
    lines: Tuple[Tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Switch:
    """A bridge(4) that guests are plugged into.

    ``interface`` and ``mac`` are given once and kept. ``manual``: somebody else's bridge, used as it is; the rest is
    empty then. ``uplink`` is '' for none, ``vlan`` and ``mtu`` 0 for none; ``addresses`` have their prefix lengths.
    ``nat`` is the interface by which its guests reach the outside, '' for none, ``forwards`` the ports that lead in,
    ``ipfw`` its number in ipfw(8), 0 where that is done by pf(4). ``dhcp_guard``: pf(4) keeps DHCP from crossing its
    connection.
    ``former`` are connections that are on their way out. ``lanes`` are the VLANs of the member that connects it, where
    it filters VLANs (``vlan_filter``); ``vxlan`` is in place of an uplink. ``moved`` is what the uplink has given the
    bridge, if it has.
    """

    name: str
    interface: str
    manual: bool = False
    uplink: str = ""
    vlan: int = 0
    addresses: Tuple[str, ...] = ()
    mtu: int = 0
    mac: str = ""
    stp: bool = False
    nat: str = ""
    ipfw: int = 0
    forwards: Tuple[Forward, ...] = ()
    dhcp_guard: bool = False
    former: Tuple[Port, ...] = ()
    vlan_filter: bool = False
    lanes: Lanes = Lanes()
    vxlan: Vxlan = Vxlan()
    moved: Optional[Moved] = None

    @property
    def all_addresses(self) -> Tuple[str, ...]:
        """Those that were its uplink's and are static, and its own."""
        return (*(self.moved.addresses if self.moved is not None else ()), *self.addresses)

    @property
    def by_dhcp(self) -> bool:
        """Whether it has an address by DHCP as well."""
        return self.moved is not None and self.moved.dhcp

    @property
    def tag(self) -> str:
        """The description of its interfaces."""
        return switch_tag(self.name)

    @property
    def firewall(self) -> str:
        """What has rules of this switch, which translate addresses or keep DHCP off: '' if nothing has."""
        if self.nat:
            return IPFW if self.ipfw else PF
        return PF if self.dhcp_guard else ""

    @property
    def rules_option(self) -> str:
        """The option that wants these rules."""
        return "nat" if self.nat else "dhcp_guard"

    @property
    def member(self) -> str:
        """The interface that is in the bridge to connect it: the uplink, its VLAN or a vxlan; '' if there is none."""
        return self.port.member

    @property
    def port(self) -> Port:
        """How it is connected."""
        return Port(self.uplink, self.vlan, self.vxlan.interface)

    @property
    def made(self) -> str:
        """The VLAN or vxlan that is made for it, '' if it has none."""
        return self.port.made

    @property
    def fixed_mtu(self) -> int:
        """The MTU that it is to have, whatever its members have; 0: it takes that of the first."""
        return self.mtu or self.vxlan.mtu or (ETHERMTU if self.vlan else 0)


def leaving(old: Optional[Switch], new: Optional[Switch]) -> Tuple[Port, ...]:
    """The connections that a switch has, or had, and is not to have."""
    if old is None:
        return ()
    ports = [*old.former, old.port] if old.member else list(old.former)
    return tuple(dict.fromkeys(port for port in ports if new is None or port.member != new.member))


def on_its_way(old: Optional[Switch], new: Switch) -> Switch:
    """What is noted of a switch until all is done: with what is still to be taken back, should that fail half-way."""
    noted = replace(new, former=leaving(old, new))
    if old is None:
        return noted
    if old.mtu and not new.mtu:
        noted = replace(noted, mtu=old.mtu)
    if old.nat and not new.nat:
        noted = replace(noted, nat=old.nat, ipfw=old.ipfw, forwards=old.forwards)
    if old.dhcp_guard:
        noted = replace(noted, dhcp_guard=True)
    return replace(noted, moved=new.moved or old.moved)


def switch_to_json(switch: Switch) -> Dict[str, Any]:
    """What host.json says of a switch."""
    data: Dict[str, Any] = {"type": BRIDGE, "interface": switch.interface}
    if switch.manual:
        return {**data, "manual": True}
    filters = switch.vlan_filter
    return {
        **data,
        "uplink": switch.uplink,
        "vlan": switch.vlan,
        "addresses": list(switch.addresses),
        "mtu": switch.mtu,
        "mac": switch.mac,
        "stp": switch.stp,
        **({"former": [_port_to_json(port) for port in switch.former]} if switch.former else {}),
        **({"vlan_filter": True, "untagged": switch.lanes.untagged, "tagged": switch.lanes.tagged} if filters else {}),
        **({"vxlan": vxlan_to_json(switch.vxlan)} if switch.vxlan else {}),
        **({"nat": switch.nat, "forward": forwards_to_json(switch.forwards)} if switch.nat else {}),
        **({"ipfw": switch.ipfw} if switch.ipfw else {}),
        **({"dhcp_guard": True} if switch.dhcp_guard else {}),
        **({"moved": _moved_to_json(switch.moved)} if switch.moved is not None else {}),
    }


def _port_to_json(port: Port) -> List[Any]:
    return [port.uplink, port.vlan, *([port.vxlan] if port.vxlan else [])]


def _port_from_json(uplink: str, vlan: int, vxlan: str = "") -> Port:
    return Port(str(uplink), int(vlan), str(vxlan))


def _moved_to_json(moved: Moved) -> Dict[str, Any]:
    return {"addresses": list(moved.addresses), "dhcp": moved.dhcp, "lines": dict(moved.lines)}


def _moved_from_json(data: Optional[Mapping[str, Any]]) -> Optional[Moved]:
    if data is None:
        return None
    lines = tuple((str(pattern), str(value)) for pattern, value in data["lines"].items())
    return Moved(tuple(str(address) for address in data["addresses"]), bool(data["dhcp"]), lines)


def switches_from_json(data: Mapping[str, Mapping[str, Any]], path: str) -> Dict[str, Switch]:
    """The switches of host.json, which is at ``path``, by name. UnknownState for anything that is none."""
    switches: Dict[str, Switch] = {}
    for name, fields in data.items():
        try:
            if fields["type"] != BRIDGE:
                raise ValueError(f"type {fields['type']!r}")
            switches[name] = Switch(
                name=name,
                interface=str(fields["interface"]),
                manual=bool(fields.get("manual", False)),
                uplink=str(fields.get("uplink", "")),
                vlan=int(fields.get("vlan", 0)),
                addresses=tuple(str(address) for address in fields.get("addresses", ())),
                mtu=int(fields.get("mtu", 0)),
                mac=str(fields.get("mac", "")),
                stp=bool(fields.get("stp", False)),
                former=tuple(_port_from_json(*port) for port in fields.get("former", ())),
                vlan_filter=bool(fields.get("vlan_filter", False)),
                lanes=Lanes(int(fields.get("untagged", 0)), str(fields.get("tagged", ""))),
                vxlan=vxlan_from_json(fields.get("vxlan")),
                nat=str(fields.get("nat", "")),
                ipfw=int(fields.get("ipfw", 0)),
                forwards=forwards_from_json(fields.get("forward", ())),
                dhcp_guard=bool(fields.get("dhcp_guard", False)),
                moved=_moved_from_json(fields.get("moved")),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnknownState(
                f"{path}: the switch {name} cannot be read ({error!r}); put back a copy of it"
            ) from error
    return switches
