# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A switch that is a VALE switch, as it stands in host.json, in rc.conf(5) and in the file read at boot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own import OwnSwitch

VALE = "vale"


@dataclass(frozen=True)
class ValeSwitch(OwnSwitch):
    """A switch of netmap(4) that guests are plugged into.

    ``host_interface`` is the host's end of the epair(4) by which it is on the switch. ``host_stack``: the host goes on
    using the uplink. ``former`` are uplinks that are on their way out.
    """

    host_stack: bool = True
    former: Tuple[str, ...] = ()

    @property
    def pair(self) -> str:
        """The epair that the host's own interface is an end of, '' while it has none."""
        return pair_of(self.own)

    @property
    def plug(self) -> str:
        """The other end of it, which is attached to the switch."""
        return f"{self.pair}a" if self.pair else ""


def pair_of(host_interface: str) -> str:
    """epair1000 of epair1000b."""
    return host_interface[:-1]


def leaving(old: Optional[ValeSwitch], new: Optional[ValeSwitch]) -> Tuple[str, ...]:
    """The uplinks that a switch has, or had, and is not to have."""
    if old is None:
        return ()
    names = [*old.former, *([old.uplink] if old.uplink else [])]
    return tuple(dict.fromkeys(name for name in names if new is None or name != new.uplink))


def on_its_way(old: Optional[ValeSwitch], new: ValeSwitch) -> ValeSwitch:
    """What is noted of a switch until all is done: with what is still to be taken back, should that fail half-way."""
    return replace(new, former=leaving(old, new))


def to_json(switch: ValeSwitch) -> Dict[str, Any]:
    """What host.json says of a switch."""
    return {
        "type": VALE,
        "interface": switch.interface,
        "uplink": switch.uplink,
        "host_stack": switch.host_stack,
        "addresses": list(switch.addresses),
        "mac": switch.mac,
        "host_interface": switch.host_interface,
        **({"former": list(switch.former)} if switch.former else {}),
    }


def from_json(data: Mapping[str, Mapping[str, Any]], path: str) -> Dict[str, ValeSwitch]:
    """The VALE switches among those of host.json, which is at ``path``, by name. UnknownState."""
    switches: Dict[str, ValeSwitch] = {}
    for name, fields in data.items():
        if fields.get("type") != VALE:
            continue
        try:
            switches[name] = ValeSwitch(
                name=name,
                interface=str(fields["interface"]),
                uplink=str(fields["uplink"]),
                host_stack=bool(fields["host_stack"]),
                addresses=tuple(str(address) for address in fields["addresses"]),
                mac=str(fields["mac"]),
                host_interface=str(fields["host_interface"]),
                former=tuple(str(uplink) for uplink in fields.get("former", ())),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UnknownState(
                f"{path}: the switch {name} cannot be read ({error!r}); put back a copy of it"
            ) from error
    return switches


def rc_names(switch: ValeSwitch) -> List[str]:
    """The variables of rc.conf that are the switch's alone."""
    if not switch.host_interface:
        return []
    plug = f"{pair_of(switch.host_interface)}a"
    patterns = ("ifconfig_IF", "ifconfig_IF_ipv6", "ifconfig_IF_aliases")
    own = [switch_rc.variable(pattern, switch.host_interface) for pattern in patterns]
    return [switch_rc.variable("ifconfig_IF", plug), *own]


def rc_lines(switch: ValeSwitch) -> Dict[str, Optional[str]]:
    """Their values; None: there is none of that name. Attached to the switch it is by apiary.network.

    The MAC address comes before the interface goes up, since the kernel makes its link-local address of it then.
    """
    names = rc_names(switch)
    if not switch.own:
        return dict.fromkeys(names)
    four = [text for text in switch.addresses if ":" not in text]
    six = [text for text in switch.addresses if ":" in text]
    aliases = [f"inet {text}" for text in four] + [f"inet6 {text}" for text in six[1:]]
    values = (
        "up",
        f"ether {switch.mac} up" if switch.mac else "up",
        f"inet6 {six[0]}" if six else None,
        " ".join(aliases) or None,
    )
    return dict(zip(names, values))


def clone_list(current: Optional[str], pair: str, wanted: bool) -> str:
    """``cloned_interfaces`` with this epair, which a restart of the network keeps, or without it."""
    words = (current or "").split()
    mine = [word for word in words if word.partition(":")[0] == pair]
    if mine == ([f"{pair}:sticky"] if wanted else []):
        return current or ""
    others = [word for word in words if word not in mine]
    return " ".join([*others, f"{pair}:sticky"] if wanted else others)


def boot_file(switch: ValeSwitch) -> str:
    """What it holds."""
    values = {
        "type": VALE,
        "interface": switch.interface,
        "uplink": switch.uplink,
        "host_stack": "YES" if switch.host_stack else "NO",
        "host_interface": switch.own,
        "description": switch.tag,
        "mac": switch.mac if switch.own else "",
        "mtu": "",
        "addresses": " ".join(switch.addresses),
    }
    return "# Made by apiary.bhyve.bhyve_switch.\n" + "".join(f"{key}='{value}'\n" for key, value in values.items())
