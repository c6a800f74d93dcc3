# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A switch as it stands in the host's allocation file: what was declared, and what was given to it once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridge import switch_tag

BRIDGE = "bridge"


@dataclass(frozen=True)
class Switch:
    """A bridge(4) that guests are plugged into.

    ``interface`` and ``mac`` are given once and kept. ``manual``: somebody else's bridge, used as it is; the rest is
    empty then. ``uplink`` is '' for none, ``vlan`` and ``mtu`` 0 for none; ``addresses`` have their prefix lengths.
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

    @property
    def tag(self) -> str:
        """The description of its interfaces."""
        return switch_tag(self.name)

    @property
    def member(self) -> str:
        """The interface that is in the bridge for the uplink: the uplink itself or its VLAN; '' if there is none."""
        return f"{self.uplink}.{self.vlan}" if self.vlan else self.uplink

    @property
    def vlan_interface(self) -> str:
        """The VLAN that was made for it, '' if it has none."""
        return self.member if self.vlan else ""


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
    }


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
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UnknownState(
                f"{path}: the switch {name} cannot be read ({error!r}); put back a copy of it"
            ) from error
    return switches
