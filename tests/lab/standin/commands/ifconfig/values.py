# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How ifconfig(8) reads addresses, masks and numbers."""

from __future__ import annotations

import re
import socket
from typing import Optional, Tuple

#: The words for address families, and the family each stands for.
FAMILIES = {"inet": "inet", "inet6": "inet6", "ether": "ether", "link": "ether", "lladdr": "ether"}

_NUMBER = re.compile(r"\s*[+-]?\d+")


class IfconfigError(Exception):
    """Ends the command with status 1; the text goes to standard error behind ``ifconfig: ``."""


def inet(text: str) -> Tuple[str, Optional[int]]:
    """An IPv4 address and, where ``/LEN`` follows it, its prefix length."""
    name, slash, width = text.partition("/")
    address = _aton(name)
    if address is None:
        raise IfconfigError(f"{name}: bad value")
    if not slash:
        return address, None
    return address, _width(text, width, 32)


def netmask(text: str) -> int:
    """A netmask (dotted or hexadecimal) as a prefix length."""
    address = _aton(text)
    if address is None:
        raise IfconfigError(f"{text}: bad value")
    value = int.from_bytes(socket.inet_aton(address), "big")
    return bin(value).count("1")


def class_prefix(address: str) -> int:
    """The prefix length of an address's class, which counts when no mask is given."""
    first = int(address.partition(".")[0])
    return 8 if first < 128 else 16 if first < 192 else 24


def inet6(text: str) -> Tuple[str, Optional[int]]:
    """An IPv6 address in its shortest form, without its zone, and its prefix length where one follows."""
    name, slash, width = text.partition("/")
    try:
        address = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, name.partition("%")[0]))
    except OSError:
        raise IfconfigError(f"{name}: bad value") from None
    return address, _width(text, width, 128) if slash else None


def number(text: str) -> int:
    """atoi(3): the number that a text begins with, 0 when it begins with none."""
    match = _NUMBER.match(text)
    return int(match.group()) if match else 0


def unsigned(text: str) -> Optional[int]:
    """strtoul(3) with any base over the whole text, or None."""
    try:
        value = int(text, 0)
    except ValueError:
        return int(text, 8) if re.match(r"0[0-7]+\Z", text) else None
    return value if value >= 0 else None


def _aton(text: str) -> Optional[str]:
    try:
        return socket.inet_ntoa(socket.inet_aton(text))
    except OSError:
        return None


def _width(text: str, width: str, most: int) -> int:
    if not width.isdigit():
        raise IfconfigError(f"{text}: bad value (width invalid)")
    if int(width) > most:
        raise IfconfigError(f"{text}: bad value (width too large)")
    return int(width)
