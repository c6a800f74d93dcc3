# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What rc.conf(5) says of the addresses of an interface: found there, taken out for a bridge to have, put back.

Of ``ifconfig_em0`` only some words are addresses, the others (media, capabilities) stay with the interface; the other
variables, such as ``ifconfig_em0_aliases``, are addresses as a whole.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Moved

MAIN = "ifconfig_IF"
#: More aliases than these are refused: rc(8) stops at the first number that is missing, so there is no other end.
_MOST_ALIASES = 32
_ALIASES = tuple(f"ifconfig_IF_alias{number}" for number in range(_MOST_ALIASES))
WHOLE = ("ifconfig_IF_ipv6", *_ALIASES, "ifconfig_IF_aliases", "ipv4_addrs_IF")
PATTERNS = (MAIN, *WHOLE)

_ROUTES = ("ipv6_defaultrouter", "static_routes", "ipv6_static_routes")
_DHCP = ("dhcp", "syncdhcp", "nosyncdhcp")
_FAMILIES = ("inet", "inet6")
#: Words whose value may look like an address and is none.
_OTHERS = ("ether", "link", "lladdr", "media", "mediaopt", "descr", "description", "name", "group")
#: What follows an address and belongs to it, each with a value.
_OF_AN_ADDRESS = ("netmask", "broadcast", "prefixlen")
#: What does not go along with an address, and is not the bridge's either.
_UNMOVABLE = {
    "vhid": "carp(4)", "pass": "carp(4)", "advskew": "carp(4)", "advbase": "carp(4)", "peer": "carp(4)",
    "fib": "a routing table of its own", "wpa": "wireless", "hostap": "wireless",
}  # fmt: skip
_BARE = re.compile(r"\d+(\.\d+){3}(/\d+)?|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(/\d+)?")
_SHELL = re.compile(r"[\"'`$\\;&|<>(){}*?\[\]]")


def names(uplink: str) -> List[str]:
    """The variables that are read here."""
    return [*(switch_rc.variable(pattern, uplink) for pattern in PATTERNS), *_ROUTES]


def read(uplink: str, rc: Mapping[str, Optional[str]], at: str) -> Optional[Moved]:
    """The addresses that rc.conf gives an interface, None if it gives it none.

    BadInput, which begins with ``at``, for those that cannot be moved to a bridge.
    """
    values = _values(uplink, rc)
    for pattern, text in values.items():
        if _SHELL.search(text):
            raise BadInput(f"{at}{_shown(pattern, uplink, text)} has quotes or other signs of the shell; {_BY_HAND}")
    main, _rest, dhcp = _split(values.get(MAIN, ""), f"{at}{_shown(MAIN, uplink, values.get(MAIN, ''))}: ")
    found = _addresses(main, f"{at}{_shown(MAIN, uplink, values.get(MAIN, ''))}: ")
    lines = {MAIN: " ".join(main)} if main else {}
    for pattern in WHOLE:
        if pattern not in values:
            continue
        text = values[pattern]
        told = f"{at}{_shown(pattern, uplink, text)}: "
        words, rest, _dhcp = _split(text, told)
        if rest:
            raise BadInput(f"{told}{rest[0]} is no static address; {_BY_HAND}")
        found += _addresses(words, told)
        lines[pattern] = text
    if _ALIASES[-1] in values:
        raise BadInput(f"{at}{uplink} has {_MOST_ALIASES} aliases or more, one by one; write them in one variable")
    if not lines:
        return None
    _check_routes(uplink, rc, at)
    return Moved(tuple(dict.fromkeys(found)), dhcp, tuple(lines.items()))


_BY_HAND = "that cannot be moved to a bridge; change it there first"


def _values(uplink: str, rc: Mapping[str, Optional[str]]) -> Dict[str, str]:
    """What is set and not empty, by pattern. For ifconfig_IF counts ifconfig_DEFAULT where there is none."""
    found: Dict[str, Optional[str]] = {pattern: rc.get(switch_rc.variable(pattern, uplink)) for pattern in PATTERNS}
    if found[MAIN] is None:
        found[MAIN] = rc.get(switch_rc.DEFAULT)
    return {pattern: text.strip() for pattern, text in found.items() if text and text.strip()}


def _shown(pattern: str, uplink: str, text: str) -> str:
    return f"{switch_rc.variable(pattern, uplink)}={text!r} in rc.conf"


def _split(text: str, at: str) -> Tuple[List[str], List[str], bool]:
    """The words that are addresses, the other words, and whether one of the first is DHCP. BadInput."""
    ours: List[str] = []
    rest: List[str] = []
    dhcp = False
    words = text.split()
    while words:
        word = words.pop(0)
        low = word.lower()
        if low in _UNMOVABLE:
            raise BadInput(f"{at}{word} is {_UNMOVABLE[low]}; {_BY_HAND}")
        if low in _DHCP:
            dhcp = True
            ours.append(word)
        elif low in _FAMILIES or (_BARE.fullmatch(word) and not set(rest[-1:]) & set(_OTHERS)):
            ours += _take_address(word, words, at)
        else:
            rest.append(word)
    return ours, rest, dhcp


def _take_address(first: str, words: List[str], at: str) -> List[str]:
    """An address with what belongs to it, off the words."""
    taken = [first]
    if first.lower() in _FAMILIES:
        if not words or not _BARE.fullmatch(words[0]):
            what = words[0] if words else "nothing"
            raise BadInput(f"{at}behind {first} comes {what} and no static address; {_BY_HAND}")
        taken.append(words.pop(0))
    while words and (words[0] == "alias" or (words[0] in _OF_AN_ADDRESS and len(words) > 1)):
        if words[0] == "alias":
            del words[0]
        else:
            taken += [words.pop(0), words.pop(0)]
    return taken


def _addresses(words: Sequence[str], at: str) -> List[str]:
    """The static addresses among words that are addresses, each with its prefix length. BadInput."""
    found: List[str] = []
    for number, word in enumerate(words):
        if not _BARE.fullmatch(word) or (number and words[number - 1] in ("netmask", "broadcast")):
            continue
        mask = ""
        for name, value in zip(words[number + 1 :: 2], words[number + 2 :: 2]):
            if name not in _OF_AN_ADDRESS:
                break
            mask = value if name != "broadcast" else mask
        found.append(_with_prefix(word, mask, at))
    return found


def _with_prefix(address: str, mask: str, at: str) -> str:
    if "/" not in address and not mask:
        raise BadInput(f"{at}{address} has no prefix length; write one there, such as {address}/24")
    if mask.lower().startswith("0x"):
        mask = str(ipaddress.IPv4Address(int(mask, 16)))
    try:
        one = ipaddress.ip_interface(f"{address}/{mask}" if mask else address)
    except ValueError as error:
        raise BadInput(f"{at}{address} is not an address ({error}); {_BY_HAND}") from error
    return f"{one.ip.compressed}/{one.network.prefixlen}"


def _check_routes(uplink: str, rc: Mapping[str, Optional[str]], at: str) -> None:
    for name in _ROUTES:
        value = rc.get(name) or ""
        parts = re.split(r"[\s:%]+", value)
        if uplink in parts[1:]:
            raise BadInput(
                f"{at}{name}={value!r} in rc.conf names {uplink}, which will have no address; write the route there by "
                "its gateway's address alone"
            )


def without_addresses(uplink: str, rc: Mapping[str, Optional[str]]) -> Dict[str, Optional[str]]:
    """The variables of an interface whose addresses a bridge has; None: there is none of that name."""
    values = _values(uplink, rc)
    goals: Dict[str, Optional[str]] = {
        switch_rc.variable(pattern, uplink): None for pattern in WHOLE if pattern in values
    }
    goals[switch_rc.variable(MAIN, uplink)] = " ".join(_split(values.get(MAIN, ""), "")[1])
    return goals


def with_addresses(uplink: str, rc: Mapping[str, Optional[str]], moved: Moved) -> Dict[str, Optional[str]]:
    """The variables of an interface that has its addresses back: as they were, and what it has got besides since."""
    lines = dict(moved.lines)
    goals: Dict[str, Optional[str]] = {
        switch_rc.variable(pattern, uplink): text for pattern, text in lines.items() if pattern != MAIN
    }
    rest = _split(_values(uplink, rc).get(MAIN, ""), "")[1]
    goals[switch_rc.variable(MAIN, uplink)] = " ".join([*lines.get(MAIN, "").split(), *rest])
    return goals
