# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which switches there are to be: what a task says over what is recorded, and what is given out to new ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Collection, Dict, List, Mapping, Optional, Sequence, Set

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import ALL, Lanes
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.members import switch_tag
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import (
    AUTO,
    MANAGED,
    Request,
    shown_option,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Switch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan import Vxlan
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.nat.options import IPFW, IPFW_NUMBERS
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.choices import interface_of, mac_of

FIRST_BRIDGE = 1000
_LAST_BRIDGE = 32767


@dataclass(frozen=True)
class Desired:
    """A switch of the task as it is recorded and as it is to be; None: it is not."""

    name: str
    old: Optional[Switch]
    new: Optional[Switch]


def needs_default_route(requests: Sequence[Request], records: Mapping[str, Switch]) -> bool:
    """Whether a task leaves it to the default route which uplink a switch gets. What was chosen once stays."""
    asking = [request for request in requests if request.present]
    return any(one.uplink == AUTO and not _chosen(one, records) for one in asking) or any(
        one.nat == AUTO and not (one.name in records and records[one.name].nat) for one in asking
    )


def _chosen(request: Request, records: Mapping[str, Switch]) -> str:
    old = records.get(request.name)
    return old.uplink if old is not None else ""


def needs_number(requests: Sequence[Request], records: Mapping[str, Switch]) -> bool:
    """Whether a number for an interface is given out, which then must not be one that rc.conf uses."""
    return any(request.present and _is_new(request, records.get(request.name)) for request in requests)


def _is_new(request: Request, old: Optional[Switch]) -> bool:
    """Whether a switch, or its vxlan, is made."""
    return old is None or bool(request.vxlan) and not old.vxlan.same_network(request.vxlan or Vxlan())


def resolve(
    requests: Sequence[Request],
    records: Mapping[str, Switch],
    interfaces: Mapping[str, Interface],
    default: Optional[str] = None,
    cloned: Collection[str] = (),
) -> List[Desired]:
    """The switches of the task in its order.

    ``default`` is the interface of the default route, if it was asked for; ``cloned`` what rc.conf makes at boot.
    """
    taken: Set[str] = {*interfaces, *cloned, *(switch.interface for switch in records.values())}
    taken |= {request.interface for request in requests if request.interface}
    taken |= {port.member for switch in records.values() for port in (switch.port, *switch.former)}
    tags = {one.description: one.name for one in interfaces.values() if one.is_bridge and one.description}
    found: List[Desired] = []
    numbers = {switch.ipfw for switch in records.values()}
    for request in requests:
        old = records.get(request.name)
        tagged = tags.get(switch_tag(request.name))
        if old is None and tagged is not None and not request.manual:
            # Its record was lost: the kernel still knows whose it is.
            old = Switch(request.name, tagged)
        if not request.present:
            found.append(Desired(request.name, old, None))
            continue
        interface = _interface(request, old) or _lowest(taken, "bridge")
        taken.add(interface)
        new = _merged(request, old, interface, interfaces, default)
        if new.vxlan and not new.vxlan.interface:
            new = replace(new, vxlan=replace(new.vxlan, interface=_lowest(taken, "vxlan")))
            taken.add(new.member)
        new = _with_ipfw(request, old, new, numbers)
        numbers.add(new.ipfw)
        found.append(Desired(request.name, old, new))
    return found


def _interface(request: Request, old: Optional[Switch]) -> Optional[str]:
    if old is None:
        return request.interface
    at = f"switch {request.name}: "
    if request.interface is not None and request.interface != old.interface:
        raise BadInput(
            f"{at}interface: it is {old.interface} already, which guests are plugged into; to have {request.interface} "
            "make the switch absent first"
        )
    if request.manual is not None and request.manual != old.manual:
        kind = "one that is used as it is" if old.manual else "one of this module's own"
        raise BadInput(f"{at}manual: {old.interface} was declared as {kind}; make the switch absent first")
    return old.interface


def _lowest(taken: Collection[str], driver: str) -> str:
    for number in range(FIRST_BRIDGE, _LAST_BRIDGE + 1):
        if f"{driver}{number}" not in taken:
            return f"{driver}{number}"
    raise BadInput(f"there is no number left for a {driver}")


def _merged(
    request: Request,
    old: Optional[Switch],
    interface: str,
    interfaces: Mapping[str, Interface],
    default: Optional[str],
) -> Switch:
    base = old or Switch(request.name, interface, manual=bool(request.manual))
    if base.manual:
        given = [name for name in MANAGED if getattr(request, name)]
        if given:
            raise BadInput(
                f"switch {request.name}: {shown_option(given[0])}: {interface} is used as it is and never changed"
            )
        return base
    uplink = interface_of(request.uplink, base.uplink, default, f"switch {request.name}: uplink")
    vlan = base.vlan if request.vlan is None else request.vlan
    if vlan and not uplink:
        if request.vlan:
            raise BadInput(f"switch {request.name}: vlan: {vlan} needs an uplink, whose VLAN it is")
        vlan = 0
    vxlan = _vxlan(request, base, uplink)
    connected = bool(uplink or vxlan)
    stp = base.stp if request.stp is None else request.stp
    if stp and not connected:
        if request.stp:
            raise BadInput(f"switch {request.name}: stp: without an uplink there is nobody to talk to")
        stp = False
    addresses = base.addresses if request.addresses is None else request.addresses
    filters = base.vlan_filter if request.vlan_filter is None else request.vlan_filter
    if filters:
        _check_filter(request.name, vlan, addresses)
    nat = _nat(request, base, default)
    if nat and connected:
        way = f"uplink {uplink}" if uplink else "vxlan"
        raise BadInput(
            f"switch {request.name}: nat: by its {way} its guests are on the LAN themselves; "
            "translation is for a switch without one"
        )
    if request.forwards and not nat:
        raise BadInput(f"switch {request.name}: forward: a switch without nat has no outside whose ports lead in")
    return replace(
        base,
        dhcp_guard=_guard(request, base, connected, filters),
        uplink=uplink,
        vlan=vlan,
        addresses=addresses,
        mtu=base.mtu if request.mtu is None else request.mtu,
        mac=mac_of(request, base.mac, uplink, interfaces),
        stp=stp,
        nat=nat,
        forwards=(base.forwards if request.forwards is None else request.forwards) if nat else (),
        former=(),
        vlan_filter=filters,
        lanes=_lanes(request, base, filters, connected),
        vxlan=vxlan,
    )


def _guard(request: Request, base: Switch, connected: bool, filters: bool) -> bool:
    guard = base.dhcp_guard if request.dhcp_guard is None else request.dhcp_guard
    if guard and not connected:
        if request.dhcp_guard:
            raise BadInput(f"switch {request.name}: dhcp_guard: without an uplink there is nobody to keep DHCP from")
        return False
    if guard and filters:
        raise BadInput(
            f"switch {request.name}: dhcp_guard: not with vlan_filter, for pf does not look into frames that have the "
            "tag of a VLAN"
        )
    return guard


def _check_filter(name: str, vlan: int, addresses: Sequence[str]) -> None:
    """BadInput for what a bridge that filters VLANs cannot have."""
    if vlan:
        raise BadInput(
            f"switch {name}: vlan: {vlan}; with vlan_filter the uplink itself is in the bridge, with its VLANs "
            "(uplink_tagged), and each NIC has its own"
        )
    if addresses:
        raise BadInput(
            f"switch {name}: addresses: {addresses[0]}; a bridge that filters VLANs has no address that would be in "
            "one of them; for a network with the host in it make a switch without vlan_filter"
        )


def _lanes(request: Request, base: Switch, filters: bool, connected: bool) -> Lanes:
    """The VLANs of the uplink; by default all, with their tags."""
    at = f"switch {request.name}: "
    for option, value in (("uplink_untagged", request.uplink_untagged), ("uplink_tagged", request.uplink_tagged)):
        if value and not filters:
            raise BadInput(f"{at}{option}: {value}; without vlan_filter the bridge passes frames of all VLANs")
        if value and not connected:
            raise BadInput(f"{at}{option}: {value}; the switch has no uplink whose VLANs they could be")
    if not filters or not connected:
        return Lanes()
    known = base.lanes if base.vlan_filter and base.member else Lanes(tagged=ALL)
    lanes = Lanes(
        known.untagged if request.uplink_untagged is None else request.uplink_untagged,
        known.tagged if request.uplink_tagged is None else request.uplink_tagged,
    )
    return lanes


def _vxlan(request: Request, base: Switch, uplink: str) -> Vxlan:
    vxlan = base.vxlan if request.vxlan is None else request.vxlan
    if not vxlan:
        return Vxlan()
    at = f"switch {request.name}: "
    if uplink and request.vxlan:
        raise BadInput(
            f"{at}vxlan: the switch has the uplink {uplink}; to put the vxlan in its place say uplink: '' too"
        )
    if uplink:
        raise BadInput(f"{at}uplink: the switch has a vxlan; to put {uplink} in its place say vxlan: {{}} too")
    if vxlan.same_network(base.vxlan):
        vxlan = replace(vxlan, interface=base.vxlan.interface)
    # One with other ends is another one, with an interface of its own.
    return vxlan


def _with_ipfw(request: Request, old: Optional[Switch], new: Switch, taken: Collection[int]) -> Switch:
    """The switch with a number in ipfw(8), given once, if that is what translates its addresses."""
    at = f"switch {request.name}: nat: firewall: "
    if old is not None and old.nat and new.nat and request.firewall not in (None, old.firewall):
        raise BadInput(
            f"{at}{request.firewall}; it is {old.firewall} already, so have no translation first, by nat: {{}}"
        )
    if not new.nat:
        return replace(new, ipfw=0)
    if request.firewall != IPFW or new.ipfw:
        return new
    for number in IPFW_NUMBERS:
        if number not in taken:
            return replace(new, ipfw=number)
    raise BadInput(f"{at}the numbers {IPFW_NUMBERS[0]} to {IPFW_NUMBERS[-1]} are all given out")


def _nat(request: Request, base: Switch, default: Optional[str]) -> str:
    if request.nat is None and request.firewall and not base.nat:
        raise BadInput(f"switch {request.name}: nat: interface is missing, the one that leads to the outside; or auto")
    return interface_of(request.nat, base.nat, default, f"switch {request.name}: nat: interface")


def after(records: Mapping[str, Switch], desired: Sequence[Desired]) -> Dict[str, Switch]:
    """All switches of the host when the task is done."""
    switches = dict(records)
    for one in desired:
        if one.new is None:
            switches.pop(one.name, None)
        else:
            switches[one.name] = one.new
    return switches
