# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said against NICs by what they are plugged into, and by the networks that the host is in."""

from __future__ import annotations

import ipaddress
from typing import Iterator, List, Mapping, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import tap_description
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.host_side import Network
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plugs import TAP, VALE, Outlet
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Guest, Nic

#: What an interface of a guest's, which the guests' records tell of, has for its description.
_OURS = "apiary:"
#: NM_BDG_MAXPORTS of netmap(4).
_VALE_PORTS = 254


def check_plugs(one: Desired, outlets: Mapping[str, Outlet], observed: Observed) -> None:
    """BadInput for a NIC that asks for something that is not to be had where it is plugged in."""
    for nic in one.guest.nics:
        if not _is_judged(one, nic):
            continue
        outlet = outlets[nic.name]
        at = f"guest {one.name}: nic {nic.name}: "
        if outlet.kind != TAP:
            _check_port(nic, outlet, at)
        elif outlet.interface:
            _check_mtu(one, nic, outlet.interface, observed, at)
            _check_vlans(nic, outlet.interface, observed, at)


def _is_judged(one: Desired, nic: Nic) -> bool:
    """Whether it is new or another one, or about to be used: what else is done with a guest is none of its business."""
    starts = one.will_start or one.request.get("restart") == "if_needed"
    return starts or one.old is None or one.old.nic(nic.name) != nic


def _check_port(nic: Nic, outlet: Outlet, at: str) -> None:
    for option in ("private", "vlan", "tagged"):
        if getattr(nic, option):
            raise BadInput(f"{at}{option}: is said of a member of a bridge, and {nic.switch} is of type {outlet.kind}")
    if nic.mtu and nic.model != "virtio-net":
        raise BadInput(
            f"{at}mtu: {nic.mtu}; on a switch of type {outlet.kind} only virtio-net can tell the guest of it; leave it "
            f"out for {nic.model}"
        )


def _check_mtu(one: Desired, nic: Nic, bridge: str, observed: Observed, at: str) -> None:
    """A bridge has one MTU, that of its first member; it forces that on those that come after."""
    if not nic.mtu:
        return
    own = {tap_description(one.name, other.name) for other in one.guest.nics}
    members = observed.interfaces[bridge].members if bridge in observed.interfaces else ()
    others = [name for name in members if name not in observed.interfaces or _tag(name, observed) not in own]
    declared = observed.allocations.switches.get(nic.switch, {}).get("mtu") or 0
    mtu = declared or (observed.interfaces[bridge].mtu if others else nic.mtu)
    if mtu != nic.mtu:
        raise BadInput(
            f"{at}mtu: {nic.mtu} is not that of {bridge}, {mtu}, which all members of a bridge have; give the switch "
            "that MTU, or leave it out"
        )


def _check_vlans(nic: Nic, bridge: str, observed: Observed, at: str) -> None:
    filters = bridge in observed.interfaces and observed.interfaces[bridge].filters
    option = "vlan" if nic.vlan else "tagged"
    if (nic.vlan or nic.tagged) and not filters:
        raise BadInput(
            f"{at}{option}: {nic.switch} does not filter VLANs; only a bridge of FreeBSD 15 or later can, with "
            "vlan_filter: true (bhyve_switch); else make a switch for each VLAN"
        )


def check_vale_ports(desired: Sequence[Desired], after: Mapping[str, Guest], observed: Observed) -> None:
    """BadInput when a VALE switch would have more ports than the kernel gives it, should all its guests run."""
    asked = {nic.switch for one in desired if one.record is not None for nic in one.guest.nics}
    for name in sorted(asked):
        record = observed.allocations.switches.get(name, {})
        if record.get("type") != VALE:
            continue
        own = bool(record.get("addresses")) + bool(record.get("uplink")) * (2 if record.get("host_stack") else 1)
        nics = sum(nic.switch == name for guest in after.values() for nic in guest.nics)
        if own + nics > _VALE_PORTS:
            raise BadInput(
                f"switch {name}: a VALE switch has {_VALE_PORTS} ports; there would be {nics} NICs of guests on it, "
                f"beside {own} of its own"
            )


def _tag(interface: str, observed: Observed) -> str:
    return observed.interfaces[interface].description


def check_host_addresses(desired: Sequence[Desired], after: Mapping[str, Guest], observed: Observed) -> None:
    """BadInput when a NIC's host_address is in a network that the host is in already, or is to be by another NIC."""
    asked = [(one, nic) for one in desired if one.record is not None for nic in one.guest.nics if nic.host_address]
    asked = [(one, nic) for one, nic in asked if _is_judged(one, nic)]
    if not asked:
        return
    known: List[Tuple[Network, str]] = [*_networks_of_host(observed), *_networks_of_guests(after)]
    for one, nic in asked:
        own = f"guest {one.name}, nic {nic.name}"
        network = _network(nic.host_address)
        for other, owner in known:
            if owner != own and other.version == network.version and other.overlaps(network):
                raise BadInput(
                    f"guest {one.name}: nic {nic.name}: host_address: {nic.host_address} overlaps {other} of {owner}"
                )


def _networks_of_host(observed: Observed) -> Iterator[Tuple[Network, str]]:
    for interface in observed.interfaces.values():
        if interface.is_tap and interface.description.startswith(_OURS):
            continue
        for address in interface.addresses:
            yield _network(address), interface.name


def _networks_of_guests(after: Mapping[str, Guest]) -> Iterator[Tuple[Network, str]]:
    for name, guest in after.items():
        for nic in guest.nics:
            if nic.host_address:
                yield _network(nic.host_address), f"guest {name}, nic {nic.name}"


def _network(address: str) -> Network:
    network: Network = ipaddress.ip_interface(address).network
    return network
