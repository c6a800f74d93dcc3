# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From VALE switches as they are to switches as they are to be: what has to be told to the kernel now.

What is there and must not be goes by single commands. All that is missing is made by apiary.network, which makes the
same at boot. Ports of guests come and go with their bhyve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.changes import Bring, Ifconfig
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own import Desired, lose
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.ports import HOST_SIDE, Ports
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.record import (
    VALE,
    ValeSwitch,
    leaving,
    pair_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change

#: What netmap(4) does not do for the packets that it passes, as ifconfig(8) shows it: an uplink does without.
OFFLOADS = frozenset(("RXCSUM", "TXCSUM", "RXCSUM_IPV6", "TXCSUM_IPV6", "TSO4", "TSO6", "LRO", "VLAN_HWTAGGING"))
#: What the host's end of an epair must not leave to the other one.
_OWN_OFFLOADS = frozenset(("TXCSUM", "TXCSUM_IPV6"))
_PROMISCUOUS = "PPROMISC"


@dataclass(frozen=True)
class Scene:
    """What was read of the host: interfaces, and the ports of VALE switches."""

    interfaces: Mapping[str, Interface]
    ports: Ports


@dataclass(frozen=True)
class Detach(Change):
    """Take an interface off a VALE switch."""

    port: str

    def describe(self) -> str:
        return f"take {self.port.partition(':')[2]} off {self.port.partition(':')[0]}"

    def apply(self, host: Host) -> None:
        host.run(["valectl", "-d", self.port], what=f"switch {self.subject}: cannot {self.describe()}")


def leave(one: Desired[ValeSwitch], scene: Scene) -> List[Change]:
    """What lets go: uplinks that were, addresses, the host's own interface."""
    old = one.old
    if old is None:
        return []
    found: List[Change] = []
    for uplink in leaving(old, one.new):
        found += _detach(one.name, old.interface, uplink, scene)
        live = scene.interfaces.get(uplink)
        if live is not None and _PROMISCUOUS in live.flags:
            found.append(Ifconfig(one.name, f"let {uplink} take its own frames only", (uplink, "-promisc")))
    own = one.new.own if one.new is not None else ""
    if old.host_interface and not own:
        pair = pair_of(old.host_interface)
        found += _detach(one.name, old.interface, f"{pair}a", scene)
        if f"{pair}a" in scene.interfaces:
            found.append(Ifconfig(one.name, f"destroy {pair}a and {pair}b", (f"{pair}a", "destroy")))
    elif own:
        found += lose(one, scene.interfaces)
    return found


def _detach(switch: str, kernel: str, interface: str, scene: Scene) -> List[Change]:
    return [Detach(switch, f"{kernel}:{interface}")] if interface in scene.ports.get(kernel, ()) else []


def join(switch: ValeSwitch, scene: Scene) -> List[Change]:
    """What takes: apiary.network makes what is missing."""
    lacking = missing(switch, scene)
    return [Bring(switch.name, tuple(lacking))] if lacking else []


def missing(switch: ValeSwitch, scene: Scene) -> List[str]:
    """What apiary.network has to do for a switch, in words; nothing when all is as it is to be."""
    ports = scene.ports.get(switch.interface, ())
    found: List[str] = []
    if switch.uplink:
        live = scene.interfaces[switch.uplink]
        if switch.uplink not in ports or (switch.uplink + HOST_SIDE in ports) != switch.host_stack:
            how = "with" if switch.host_stack else "without"
            found.append(f"attach {switch.uplink} to {switch.interface} {how} the host's stack")
        if OFFLOADS & set(live.options):
            found.append(f"switch off LRO, TSO, checksums and VLAN tagging of {switch.uplink}")
        if _PROMISCUOUS not in live.flags:
            found.append(f"let {switch.uplink} take the frames of guests")
        if not live.up:
            found.append(f"bring {switch.uplink} up")
    if switch.own:
        found += _missing_own(switch, scene, ports)
    return found


def _missing_own(switch: ValeSwitch, scene: Scene, ports: Tuple[str, ...]) -> List[str]:
    own, plug = scene.interfaces.get(switch.own), scene.interfaces.get(switch.plug)
    if own is None or plug is None:
        return [f"make {switch.pair}, attach {switch.plug} and give {switch.own} {', '.join(switch.addresses)}"]
    found = [] if switch.plug in ports else [f"attach {switch.plug} to {switch.interface}"]
    if switch.mac and own.ether.lower() != switch.mac:
        found.append(f"give {own.name} the MAC address {switch.mac}")
    for one in (plug, own):
        if one.description != switch.tag:
            found.append(f"describe {one.name} as {switch.tag}")
        if not one.up:
            found.append(f"bring {one.name} up")
    if _OWN_OFFLOADS & set(own.options):
        found.append(f"switch off transmit checksums of {own.name}")
    return found + [f"give {own.name} the address {text}" for text in switch.addresses if text not in own.addresses]


def strangers(switch: ValeSwitch, ports: Ports) -> List[str]:
    """The ports of a switch that are not its own: guests', and what somebody has attached."""
    own = {switch.uplink, switch.plug, *switch.former}
    names = (port for port in ports.get(switch.interface, ()) if port.rstrip(HOST_SIDE) not in own)
    return [f"port {switch.interface}:{name}" for name in sorted(names)]


# how a switch looks, for the result and the diff


def entry(switch: Optional[ValeSwitch], name: str, scene: Scene) -> Dict[str, Any]:
    """A switch as it is: what is declared, and its ports and the host's own interface as the kernel has them."""
    if switch is None:
        return {"name": name, "state": "absent"}
    own = scene.interfaces.get(switch.own)
    return {
        "name": name,
        "state": "present",
        "type": VALE,
        "interface": switch.interface,
        "uplink": switch.uplink,
        "host_stack": switch.host_stack,
        "host_interface": switch.own,
        "up": not (switch.uplink and switch.uplink not in scene.interfaces) and not missing(switch, scene),
        "members": sorted(_members(scene.ports.get(switch.interface, ()))),
        "addresses": sorted(own.addresses) if own is not None else [],
        "mtu": own.mtu if own is not None else 0,
        "mac": own.ether if own is not None else "",
    }


def _members(ports: Tuple[str, ...]) -> List[str]:
    return [port for port in ports if not port.endswith(HOST_SIDE)]


def expected(one: Desired[ValeSwitch], scene: Scene) -> Dict[str, Any]:
    """A switch as it will be."""
    new = one.new
    if new is None:
        return entry(None, one.name, scene)
    gone = {*leaving(one.old, new), pair_of(one.old.host_interface) + "a" if one.old is not None else ""}
    stay = set(_members(scene.ports.get(new.interface, ()))) - gone
    fields = {**entry(new, one.name, scene), "up": True}
    fields["members"] = sorted(stay | ({new.uplink, new.plug} - {""}))
    if not new.own:
        return {**fields, "addresses": [], "mtu": 0, "mac": ""}
    live = scene.interfaces.get(new.own)
    mac = new.mac or (live.ether if live is not None else "to be given by the kernel")
    return {**fields, "addresses": sorted(new.addresses), "mtu": live.mtu if live is not None else 1500, "mac": mac}


def views(one: Desired[ValeSwitch], scene: Scene) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """The same for the diff, as it is and as it will be, with what is declared and what is missing."""
    before: Dict[str, Any] = {}
    if one.old is not None:
        lacking = (
            missing(one.old, scene) if one.old.uplink in ("", *scene.interfaces) else [f"there is no {one.old.uplink}"]
        )
        before = {**entry(one.old, one.name, scene), **_declared(one.old), "missing": lacking}
    if one.new is None:
        return before, {}
    return before, {**expected(one, scene), **_declared(one.new), "missing": []}


def _declared(switch: ValeSwitch) -> Dict[str, Any]:
    return {"declared": {"mac": switch.mac, "addresses": sorted(switch.addresses)}}
