# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A switch that is a netgraph bridge, as it stands in host.json, in rc.conf(5) and in the file read at boot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own import OwnSwitch

NETGRAPH = "netgraph"
#: The bridge's links that are the switch's own; those of guests have numbers from 1000.
LOWER, UPPER, OWN = "link0", "link1", "link2"


@dataclass(frozen=True)
class NetgraphSwitch(OwnSwitch):
    """An ng_bridge(4) that guests are plugged into. ``interface`` is the node's name, ``mtu`` 0 for none of its own."""

    mtu: int = 0


def to_json(switch: NetgraphSwitch) -> Dict[str, Any]:
    """What host.json says of a switch."""
    return {
        "type": NETGRAPH,
        "interface": switch.interface,
        "uplink": switch.uplink,
        "addresses": list(switch.addresses),
        "mtu": switch.mtu,
        "mac": switch.mac,
        "host_interface": switch.host_interface,
    }


def from_json(data: Mapping[str, Mapping[str, Any]], path: str) -> Dict[str, NetgraphSwitch]:
    """The netgraph switches among those of host.json, which is at ``path``, by name. UnknownState."""
    switches: Dict[str, NetgraphSwitch] = {}
    for name, fields in data.items():
        if fields.get("type") != NETGRAPH:
            continue
        try:
            switches[name] = NetgraphSwitch(
                name=name,
                interface=str(fields["interface"]),
                uplink=str(fields["uplink"]),
                addresses=tuple(str(address) for address in fields["addresses"]),
                mtu=int(fields["mtu"]),
                mac=str(fields["mac"]),
                host_interface=str(fields["host_interface"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UnknownState(
                f"{path}: the switch {name} cannot be read ({error!r}); put back a copy of it"
            ) from error
    return switches


def rc_names(switch: NetgraphSwitch) -> List[str]:
    """The variables of rc.conf that are the switch's alone."""
    if not switch.host_interface:
        return []
    patterns = ("ifconfig_IF", "ifconfig_IF_ipv6", "ifconfig_IF_aliases")
    return [switch_rc.variable(pattern, switch.host_interface) for pattern in patterns]


def rc_lines(switch: NetgraphSwitch) -> Dict[str, Optional[str]]:
    """Their values; None: there is none of that name.

    The interface is made at boot by apiary.network, which gives it its addresses, too. These are for a restart of the
    network, which takes the addresses of all interfaces away and gives back those that rc.conf knows.
    """
    names = rc_names(switch)
    if not switch.own:
        return dict.fromkeys(names)
    four = [text for text in switch.addresses if ":" not in text]
    six = [text for text in switch.addresses if ":" in text]
    aliases = [f"inet {text}" for text in four[1:]] + [f"inet6 {text}" for text in six[1:]]
    values = (
        f"inet {four[0]} up" if four else "up",
        f"inet6 {six[0]}" if six else None,
        " ".join(aliases) or None,
    )
    return dict(zip(names, values))


def boot_file(switch: NetgraphSwitch, mtu: int) -> str:
    """What it holds; ``mtu`` is what the host's own interface gets."""
    values = {
        "type": NETGRAPH,
        "node": switch.interface,
        "uplink": switch.uplink,
        "host_interface": switch.own,
        "description": switch.tag,
        "mac": switch.mac if switch.own else "",
        "mtu": str(mtu) if switch.own else "",
        "addresses": " ".join(switch.addresses),
    }
    return "# Made by apiary.bhyve.bhyve_switch.\n" + "".join(f"{key}='{value}'\n" for key, value in values.items())
