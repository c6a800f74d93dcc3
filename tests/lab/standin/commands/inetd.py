# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""inetd(8): waits at the services' ports and starts who serves them."""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import Dict, List, NoReturn, Optional, Sequence, Set, Tuple

from ..system import cli, inetdconf, service, syslog
from ..system.inetdconf import Service

PATHS = ("/usr/sbin/inetd",)
_CONF = "/etc/inetd.conf"
_PIDFILE = "/var/run/inetd.pid"


def _usage() -> int:
    log("err", "usage: inetd [-dlWw] [-a address] [-C rate] [-c max] [-p pidfile] [-R rate] [-s max] [conf-file]")
    return cli.EX_USAGE


def log(priority: str, text: str) -> None:
    """A message of inetd's to syslogd."""
    syslog.send("daemon", priority, f"inetd[{os.getpid()}]: {text}")


class Addresses:
    """Where to listen, by family: everywhere, or at one address (``-a``), and then not in the other family."""

    def __init__(self, given: str) -> None:
        self._of: Dict[int, str] = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}
        if not given:
            return
        self._of = {}
        try:
            found = socket.getaddrinfo(given, None, 0, socket.SOCK_DGRAM)
        except socket.gaierror as error:
            log("err", f"-a {given}: {error.strerror}")
            raise SystemExit(cli.EX_USAGE) from None
        for family, _kind, _protocol, _name, address in found:
            self._of.setdefault(int(family), str(address[0]))

    def of(self, one: Service) -> str:
        """The address for a service; '' when its family has none, which is told."""
        address = self._of.get(one.family, "")
        if not address and one.family == socket.AF_INET6:
            log("info", f"IPv6 bind is ignored for {one.name}")
        elif not address:
            log("notice", f"IPv4 bind is ignored for {one.name}")
        return address


class Inetd:
    """The services that are served now: a socket each, and who works on it."""

    def __init__(self, conf: str, addresses: Addresses) -> None:
        self._conf = conf
        self._addresses = addresses
        self._open: Dict[Service, socket.socket] = {}
        self._busy: Dict[int, Service] = {}

    def configure(self) -> None:
        """Read the file (again): what is new is opened, what has gone is closed."""
        try:
            wanted = [one for one in inetdconf.read(self._conf, log) if self._addresses.of(one)]
        except inetdconf.Dead:
            # The recorded one writes no core and no last word.
            os._exit(1)
        for one in [one for one in self._open if one not in wanted]:
            self._open.pop(one).close()
        for one in wanted:
            if one not in self._open:
                opened = self._listen(one)
                if opened is not None:
                    self._open[one] = opened

    def _listen(self, one: Service) -> Optional[socket.socket]:
        # Somebody who serves a call of the same port still has the socket that was here before.
        kind = socket.SOCK_STREAM if one.stream else socket.SOCK_DGRAM
        listener = socket.socket(one.family, kind)
        if one.stream or any(busy.port == one.port for busy in self._busy.values()):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if one.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if one.mapped else 1)
        try:
            listener.bind((self._addresses.of(one), one.port))
        except OSError as error:
            log("err", f"{one.name}/{one.protocol}: bind: {cli.strerror(error)}")
            listener.close()
            return None
        if one.stream:
            listener.listen(64)
        return listener

    def waiting(self) -> List[Tuple[int, Service]]:
        """The descriptors at which somebody may come."""
        held: Set[Service] = {one for one in self._busy.values() if one.wait}
        return [(listener.fileno(), one) for one, listener in self._open.items() if one not in held]

    def serve(self, one: Service) -> None:
        """Start the program of a service for who has come."""
        listener = self._open[one]
        connection = listener.accept()[0] if one.stream and not one.wait else listener
        child = os.fork()
        if not child:
            _become(one, connection)
        self._busy[child] = one
        if connection is not listener:
            connection.close()

    def reap(self) -> None:
        """Take note of the programs that have ended."""
        while self._busy:
            try:
                child, _status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not child:
                return
            self._busy.pop(child, None)


def _become(one: Service, connection: socket.socket) -> NoReturn:
    for descriptor in (0, 1, 2):
        os.dup2(connection.fileno(), descriptor)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    if one.uid != os.getuid():
        os.setgroups([one.gid])
        os.setgid(one.gid)
        os.setuid(one.uid)
    try:
        os.execve(one.program, list(one.words), dict(os.environ))
    except OSError as error:
        log("err", f"cannot execute {one.program}: {cli.strerror(error)}")
    if not one.stream:
        # Nobody else takes it, and it would be told again at once.
        connection.recv(65536)
    os._exit(cli.EX_OSERR)


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "a:C:c:dlp:R:s:Ww", _usage)
    given = dict(options)
    if "d" in given:
        cli.not_built("inetd", "-d")
    if len(words) > 1:
        return _usage()
    addresses = Addresses(given.get("a", ""))
    pidfile = service.take_pidfile("inetd", given.get("p", _PIDFILE))
    server = Inetd(words[0] if words else _CONF, addresses)
    inetdconf.check(words[0] if words else _CONF)
    service.detach(pidfile)
    woken = service.wake_on(signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCHLD)
    server.configure()
    while True:
        waiting = dict(server.waiting())
        ready, _unused, _unused = select.select([woken, *waiting], [], [])
        if woken in ready:
            for number in os.read(woken, 512):
                if number in (signal.SIGTERM, signal.SIGINT):
                    pidfile.remove()
                    os._exit(0)
                if number == signal.SIGHUP:
                    server.configure()
            server.reap()
            continue
        for descriptor in ready:
            server.serve(waiting[descriptor])
