# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The DHCP server of a host: the note that the module ``dhcp_server`` leaves of it, for all who make reservations."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Mapping, Optional, Tuple, Union

from ansible_collections.apiary.bhyve.plugins.module_utils import schemas
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import DHCP_NOTE

SCHEMA = 1

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


@dataclass(frozen=True)
class Range:
    """Addresses from the first to the last, both of them in it."""

    first: str
    last: str

    def __contains__(self, address: Address) -> bool:
        first, last = ipaddress.ip_address(self.first), ipaddress.ip_address(self.last)
        return address.version == first.version and int(first) <= int(address) <= int(last)

    def __str__(self) -> str:
        return f"{self.first} - {self.last}"


@dataclass(frozen=True)
class Subnet:
    """A network that a server knows, with prefix length.

    ``ranges`` are given to anybody that may have one, ``auto`` to reservations that ask for any address. ``switch`` is
    the declared switch that it belongs to, '' if none is known.
    """

    subnet: str
    switch: str = ""
    ranges: Tuple[Range, ...] = ()
    auto: Tuple[Range, ...] = ()
    routers: Tuple[str, ...] = ()

    @property
    def network(self) -> Network:
        """Its addresses."""
        return ipaddress.ip_network(self.subnet)


@dataclass(frozen=True)
class Daemon:
    """One server process: its configuration, our file of reservations, its service, its control socket ('': none).

    ``family`` is 4 or 6, or 0 where one process serves both.
    """

    conf: str
    hosts_file: str
    service: str
    socket: str = ""
    family: int = 4

    def serves(self, version: int) -> bool:
        """Whether it gives addresses of this version of IP."""
        return self.family in (0, version)


@dataclass(frozen=True)
class Server:
    """A host's DHCP server: ``isc`` and ``kea`` may have a second daemon, for IPv6."""

    backend: str
    daemons: Tuple[Daemon, ...]
    domain: str = ""
    subnets: Tuple[Subnet, ...] = field(default=())

    def on_switch(self, switch: str) -> Tuple[Subnet, ...]:
        """The subnets that it serves on a declared switch."""
        return tuple(subnet for subnet in self.subnets if switch and subnet.switch == switch)


def read_server(host: Host) -> Optional[Server]:
    """The note on this host; None: the host serves no DHCP by the module dhcp_server. UnknownState."""
    text = host.read(DHCP_NOTE)
    return None if text is None else load(text)


def load(text: str) -> Server:
    """Read a note. UnknownState for a newer schema or anything else that we have not written."""
    try:
        data = schemas.parse(text, SCHEMA, DHCP_NOTE)
        daemons = [_daemon(data)]
        if "inet6" in data:
            daemons.append(_daemon(data["inet6"]))
        subnets = tuple(_subnet(item) for item in data["subnets"])
        return Server(str(data["backend"]), tuple(daemons), str(data["domain"]), subnets)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnknownState(f"{DHCP_NOTE} cannot be read ({error!r}); run the task of dhcp_server again") from error


def dump(server: Server) -> str:
    """The text of a note; what is of the second daemon stands below ``inet6``."""
    data: Dict[str, Any] = {"schema": SCHEMA, "backend": server.backend, "domain": server.domain}
    data.update(asdict(server.daemons[0]))
    if len(server.daemons) > 1:
        data["inet6"] = asdict(server.daemons[1])
    data["subnets"] = [
        {
            **asdict(subnet),
            "ranges": [[one.first, one.last] for one in subnet.ranges],
            "auto": [[one.first, one.last] for one in subnet.auto],
        }
        for subnet in server.subnets
    ]
    return json.dumps(data, indent=2, sort_keys=True) + "\n"


def _daemon(data: Mapping[str, Any]) -> Daemon:
    return Daemon(
        conf=str(data["conf"]),
        hosts_file=str(data["hosts_file"]),
        service=str(data["service"]),
        socket=str(data["socket"]),
        family=int(data["family"]),
    )


def _subnet(data: Mapping[str, Any]) -> Subnet:
    ranges, auto = (
        tuple(Range(str(ipaddress.ip_address(first)), str(ipaddress.ip_address(last))) for first, last in data[key])
        for key in ("ranges", "auto")
    )
    network = str(ipaddress.ip_network(data["subnet"]))
    return Subnet(network, str(data["switch"]), ranges, auto, tuple(str(one) for one in data["routers"]))
