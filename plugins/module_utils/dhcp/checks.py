# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said against reservations that no DHCP server says (pure)."""

from __future__ import annotations

import ipaddress
from typing import Dict, Iterable, List, Mapping, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import Known, KnownHost
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Address, Network, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput


def check(wanted: Sequence[Reservation], after: Mapping[str, Reservation], known: Sequence[Known]) -> None:
    """BadInput for wanted reservations that would be in each other's way, in that of others, or without any effect.

    ``after`` are all reservations as they will be, ``known`` the server's daemons. Linear in all of them.
    """
    others = {host.name: host for one in known for host in one.hosts if host.name}
    macs, addresses = _taken(after.values(), [host for one in known for host in one.hosts])
    nets = [(subnet.network, subnet) for one in known for subnet in one.subnets]
    for one in wanted:
        if one.name in others:
            raise BadInput(f"reservation {one.name}: name: {others[one.name].where} has a host of that name already")
        _check_alone(one, "mac", one.mac, macs)
        for key, texts in (("ip", one.ip), ("ip6", one.ip6)):
            for text in texts:
                _check_alone(one, key, text, addresses)
                _check_place(one, key, ipaddress.ip_address(text), nets)
        if one.ip6 and not any(item.daemon.serves(6) for item in known):
            raise BadInput(f"reservation {one.name}: ip6: the server has no daemon for IPv6")


def _taken(
    reservations: Iterable[Reservation], others: Iterable[KnownHost]
) -> Tuple[Dict[str, List[str]], Dict[str, List[str]]]:
    """Who has each MAC address and each address."""
    macs: Dict[str, List[str]] = {}
    addresses: Dict[str, List[str]] = {}
    for one in reservations:
        macs.setdefault(one.mac, []).append(f"reservation {one.name}")
        for text in one.addresses:
            addresses.setdefault(text, []).append(f"reservation {one.name}")
    for host in others:
        for mac in host.macs:
            macs.setdefault(mac, []).append(f"host {host.name} in {host.where}")
        for text in host.addresses:
            addresses.setdefault(text, []).append(f"host {host.name} in {host.where}")
    return macs, addresses


def _check_alone(one: Reservation, key: str, value: str, taken: Mapping[str, Sequence[str]]) -> None:
    others = [who for who in taken.get(value, ()) if who != f"reservation {one.name}"]
    if others:
        raise BadInput(f"reservation {one.name}: {key}: {value} is that of {others[0]} already")


def _check_place(one: Reservation, key: str, address: Address, nets: Sequence[Tuple[Network, Subnet]]) -> None:
    at = f"reservation {one.name}: {key}: {address}"
    inside = [(network, subnet) for network, subnet in nets if address in network]
    if not inside:
        known = ", ".join(
            dict.fromkeys(str(network) for network, _subnet in nets if network.version == address.version)
        )
        raise BadInput(f"{at} is in no subnet of the server, so nobody would get it; it has {known or 'none'}")
    for network, subnet in inside:
        ends = (network.network_address, network.broadcast_address)
        if address in ends and network.prefixlen < network.max_prefixlen - 1:
            raise BadInput(f"{at} is the address of the network {network} itself or of its broadcasts")
        if str(address) in subnet.routers:
            raise BadInput(f"{at} is the router of {network}")
        for dynamic in subnet.ranges:
            if address in dynamic:
                raise BadInput(
                    f"{at} is in the range {dynamic} of {network}, which the server gives to anybody; take one "
                    "outside, or make the range smaller"
                )
