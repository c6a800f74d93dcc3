# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""inetd.conf(5): the services in it, and what inetd(8) says of a line that it does not take."""

from __future__ import annotations

import pwd
import socket
from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence, Tuple

from . import cli

#: Told a syslog priority and a text.
Log = Callable[[str, str], None]
_WAITS = {"wait": True, "nowait": False}


class Dead(Exception):
    """inetd does not live on after a line like that."""


@dataclass(frozen=True)
class Service:
    """One line. ``mapped``: an IPv6 socket that takes IPv4 too (tcp46, udp46)."""

    name: str
    protocol: str
    family: int
    mapped: bool
    port: int
    stream: bool
    wait: bool
    uid: int
    gid: int
    program: str
    words: Tuple[str, ...]


def lines(text: str) -> List[str]:
    """The lines of services; one that begins with a blank goes on with that before it."""
    found: List[str] = []
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0] in " \t" and found:
            found[-1] += line
        else:
            found.append(line)
    return found


def _built(words: Sequence[str]) -> None:
    """End the command at what FreeBSD's inetd does and this one does not."""
    if words[5:6] == ["internal"] or words[2:3] == ["unix"] or "/" in words[0]:
        cli.not_built("inetd", " ".join(words[:6]))


def check(path: str) -> None:
    """End the command, while somebody can still see it, when the file has what is not built."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            for line in lines(stream.read()):
                _built(line.split())
    except OSError:
        return


def read(path: str, log: Log) -> List[Service]:
    """The services of the file. Dead after a line that is too short."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            every = lines(stream.read())
    except OSError as error:
        log("err", f"{path}: {cli.strerror(error)}")
        return []
    found: List[Service] = []
    for line in every:
        words = line.split()
        if len(words) < 6:
            log("err", f"{path}: syntax error")
            raise Dead
        _built(words)
        one = _service(words, log)
        if one is not None:
            found.append(one)
    return found


def _service(words: Sequence[str], log: Log) -> Optional[Service]:
    name, kind, protocol, how, owner, program, *arguments = words
    bare = protocol.rstrip("0123456789")
    versions = protocol[len(bare) :]
    if versions.strip("46"):
        log("err", f"bad IP version for {protocol}")
        return None
    six = "6" in versions
    try:
        port = socket.getservbyname(name, bare)
    except OSError:
        log("err", f"{name}/{bare}: unknown service")
        return None
    user = owner.partition("/")[0].partition(":")[0]
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        log("err", f"{name}/{bare}: no such user '{user}', service ignored")
        return None
    wait = _WAITS.get(how.partition("/")[0])
    if wait is None or kind not in ("dgram", "stream"):
        cli.not_built("inetd", f"{kind} {how}")
    family = int(socket.AF_INET6 if six else socket.AF_INET)
    return Service(
        name, bare, family, six and "4" in versions, port, kind == "stream", wait, account.pw_uid, account.pw_gid,
        program, tuple(arguments or [program.rpartition("/")[2]]),
    )  # fmt: skip
