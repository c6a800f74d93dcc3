# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses for reservations that ask for any (pure)."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import Known
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Range, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import AUTO, Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

#: The ranges that a reservation's address is taken from.
Ranges = Callable[[Reservation], Sequence[Range]]


def allocate(
    wanted: Sequence[Reservation],
    before: Mapping[str, Reservation],
    others: Iterable[Reservation],
    known: Sequence[Known],
    ranges: Ranges,
) -> List[Reservation]:
    """The wanted reservations, each ``auto`` replaced by an address: the one that it has, else the first that is free.

    ``before`` are all reservations as they are, ``others`` those that are not wanted and stay. BadInput when there is
    no range for such, or none is free.
    """
    if not any(AUTO in one.addresses for one in wanted):
        return list(wanted)
    subnets = [subnet for item in known for subnet in item.subnets]
    kept = [_with_kept(one, before.get(one.name), ranges, subnets) for one in wanted]
    taken: Set[str] = {text for one in (*kept, *others) for text in one.addresses}
    taken |= {text for item in known for host in item.hosts for text in host.addresses}
    taken |= {text for subnet in subnets for text in _ends(subnet)}
    free: Dict[Tuple[int, Tuple[Range, ...]], Iterator[str]] = {}
    return [_with_free(one, tuple(ranges(one)), taken, free) for one in kept]


def _with_kept(one: Reservation, old: Optional[Reservation], ranges: Ranges, subnets: Sequence[Subnet]) -> Reservation:
    """With the address that it has, unless that is of another network than those which it is to be taken from."""
    if old is None or AUTO not in one.addresses:
        return one
    firsts = [ipaddress.ip_address(item.first) for item in ranges(one)]
    networks = [subnet.network for subnet in subnets if any(first in subnet.network for first in firsts)]

    def resolved(asked: Tuple[str, ...], has: Tuple[str, ...]) -> Tuple[str, ...]:
        versions = {ipaddress.ip_address(text).version for text in has}
        near = [network for network in networks if network.version in versions]
        keeps = all(any(ipaddress.ip_address(text) in network for network in near) for text in has) or not near
        return has if AUTO in asked and has and keeps else asked

    return replace(one, ip=resolved(one.ip, old.ip), ip6=resolved(one.ip6, old.ip6))


def _with_free(
    one: Reservation,
    ranges: Tuple[Range, ...],
    taken: Set[str],
    free: Dict[Tuple[int, Tuple[Range, ...]], Iterator[str]],
) -> Reservation:
    def resolved(key: str, version: int, texts: Sequence[str]) -> Tuple[str, ...]:
        if AUTO not in texts:
            return tuple(texts)
        mine = tuple(item for item in ranges if ipaddress.ip_address(item.first).version == version)
        if not mine:
            raise BadInput(
                f"reservation {one.name}: {key}: auto, and no range to take an address from was declared (auto of "
                "dhcp_server's subnets, or auto_range of dhcpd_host)"
            )
        # One search for all: what was passed over stays taken.
        search = free.setdefault((version, mine), _addresses(mine))
        found = next((text for text in search if text not in taken), None)
        if found is None:
            raise BadInput(
                f"reservation {one.name}: {key}: auto, and no address of {', '.join(map(str, mine))} is free any more"
            )
        taken.add(found)
        return tuple(found if text == AUTO else text for text in texts)

    return replace(one, ip=resolved("ip", 4, one.ip), ip6=resolved("ip6", 6, one.ip6))


def _addresses(ranges: Sequence[Range]) -> Iterator[str]:
    for item in ranges:
        first, last = ipaddress.ip_address(item.first), ipaddress.ip_address(item.last)
        kind = type(first)
        for number in range(int(first), int(last) + 1):
            yield str(kind(number))


def _ends(subnet: Subnet) -> List[str]:
    """What no machine may have, and the routers, which have theirs."""
    network = subnet.network
    return [str(network.network_address), str(network.broadcast_address), *subnet.routers]
