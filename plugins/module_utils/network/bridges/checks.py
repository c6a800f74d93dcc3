# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said against switches by looking at the whole host: its interfaces, and what rc.conf(5) says of them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import Lanes
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.members import bridge_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import ETHERMTU, Switch, leaving
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface

_NAME_MAX = 15
_Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


@dataclass(frozen=True)
class _Around:
    """What a switch is judged by: all switches of the host when the task is done, its interfaces, rc.conf.

    ``going``: the members that the task takes out of bridges, and out of which.
    """

    switches: Mapping[str, Switch]
    interfaces: Mapping[str, Interface]
    rc: Mapping[str, Optional[str]]
    going: Mapping[str, str]

    def stays_in(self, name: str) -> Optional[str]:
        """The bridge that an interface is in and stays in, None if there is none."""
        current = bridge_of(self.interfaces, name)
        return None if current is None or self.going.get(name) == current else current


def check_switches(
    desired: Sequence[Desired],
    switches: Mapping[str, Switch],
    interfaces: Mapping[str, Interface],
    rc: Mapping[str, Optional[str]],
    moved: Optional[Mapping[str, Interface]] = None,
) -> None:
    """BadInput for the first thing that cannot be. ``switches`` are all that the host has when the task is done.

    ``moved`` are the interfaces when addresses have moved between uplinks and bridges, if any have to.
    """
    around = _Around(switches, interfaces, rc, _going(desired))
    for one in desired:
        if one.old is not None and not one.old.manual:
            _check_ours(one.old, interfaces)
        if one.new is None:
            continue
        _check_interface(one, one.new, around)
        if not one.new.manual:
            _check_uplink(one.new, around)
            _check_mtu(one.new, interfaces, rc)
            _check_mac(one.new, switches, interfaces)
            _check_addresses(one.new, switches, moved or interfaces)


def _going(desired: Sequence[Desired]) -> Dict[str, str]:
    """The members that this task takes out of bridges, and out of which."""
    return {
        port.member: one.old.interface for one in desired if one.old is not None for port in leaving(one.old, one.new)
    }


def _check_interface(one: Desired, switch: Switch, around: _Around) -> None:
    interfaces = around.interfaces
    at, name = f"switch {switch.name}: interface: {switch.interface}", switch.interface
    for other in around.switches.values():
        if other.interface == name and other.name != switch.name:
            raise BadInput(f"{at} is that of the switch {other.name}")
    namesake = interfaces.get(switch.name)
    if namesake is not None and namesake.is_bridge and namesake.name != name:
        raise BadInput(
            f"switch {switch.name}: the host has a bridge of that name, which guests may be plugged into; choose "
            f"another name, or declare that bridge with manual: true, interface: {switch.name}"
        )
    live = interfaces.get(name)
    if live is not None and not live.is_bridge:
        raise BadInput(f"{at} is not a bridge")
    if live is not None and live.description.startswith("apiary:") and live.description != switch.tag:
        raise BadInput(f"{at} is that of the switch {live.description[len('apiary:') :]} (its description says so)")
    if switch.manual:
        if live is None:
            raise BadInput(f"{at} does not exist, so it cannot be used as it is")
        return
    if live is None:
        if one.old is None and name in switch_rc.clones(around.rc):
            raise BadInput(f"{at} is in cloned_interfaces of rc.conf already, so it is somebody else's; name another")
        return
    if one.old is None and live.description != switch.tag:
        raise BadInput(
            f"{at} exists and is not this module's; with manual: true it is used as it is, or name another, or none"
        )
    _check_ours(switch, interfaces)


def _check_ours(switch: Switch, interfaces: Mapping[str, Interface]) -> None:
    """What bears somebody else's description was made anew by somebody else, or is wanted for something else now."""
    for name in filter(None, (switch.interface, switch.made)):
        live = interfaces.get(name)
        if live is not None and live.description not in ("", switch.tag):
            raise BadInput(
                f"switch {switch.name}: {name} has the description {live.description!r}, so it may be somebody else's; "
                f"if it is not, take that away (ifconfig {name} -description)"
            )


def _check_uplink(switch: Switch, around: _Around) -> None:
    if not switch.uplink:
        return
    at = f"switch {switch.name}: uplink: {switch.uplink}"
    uplink = around.interfaces.get(switch.uplink)
    if uplink is None:
        cards = ", ".join(one.name for one in around.interfaces.values() if _can_be_uplink(one))
        raise BadInput(f"{at} does not exist on this host; it has {cards or 'no interface that could be one'}")
    if uplink.is_wireless:
        raise BadInput(
            f"{at} is wireless, and an access point takes no frames from other addresses than the station's own, "
            "so guests would hear nothing"
        )
    if not _can_be_uplink(uplink):
        raise BadInput(f"{at} cannot be an uplink: it is no Ethernet interface of the host's own")
    if switch.vlan:
        _check_vlan(switch, uplink, around, at)
    else:
        _check_plain(switch, uplink, around, at)


def _can_be_uplink(one: Interface) -> bool:
    guests = one.is_tap and one.description.startswith("apiary:")
    return bool(one.ether) and not one.is_bridge and not guests and not one.is_wireless


def _check_plain(switch: Switch, uplink: Interface, around: _Around, at: str) -> None:
    current = around.stays_in(uplink.name)
    if current is not None and current != switch.interface:
        raise BadInput(f"{at} is in the bridge {current} already, and an interface is in one at most")
    for other in around.switches.values():
        if other.name == switch.name:
            continue
        if other.member == uplink.name:
            raise BadInput(f"{at} is the uplink of the switch {other.name}, and an interface is in one bridge at most")
        if other.vlan and other.uplink == uplink.name:
            raise BadInput(
                f"{at} carries the VLAN of the switch {other.name}, which gets no frames while {uplink.name} itself is "
                "in a bridge; give this one a vlan as well"
            )
    if uplink.vlan is not None and uplink.name not in switch_rc.clones(around.rc):
        raise BadInput(
            f"{at} is a VLAN that rc.conf makes only after bridges; give uplink: {uplink.vlan.parent} and vlan: "
            f"{uplink.vlan.tag} instead, and take it out of rc.conf"
        )


def _check_vlan(switch: Switch, uplink: Interface, around: _Around, at: str) -> None:
    name = switch.made
    if len(name) > _NAME_MAX:
        raise BadInput(f"{at}: {name} is longer than the {_NAME_MAX} characters that an interface's name can have")
    within = around.stays_in(uplink.name)
    for other in around.switches.values():
        if other.name != switch.name and other.member == name:
            raise BadInput(f"{at}: its VLAN {switch.vlan} is that of the switch {other.name}")
        if other.member == uplink.name:
            within = other.interface
    if within is not None:
        raise BadInput(f"{at} is in the bridge {within} itself, and then its VLANs get no frames")
    if str(switch.vlan) in (around.rc.get(switch_rc.variable("vlans_IF", uplink.name)) or "").split():
        raise BadInput(
            f"{at}: rc.conf makes {name} by vlans_{uplink.name}, too late for a bridge; take {switch.vlan} out of that"
        )
    live = around.interfaces.get(name)
    if live is not None and live.description not in ("", switch.tag):
        raise BadInput(f"{at}: {name} exists with the description {live.description!r}, so it is somebody else's")
    if live is not None and (live.vlan is None or (live.vlan.tag, live.vlan.parent) != (switch.vlan, uplink.name)):
        raise BadInput(f"{at}: {name} exists and is not VLAN {switch.vlan} of {uplink.name}")
    for one in around.interfaces.values():
        if one.name != name and one.vlan is not None and (one.vlan.tag, one.vlan.parent) == (switch.vlan, uplink.name):
            raise BadInput(f"{at}: its VLAN {switch.vlan} is {one.name} already")


def _check_mtu(switch: Switch, interfaces: Mapping[str, Interface], rc: Mapping[str, Optional[str]]) -> None:
    if not switch.uplink:
        return
    at = f"switch {switch.name}: mtu"
    uplink = interfaces[switch.uplink]
    if switch.vlan:
        most = min(uplink.mtu, ETHERMTU)
        if switch.mtu > most:
            raise BadInput(
                f"{at}: {switch.mtu}; a VLAN of {uplink.name} can have {most} at most (at boot it is made while its "
                f"parent still has {ETHERMTU})"
            )
        return
    bridge = interfaces.get(switch.interface)
    crowded = bridge is not None and uplink.name not in bridge.members and bool(strangers(switch, interfaces))
    if bridge is not None and crowded and not switch.mtu and bridge.mtu != uplink.mtu:
        raise BadInput(
            f"{at}: what is in {bridge.name} has {bridge.mtu}, the new uplink {uplink.name} has {uplink.mtu}; all have "
            f"to have the same, so give the switch mtu: {uplink.mtu}"
        )
    words = (rc.get(switch_rc.variable("ifconfig_IF", uplink.name)) or "").split()
    if "mtu" in words:
        own = " ".join(words[words.index("mtu") :][:2])
        raise BadInput(
            f"{at}: rc.conf sets `{own}` in ifconfig_{uplink.name}, which FreeBSD refuses for a member of a bridge, "
            f"and then does not bring {uplink.name} up either; take it out there and give the switch that mtu"
        )
    if switch.mtu and switch.mtu != uplink.mtu:
        setting = switch.interface if bridge_of(interfaces, uplink.name) == switch.interface else uplink.name
        raise BadInput(
            f"{at}: {switch.mtu}, but its uplink {uplink.name} has {uplink.mtu}, and all of the LAN has to have the "
            f"same; if it has, set it first (ifconfig {setting} mtu {switch.mtu})"
        )


def _check_mac(switch: Switch, switches: Mapping[str, Switch], interfaces: Mapping[str, Interface]) -> None:
    for other in switches.values():
        if switch.mac and other.mac == switch.mac and other.name != switch.name:
            raise BadInput(f"switch {switch.name}: mac: {switch.mac} is that of the switch {other.name}")
    for one in interfaces.values():
        own = one.name == switch.uplink and switch.moved is not None
        if switch.mac and one.ether.lower() == switch.mac and one.name != switch.interface and not own:
            raise BadInput(f"switch {switch.name}: mac: {switch.mac} is the address of {one.name} already")


def _check_addresses(switch: Switch, switches: Mapping[str, Switch], interfaces: Mapping[str, Interface]) -> None:
    own = [ipaddress.ip_interface(text).network for text in switch.addresses]
    for text, network in zip(switch.addresses, own):
        for other, whose in _networks(switch, switches, interfaces):
            if network.version == other.version and network.overlaps(other):
                raise BadInput(f"switch {switch.name}: addresses: {text} overlaps {other} of {whose}")


def _networks(
    switch: Switch, switches: Mapping[str, Switch], interfaces: Mapping[str, Interface]
) -> Iterator[Tuple[_Network, str]]:
    """The networks of all others: as they will be for switches, as they are for the rest."""
    managed = {one.interface: one for one in switches.values() if not one.manual}
    for one in managed.values():
        if one.name != switch.name:
            for text in one.all_addresses:
                yield ipaddress.ip_interface(text).network, f"the switch {one.name}"
    for interface in interfaces.values():
        if interface.name not in managed:
            for text in interface.addresses:
                yield ipaddress.ip_interface(text).network, interface.name


def check_scripts(desired: Sequence[Desired], scripts: Mapping[str, Optional[str]]) -> None:
    """BadInput when the script that rc(8) reads for a bridge of ours is somebody else's."""
    for one in desired:
        switch = one.new or one.old
        text = None if switch is None else scripts.get(switch.interface)
        if switch is not None and text is not None and not text.startswith(switch_rc.START_HEADER):
            raise BadInput(
                f"switch {one.name}: {switch_rc.start_script(switch.interface)} exists and is somebody else's; move it "
                "away, for this module puts its own there"
            )


def addressed_uplinks(
    switches: Sequence[Switch], interfaces: Mapping[str, Interface], rc: Mapping[str, Optional[str]]
) -> Dict[str, str]:
    """For each switch whose uplink has an address of its own, now or at boot, which it is. FreeBSD 15 takes none."""
    found: Dict[str, str] = {}
    for switch in switches:
        if switch.manual or not switch.uplink or switch.vlan or switch.moved is not None:
            continue
        uplink = interfaces[switch.uplink]
        now = uplink.addresses or uplink.inet6
        at_boot = switch_rc.address_words(uplink.name, rc)
        if now or at_boot:
            found[switch.name] = now[0] if now else at_boot
    return found


def check_members_without_addresses(
    addressed: Mapping[str, str], switches: Mapping[str, Switch], release: int, allowed: bool
) -> None:
    """BadInput where FreeBSD (``release``: kern.osreldate) takes no member with an address.

    ``allowed``: net.link.bridge.member_ifaddrs says otherwise.
    """
    if release < 1500000 or allowed:
        return
    for name, address in addressed.items():
        uplink = switches[name].uplink
        advice = "with uplink_address: move it moves to the bridge"
        if address.startswith("fe80:"):
            advice = (
                f"take it away (ifconfig {uplink} inet6 {address.partition('/')[0]} -alias), and let rc.conf give it "
                f"none (ifconfig_{uplink}_ipv6, ipv6_activate_all_interfaces)"
            )
        raise BadInput(
            f"switch {name}: uplink: {uplink} has an address of its own ({address}), and FreeBSD 15 lets no member of "
            f"a bridge have one; {advice}"
        )


def silenced(desired: Sequence[Desired], interfaces: Mapping[str, Interface]) -> List[str]:
    """A warning for each bridge that begins to filter VLANs with members that are in none."""
    found: List[str] = []
    for one in desired:
        live = interfaces.get(one.new.interface) if one.new is not None and one.new.vlan_filter else None
        if one.new is None or live is None or live.filters:
            continue
        mute = [name for name in strangers(one.new, interfaces) if not live.lanes.get(name, Lanes()).words]
        if mute:
            found.append(
                f"switch {one.name}: vlan_filter: {', '.join(mute)} in {live.name} will hear nothing until its NIC has "
                "a vlan or tagged ones"
            )
    return found


def strangers(switch: Switch, interfaces: Mapping[str, Interface]) -> List[str]:
    """The members of a switch that are not its own: guests' taps, and what somebody has put there."""
    live = interfaces.get(switch.interface)
    own = {switch.member, *(port.member for port in switch.former)}
    return sorted(set(live.members) - own) if live is not None else []
