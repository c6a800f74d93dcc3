# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's side of a NIC that no switch is behind: the address of its tap, and routes to what the guest leads to."""

from __future__ import annotations

import ipaddress
from typing import List, Optional, Tuple, Union

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Nic

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Interface = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

_VIA = " via "


def normal_address(text: str, option: str) -> str:
    """An address with its prefix length as ifconfig(8) shows it; '' stays. BadInput."""
    if not text:
        return ""
    if "/" not in text:
        raise BadInput(f"{option}: {text!r} has no prefix length; write for instance 10.1.1.1/30")
    try:
        address: Interface = ipaddress.ip_interface(text.strip())
    except ValueError as error:
        raise BadInput(
            f"{option}: {text!r} is not an address with a prefix length such as 10.1.1.1/30 ({error})"
        ) from error
    network: Network = address.network
    if network.num_addresses == 1:
        raise BadInput(f"{option}: {text} has no room for the guest beside it; take for instance a /30 or a /64")
    if address.ip.is_link_local or address.ip.is_multicast or address.ip.is_unspecified:
        raise BadInput(f"{option}: {text} is not an address that a host can be given")
    ends = (network.network_address, network.broadcast_address)
    if network.num_addresses > 2 and address.version == 4 and address.ip in ends:
        raise BadInput(f"{option}: {text} is the network's own or its broadcast address, not one in it")
    return f"{address.ip.compressed}/{network.prefixlen}"


def normal_route(text: str, option: str) -> str:
    """A route as ``NETWORK`` or ``NETWORK via ADDRESS``. BadInput."""
    place, via, gateway = (part.strip() for part in f"{text} ".partition(_VIA))
    try:
        network: Network = ipaddress.ip_network(place)
        address: Optional[Address] = ipaddress.ip_address(gateway) if via else None
    except ValueError as error:
        raise BadInput(
            f"{option}: {text!r} is not a route such as 10.2.0.0/24 or 10.2.0.0/24 via 10.1.1.2 ({error})"
        ) from error
    if not network.prefixlen:
        raise BadInput(f"{option}: {text} would be the host's default route, which belongs into its rc.conf")
    return str(network) if address is None else f"{network}{_VIA}{address}"


def check_host_side(nic: Nic, at: str) -> None:
    """BadInput when address and routes do not go together."""
    if not nic.host_address:
        if nic.route:
            raise BadInput(f"{at}route: {nic.route[0]} leads through the guest, which needs a host_address beside it")
        return
    for route in nic.route:
        gateway_of(nic, route, f"{at}route")


def gateway_of(nic: Nic, route: str, option: str = "route") -> Tuple[Network, Address]:
    """Where a route leads, and the guest's address that it leads through: that beside the host's if it names none."""
    place, via, gateway = route.partition(_VIA)
    network: Network = ipaddress.ip_network(place)
    own: Interface = ipaddress.ip_interface(nic.host_address)
    if network.version != own.version:
        raise BadInput(f"{option}: {route} and host_address {nic.host_address} are of different kinds")
    if not via:
        peer = _peer(own)
        if peer is None:
            raise BadInput(
                f"{option}: {route} does not say through which address of the guest, and in {own.network} there are "
                f"many; write {route} via ADDRESS"
            )
        return network, peer
    address: Address = ipaddress.ip_address(gateway)
    if address not in own.network or address == own.ip:
        raise BadInput(f"{option}: {route} leads through an address that is not the guest's side of {nic.host_address}")
    return network, address


def _peer(own: Interface) -> Optional[Address]:
    """The only other address of a network that is as small as can be."""
    if own.network.num_addresses > 4:
        return None
    others = [address for address in own.network.hosts() if address != own.ip]
    return others[0] if len(others) == 1 else None


def option_words(nic: Nic) -> List[str]:
    """What the runtime does on the host's side, as words of guest.rc."""
    if not nic.host_address:
        return []
    words = [f"address:{nic.host_address}"]
    for route in nic.route:
        network, gateway = gateway_of(nic, route)
        words.append(f"route:{network}@{gateway}")
    return words
