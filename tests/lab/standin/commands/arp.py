# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""arp(8) of FreeBSD 14 (usr.sbin/arp/arp_netlink.c), as far as entries are shown, made by hand, published and removed.

Only the host's own addresses and entries made by hand are shown. Published ones are not answered on the wire.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from .. import state
from ..ifnet.store import network
from ..system import cli

PATHS = ("/usr/sbin/arp",)
_MAC = re.compile(r"[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{1,2}){5}")
_USAGE = """\
usage: arp [-n] [-i interface] hostname
       arp [-n] [-i interface] -a
       arp -d hostname [pub]
       arp -d [-i interface] -a
       arp -s hostname ether_addr [temp] [reject | blackhole] [pub [only]]
       arp -S hostname ether_addr [temp] [reject | blackhole] [pub [only]]
       arp -f filename"""


class _Own(NamedTuple):
    """An address of the host's."""

    interface: str
    kind: str
    ether: str
    address: ipaddress.IPv4Interface


def _usage() -> int:
    print(_USAGE, file=sys.stderr)
    return 1


def _own() -> List[_Own]:
    found: List[_Own] = []
    with network() as net:
        for interface in net:
            ether = str(interface.get("ether") or "")
            if not ether:
                continue
            kind = "bridge" if "bridge" in interface else "vlan" if "vlan" in interface else "ethernet"
            for one in interface["addresses"]:
                if one["family"] == "inet":
                    text = f"{one['address']}/{one['prefix']}"
                    found.append(_Own(interface["name"], kind, ether, ipaddress.IPv4Interface(text)))
    return found


def _way(address: str, own: Sequence[_Own]) -> Optional[_Own]:
    """The interface in whose network an address is."""
    return next((one for one in own if ipaddress.IPv4Address(address) in one.address.network), None)


def _entries() -> Dict[str, Dict[str, Any]]:
    found: Dict[str, Dict[str, Any]] = state.peek("kernel", "arp").get("entries", {})
    return found


def _lines(wanted: Optional[str]) -> List[str]:
    own = _own()
    lines = [(str(one.address.ip), f"at {one.ether} on {one.interface} permanent [{one.kind}]") for one in own]
    for address, entry in _entries().items():
        way = _way(address, own)
        if way is not None:
            published = " published" if entry["published"] else ""
            lines.append((address, f"at {entry['ether']} on {way.interface} permanent{published} [{way.kind}]"))
    return [f"? ({address}) {rest}" for address, rest in lines if wanted in (None, address)]


def _set(words: Sequence[str], replace: bool) -> int:
    if not 2 <= len(words) <= 6:
        return _usage()
    host, ether, *rest = words
    address = _address(host)
    if address is None:
        return 1
    published = False
    while rest:
        word = rest.pop(0)
        if word == "pub":
            published = True
            rest = rest[1:] if rest[:1] == ["only"] else rest
        elif word in ("temp", "reject", "blackhole"):
            cli.not_built("arp", word)
        else:
            cli.warn("arp", f"Invalid parameter '{word}'")
            return _usage()
    if ether == "auto":
        cli.not_built("arp", "auto")
    if not _MAC.fullmatch(ether):
        cli.warn("arp", f"invalid Ethernet address '{ether}'")
        return 1
    if replace:
        _delete(host)
    if _way(address, _own()) is None:
        # It ends with 0 all the same, and says what deleting would say.
        cli.warn("arp", f"delete: cannot locate {host}")
        return 0
    normal = ":".join(f"{int(part, 16):02x}" for part in ether.split(":"))
    with state.kernel("arp") as document:
        document.setdefault("entries", {})[address] = {"ether": normal, "published": published}
    return 0


def _delete(host: str) -> int:
    address = _address(host)
    if address is None:
        return 1
    if _way(address, _own()) is None:
        cli.warn("arp", f"delete: cannot locate {host}")
        return 0
    with state.kernel("arp") as document:
        if document.setdefault("entries", {}).pop(address, None) is None:
            cli.warn("arp", f"delete {host}: No such file or directory")
            return 1
    print(f"{host} ({address}) deleted")
    return 0


def _address(host: str) -> Optional[str]:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        cli.warn("arp", f"{host}: Unknown host")
        return None


def _show(words: Sequence[str]) -> int:
    if len(words) != 1:
        return _usage()
    address = _address(words[0])
    if address is None:
        return 1
    lines = _lines(address)
    print("\n".join(lines) if lines else f"{words[0]} ({address}) -- no entry")
    return 0 if lines else 1


def main(argv: Sequence[str]) -> int:
    """arp(8)."""
    if any(word.startswith("--libxo") for word in argv[1:]):
        cli.not_built("arp", "--libxo")
    parsed: Tuple[List[Tuple[str, str]], List[str]] = cli.options_or_usage(argv, "andfsSi:", _usage)
    options, words = parsed
    letters = [letter for letter, _value in options]
    functions = [letter for letter in letters if letter in "dfsS"]
    if len(functions) > 1:
        return _usage()
    if "i" in letters or functions == ["f"] or (functions == ["d"] and "a" in letters):
        cli.not_built("arp", " ".join(f"-{letter}" for letter in letters))
    if functions and os.geteuid() != 0:
        cli.fail("arp", "Operation not permitted")
    if functions == ["d"]:
        return _delete(words[0]) if len(words) in (1, 2) else _usage()
    if functions:
        return _set(words, functions == ["S"])
    if "a" not in letters:
        return _show(words)
    if words:
        return _usage()
    for line in _lines(None):
        print(line)
    return 0
