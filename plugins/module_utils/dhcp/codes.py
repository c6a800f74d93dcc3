# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A reservation's further options by number, for servers that know them by other names than dhcp-options(5) (pure)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Dict, List, Mapping, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp import options
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation, is_hostname
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

#: Options for which a reservation has words of its own.
_OWN = {
    "host-name": "hostname",
    "root-path": "root_path",
    "bootfile-name": "filename",
    "tftp-server-name": "server_name",
}
_OWN_OF_SERVERS = {
    "bootfile-name": "filename",
    "domain-name": "domain_name",
    "domain-name-servers": "domain_name_servers",
    "routers": "routers of the subnet",
}
#: Those by which servers know clients, which are told the server by them.
_OF_CLIENTS = ("dhcp-client-identifier", "user-class")
#: Octets of those that are numbers; all without a sign but the time's.
_OCTETS = {2: 4, 13: 2, 22: 2, 23: 1, 24: 4, 25: 2, 26: 2, 35: 4, 37: 1, 38: 4, 46: 1}
_SIGNED = (2,)
_LISTS = (25,)


@dataclass(frozen=True)
class Coded:
    """An option by number: the kind of its value (``options``), its parts, and of numbers the octets of each."""

    code: int
    kind: str
    parts: Tuple[str, ...]
    octets: int = 0


def coded(one: Reservation, backend: str, at: str) -> List[Coded]:
    """The further options of a reservation in their order. BadInput for one that is none, and for a wrong value."""
    return _all_coded(one.options, _OWN, backend, at)


def coded_options(given: Sequence[Tuple[str, str]], backend: str, at: str) -> List[Coded]:
    """The same of what all clients of a server or a subnet are told."""
    return _all_coded(given, _OWN_OF_SERVERS, backend, at)


def _all_coded(given: Sequence[Tuple[str, str]], own: Mapping[str, str], backend: str, at: str) -> List[Coded]:
    for name, _value in given:
        if name in own:
            raise BadInput(f"{at}options: {name}: there is {own[name]} for that")
    return [_coded(name, value, backend, f"{at}options: {name}") for name, value in given]


def _coded(name: str, value: str, backend: str, at: str) -> Coded:
    standard = options.standard_option(name)
    if standard is None or name in _OF_CLIENTS:
        raise BadInput(
            f"{at}: {backend} is told options that dhcp-options(5) names for servers, and this is none of them"
        )
    several = standard.kind in (options.ADDRESS, options.DOMAINS) or standard.code in _LISTS
    parts = tuple(part.strip() for part in value.split(",")) if several else (value,)
    octets = _OCTETS.get(standard.code, 0)
    wanted = _wanted(standard, octets)
    if not all(_is_of(standard, octets, part) for part in parts):
        raise BadInput(f"{at}: {value!r}; {wanted} is allowed")
    return Coded(standard.code, standard.kind, parts, octets)


def _wanted(option: options.Option, octets: int) -> str:
    low, high = _bounds(option, octets)
    words: Dict[str, str] = {
        options.ADDRESS: "an IPv4 address, or several with commas between",
        options.DOMAINS: "a domain's name, or several with commas between",
        options.FLAG: "true or false",
        options.NUMBER: f"a number from {low} to {high}",
    }
    return words.get(option.kind, "a text that is not empty")


def _bounds(option: options.Option, octets: int) -> Tuple[int, int]:
    size: int = 2 ** (8 * octets)
    return (-size // 2, size // 2 - 1) if option.code in _SIGNED else (0, size - 1)


def _is_of(option: options.Option, octets: int, part: str) -> bool:
    if option.kind == options.ADDRESS:
        return is_ipv4(part)
    if option.kind == options.DOMAINS:
        return is_hostname(part)
    if option.kind == options.FLAG:
        return part in ("true", "false")
    if option.kind == options.NUMBER:
        low, high = _bounds(option, octets)
        return re.fullmatch(r"-?\d{1,10}", part) is not None and low <= int(part) <= high
    return part != ""


def is_ipv4(text: str) -> bool:
    """Whether it is an IPv4 address."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
