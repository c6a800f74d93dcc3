# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""route(8): static routes, and which way an address goes. Built: add, change, delete, flush, get, for one table."""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import List, Optional, Sequence, Tuple

from ..ifnet import routes
from ..ifnet.dataplane import DataplaneError
from ..ifnet.errors import Refused
from ..ifnet.kernel import Ifnet
from ..ifnet.store import network
from ..ifnet.types import Address, Interface
from ..system import cli

PATHS = ("/sbin/route",)

_KEYWORDS = ("add", "change", "del", "delete", "flush", "get", "monitor", "show")
_NO_HOST = 68


class _Failed(Exception):
    """Ends the command: the text for standard error, and the status."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


class _Words:
    """What follows the command: destination, gateway, and how they are meant."""

    def __init__(self, words: Sequence[str]) -> None:
        self.family = "inet"
        self.host = False
        self.places: List[str] = []
        mask: Optional[str] = None
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word in ("-inet", "-4"):
                self.family = "inet"
            elif word in ("-inet6", "-6"):
                self.family = "inet6"
            elif word == "-host":
                self.host = True
            elif word == "-net":
                self.host = False
            elif word in ("-netmask", "-prefixlen") and rest:
                mask = rest.pop(0)
            elif word.startswith("-"):
                raise NotImplementedError(f"the modifier {word}")
            else:
                self.places.append(word)
        if any(":" in place for place in self.places):
            self.family = "inet6"
        if len(self.places) > 2:
            mask = self.places.pop()
        self.mask = mask

    def destination(self) -> Tuple[str, str]:
        """The destination for the table ("default", ADDRESS/LEN) and as the command prints it."""
        if not self.places:
            raise _Failed("usage: route [-46dnqtv] command [[modifiers] args]", cli.EX_USAGE)
        name = self.places[0]
        if name in ("default", "0.0.0.0/0", "::/0"):
            return "default", "net default"
        text, slash, width = name.partition("/")
        address = _address(text, self.family)
        bits = 128 if self.family == "inet6" else 32
        if slash:
            prefix = int(width)
        elif self.mask is not None:
            prefix = (
                int(self.mask) if self.mask.isdigit() else bin(routes.number(_address(self.mask, "inet"))[1]).count("1")
            )
        else:
            prefix = bits
        kind = "host" if prefix == bits and not slash else "net"
        return f"{address}/{prefix}", f"{kind} {address}"

    def gateway(self) -> str:
        """The second address, empty when there is none."""
        return _address(self.places[1], self.family) if len(self.places) > 1 else ""


def _address(text: str, family: str) -> str:
    kind = socket.AF_INET6 if family == "inet6" else socket.AF_INET
    try:
        return socket.inet_ntop(kind, socket.inet_pton(kind, text))
    except OSError:
        raise _Failed(f"bad address: {text}", _NO_HOST) from None


def main(argv: Sequence[str]) -> int:
    """route(8)."""
    try:
        options, rest = cli.getopt(argv, "46dnqtv")
        quiet = ("q", "") in options
        return _command(rest, quiet, "inet6" if ("6", "") in options else "inet")
    except cli.OptionError as error:
        print(f"route: {error}\nroute: usage: route [-46dnqtv] command [[modifiers] args]", file=sys.stderr)
        return cli.EX_USAGE
    except _Failed as failure:
        print(f"route: {failure}", file=sys.stderr)
        return failure.status
    except NotImplementedError as missing:
        print(f"STANDIN: route: {missing} is not built", file=sys.stderr)
        return cli.NOT_BUILT
    except DataplaneError as error:
        print(f"STANDIN: route: the real routes could not be set: {error}", file=sys.stderr)
        return cli.NOT_BUILT


def _command(rest: List[str], quiet: bool, family: str) -> int:
    if not rest or rest[0] not in _KEYWORDS:
        bad = f"route: bad keyword: {rest[0]}\n" if rest else ""
        print(f"{bad}route: usage: route [-46dnqtv] command [[modifiers] args]", file=sys.stderr)
        return cli.EX_USAGE
    command = "delete" if rest[0] == "del" else "get" if rest[0] == "show" else rest[0]
    if command != "get" and os.geteuid() != 0:
        raise _Failed("must be root to alter routing table", cli.EX_NOPERM)
    words = _Words([f"-{family}", *rest[1:]])
    with network() as net:
        if command == "get":
            return _get(net, words)
        if command == "flush":
            for route in list(net.document["routes"]):
                routes.delete(net, route["destination"], "inet6" if ":" in route["gateway"] else "inet")
            return 0
        if command == "monitor":
            raise NotImplementedError("monitor")
        return _change(net, command, words, quiet)


def _change(net: Ifnet, command: str, words: _Words, quiet: bool) -> int:
    destination, shown = words.destination()
    gateway = words.gateway()
    text = f"{command} {shown}" + (f": gateway {gateway}" if gateway else "")
    try:
        if command == "delete":
            routes.delete(net, destination, words.family)
        elif command == "add":
            routes.add(net, destination, gateway)
        else:
            routes.change(net, destination, gateway)
    except Refused as refusal:
        return _refused(refusal, text, quiet)
    if not quiet:
        print(text)
    return 0


def _refused(refusal: Refused, text: str, quiet: bool) -> int:
    reasons = {errno.EEXIST: "route already in table", errno.ESRCH: "not in table"}
    if not quiet:
        print(f"{text} fib 0: {reasons.get(refusal.code, str(refusal))}")
        sys.stdout.flush()
    if refusal.code == errno.ESRCH:
        raise _Failed("route has not been found")
    if refusal.code != errno.EEXIST:
        raise _Failed(f"writing to routing socket: {refusal}")
    return 1


def _get(net: Ifnet, words: _Words) -> int:
    asked = words.places[0] if words.places else "default"
    target = ("::" if words.family == "inet6" else "0.0.0.0") if asked == "default" else _address(asked, words.family)
    found = _direct(net, target) if asked != "default" else None
    if found is not None:
        _print_direct(target, *found)
        return 0
    route = _static(net, target, words.family, asked == "default")
    if route is None:
        raise _Failed("route has not been found")
    destination, prefix, gateway, interface = route
    _print(
        target,
        destination,
        prefix,
        gateway,
        interface["name"],
        "UP,GATEWAY,DONE,STATIC",
        interface["mtu"],
    )
    return 0


def _direct(net: Ifnet, target: str) -> Optional[Tuple[Interface, Address]]:
    best: Optional[Tuple[Interface, Address]] = None
    for interface in net:
        for address in interface["addresses"]:
            if routes.covers(address, target) and (best is None or address["prefix"] > best[1]["prefix"]):
                best = (interface, address)
    return best


def _print_direct(target: str, interface: Interface, address: Address) -> None:
    if address["address"] == target:
        bits = 128 if address["family"] == "inet6" else 32
        _print(target, target, bits, "", "lo0", "UP,HOST,DONE,STATIC,PINNED", 16384)
        return
    destination = _network(target, address["prefix"])
    _print(target, destination, address["prefix"], "", interface["name"], "UP,DONE,PINNED", interface["mtu"])


def _static(net: Ifnet, target: str, family: str, default: bool) -> Optional[Tuple[str, int, str, Interface]]:
    best: Optional[Tuple[str, int, str, Interface]] = None
    for route in net.document["routes"]:
        if (":" in route["gateway"]) != (family == "inet6"):
            continue
        interface = net.by_index(route["interface"])
        if route["destination"] == "default":
            network_address, prefix = "::" if family == "inet6" else "0.0.0.0", 0
        else:
            network_address, _unused, width = route["destination"].partition("/")
            prefix = int(width)
            if default or _network(target, prefix) != _network(network_address, prefix):
                continue
        if best is None or prefix > best[1]:
            best = (network_address, prefix, route["gateway"], interface)
    return best


def _network(address: str, prefix: int) -> str:
    family, value = routes.number(address)
    masked = value & routes.mask(family, prefix)
    if family == "inet6":
        return socket.inet_ntop(socket.AF_INET6, masked.to_bytes(16, "big"))
    return socket.inet_ntop(socket.AF_INET, masked.to_bytes(4, "big"))


def _print(target: str, destination: str, prefix: int, gateway: str, interface: str, flags: str, mtu: int) -> None:
    family, _unused = routes.number(target)
    value = routes.mask(family, prefix)
    kind, size = (socket.AF_INET6, 16) if family == "inet6" else (socket.AF_INET, 4)
    print(f"   route to: {target}")
    print(f"destination: {destination}")
    if "HOST" not in flags:
        print(f"       mask: {socket.inet_ntop(kind, value.to_bytes(size, 'big'))}")
    if gateway:
        print(f"    gateway: {gateway}")
    print("        fib: 0")
    print(f"  interface: {interface}")
    print(f"      flags: <{flags}>")
    print(" recvpipe  sendpipe  ssthresh  rtt,msec    mtu        weight    expire")
    print(f"{0:8}  {0:8}  {0:8}  {0:8}  {mtu:8}  {1:8}  {0:8} ")
