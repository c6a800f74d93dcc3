# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of a dhcpd.conf that CBSD's hook has written, as reservations of ours (pure).

The hook marks each line that it has written, or the one line of a host, by ``# CBSD-AUTO-NAME``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import List, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.conf import is_address, joined, listed, mac_of, walk
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.statements import Statement, Token, parse, tokens_of
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import (
    DHCPD_HOST,
    Reservation,
    is_hostname,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

_MARK = "# CBSD-AUTO-"
_MARKED_LINE = re.compile(r"\s*# CBSD-AUTO-\S*\s*")


def taken_over(conf: str, where: str) -> Tuple[str, List[Reservation]]:
    """The configuration without the hook's hosts, and these.

    BadInput for a host without a MAC address, and for one in the block of a group or a subnet, whose statements hold
    for it as well. UnknownState.
    """
    statements = parse(conf, where)
    hosts = [one for one in statements if one.keyword == "host" and _is_marked(conf, one)]
    for outer in statements:
        for one in walk(outer.block or ()):
            if one.keyword == "host" and _is_marked(conf, one):
                raise BadInput(
                    f"adopt: host {joined(one.words[1:])} in {where} stands in a block ({outer.keyword}), whose "
                    "statements it would lose; put it outside of it first; nothing was taken over"
                )
    reservations = [_reservation(conf, one, where) for one in hosts]
    rest: List[str] = []
    done = 0
    for one in hosts:
        start, end = _lines(conf, one)
        rest.append(conf[done:start])
        done = end
    return "".join([*rest, conf[done:]]), reservations


def _is_marked(conf: str, host: Statement) -> bool:
    """Whether the name in a mark on one of the host's lines, or on the line before it, is the host's own."""
    start, end = _lines(conf, host)
    mark = re.compile(re.escape(_MARK + joined(host.words[1:])) + r"\s*$", re.MULTILINE)
    return host.block is not None and mark.search(conf[start:end]) is not None


def _lines(conf: str, host: Statement) -> Tuple[int, int]:
    """Where a host's text begins and ends: with its whole lines, as far as nothing else but the mark stands there."""
    start = conf.rfind("\n", 0, host.start) + 1
    if conf[start : host.start].strip():
        start = host.start
    else:
        before = conf.rfind("\n", 0, max(start - 1, 0)) + 1
        name = joined(host.words[1:])
        if start and conf[before:start].strip() == _MARK + name:
            start = before
    newline = conf.find("\n", host.end)
    end = len(conf) if newline < 0 else newline + 1
    rest = conf[host.end : end]
    if rest.strip() and not _MARKED_LINE.fullmatch(rest):
        end = host.end
    return start, end


def _reservation(conf: str, host: Statement, where: str) -> Reservation:
    """All that the host's block says; what has no place of its own in a reservation stays a statement."""
    name = joined(host.words[1:])
    result = Reservation(name, DHCPD_HOST, "")
    for one in host.block or ():
        words = one.words
        if one.starts("hardware", "ethernet"):
            result = replace(result, mac=mac_of(words[2:], where))
        elif one.keyword == "fixed-address" and all(map(is_address, listed(words[1:]))):
            result = replace(result, ip=tuple(listed(words[1:])))
        elif one.starts("option", "host-name") and _is_string(words, 3) and is_hostname(words[2].value):
            result = replace(result, hostname=words[2].value)
        elif one.starts("option", "root-path") and _is_string(words, 3):
            result = replace(result, root_path=words[2].value)
        elif one.keyword in ("filename", "server-name") and _is_string(words, 2):
            text = words[1].value
            key = one.keyword
            result = replace(result, filename=text) if key == "filename" else replace(result, server_name=text)
        elif one.keyword == "next-server":
            result = replace(result, next_server=joined(words[1:]))
        elif one.keyword in ("default-lease-time", "max-lease-time") and joined(words[1:]).isdigit():
            result = _with_time(result, one.keyword.replace("-", "_"), int(joined(words[1:])))
        else:
            result = replace(result, statements=(*result.statements, _text(conf, one)))
    if not result.mac:
        raise BadInput(f"adopt: host {name} in {where} has no hardware ethernet; nothing was taken over")
    return result


def _with_time(one: Reservation, key: str, seconds: int) -> Reservation:
    if key == "max_lease_time":
        return replace(one, max_lease_time=seconds)
    return replace(one, default_lease_time=seconds)


def _is_string(words: Sequence[Token], count: int) -> bool:
    """Whether the last of so many words is a string; an expression is more."""
    return len(words) == count and words[-1].text.startswith('"')


def _text(conf: str, one: Statement) -> str:
    """A statement in one line, without comments between its words."""
    text = ""
    end = one.start
    for token in tokens_of(conf[one.start : one.end]):
        text += (" " if one.start + token.start > end else "") + token.text
        end = one.start + token.end
    return text
