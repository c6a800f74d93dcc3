# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pf.conf(5): the rules of a switch, which are in an anchor of its own, and the lines by which pf calls these anchors.

pf.conf is the administrator's. Three lines of ours stand in it as long as a switch needs them, where pf's order wants
them: translation comes before filtering. Each bears a mark, so that only our own are ever taken out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.network.nat.options import Forward, networks

ANCHORS = "apiary/*"
#: What pfctl(8) takes for the whole name of an anchor that rules are loaded into.
ANCHOR_MAX = 63
_MARK = "  # apiary.bhyve.bhyve_switch"
_TRANSLATION = ("nat-anchor", "rdr-anchor")
_FILTER = "anchor"
#: What begins a rule of the last of pf's sections.
_FILTERS = ("pass", "block", "match", "antispoof", "anchor")
_WORD = re.compile(r'"([^"]*)"|([^\s"{}]+|[{}])')


@dataclass(frozen=True)
class Statement:
    """What pf takes as one: the line it begins on (from 0) and its words, without quotes and comments."""

    line: int
    words: Tuple[str, ...]


def anchor(switch: str) -> str:
    """The anchor of a switch."""
    return f"{ANCHORS[:-1]}{switch}"


def rules(switch: str, bridge: str, nat: str, addresses: Sequence[str], forwards: Sequence[Forward]) -> str:
    """The rules of a switch's anchor.

    The addresses of the interface are asked for when a packet comes (``(em0)``), since DHCP may change them; packets
    leave with the first. What is translated may pass; and so may, on the bridge, what comes from guests for others than
    the host itself, and what is forwarded to them. No rule is quick, so an administrator's that are quick come first.
    """
    lines = [f"# The switch {switch}: made by apiary.bhyve.bhyve_switch, loaded by apiary.network."]
    for network in networks(addresses):
        lines.append(f"nat pass on {nat} inet from {network} to any -> ({nat}:0)")
    for one in forwards:
        there = f"{one.address} port {one.to_port}"
        lines.append(f"rdr pass on {nat} inet proto {one.proto} from any to ({nat}) port {one.port} -> {there}")
    for network in networks(addresses):
        lines.append(f"pass in on {bridge} inet from {network} to ! (self)")
    for one in forwards:
        lines.append(f"pass out on {bridge} inet proto {one.proto} from any to {one.address} port {one.to_port}")
    return "\n".join(lines) + "\n"


def guard_rules(switch: str, member: str) -> str:
    """The rules that keep DHCP, of both versions of IP, from crossing the connection of a bridge, either way."""
    lines = [f"# The switch {switch}: made by apiary.bhyve.bhyve_switch, loaded by apiary.network."]
    for family, ports in (("inet", (67, 68)), ("inet6", (546, 547))):
        lines += [f"block drop quick on {member} {family} proto udp from any to any port {port}" for port in ports]
    return "\n".join(lines) + "\n"


def statements(text: str) -> List[Statement]:
    """The statements of a pf.conf. Lines go on behind a backslash, and as long as a brace is open."""
    found: List[Statement] = []
    words: List[str] = []
    begun = depth = 0
    goes_on = False
    for number, line in enumerate(text.split("\n")):
        if not words and not goes_on:
            begun = number
        goes_on = line.endswith("\\")
        here = [quoted or bare for quoted, bare in _WORD.findall(_without_comment(line[:-1] if goes_on else line))]
        depth += here.count("{") - here.count("}")
        words += here
        if not goes_on and depth <= 0:
            if words:
                found.append(Statement(begun, tuple(words)))
            words, depth = [], 0
    return [*found, Statement(begun, tuple(words))] if words else found


def _without_comment(line: str) -> str:
    quoted = False
    for position, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif character == "#" and not quoted:
            return line[:position]
    return line


def has_calls(text: str) -> bool:
    """Whether pf calls the switches' anchors, by lines of ours or of the administrator's."""
    return not _missing(text)


def _missing(text: str) -> List[str]:
    there = {one.words[:2] for one in statements(text)}
    return [word for word in (*_TRANSLATION, _FILTER) if (word, ANCHORS) not in there]


def with_calls(text: str) -> str:
    """pf.conf with the lines that it lacks: for translation before the first rule that filters, for filtering last."""
    missing = _missing(text)
    if not missing:
        return text
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    filters = [one.line for one in statements(text) if one.words[0] in _FILTERS]
    place = min(filters, default=len(lines))
    ours = [_line(word) for word in _TRANSLATION if word in missing]
    last = [_line(_FILTER)] if _FILTER in missing else []
    return "\n".join([*lines[:place], *ours, *lines[place:], *last]) + "\n"


def without_calls(text: str) -> str:
    """pf.conf without our lines; the administrator's own stay."""
    ours = {_line(word) for word in (*_TRANSLATION, _FILTER)}
    return "".join(line for line in text.splitlines(keepends=True) if line.rstrip("\n") not in ours)


def _line(word: str) -> str:
    return f'{word} "{ANCHORS}"{_MARK}'


def is_somebodys(text: str) -> bool:
    """Whether there is anything in it beside the lines that call our anchors."""
    ours = {(word, ANCHORS) for word in (*_TRANSLATION, _FILTER)}
    return any(one.words not in ours for one in statements(text))
