# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cron(8), sshd(8): processes with FreeBSD's names, pidfiles and ports, which do no work.

They are there so that services have something to start, stop and find; cron runs no jobs, sshd lets nobody in.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import List, Sequence

from ..system import cli, service

PATHS = ("/usr/sbin/cron", "/usr/sbin/sshd")
_LETTERS = {"cron": "j:J:m:nNosx:", "sshd": "46C:c:DdE:eb:f:G:g:h:iK:k:o:p:qQ:tTu:V"}


def _listeners(port: int) -> List[socket.socket]:
    found = []
    for family, address in ((socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")):
        one = socket.socket(family, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        one.listen(8)
        found.append(one)
    return found


def _usage() -> int:
    cli.not_built("cron, sshd", "the usage text")


def main(argv: Sequence[str]) -> int:
    name = argv[0]
    options, _words = cli.options_or_usage(argv, _LETTERS[name], _usage)
    if name == "sshd" and any(letter in "tT" for letter, _value in options):
        return 0
    if name != "sshd" and any(letter in "dnx" for letter, _value in options):
        cli.not_built(name, "running in the foreground")
    pidfile = service.take_pidfile(name, f"/var/run/{name}.pid")
    listeners = _listeners(22) if name == "sshd" else []
    service.detach(pidfile)
    woken = service.wake_on(signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    while True:
        ready, _unused, _unused = select.select([woken, *(listener.fileno() for listener in listeners)], [], [])
        for listener in listeners:
            if listener.fileno() in ready:
                connection, _address = listener.accept()
                connection.sendall(b"SSH-2.0-OpenSSH_9.9 FreeBSD-20250219\r\n")
                connection.close()
        if woken in ready and any(number != signal.SIGHUP for number in os.read(woken, 512)):
            pidfile.remove()
            os._exit(0)
