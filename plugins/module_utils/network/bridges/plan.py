# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From switches as they are to switches as they are to be: what ifconfig(8) has to be told now.

The state that this leads to is the one that rc.conf makes at boot (``rc_lines``). What lets go of something comes
before what takes it, for all switches of a task, since an uplink or an address may go from one to another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import Lanes, changes
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import KEEP, MOVE
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import (
    BRIDGE,
    ETHERMTU,
    Switch,
    leaving,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan import overhead
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.nat.options import forwards_to_json


@dataclass(frozen=True)
class Step:
    """One call of ifconfig(8): what it does in words, and its arguments."""

    switch: str
    what: str
    words: Tuple[str, ...]


@dataclass
class Steps:
    """What lets go, what takes, and the addresses that each switch loses."""

    leave: List[Step] = field(default_factory=list)
    join: List[Step] = field(default_factory=list)
    losses: Dict[str, List[str]] = field(default_factory=dict)


def plan_live(desired: Sequence[Desired], interfaces: Mapping[str, Interface]) -> Steps:
    """What has to be done now. The switches were checked."""
    steps = Steps()
    for one in desired:
        if one.new is None:
            if one.old is not None and not one.old.manual:
                _remove(one.old, interfaces, steps)
        elif not one.new.manual:
            _leave(one.old, one.new, interfaces, steps)
            _join(one.old, one.new, interfaces, steps)
    return steps


def _remove(old: Switch, interfaces: Mapping[str, Interface], steps: Steps) -> None:
    live = interfaces.get(old.interface)
    if live is not None:
        steps.leave.append(Step(old.name, f"destroy {old.interface}", (old.interface, "destroy")))
        steps.losses[old.name] = list(live.addresses)
    for port in leaving(old, None):
        if port.made:
            _destroy_made(old, port.made, interfaces, steps)


def _destroy_made(old: Switch, name: str, interfaces: Mapping[str, Interface], steps: Steps) -> None:
    live = interfaces.get(name)
    if live is not None and live.description in ("", old.tag):
        steps.leave.append(Step(old.name, f"destroy {name}", (name, "destroy")))


def _leave(old: Optional[Switch], new: Switch, interfaces: Mapping[str, Interface], steps: Steps) -> None:
    bridge, live = new.interface, interfaces.get(new.interface)
    for port in leaving(old, new):
        if port.made:
            _destroy_made(new, port.made, interfaces, steps)
        elif live is not None and port.member in live.members:
            what = f"take {port.member} out of {bridge}"
            steps.leave.append(Step(new.name, what, (bridge, "deletem", port.member)))
    if _is_remade(new, interfaces):
        _destroy_made(new, new.made, interfaces, steps)
    if live is None:
        return
    gone = [text for text in live.addresses if text not in wanted_addresses(new, live)]
    for text in gone:
        family, bare = _family(text), text.partition("/")[0]
        steps.leave.append(Step(new.name, f"take {text} off {bridge}", (bridge, family, bare, "-alias")))
    if gone:
        steps.losses[new.name] = gone


def wanted_addresses(new: Switch, live: Optional[Interface]) -> Tuple[str, ...]:
    """The addresses of a bridge: those that are known, and what it may have by DHCP."""
    dynamic = live.inet if live is not None and new.by_dhcp else ()
    return tuple(dict.fromkeys((*new.all_addresses, *dynamic)))


def lacks_lease(new: Switch, interfaces: Mapping[str, Interface]) -> bool:
    """Whether a bridge that is to have an address by DHCP has none but its static ones."""
    live = interfaces.get(new.interface)
    known = (*new.all_addresses, "0.0.0.0/0")
    return new.by_dhcp and (live is None or all(text in known for text in live.inet))


def _join(old: Optional[Switch], new: Switch, interfaces: Mapping[str, Interface], steps: Steps) -> None:
    if new.uplink:
        _ready_uplink(new, interfaces[new.uplink], steps)
    if new.made:
        _make(new, None if _is_remade(new, interfaces) else interfaces.get(new.made), steps)
    live = interfaces.get(new.interface)
    if live is None:
        words = (new.interface, "create", *switch_rc.create_args(new), "up")
        steps.join.append(Step(new.name, f"make {_shown(new)}", words))
    else:
        _correct(old, new, live, interfaces, steps)
    for text in new.all_addresses:
        if live is None or text not in live.addresses:
            words = (new.interface, _family(text), text, "alias")
            steps.join.append(Step(new.name, f"give {new.interface} the address {text}", words))


def _shown(switch: Switch) -> str:
    return f"{switch.interface} with {switch.member}" if switch.member else switch.interface


def _ready_uplink(new: Switch, uplink: Interface, steps: Steps) -> None:
    """What would make the link flap when a tap joins is switched off before the uplink joins. A VLAN has none of it."""
    if not new.vlan and switch_rc.OFFLOAD_OPTIONS & set(uplink.options):
        what = f"switch off LRO, TSO and transmit checksums of {uplink.name}"
        steps.join.append(Step(new.name, what, (uplink.name, *switch_rc.NO_OFFLOADS)))
    if not uplink.up:
        steps.join.append(Step(new.name, f"bring {uplink.name} up", (uplink.name, "up")))


def _is_remade(new: Switch, interfaces: Mapping[str, Interface]) -> bool:
    """Whether its vxlan is there with other ends; they cannot be changed while it runs."""
    live = interfaces.get(new.vxlan.interface)
    return live is not None and not new.vxlan.is_live(live)


def _make(new: Switch, live: Optional[Interface], steps: Steps) -> None:
    """The VLAN or the vxlan."""
    name = new.made
    if live is None:
        steps.join.append(Step(new.name, f"make {name}", (name, "create", *switch_rc.made_args(new), "up")))
        return
    if live.description != new.tag:
        steps.join.append(Step(new.name, f"describe {name} as {new.tag}", (name, "descr", new.tag)))
    # A vxlan that is up and does not run could not at the time.
    if not live.up or (new.vxlan and not live.running):
        steps.join.append(Step(new.name, f"bring {name} up", (name, "up")))


def _correct(
    old: Optional[Switch], new: Switch, live: Interface, interfaces: Mapping[str, Interface], steps: Steps
) -> None:
    """A bridge that is there gets what differs."""
    bridge, member = new.interface, new.member

    def tell(what: str, *words: str) -> None:
        steps.join.append(Step(new.name, what, (bridge, *words)))

    if new.mac and live.ether.lower() != new.mac:
        tell(f"give {bridge} the MAC address {new.mac}", "ether", new.mac)
    if live.description != new.tag:
        tell(f"describe {bridge} as {new.tag}", "descr", new.tag)
    first = _brings_mtu(old, new, live)
    mtu = mtu_after(old, new, live, interfaces)
    if new.vlan_filter != live.filters:
        what = "filter VLANs" if new.vlan_filter else "pass frames of all VLANs"
        tell(f"let {bridge} {what}", "vlanfilter" if new.vlan_filter else "-vlanfilter")
    joined = member in live.members and not _is_remade(new, interfaces)
    # A member that is not the first gets the bridge's MTU, so that comes before it.
    if not first and mtu != live.mtu:
        tell(f"set the MTU of {bridge} to {mtu}", "mtu", str(mtu))
    if member and not joined:
        tell(f"add {member} to {bridge}", "addm", member, *new.lanes.words)
    lanes = changes(member, new.lanes, live.lanes.get(member)) if joined and new.vlan_filter else []
    if lanes:
        tell(f"set the VLANs of {member}", *lanes)
    if first and mtu != _member_mtu(new, interfaces):
        tell(f"set the MTU of {bridge} to {mtu}", "mtu", str(mtu))
    if member and (joined and member in live.stp) != new.stp:
        tell(f"switch spanning tree {'on' if new.stp else 'off'} for {member}", "stp" if new.stp else "-stp", member)
    if not live.up:
        tell(f"bring {bridge} up", "up")


def _brings_mtu(old: Optional[Switch], new: Switch, live: Optional[Interface]) -> bool:
    """Whether the uplink becomes the bridge's first member, whose MTU the bridge takes."""
    if not new.member or live is None:
        return bool(new.member)
    former = {port.member for port in leaving(old, new)}
    return not [name for name in live.members if name not in former]


def _member_mtu(new: Switch, interfaces: Mapping[str, Interface]) -> int:
    if new.vxlan and (new.member not in interfaces or _is_remade(new, interfaces)):
        return ETHERMTU - overhead(new.vxlan)
    return interfaces[new.member if new.member in interfaces else new.uplink].mtu


def mtu_after(
    old: Optional[Switch], new: Switch, live: Optional[Interface], interfaces: Mapping[str, Interface]
) -> int:
    """The MTU that a bridge will have; it takes that of its first member, if none is given."""
    if new.fixed_mtu:
        return new.fixed_mtu
    if old is not None and old.mtu:
        # Not set any more: what it will be after a boot.
        return ETHERMTU
    if _brings_mtu(old, new, live):
        return _member_mtu(new, interfaces)
    if not new.member and any(port.vxlan for port in leaving(old, new)):
        return ETHERMTU
    return live.mtu if live is not None else ETHERMTU


def _family(text: str) -> str:
    return "inet6" if ":" in text else "inet"


# how a switch looks, for the result and the diff


def entry(switch: Optional[Switch], name: str, interfaces: Mapping[str, Interface]) -> Dict[str, Any]:
    """A switch as it is: what is declared, and its interface as the kernel has it."""
    if switch is None:
        return {"name": name, "state": "absent"}
    live = interfaces.get(switch.interface)
    fields: Dict[str, Any] = {
        "name": name,
        "state": "present",
        "type": BRIDGE,
        "interface": switch.interface,
        "manual": switch.manual,
        "uplink": switch.uplink,
        "uplink_address": MOVE if switch.moved is not None else KEEP,
        "vlan": str(switch.vlan) if switch.vlan else "",
        "nat": {"interface": switch.nat, "firewall": switch.firewall} if switch.nat else {},
        "dhcp_guard": switch.dhcp_guard,
        "forward": forwards_to_json(switch.forwards),
        "up": live is not None and live.up,
        "description": live.description if live is not None else "",
        "members": sorted(live.members) if live is not None else [],
        "addresses": sorted(live.addresses) if live is not None else [],
        "mtu": live.mtu if live is not None else 0,
        "mac": live.ether if live is not None else "",
        "stp": live is not None and bool(switch.member) and switch.member in live.stp,
        "vlan_filter": live is not None and live.filters,
        **_shown_lanes(live.lanes.get(switch.member) if live is not None and live.filters else None),
        "vxlan": switch.vxlan.options,
    }
    return fields


def _shown_lanes(lanes: Optional[Lanes]) -> Dict[str, Any]:
    known = lanes or Lanes()
    return {
        "uplink_untagged": str(known.untagged) if known.untagged else "",
        "uplink_tagged": known.tagged.split(",") if known.tagged else [],
    }


def expected(one: Desired, interfaces: Mapping[str, Interface]) -> Dict[str, Any]:
    """A switch as it will be."""
    new = one.new
    if new is None or new.manual:
        return entry(new, one.name, interfaces)
    live = interfaces.get(new.interface)
    members = set(live.members if live is not None else ()) - {port.member for port in leaving(one.old, new)}
    return {
        **entry(new, one.name, interfaces),
        "up": True,
        "description": new.tag,
        "members": sorted(members | ({new.member} if new.member else set())),
        "addresses": sorted(wanted_addresses(new, live)),
        "mtu": mtu_after(one.old, new, live, interfaces),
        "mac": new.mac or (live.ether if live is not None else "to be given by the kernel"),
        "stp": new.stp,
        "vlan_filter": new.vlan_filter,
        **_shown_lanes(new.lanes),
    }


def views(
    one: Desired, interfaces: Mapping[str, Interface], moved: Mapping[str, Interface]
) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """The same for the diff, as it is and as it will be; also what is declared, and what is beneath the bridge.

    ``moved`` are the interfaces when addresses have moved between uplinks and bridges.
    """
    before = {} if one.old is None else {**entry(one.old, one.name, interfaces), "declared": _declared(one.old)}
    if one.new is None:
        return before, {}
    after = {**expected(one, moved), "declared": _declared(one.new)}
    beneath = [name for name in (one.new.uplink, one.new.made) if name]
    if before:
        before["beneath"] = {name: _beneath(interfaces[name]) for name in beneath if name in interfaces}
    after["beneath"] = {name: _beneath_after(one.new, name, moved) for name in beneath}
    return before, after


def _declared(switch: Switch) -> Dict[str, Any]:
    """What of a switch does not show in its interface while that is as it should be."""
    if switch.manual:
        return {}
    return {
        "mtu": switch.mtu,
        "mac": switch.mac,
        "addresses": sorted(switch.addresses),
        "stp": switch.stp,
        "vlan_filter": switch.vlan_filter,
        "vxlan": switch.vxlan.options,
    }


def _beneath(live: Interface) -> Dict[str, Any]:
    offloads = sorted(switch_rc.OFFLOAD_OPTIONS & set(live.options))
    ends = live.vxlan
    shown = {} if ends is None else {"runs": live.running, "ends": [ends.id, ends.local, ends.far, ends.port]}
    return {"up": live.up, "description": live.description, "offloads": offloads, **shown}


def _beneath_after(new: Switch, name: str, interfaces: Mapping[str, Interface]) -> Dict[str, Any]:
    if name == new.made:
        now = _beneath(interfaces[name]) if name in interfaces else {"offloads": []}
        far = new.vxlan.remote or new.vxlan.group
        ends = {"runs": True, "ends": [new.vxlan.id, new.vxlan.bound, far, new.vxlan.port]} if new.vxlan else {}
        return {**now, "up": True, "description": new.tag, **ends}
    now = _beneath(interfaces[name])
    return {**now, "up": True, "offloads": now["offloads"] if new.vlan else []}
