# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dhclient(8), and what dhclient-script(8) does for it: real messages to whatever server there is on the network.

It goes into the background with a lease, or, as FreeBSD's does, without one when nobody has answered in time. Of
dhclient.conf(5) ``timeout`` and ``reboot`` are built; a lease is written in full, and read for the address asked for.
"""

from __future__ import annotations

import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import time
from typing import Dict, Optional, Sequence

from .. import processes
from ..dhcp import message
from ..dhcp.message import Answer
from ..ifnet.store import network
from ..system import cli, service

PATHS = ("/sbin/dhclient",)
_CONF = "/etc/dhclient.conf"
#: bpf(4) hears a member of a bridge too; on Linux only who asks for all frames does.
_ALL = 0x0003
_DEFAULTS = {"timeout": 60, "reboot": 10}
_RETRY = 300.0


def _usage() -> int:
    print("usage: dhclient [-bdqu] [-c conffile] [-l leasefile] interface", file=sys.stderr)
    return 1


def main(argv: Sequence[str]) -> int:
    options, rest = cli.options_or_usage(argv, "bc:dl:p:qu", _usage)
    given = dict(options)
    if len(rest) != 1:
        return _usage()
    for letter in "bdu":
        if letter in given:
            cli.not_built("dhclient", f"-{letter}")
    name = rest[0]
    leases = given.get("l", f"/var/db/dhclient.leases.{name}")
    pidfile = service.take_pidfile("dhclient", given.get("p", f"/var/run/dhclient/dhclient.{name}.pid"))
    client = Client(name, leases, _times(given.get("c", _CONF)), "q" in given)
    pidfile.write()
    client.preinit()
    client.acquire()
    service.detach(pidfile)
    client.quiet = True
    processes.set_title(f"dhclient: {name}")
    woken = service.wake_on(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    while not select.select([woken], [], [], client.patience())[0]:
        client.acquire()
    pidfile.remove()
    os._exit(0)


def _times(path: str) -> Dict[str, int]:
    times = dict(_DEFAULTS)
    try:
        with open(path, encoding="utf-8") as stream:
            text = re.sub(r"#.*", "", stream.read())
    except FileNotFoundError:
        return times
    for statement in filter(None, (part.strip() for part in text.split(";"))):
        match = re.fullmatch(r"(timeout|reboot)\s+(\d+)", statement)
        if match is None:
            cli.not_built("dhclient", f"{statement!r} of dhclient.conf")
        times[match[1]] = int(match[2])
    return times


class Client:
    """One interface."""

    def __init__(self, name: str, leases: str, times: Dict[str, int], quiet: bool) -> None:
        self.name, self.leases, self.times, self.quiet = name, leases, times, quiet
        with network() as net:
            found = next((one for one in net if one["name"] == name), None)
            if found is None:
                cli.fail("dhclient", f"{name}: not found")
            self.linux = found["linux"]
            self.ether = bytes(int(part, 16) for part in found["ether"].split(":"))
        self.lease: Optional[Answer] = None
        self.told = 0.0

    def preinit(self) -> None:
        """As dhclient-script(8) readies an interface, which takes its first address away."""
        self._ifconfig("inet", "0.0.0.0", "netmask", "0.0.0.0", "broadcast", "255.255.255.255", "up")

    def patience(self) -> float:
        """Seconds until there is something to do."""
        if self.lease is None:
            return _RETRY
        return max(1.0, self.told + self.lease.renewal - time.time())

    def acquire(self) -> None:
        """Ask for the address that we have or had, else for any; afterwards there is a lease or none."""
        transaction = random.getrandbits(32)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL)) as wire:
            wire.bind((self.linux, _ALL))
            known = self.lease.address if self.lease is not None else self._remembered()
            answer = self._request(wire, transaction, known, "", self.times["reboot"]) if known else None
            if answer is None or answer.kind == message.NAK:
                answer = self._discover(wire, transaction)
        if answer is None:
            self._say("No DHCPOFFERS received.")
            self._say("No working leases in persistent database - sleeping.")
            self.lease = None
            return
        self._say(f"bound to {answer.address} -- renewal in {answer.renewal} seconds.")
        self._configure(answer)
        self._remember(answer)

    def _discover(self, wire: socket.socket, transaction: int) -> Optional[Answer]:
        deadline = time.monotonic() + self.times["timeout"]
        pause = 1.0
        while time.monotonic() < deadline:
            self._say(f"DHCPDISCOVER on {self.name} to 255.255.255.255 port 67 interval {pause:.0f}")
            wire.send(message.frame(self.ether, transaction, message.DISCOVER))
            offer = self._hear(wire, transaction, min(pause, deadline - time.monotonic()), (message.OFFER,))
            if offer is not None:
                self._say(f"DHCPOFFER from {offer.server}")
                answer = self._request(wire, transaction, offer.address, offer.server, self.times["reboot"])
                if answer is not None and answer.kind == message.ACK:
                    return answer
            pause = min(pause * 2, 16.0)
        return None

    def _request(
        self, wire: socket.socket, transaction: int, address: str, server: str, seconds: float
    ) -> Optional[Answer]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._say(f"DHCPREQUEST on {self.name} to 255.255.255.255 port 67")
            wire.send(message.frame(self.ether, transaction, message.REQUEST, address, server))
            answer = self._hear(wire, transaction, min(2.0, seconds), (message.ACK, message.NAK))
            if answer is not None:
                self._say(f"DHCP{'ACK' if answer.kind == message.ACK else 'NAK'} from {answer.server}")
                return answer
        return None

    def _hear(self, wire: socket.socket, transaction: int, seconds: float, kinds: Sequence[int]) -> Optional[Answer]:
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([wire], [], [], left)[0]:
                return None
            answer = message.parse(wire.recv(4096), self.ether, transaction)
            if answer is not None and answer.kind in kinds:
                return answer

    def _configure(self, answer: Answer) -> None:
        old = self.lease
        self.lease, self.told = answer, time.time()
        if old is not None and old.address == answer.address:
            return
        words = ("netmask", answer.mask, "broadcast", answer.broadcast)
        self._ifconfig("inet", answer.address, *words)
        if answer.router:
            subprocess.run(["/sbin/route", "add", "default", answer.router], check=False, capture_output=True)

    def _ifconfig(self, *words: str) -> None:
        subprocess.run(["/sbin/ifconfig", self.name, *words], check=False)

    def _remembered(self) -> str:
        """The address of the last lease of this interface that has not expired."""
        try:
            with open(self.leases, encoding="ascii", errors="replace") as stream:
                text = stream.read()
        except FileNotFoundError:
            return ""
        known = ""
        for lease in re.findall(r"lease \{(.*?)\n\}", text, re.S):
            fields = dict(re.findall(r"^\s*(interface|fixed-address|expire)\s+(.*);$", lease, re.M))
            expires = time.strptime(fields["expire"].partition(" ")[2] + " UTC", "%Y/%m/%d %H:%M:%S %Z")
            if fields["interface"] == f'"{self.name}"' and time.mktime(expires) - time.timezone > time.time():
                known = fields["fixed-address"]
        return known

    def _remember(self, answer: Answer) -> None:
        def at(seconds: int) -> str:
            return time.strftime("%w %Y/%m/%d %H:%M:%S", time.gmtime(self.told + seconds))

        lines = [
            "lease {",
            f'  interface "{self.name}";',
            f"  fixed-address {answer.address};",
            f"  option subnet-mask {answer.mask};",
            *([f"  option routers {answer.router};"] if answer.router else []),
            f"  option dhcp-lease-time {answer.time};",
            f"  option dhcp-server-identifier {answer.server};",
            f"  renew {at(answer.renewal)};",
            f"  rebind {at(answer.time * 7 // 8)};",
            f"  expire {at(answer.time)};",
            "}",
        ]
        with open(self.leases, "a", encoding="ascii") as stream:
            stream.write("".join(line + "\n" for line in lines))

    def _say(self, text: str) -> None:
        if not self.quiet:
            print(text, file=sys.stderr)
