# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sockstat(1)."""

from __future__ import annotations

import sys
from typing import List, Optional, Sequence, Set, Tuple

from ..system import cli, psinfo, sockets
from ..system.sockets import Socket

PATHS = ("/usr/bin/sockstat",)
_HEADER = "USER     COMMAND    PID   FD  PROTO  LOCAL ADDRESS         FOREIGN ADDRESS      "


def _usage() -> int:
    print("usage: sockstat [-46CciLlnqSsUuvw] [-j jid] [-p ports] [-P protocols]", file=sys.stderr)
    return 1


def _ports(text: str) -> List[Tuple[int, int]]:
    """``22,80-90`` as pairs of a first and a last port."""
    found = []
    for word in text.split(","):
        first, dash, last = word.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            cli.fail("sockstat", "syntax error in port range")
        found.append((int(first), int(last) if dash else int(first)))
    return found


def _wanted(one: Socket, flags: Set[str], families: Set[str], protocols: Optional[Set[str]]) -> bool:
    local = one.protocol in ("stream", "dgram", "seqpac")
    family = "u" if local else one.protocol[-1]
    if family not in families:
        return False
    if not local and protocols is not None and one.protocol[:-1] not in protocols:
        return False
    if "L" in flags and (one.local.startswith("127.") or one.local.startswith("::1:")):
        return False
    listed, connected = "l" in flags, "c" in flags
    if listed == connected:
        return True
    return one.listening if listed else not one.listening


def line(one: Socket) -> str:
    """A row of the table."""
    process = one.process
    head = f"{psinfo.user_name(process.uid):<8} {process.comm:<10.10} {process.pid:>5}"
    head += f" {one.descriptor:<3} {one.protocol:<6}"
    if not one.foreign:
        return f"{head} {one.local}"
    return f"{head} {one.local:<21} {one.foreign}"


def main(argv: Sequence[str]) -> int:
    options, rest = cli.options_or_usage(argv, "46CciI:j:LlnP:p:qSsUuvw", _usage)
    flags = {letter for letter, _value in options}
    if rest:
        return _usage()
    for letter in "CIiSsU":
        if letter in flags:
            cli.not_built("sockstat", f"-{letter}")
    families = {letter for letter in flags if letter in "46u"} or {"4", "6", "u"}
    protocols: Optional[Set[str]] = None
    ports: Optional[List[Tuple[int, int]]] = None
    for letter, value in options:
        if letter == "P":
            protocols = {*(protocols or set()), *value.split(",")}
            for name in protocols:
                if name not in ("tcp", "udp", "sctp", "icmp", "udplite", "divert"):
                    cli.fail("sockstat", f"protocol {name} not found")
        elif letter == "p":
            ports = [*(ports or []), *_ports(value)]
    if "q" not in flags:
        print(_HEADER)
    for one in sockets.table():
        if not _wanted(one, flags, families, protocols):
            continue
        # The recorded sockstat lists local sockets whatever -p says.
        if (
            ports is not None
            and one.local_port
            and not any(first <= port <= last for first, last in ports for port in (one.local_port, one.foreign_port))
        ):
            continue
        print(line(one))
    return 0
