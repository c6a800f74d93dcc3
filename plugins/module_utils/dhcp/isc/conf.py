# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a dhcpd.conf(5) says of subnets, ranges and hosts, wherever they stand in it (pure)."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from typing import Dict, Iterator, List, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import KnownHost
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.statements import Statement, Token
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Range, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.network.mac import normalise_mac


@dataclass
class Found:
    """What one file says: subnets and hosts, and the files that it includes."""

    subnets: List[Subnet] = field(default_factory=list)
    hosts: List[KnownHost] = field(default_factory=list)
    includes: List[str] = field(default_factory=list)


def interpret(statements: Sequence[Statement], where: str) -> Found:
    """Collect from a file's statements. UnknownState for a subnet or a range that cannot be read."""
    found = Found()
    _collect(statements, where, found, ())
    return found


def is_include_of(statement: Statement, path: str) -> bool:
    """Whether it is ``include "PATH";``."""
    return (
        statement.starts("include")
        and len(statement.words) == 2
        and os.path.normpath(statement.words[1].value) == os.path.normpath(path)
    )


def walk(statements: Sequence[Statement]) -> Iterator[Statement]:
    """All statements, also those in blocks."""
    for statement in statements:
        yield statement
        yield from walk(statement.block or ())


def host_of(statement: Statement, where: str) -> KnownHost:
    """A host's block: its name, its MAC addresses, and those of its fixed addresses that are no names."""
    macs: List[str] = []
    addresses: List[str] = []
    for one in walk(statement.block or ()):
        if one.starts("hardware", "ethernet"):
            macs.append(mac_of(one.words[2:], where))
        elif one.keyword in ("fixed-address", "fixed-address6"):
            addresses += [text for text in listed(one.words[1:]) if is_address(text)]
    return KnownHost(joined(statement.words[1:]), tuple(macs), tuple(map(_normal, addresses)), where)


def listed(words: Sequence[Token]) -> List[str]:
    """The items of a list, which have commas between them."""
    items: List[List[Token]] = [[]]
    for token in words:
        if token.text == ",":
            items.append([])
        else:
            items[-1].append(token)
    return [joined(item) for item in items if item]


def joined(words: Sequence[Token]) -> str:
    """An address or a name; dhcpd takes blanks in it."""
    return "".join(token.value for token in words)


def mac_of(words: Sequence[Token], where: str) -> str:
    """A hardware address. UnknownState."""
    try:
        return normalise_mac(joined(words), "hardware ethernet")
    except BadInput as error:
        raise UnknownState(f"{where}: {error}") from error


def is_address(text: str) -> bool:
    """Whether it is an address and no name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _normal(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _collect(statements: Sequence[Statement], where: str, found: Found, routers: Tuple[str, ...]) -> None:
    """``routers`` are those of the blocks around, which hold for the subnets in them."""
    routers = _routers(statements) or routers
    for statement in statements:
        if statement.keyword == "include":
            found.includes.append(joined(statement.words[1:]))
        elif statement.keyword in ("subnet", "subnet6"):
            found.subnets.append(_subnet(statement, where, routers))
            _collect_hosts(statement, where, found)
        elif statement.keyword == "host" and statement.block is not None:
            found.hosts.append(host_of(statement, where))
        else:
            _collect(statement.block or (), where, found, routers)


def _collect_hosts(subnet: Statement, where: str, found: Found) -> None:
    for one in walk(subnet.block or ()):
        if one.keyword == "host" and one.block is not None:
            found.hosts.append(host_of(one, where))
        elif one.keyword == "include":
            found.includes.append(joined(one.words[1:]))


def _subnet(statement: Statement, where: str, routers: Tuple[str, ...]) -> Subnet:
    words = [token.text for token in statement.words]
    text = joined(statement.words[1:]).replace("netmask", "/")
    try:
        network = ipaddress.ip_network(text)
        ranges = tuple(
            _range([token.text for token in one.words[1:]])
            for one in walk(statement.block or ())
            if one.keyword in ("range", "range6")
        )
    except ValueError as error:
        raise UnknownState(f"{where}: {' '.join(words)}: {error}; mend the file first, nothing was changed") from error
    of_family = tuple(text for text in routers if ipaddress.ip_address(text).version == network.version)
    mine = _routers(statement.block or ()) or of_family
    return Subnet(str(network), ranges=ranges, routers=mine)


def _range(words: Sequence[str]) -> Range:
    """``[dynamic-bootp] FIRST [LAST]``, ``NETWORK/LENGTH``, ``ADDRESS temporary``. ValueError."""
    texts = [word for word in words if word not in ("dynamic-bootp", "temporary")]
    if not 1 <= len(texts) <= 2:
        raise ValueError(f"range {' '.join(words)} cannot be read")
    if "/" in texts[0]:
        network = ipaddress.ip_network(texts[0])
        return Range(str(network.network_address), str(network.broadcast_address))
    return Range(_normal(texts[0]), _normal(texts[-1]))


def _routers(statements: Sequence[Statement]) -> Tuple[str, ...]:
    found: Dict[str, None] = {}
    for one in statements:
        if one.starts("option", "routers"):
            found.update((_normal(text), None) for text in listed(one.words[2:]) if is_address(text))
    return tuple(found)
