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
from typing import Dict, List, NoReturn, Sequence

from ..system import cli, service, syslog, syslogconf
from ..system.syslogconf import Rule

PATHS = ("/usr/sbin/syslogd",)
_MESSAGE = re.compile(r"<(\d+)>(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?(.*)", re.DOTALL)
#: Seconds of silence after which repetitions are told.
_REPEATED = 30.0
_PROGRAM = re.compile(r"([^\s:\[]+)")


def _usage() -> int:
    print("usage: syslogd [-468ACcdFHkNnosTuv] [-a allowed_peer] [-b bind_address]")
    return 1


class Log:
    """The files, and what came last into each: what comes again is only counted, until something else comes."""

    def __init__(self) -> None:
        self._last: Dict[str, str] = {}
        self._again: Dict[str, int] = {}

    def deliver(self, rules: Sequence[Rule], data: str, host: str, now: float) -> None:
        """Append a message to every file that takes it. As in FreeBSD, a file that is not there is not made."""
        match = _MESSAGE.fullmatch(data)
        if match is None:
            return
        number, text = int(match.group(1)), match.group(2)
        found = _PROGRAM.match(text)
        program = found.group(1) if found else ""
        for path in {rule.path for rule in rules if rule.takes(number >> 3, number & 7, program)}:
            if self._last.get(path) == text:
                self._again[path] = self._again.get(path, 0) + 1
                continue
            self.flush(host, now, path)
            self._last[path] = text
            _append(path, f"{syslog.timestamp(now)} {host} {text}\n")

    def flush(self, host: str, now: float, *paths: str) -> None:
        """Say how often the last message came again, in these files or in all."""
        for path in paths or tuple(self._again):
            count = self._again.pop(path, 0)
            if count:
                _append(path, f"{syslog.timestamp(now)} {host} syslogd: last message repeated {count} times\n")


def _append(path: str, line: str) -> None:
    if os.path.exists(path):
        with open(path, "a", encoding="utf-8", errors="replace") as stream:
            stream.write(line)


def _serve(listener: socket.socket, woken: int) -> NoReturn:
    rules: List[Rule] = syslogconf.read("/etc/syslog.conf")
    log = Log()
    while True:
        ready, _unused, _unused = select.select([listener.fileno(), woken], [], [], _REPEATED)
        if not ready:
            log.flush(os.uname().nodename, time.time())
        if woken in ready:
            for number in os.read(woken, 512):
                if number == signal.SIGTERM:
                    for path in (syslog.SOCKET, "/var/run/syslogd.pid"):
                        if os.path.exists(path):
                            os.unlink(path)
                    os._exit(0)
                rules = syslogconf.read("/etc/syslog.conf")
        if listener.fileno() in ready:
            log.deliver(rules, listener.recv(8192).decode("utf-8", "replace"), os.uname().nodename, time.time())


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
