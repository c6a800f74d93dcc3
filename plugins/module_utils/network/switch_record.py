# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A switch as it stands in the host's allocation file: what was declared, and what was given to it once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridge import switch_tag

BRIDGE = "bridge"


@dataclass(frozen=True)
class Port:
    """How a bridge is connected to the host's LAN: an interface, or with ``vlan`` (else 0) that VLAN of it."""

    uplink: str
    vlan: int = 0

    @property
    def member(self) -> str:
        """The interface that is in the bridge."""
        return f"{self.uplink}.{self.vlan}" if self.vlan else self.uplink


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
    ``former`` are connections that are on their way out. ``moved`` is what the uplink has given the bridge, if it has.
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
    former: Tuple[Port, ...] = ()
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
    def member(self) -> str:
        """The interface that is in the bridge for the uplink: the uplink itself or its VLAN; '' if there is none."""
        return Port(self.uplink, self.vlan).member

    @property
    def vlan_interface(self) -> str:
        """The VLAN that was made for it, '' if it has none."""
        return self.member if self.vlan else ""


def leaving(old: Optional[Switch], new: Optional[Switch]) -> Tuple[Port, ...]:
    """The connections that a switch has, or had, and is not to have."""
    if old is None:
        return ()
    ports = [*old.former, Port(old.uplink, old.vlan)] if old.uplink else list(old.former)
    return tuple(dict.fromkeys(port for port in ports if new is None or port.member != new.member))


def on_its_way(old: Optional[Switch], new: Switch) -> Switch:
    """What is noted of a switch until all is done: with what is still to be taken back, should that fail half-way."""
    if old is None:
        return new
    mtu = old.mtu if old.mtu and not new.mtu else new.mtu
    return replace(new, former=leaving(old, new), mtu=mtu, moved=new.moved or old.moved)


def switch_to_json(switch: Switch) -> Dict[str, Any]:
    """What host.json says of a switch."""
    data: Dict[str, Any] = {"type": BRIDGE, "interface": switch.interface}
    if switch.manual:
        return {**data, "manual": True}
    return {
        **data,
        "uplink": switch.uplink,
        "vlan": switch.vlan,
        "addresses": list(switch.addresses),
        "mtu": switch.mtu,
        "mac": switch.mac,
        "stp": switch.stp,
        **({"former": [[port.uplink, port.vlan] for port in switch.former]} if switch.former else {}),
        **({"moved": _moved_to_json(switch.moved)} if switch.moved is not None else {}),
    }


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
                former=tuple(Port(str(uplink), int(vlan)) for uplink, vlan in fields.get("former", ())),
                moved=_moved_from_json(fields.get("moved")),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnknownState(
                f"{path}: the switch {name} cannot be read ({error!r}); put back a copy of it"
            ) from error
    return switches
