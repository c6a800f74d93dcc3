# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said against vxlans by looking at the whole host."""

from __future__ import annotations

from typing import Container, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.members import bridge_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import ETHERMTU, Switch, leaving
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan import overhead, underlay
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface


def check_vxlans(
    desired: Sequence[Desired],
    switches: Mapping[str, Switch],
    interfaces: Mapping[str, Interface],
    rc: Mapping[str, Optional[str]],
) -> List[str]:
    """BadInput for a vxlan that cannot be; warnings. ``switches`` are all that the host has when the task is done."""
    warnings: List[str] = []
    going = {port.member for one in desired for port in leaving(one.old, one.new)}
    for one in desired:
        if one.new is None or not one.new.vxlan:
            continue
        _check_carrier(one.new, interfaces, rc)
        _check_alone(one.new, switches, interfaces, going)
        warnings += _too_big(one.new, interfaces)
    return warnings


def carriers(switches: Sequence[Switch], interfaces: Mapping[str, Interface]) -> List[str]:
    """The variables of rc.conf that say where the interfaces that carry vxlans have their addresses from."""
    below = [underlay(switch.vxlan, interfaces) for switch in switches if switch.vxlan]
    return [switch_rc.variable("ifconfig_IF", one.name) for one in below if one is not None]


def _check_carrier(switch: Switch, interfaces: Mapping[str, Interface], rc: Mapping[str, Optional[str]]) -> None:
    vxlan, at = switch.vxlan, f"switch {switch.name}: vxlan"
    if vxlan.dev and vxlan.dev not in interfaces:
        raise BadInput(f"{at}: dev: {vxlan.dev} does not exist on this host")
    if vxlan.dev and "MULTICAST" not in interfaces[vxlan.dev].flags:
        raise BadInput(f"{at}: dev: {vxlan.dev} knows no multicast")
    below = underlay(vxlan, interfaces)
    if vxlan.local and not vxlan.dev and below is None:
        raise BadInput(
            f"{at}: local: {vxlan.local} is not an address of this host; without local it takes that of its way"
        )
    if below is None:
        return
    if below.name in (switch.interface, vxlan.interface):
        raise BadInput(f"{at}: {below.name} is of this very switch, whose frames it would carry into themselves")
    name = switch_rc.variable("ifconfig_IF", below.name)
    value = rc.get(name)
    words = (value if value is not None else rc.get(switch_rc.DEFAULT) or "").upper().split()
    if vxlan.local and not vxlan.group and {"DHCP", "SYNCDHCP", "NOSYNCDHCP"} & set(words):
        raise BadInput(
            f"{at}: local: {vxlan.local} of {below.name} comes by DHCP, at boot after the vxlan is brought up, which "
            "then would not run; leave local out"
        )


def _check_alone(
    switch: Switch, switches: Mapping[str, Switch], interfaces: Mapping[str, Interface], going: Container[str]
) -> None:
    vxlan, at = switch.vxlan, f"switch {switch.name}: vxlan: id: {switch.vxlan.id}"
    for other in switches.values():
        if other.name != switch.name and (other.vxlan.id, other.vxlan.port) == (vxlan.id, vxlan.port):
            raise BadInput(f"{at} is that of the switch {other.name}, and a host has one of each network")
    for live in interfaces.values():
        if live.vxlan is None or live.name == vxlan.interface or live.name in going:
            continue
        if (live.vxlan.id, live.vxlan.port) == (vxlan.id, vxlan.port):
            raise BadInput(f"{at} is that of {live.name} already, and a host has one of each network")
    within = bridge_of(interfaces, vxlan.interface)
    if within is not None and within != switch.interface:
        raise BadInput(f"{at}: its interface {vxlan.interface} is in the bridge {within}; take it out there")


def _too_big(switch: Switch, interfaces: Mapping[str, Interface]) -> List[str]:
    """A warning for an MTU that is declared and does not fit, at the time when it is set."""
    below, live = underlay(switch.vxlan, interfaces), interfaces.get(switch.interface)
    most = (below.mtu if below is not None else ETHERMTU) - overhead(switch.vxlan)
    if switch.mtu <= most or (live is not None and live.mtu == switch.mtu):
        return []
    carrier = below.name if below is not None else "an interface with 1500"
    return [
        f"switch {switch.name}: mtu: {switch.mtu} is more than the {most} that fit into a packet of {carrier}; larger "
        "frames are cut in two on their way to the other hosts"
    ]
