# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nc(1): connect, or see whether somebody listens."""

from __future__ import annotations

import os
import select
import socket
import sys
from typing import List, Optional, Sequence, Set

from ..system import cli

PATHS = ("/usr/bin/nc",)


def _usage() -> int:
    print("usage: nc [-46DdEFhklMNnrStUuvz] [-e policy] [-I length] [-i interval] [-O length]", file=sys.stderr)
    print("\t  [-P proxy_username] [-p source_port] [-s source] [-T ToS]", file=sys.stderr)
    print("\t  [-V rtable] [-w timeout] [-X proxy_protocol]", file=sys.stderr)
    print("\t  [-x proxy_address[:port]] [destination] [port]", file=sys.stderr)
    return 1


def _ports(text: str) -> List[int]:
    first, dash, last = text.partition("-")
    for word in (first, last) if dash else (first,):
        if not word.isdigit():
            cli.fail("nc", f'service "{word}" unknown' if word else "missing port")
        if not 1 <= int(word) <= 65535:
            cli.fail("nc", f"port number too {'small' if int(word) < 1 else 'large'}: {word}")
    return list(range(int(first), int(last or first) + 1))


def _service(port: int) -> str:
    return {22: "ssh", 25: "smtp", 53: "domain", 80: "http", 443: "https"}.get(port, "*")


def _connect(host: str, port: int, timeout: Optional[float], family: int, verbose: bool) -> Optional[socket.socket]:
    try:
        candidates = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except socket.gaierror:
        cli.fail("nc", f'getaddrinfo for host "{host}" port {port}: Name does not resolve')
    for kind, style, protocol, _name, address in candidates:
        connection = socket.socket(kind, style, protocol)
        connection.settimeout(timeout)
        try:
            connection.connect(address)
        except OSError as error:
            connection.close()
            if verbose:
                text = "Operation timed out" if isinstance(error, socket.timeout) else cli.strerror(error)
                cli.warn("nc", f"connect to {host} port {port} (tcp) failed: {text}")
            continue
        connection.settimeout(None)
        if verbose:
            print(f"Connection to {host} {port} port [tcp/{_service(port)}] succeeded!", file=sys.stderr)
        return connection
    return None


def _copy(connection: socket.socket, half_close: bool, idle: Optional[float]) -> None:
    """Both ways, until the other side is done."""
    sources: List[int] = [0, connection.fileno()]
    while True:
        ready, _unused, _unused = select.select(sources, [], [], idle)
        if not ready:
            return
        if connection.fileno() in ready:
            data = connection.recv(65536)
            if not data:
                return
            os.write(1, data)
        if 0 in ready:
            data = os.read(0, 65536)
            if data:
                connection.sendall(data)
            else:
                sources.remove(0)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)


def _listen(flags: Set[str], words: List[str]) -> int:
    """``-u -l PORT``: what comes to a port from the first who sends, until this is killed."""
    if not {"l", "u"} <= flags or flags - set("4lnu") or len(words) != 1:
        cli.not_built("nc", "-l and -u but in the form -u -l port")
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        listener.bind(("0.0.0.0", _ports(words[0])[0]))
    except OSError as error:
        cli.fail("nc", cli.strerror(error))
    data, peer = listener.recvfrom(65536)
    listener.connect(peer)
    while True:
        os.write(1, data)
        data = listener.recv(65536)


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "46DdEe:FhI:i:klMNnO:P:p:rSs:T:tUuV:vw:X:x:z", _usage)
    flags = {letter for letter, _value in options}
    given = dict(options)
    for letter in sorted(flags - set("46dhlNnuvwz" + "U")):
        cli.not_built("nc", f"-{letter}")
    if "h" in flags:
        return _usage()
    if flags & set("lu"):
        return _listen(flags, words)
    timeout = float(given["w"]) if "w" in given else None
    verbose = "v" in flags
    if "U" in flags:
        if len(words) != 1:
            return _usage()
        local = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            local.connect(words[0])
        except OSError as error:
            if verbose:
                cli.warn("nc", f"{words[0]}: {cli.strerror(error)}")
            return 1
        _copy(local, "N" in flags, timeout)
        return 0
    if len(words) != 2:
        return _usage()
    family = socket.AF_INET if "4" in flags else socket.AF_INET6 if "6" in flags else 0
    status = 1
    for port in _ports(words[1]):
        connection = _connect(words[0], port, timeout, family, verbose)
        if connection is None:
            continue
        status = 0
        if "z" in flags:
            connection.close()
        else:
            _copy(connection, "N" in flags, timeout)
    return status
