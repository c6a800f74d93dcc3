# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""syslogd(8): a real small one, which takes messages at /var/run/log and writes them where syslog.conf(5) says."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import time
from typing import List, NoReturn, Sequence

from ..system import cli, service, syslog, syslogconf
from ..system.syslogconf import Rule

PATHS = ("/usr/sbin/syslogd",)
_MESSAGE = re.compile(r"<(\d+)>(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?(.*)", re.DOTALL)
_PROGRAM = re.compile(r"([^\s:\[]+)")


def _usage() -> int:
    print("usage: syslogd [-468ACcdFHkNnosTuv] [-a allowed_peer] [-b bind_address]")
    return 1


def deliver(rules: Sequence[Rule], data: str, host: str, now: float) -> None:
    """Append a message to every file that takes it. As in FreeBSD, a file that is not there is not made."""
    match = _MESSAGE.fullmatch(data)
    if match is None:
        return
    number, text = int(match.group(1)), match.group(2)
    found = _PROGRAM.match(text)
    program = found.group(1) if found else ""
    line = f"{syslog.timestamp(now)} {host} {text}\n"
    for path in {rule.path for rule in rules if rule.takes(number >> 3, number & 7, program)}:
        if os.path.exists(path):
            with open(path, "a", encoding="utf-8", errors="replace") as stream:
                stream.write(line)


def _serve(listener: socket.socket, woken: int) -> NoReturn:
    rules: List[Rule] = syslogconf.read("/etc/syslog.conf")
    while True:
        ready, _unused, _unused = select.select([listener.fileno(), woken], [], [])
        if woken in ready:
            for number in os.read(woken, 512):
                if number == signal.SIGTERM:
                    for path in (syslog.SOCKET, "/var/run/syslogd.pid"):
                        if os.path.exists(path):
                            os.unlink(path)
                    os._exit(0)
                rules = syslogconf.read("/etc/syslog.conf")
        if listener.fileno() in ready:
            deliver(rules, listener.recv(8192).decode("utf-8", "replace"), os.uname().nodename, time.time())


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "468Aa:b:Ccdf:FHkl:M:m:NnoO:p:P:sS:Tuv", _usage)
    if words:
        return _usage()
    for letter, _value in options:
        if letter in "adfFlMmpPS":
            cli.not_built("syslogd", f"-{letter}")
    pidfile = service.take_pidfile("syslogd", "/var/run/syslogd.pid")
    if os.path.exists(syslog.SOCKET):
        os.unlink(syslog.SOCKET)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(syslog.SOCKET)
    os.chmod(syslog.SOCKET, 0o666)
    # Who starts it may log at once: the socket is there before the parent ends.
    service.detach(pidfile)
    woken = service.wake_on(signal.SIGTERM, signal.SIGHUP)
    _serve(listener, woken)
