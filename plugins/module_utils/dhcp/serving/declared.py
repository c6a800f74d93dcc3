# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is declared of a host's DHCP server, in words of no particular one: options, and what is said against them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Network, Range, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import (
    further_options,
    is_hostname,
    option_texts,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.bootfiles import BootFiles
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

_LONGEST_TIME = 2**32 - 1


@dataclass(frozen=True)
class Scope:
    """What clients are told, everywhere or in one subnet. Empty and 0 mean: nothing is said of it."""

    domain_name: str = ""
    domain_name_servers: Tuple[str, ...] = ()
    filename: str = ""
    next_server: str = ""
    default_lease_time: int = 0
    max_lease_time: int = 0
    options: Tuple[Tuple[str, str], ...] = ()
    statements: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Served:
    """A subnet that is served: what others know of it, the kernel's name of its interface, what its clients are told.

    ``known_only``: dynamic addresses are for those that have a reservation. ``shared``: others are on that wire too,
    and may have a DHCP server of their own. ``dns``: who is there may ask for names.
    """

    subnet: Subnet
    interface: str
    scope: Scope
    known_only: bool
    shared: bool
    dns: bool = False

    @property
    def network(self) -> Network:
        """Its addresses."""
        return self.subnet.network


@dataclass(frozen=True)
class Declared:
    """All that a server is told; ``scope`` holds where a subnet says nothing else.

    ``resolver``: the host itself asks this server for names. ``boot_files``: by what a machine is (see ``bootfiles``).
    """

    scope: Scope
    authoritative: bool
    subnets: Tuple[Served, ...]
    resolver: bool = False
    boot_files: BootFiles = ()

    def of(self, version: int) -> Tuple[Served, ...]:
        """The subnets of one version of IP; 0 is both."""
        return tuple(one for one in self.subnets if version in (0, one.network.version))

    def interfaces(self, version: int) -> Tuple[str, ...]:
        """Where it is served, each once."""
        return tuple(dict.fromkeys(one.interface for one in self.of(version)))


@dataclass(frozen=True)
class Place:
    """What is known of a switch or an interface: its kernel name, its addresses, whether it is connected to others."""

    interface: str
    addresses: Tuple[str, ...]
    uplink: bool


def scope_options() -> Dict[str, Dict[str, Any]]:
    """Argument specification of what clients are told."""
    common = further_options()
    return {
        "domain_name": {"type": "str"},
        "domain_name_servers": {"type": "list", "elements": "str"},
        **{
            key: common[key]
            for key in ("filename", "next_server", "default_lease_time", "max_lease_time", "options", "statements")
        },
    }


def subnet_options() -> Dict[str, Dict[str, Any]]:
    """Argument specification of one subnet."""
    return {
        "subnet": {"type": "str", "required": True},
        "switch": {"type": "str"},
        "interface": {"type": "str"},
        "ranges": {"type": "list", "elements": "str", "default": []},
        "auto": {"type": "list", "elements": "str", "default": []},
        "routers": {"type": "list", "elements": "str"},
        "known_only": {"type": "bool"},
        "dns": {"type": "bool"},
        **scope_options(),
    }


def scope_of(given: Mapping[str, Any], at: str) -> Scope:
    """What clients are told, of a task's options. BadInput."""
    domain = given.get("domain_name") or ""
    if domain and not is_hostname(domain):
        raise BadInput(f"{at}domain_name: {domain!r} is not the name of a domain")
    server = given.get("next_server") or ""
    if server and not is_hostname(server) and not _is_address(server):
        raise BadInput(f"{at}next_server: {server!r} is neither an address nor a host name")
    times = [int(given.get(key) or 0) for key in ("default_lease_time", "max_lease_time")]
    if not all(0 <= time <= _LONGEST_TIME for time in times):
        raise BadInput(f"{at}default_lease_time, max_lease_time: allowed are 1 to {_LONGEST_TIME} seconds, 0 for none")
    if times[1] and times[0] > times[1]:
        raise BadInput(f"{at}default_lease_time: {times[0]} is more than max_lease_time {times[1]}")
    return Scope(
        domain,
        name_servers(given.get("domain_name_servers") or (), f"{at}domain_name_servers"),
        given.get("filename") or "",
        server,
        times[0],
        times[1],
        option_texts(given.get("options") or {}, at),
        tuple(text.strip() for text in given.get("statements") or () if text.strip()),
    )


def served_of(given: Mapping[str, Any], place: Place) -> Served:
    """A subnet of a task, on the interface that was found for it. BadInput."""
    at = f"subnet {given['subnet']}: "
    network = network_of(given)
    own = [str(one.ip) for one in map(ipaddress.ip_interface, place.addresses) if one.ip in network]
    if not own and place.addresses:
        raise BadInput(
            f"{at}{place.interface} has no address in it, without which nobody is served there; it has "
            f"{', '.join(place.addresses)}"
        )
    ranges = tuple(parse_range(text, f"{at}ranges", network) for text in given["ranges"])
    auto = tuple(parse_range(text, f"{at}auto", network) for text in given["auto"])
    _check_apart([*ranges, *auto], at)
    routers = given.get("routers")
    if routers is None:
        # On a switch without an uplink nobody else leads out.
        routers = own[:1] if network.version == 4 and not place.uplink else []
    elif network.version == 6 and routers:
        raise BadInput(f"{at}routers: DHCP for IPv6 tells no routers; rtadvd(8) does")
    known_only = given.get("known_only")
    subnet = Subnet(
        str(network),
        given.get("switch") or "",
        ranges,
        auto,
        tuple(_address(text, f"{at}routers") for text in routers),
    )
    known_only = place.uplink if known_only is None else known_only
    dns = given.get("dns")
    dns = not place.uplink if dns is None else dns
    return Served(subnet, place.interface, scope_of(given, at), known_only, place.uplink, dns)


def network_of(given: Mapping[str, Any]) -> Network:
    """The network of a subnet. BadInput."""
    text = str(given["subnet"])
    try:
        if "/" not in text:
            raise ValueError("the prefix length is missing")
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise BadInput(f"subnet {text}: {error}; a network is, for example, 10.10.0.0/24") from error


def parse_range(text: str, option: str, network: Optional[Network] = None) -> Range:
    """``FIRST-LAST``, within the network if one is given. BadInput."""
    first, _dash, last = (part.strip() for part in str(text).partition("-"))
    try:
        low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
    except ValueError as error:
        raise BadInput(
            f"{option}: {text!r}; a range is FIRST-LAST, two addresses, such as 10.0.0.20-10.0.0.99"
        ) from error
    if low.version != high.version or int(low) > int(high):
        raise BadInput(f"{option}: {text!r} ends before it begins; a range is FIRST-LAST")
    for address in (low, high):
        if network is not None and address not in network:
            raise BadInput(f"{option}: {address} of {text!r} is not in {network}")
    return Range(str(low), str(high))


def check_subnets(networks: Sequence[Network]) -> None:
    """BadInput for networks that overlap."""
    for number, one in enumerate(networks):
        for other in networks[:number]:
            if one.version == other.version and one.overlaps(other):
                raise BadInput(f"subnet {one}: it overlaps {other}")


def check_names(subnets: Sequence[Served]) -> None:
    """BadInput where a server would have to answer for names to some on a wire and not to others."""
    for one in subnets:
        for other in subnets:
            if one.interface == other.interface and one.dns and not other.dns:
                raise BadInput(
                    f"subnet {one.network}: dns: on its wire is {other.network} as well, where it is off; say the same "
                    "of both"
                )


def check_boot_files(files: BootFiles, subnets: Sequence[Served]) -> None:
    """BadInput where servers would disagree on which file is told."""
    for one in subnets:
        if files and one.scope.filename:
            raise BadInput(f"subnet {one.network}: filename: boot_files says which file there is; give one of them")


def name_servers(texts: Sequence[str], option: str) -> Tuple[str, ...]:
    """Addresses of name servers. BadInput."""
    return tuple(_address(text, option) for text in texts)


def _check_apart(ranges: Sequence[Range], at: str) -> None:
    for number, one in enumerate(ranges):
        for other in ranges[:number]:
            ends = [int(ipaddress.ip_address(text)) for text in (one.first, one.last, other.first, other.last)]
            if ends[0] <= ends[3] and ends[2] <= ends[1]:
                raise BadInput(f"{at}ranges, auto: {one} and {other} have addresses in common")


def _address(text: Any, option: str) -> str:
    try:
        return str(ipaddress.ip_address(str(text)))
    except ValueError as error:
        raise BadInput(f"{option}: {text!r} is not an address") from error


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
