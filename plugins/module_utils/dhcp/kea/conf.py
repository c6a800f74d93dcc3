# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a configuration of Kea says that concerns reservations, and how ours get into it (pure).

Ours are the global reservations: a list in a file of its own, which the configuration includes. With
``reservations-global`` Kea looks there for every client, whatever subnet it is in, and gives it the address if that is
in the subnet; so one include serves all subnets, those that are added later too. Source: Kea Administrator Reference
Manual, "Global Reservations in DHCPv4", "Fine-Tuning DHCPv4 Host Reservation".
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Iterator, List, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import KnownHost
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea.text import Load, Node, parse
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon, Network, Range, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState

#: Where control sockets are, and since Kea 3.0 nowhere else.
RUN = "/var/run/kea"
#: What a file of ours that is not there yet is read as.
_NONE = "[]"
_GLOBAL = "reservations-global"
_OURS = "reservations"


@dataclass(frozen=True)
class Conf:
    """A configuration as it was read; ``server`` is the map of the daemon in it."""

    daemon: Daemon
    text: str
    server: Node

    @property
    def hooked(self) -> bool:
        """Whether our file has its place in it and Kea heeds it."""
        ours, heeded = self.server.get(_OURS), self.server.get(_GLOBAL)
        return ours is not None and self._is_ours(ours) and heeded is not None and heeded.value is True

    def _is_ours(self, node: Node) -> bool:
        return node.source == self.daemon.hosts_file

    @property
    def socket(self) -> str:
        """The path of its control socket; '' if it has none that is a unix socket."""
        one = self.server.get("control-socket")
        sockets = [*([one] if one is not None else []), *self.server.list("control-sockets")]
        names = [node.text("socket-name") for node in sockets if node.text("socket-type") == "unix"]
        found = next((name for name in names if name), "")
        return found if "/" in found or not found else f"{RUN}/{found}"

    def subnets(self) -> Tuple[Subnet, ...]:
        """Its subnets, also those of shared networks, with what it gives to anybody and their routers."""
        everywhere = self._routers(self.server)
        return tuple(
            Subnet(
                str(_network(subnet)),
                ranges=tuple(_range(pool) for pool in subnet.list("pools")),
                routers=self._routers(subnet) or self._routers(shared) or everywhere,
            )
            for shared, subnet in self._subnets()
        )

    def hosts(self) -> Tuple[KnownHost, ...]:
        """Reservations that are not ours: those of subnets, and global ones of the administrator's."""
        found = [node for _shared, subnet in self._subnets() for node in subnet.list(_OURS)]
        ours = self.server.get(_OURS)
        if ours is not None and not self._is_ours(ours):
            found += ours.items or ()
        return tuple(_host(node) for node in found)

    def with_hook(self) -> str:
        """The text with our file in its place. BadInput when that is taken, or would not be heeded."""
        self._check_heeded()
        if self.hooked:
            return self.text
        if self.server.source != self.daemon.conf:
            raise BadInput(
                f"conf: {self.daemon.conf} includes {self.server.source}, which has the server's map: name that"
            )
        edits: List[Tuple[int, int, str]] = []
        ours, heeded = self.server.get(_OURS), self.server.get(_GLOBAL)
        include = f'<?include "{self.daemon.hosts_file}"?>'
        new = []
        if heeded is None:
            new.append(f'"{_GLOBAL}": true')
        elif heeded.value is not True:
            edits.append((*self._place(heeded, _GLOBAL), "true"))
        if ours is None:
            new.append(f'"{_OURS}": {include}')
        elif not self._is_ours(ours):
            if ours.items:
                raise BadInput(
                    f"conf: {self.daemon.conf} has global reservations, in whose place ours are; move them to their "
                    "subnets or into tasks of dhcpd_host"
                )
            edits.append((*self._place(ours, _OURS), include))
        if new:
            after = self.server.start + 1
            lines = ",".join(f"\n    {line}" for line in new)
            edits.append((after, after, lines + ("," if self.server.fields else "\n")))
        text = self.text
        for start, end, words in sorted(edits, reverse=True):
            text = text[:start] + words + text[end:]
        return text

    def _place(self, node: Node, key: str) -> Tuple[int, int]:
        if node.source != self.daemon.conf:
            raise BadInput(f"conf: {node.source}, which {self.daemon.conf} includes, sets {key}; take it out there")
        return node.start, node.end

    def _check_heeded(self) -> None:
        for node in self._networks():
            for key in ("reservation-mode", _GLOBAL):
                field = node.get(key)
                if field is not None and (
                    key == "reservation-mode" or (field.value is not True and node != self.server)
                ):
                    raise BadInput(
                        f"conf: {field.source} has {key!r} in {_title(node)}, so that global reservations, which ours "
                        f"are, would not be heeded; take it out ({_GLOBAL!r} and 'reservations-in-subnet' are apart)"
                    )

    def _networks(self) -> Iterator[Node]:
        yield self.server
        yield from self.server.list("shared-networks")
        for _shared, subnet in self._subnets():
            yield subnet

    def _subnets(self) -> Iterator[Tuple[Node, Node]]:
        """Each subnet, after the shared network that it is in, or the server."""
        key = f"subnet{self.daemon.family}"
        for shared in (self.server, *self.server.list("shared-networks")):
            for subnet in shared.list(key):
                yield shared, subnet

    def _routers(self, node: Node) -> Tuple[str, ...]:
        for option in node.list("option-data"):
            code = option.get("code")
            if option.text("name") == "routers" or (code is not None and code.value == 3):
                return tuple(part.strip() for part in option.text("data").split(",") if part.strip())
        return ()


def read_conf(text: str, daemon: Daemon, load: Load) -> Conf:
    """Read a configuration. UnknownState when it is not one, BadInput when it is that of another server."""

    def of_ours(path: str) -> Optional[str]:
        found = load(path)
        return _NONE if found is None and path == daemon.hosts_file else found

    top = parse(text, daemon.conf, of_ours)
    key = f"Dhcp{daemon.family}"
    server = top.get(key)
    if server is None or server.fields is None:
        raise BadInput(f"conf: {daemon.conf} has no map {key!r}, so it is not that of kea-dhcp{daemon.family}")
    return Conf(daemon, text, server)


def with_other_file(conf: str, daemon: Daemon, path: str) -> str:
    """A configuration into which ours is hooked, reading another file in its place. UnknownState."""
    words = re.compile(r'(<\?\s*include\s*")' + re.escape(daemon.hosts_file) + r'("\s*\?>)')
    text, count = words.subn(lambda match: f"{match[1]}{path}{match[2]}", conf)
    if count == 0:
        raise UnknownState(
            f"{daemon.hosts_file} is included by a file that {daemon.conf} includes; have {daemon.conf} include it"
        )
    return text


def _network(subnet: Node) -> Network:
    try:
        return ipaddress.ip_network(subnet.text("subnet"), strict=False)
    except ValueError as error:
        raise UnknownState(f"{subnet.source}: a subnet is {subnet.text('subnet')!r}: {error}") from error


def _range(pool: Node) -> Range:
    """A pool as Kea has it: FIRST - LAST, or a network, all of which is given away."""
    text = pool.text("pool")
    try:
        if "-" in text:
            first, last = (ipaddress.ip_address(part.strip()) for part in text.split("-", 1))
        else:
            network = ipaddress.ip_network(text.replace(" ", ""), strict=False)
            first, last = network[0], network[-1]
    except ValueError as error:
        raise UnknownState(f"{pool.source}: a pool is {text!r}: {error}") from error
    return Range(str(first), str(last))


def _host(node: Node) -> KnownHost:
    digits = node.text("hw-address").lower().replace("-", "").replace(":", "")
    mac = ":".join(digits[place : place + 2] for place in range(0, len(digits), 2))
    addresses = [node.text("ip-address"), *(str(item.value) for item in node.list("ip-addresses"))]
    name = node.text("hostname") or mac or next((node.text(key) for key in ("duid", "client-id") if node.text(key)), "")
    normal = tuple(_normal(address) for address in addresses if address)
    return KnownHost(name, (mac,) if mac else (), normal, node.source)


def _normal(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address


def _title(node: Node) -> str:
    return next((node.text(key) for key in ("subnet", "name") if node.text(key)), "the server's map")
