# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said against vxlans by looking at the whole host."""

from __future__ import annotations

from typing import Container, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.carriers import carries
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.members import bridge_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import ETHERMTU, Switch, leaving
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan import Vxlan, overhead, underlay
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface


def check_vxlans(
    desired: Sequence[Desired],
    switches: Mapping[str, Switch],
    interfaces: Mapping[str, Interface],
    planned: Mapping[str, Interface],
    rc: Mapping[str, Optional[str]],
) -> List[str]:
    """BadInput for a vxlan that cannot be; warnings.

    ``switches`` are all that the host has when the task is done, ``planned`` the interfaces with their addresses then.
    """
    warnings: List[str] = []
    _check_carried(desired, switches, planned)
    going = {port.member for one in desired for port in leaving(one.old, one.new)}
    for one in desired:
        if one.new is None or not one.new.vxlan:
            continue
        _check_carrier(one.new, switches, planned, rc)
        _check_alone(one.new, switches, interfaces, going)
        warnings += _too_big(one.new, interfaces, planned)
    return warnings


def carrier_names(switches: Sequence[Switch], interfaces: Mapping[str, Interface]) -> List[str]:
    """The variables of rc.conf that say where the interfaces that carry vxlans have their addresses from."""
    below = [underlay(switch.vxlan, interfaces) for switch in switches if switch.vxlan]
    return [switch_rc.variable("ifconfig_IF", one.name) for one in below if one is not None]


def _check_carried(
    desired: Sequence[Desired], switches: Mapping[str, Switch], planned: Mapping[str, Interface]
) -> None:
    """BadInput where a task takes from a bridge what the vxlan of another switch goes by."""
    for one in desired:
        for other in switches.values():
            if one.old is None or one.old.manual or other.name == one.name or not other.vxlan:
                continue
            if carries(one.old, other) and not _is_carried(other.vxlan, planned):
                what = "state: absent" if one.new is None else f"addresses: {other.vxlan.bound} would be gone"
                raise BadInput(
                    f"switch {one.name}: {what}, and the vxlan of the switch {other.name} goes by {one.old.interface}; "
                    "make that switch absent first, or give its vxlan other ends"
                )


def _is_carried(vxlan: Vxlan, planned: Mapping[str, Interface]) -> bool:
    below = underlay(vxlan, planned)
    return below is not None and vxlan.source in ("", *_bare(below))


def _check_carrier(
    switch: Switch,
    switches: Mapping[str, Switch],
    interfaces: Mapping[str, Interface],
    rc: Mapping[str, Optional[str]],
) -> None:
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
    if vxlan.group and ":" not in vxlan.group and below is not None and not vxlan.bound:
        raise BadInput(f"{at}: dev: {vxlan.dev} has no IPv4 address, by which it could join {vxlan.group}")
    if vxlan.group and vxlan.local and below is not None and vxlan.local not in _bare(below):
        raise BadInput(f"{at}: local: {vxlan.local} is not an address of {vxlan.dev} (dev)")
    if below is None:
        return
    if below.name in (switch.interface, vxlan.interface):
        raise BadInput(f"{at}: {below.name} is of this very switch, whose frames it would carry into themselves")
    _check_boot(switch, below, switches, rc)


def _bare(interface: Interface) -> List[str]:
    return [text.partition("/")[0] for text in (*interface.inet, *interface.inet6)]


def _check_boot(
    switch: Switch, below: Interface, switches: Mapping[str, Switch], rc: Mapping[str, Optional[str]]
) -> None:
    """BadInput where the address by which a vxlan goes is not there yet when rc(8) brings it up.

    Its socket is bound to ``local``, or with an IPv4 group has to find an interface with an address (if_vxlan(4)).
    """
    needed, advice = _needs(switch.vxlan, below.name)
    at = f"switch {switch.name}: vxlan: {needed}"
    late = "at boot after the vxlan is brought up, which then would not run"
    if not needed:
        return
    if ":" in switch.vxlan.local:
        raise BadInput(
            f"{at}; an IPv6 address can be used a second after it was set (duplicate address detection), so {late}; "
            f"{advice}"
        )
    if _by_dhcp(below, switches, rc):
        raise BadInput(f"{at} comes by DHCP, {late}; {advice}")
    if below.is_tap or below.name.startswith("ngeth"):
        raise BadInput(f"{at} is there only {late}; {advice}")


def _needs(vxlan: Vxlan, below: str) -> Tuple[str, str]:
    """The address that has to be there, by its option, and what to do where it is not; '' where none has to."""
    if vxlan.remote and vxlan.local:
        return f"local: {vxlan.local} of {below}", "leave local out"
    if vxlan.group and ":" not in vxlan.group:
        return f"dev: the address of {below}", "give that a static one, or name another interface"
    return "", ""


def _by_dhcp(below: Interface, switches: Mapping[str, Switch], rc: Mapping[str, Optional[str]]) -> bool:
    for switch in switches.values():
        if switch.interface == below.name and not switch.manual:
            return switch.by_dhcp
    value = rc.get(switch_rc.variable("ifconfig_IF", below.name))
    words = (value if value is not None else rc.get(switch_rc.DEFAULT) or "").upper().split()
    return bool({"DHCP", "SYNCDHCP", "NOSYNCDHCP"} & set(words))


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


def _too_big(switch: Switch, interfaces: Mapping[str, Interface], planned: Mapping[str, Interface]) -> List[str]:
    """A warning for an MTU that is declared and does not fit, at the time when it is set."""
    below, live = underlay(switch.vxlan, planned), interfaces.get(switch.interface)
    most = (below.mtu if below is not None else ETHERMTU) - overhead(switch.vxlan)
    if switch.mtu <= most or (live is not None and live.mtu == switch.mtu):
        return []
    carrier = below.name if below is not None else "an interface with 1500"
    return [
        f"switch {switch.name}: mtu: {switch.mtu} is more than the {most} that fit into a packet of {carrier}; larger "
        "frames are cut in two on their way to the other hosts"
    ]
