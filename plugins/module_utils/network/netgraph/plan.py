# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From netgraph switches as they are to switches as they are to be: what has to be told to the kernel now.

What is there and must not be goes by single commands. All that is missing is made by apiary.network, which makes the
same at boot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.checks import mtu_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.nodes import (
    EIFACE_NODE,
    ETHER_NODE,
    Node,
    Passing,
    Peer,
    node_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.record import (
    LOWER,
    NETGRAPH,
    OWN,
    UPPER,
    NetgraphSwitch,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.changes import Bring, Ifconfig
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own import Desired, lose
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change


@dataclass(frozen=True)
class Scene:
    """What was read of the host: interfaces, netgraph nodes by name, and how the uplinks' nodes pass frames."""

    interfaces: Mapping[str, Interface]
    nodes: Mapping[str, Node]
    passing: Mapping[str, Passing] = field(default_factory=dict)


@dataclass(frozen=True)
class Ngctl(Change):
    """One call of ngctl(8); ``what`` says what it does, ``lines`` are its commands."""

    what: str
    lines: Tuple[str, ...]

    def describe(self) -> str:
        return self.what

    def apply(self, host: Host) -> None:
        script = "".join(f"{line}\n" for line in self.lines)
        host.run(["ngctl", "-f", "-"], what=f"switch {self.subject}: cannot {self.what}", stdin=script)


def leave(one: Desired[NetgraphSwitch], scene: Scene) -> List[Change]:
    """What lets go: the uplink that was, addresses, the host's own interface, the node."""
    old = one.old
    if old is None:
        return []
    found: List[Change] = []
    for name, links in _linked(old.interface, scene.nodes).items():
        # A node that is shut down lets go of everything by itself.
        if one.new is not None and name != node_of(one.new.uplink):
            lines = tuple(f"rmhook {old.interface}: {link}" for link in links)
            found.append(Ngctl(one.name, f"take {name} off {old.interface}", lines))
    own = one.new.own if one.new is not None else ""
    live = scene.nodes.get(old.host_interface)
    if not own and live is not None and live.type == EIFACE_NODE:
        found.append(Ngctl(one.name, f"destroy {live.name}", (f"shutdown {live.name}:",)))
    elif own and one.new is not None:
        found += lose(one, scene.interfaces)
    if one.new is None and old.interface in scene.nodes:
        found.append(Ngctl(one.name, f"shut {old.interface} down", (f"shutdown {old.interface}:",)))
    return found


def join(switch: NetgraphSwitch, scene: Scene) -> List[Change]:
    """What takes: the uplink is made ready, then apiary.network makes what is missing."""
    found: List[Change] = []
    uplink = scene.interfaces.get(switch.uplink)
    if uplink is not None:
        if switch_rc.OFFLOAD_OPTIONS & set(uplink.options):
            what = f"switch off LRO, TSO and transmit checksums of {uplink.name}"
            found.append(Ifconfig(switch.name, what, (uplink.name, *switch_rc.NO_OFFLOADS)))
        if not uplink.up:
            found.append(Ifconfig(switch.name, f"bring {uplink.name} up", (uplink.name, "up")))
    lacking = missing(switch, scene)
    if lacking:
        found.append(Bring(switch.name, tuple(lacking)))
    return found


def missing(switch: NetgraphSwitch, scene: Scene) -> List[str]:
    """What apiary.network has to do for a switch, in words; nothing when all is as it is to be."""
    found: List[str] = []
    if switch.interface not in scene.nodes:
        found.append(f"make the netgraph bridge {switch.interface}")
    if switch.uplink:
        node = scene.nodes.get(node_of(switch.uplink))
        hooks = node.hooks if node is not None else {}
        wanted = {"lower": Peer(switch.interface, "bridge", LOWER), "upper": Peer(switch.interface, "bridge", UPPER)}
        if any(hooks.get(hook) != peer for hook, peer in wanted.items()):
            found.append(f"connect {switch.uplink} to {switch.interface}")
        elif scene.passing.get(node_of(switch.uplink)) != Passing(promisc=True, autosrc=False):
            found.append(f"let {switch.uplink} pass the frames of guests")
    if switch.own:
        found += _missing_own(switch, scene)
    return found


def _missing_own(switch: NetgraphSwitch, scene: Scene) -> List[str]:
    own = switch.own
    node, live = scene.nodes.get(own), scene.interfaces.get(own)
    if node is None or live is None or node.hooks.get("ether") != Peer(switch.interface, "bridge", OWN):
        return [f"make {own} on {switch.interface} with {', '.join(switch.addresses)}"]
    found: List[str] = []
    if switch.mac and live.ether.lower() != switch.mac:
        found.append(f"give {own} the MAC address {switch.mac}")
    if live.description != switch.tag:
        found.append(f"describe {own} as {switch.tag}")
    if live.mtu != mtu_of(switch, scene.interfaces):
        found.append(f"set the MTU of {own} to {mtu_of(switch, scene.interfaces)}")
    found += [f"give {own} the address {text}" for text in switch.addresses if text not in live.addresses]
    if not live.up:
        found.append(f"bring {own} up")
    return found


def _linked(bridge: str, nodes: Mapping[str, Node]) -> Dict[str, List[str]]:
    """The ether nodes at the links of a bridge that are the uplink's, and at which; the host's side comes first."""
    found: Dict[str, List[str]] = {}
    node = nodes.get(bridge)
    for link in (UPPER, LOWER):
        peer = None if node is None else node.hooks.get(link)
        if peer is not None and peer.type == ETHER_NODE:
            found.setdefault(peer.node, []).append(link)
    return found


def _family(text: str) -> str:
    return "inet6" if ":" in text else "inet"


def strangers(switch: NetgraphSwitch, nodes: Mapping[str, Node]) -> List[str]:
    """What is on a bridge's links and is not the switch's own."""
    node = nodes.get(switch.interface)
    if node is None:
        return []
    own = (LOWER, UPPER, OWN)
    return [f"{peer.node or peer.type} ({link})" for link, peer in sorted(node.hooks.items()) if link not in own]


# how a switch looks, for the result and the diff


def entry(switch: Optional[NetgraphSwitch], name: str, scene: Scene) -> Dict[str, Any]:
    """A switch as it is: what is declared, and its node and the host's own interface as the kernel has them."""
    if switch is None:
        return {"name": name, "state": "absent"}
    node = scene.nodes.get(switch.interface)
    live = scene.interfaces.get(switch.host_interface)
    return {
        "name": name,
        "state": "present",
        "type": NETGRAPH,
        "interface": switch.interface,
        "uplink": switch.uplink,
        "host_interface": switch.own,
        "up": node is not None,
        "members": sorted({peer.node or peer.type for peer in node.hooks.values()}) if node is not None else [],
        "addresses": sorted(live.addresses) if live is not None else [],
        "mtu": live.mtu if live is not None else 0,
        "mac": live.ether if live is not None else "",
    }


def expected(one: Desired[NetgraphSwitch], scene: Scene) -> Dict[str, Any]:
    """A switch as it will be."""
    new = one.new
    if new is None:
        return entry(None, one.name, scene)
    node = scene.nodes.get(new.interface)
    guests = {
        peer.node or peer.type
        for link, peer in (node.hooks.items() if node is not None else ())
        if link not in (LOWER, UPPER, OWN)
    }
    own = {node_of(new.uplink), new.own} - {""}
    fields = {**entry(new, one.name, scene), "up": True, "members": sorted(guests | own)}
    if not new.own:
        return {**fields, "addresses": [], "mtu": 0, "mac": ""}
    mac = new.mac or "to be given by the kernel"
    return {**fields, "addresses": sorted(new.addresses), "mtu": mtu_of(new, scene.interfaces), "mac": mac}


def views(one: Desired[NetgraphSwitch], scene: Scene) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """The same for the diff, as it is and as it will be, with what is declared and what is beneath."""
    before = {} if one.old is None else {**entry(one.old, one.name, scene), **_beneath(one.old, scene)}
    if one.new is None:
        return before, {}
    after = {**expected(one, scene), **_declared(one.new), "missing": []}
    if one.new.uplink:
        after["beneath"] = {"up": True, "offloads": []}
    return before, after


def _declared(switch: NetgraphSwitch) -> Dict[str, Any]:
    fields = {"mtu": switch.mtu, "mac": switch.mac, "addresses": sorted(switch.addresses)}
    return {"declared": fields, "description": switch.tag if switch.own else ""}


def _beneath(switch: NetgraphSwitch, scene: Scene) -> Dict[str, Any]:
    live, uplink = scene.interfaces.get(switch.host_interface), scene.interfaces.get(switch.uplink)
    fields = {**_declared(switch), "missing": missing(switch, scene)}
    fields["description"] = live.description if live is not None else ""
    if uplink is not None:
        offloads: Sequence[str] = sorted(switch_rc.OFFLOAD_OPTIONS & set(uplink.options))
        fields["beneath"] = {"up": uplink.up, "offloads": offloads}
    return fields
