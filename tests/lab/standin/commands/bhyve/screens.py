# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets that bhyve listens on: the frame buffer's VNC port and the debugger's port.

FreeBSD lets a socket with SO_REUSEADDR bind one address of a port that somebody else has on all addresses, and the
other way round; only the same address twice is refused. Linux refuses all of it. Where FreeBSD would not refuse, the
listener is noted but not real.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import List, NamedTuple, Optional, Tuple

from ... import paths, state
from .devices import DeviceError
from .errors import err, errx, strerror
from .tree import Config

_LISTEN = "0A"
_COLUMNS, _ROWS = 3840, 2160
_WIDTH, _HEIGHT, _PORT = 1024, 768, 5900


class Screen(NamedTuple):
    """The frame buffer: where VNC is served, its size, whether the guest waits for a viewer."""

    slot: str
    address: str
    port: int
    width: int
    height: int
    password: str
    wait: bool
    sock: Optional[socket.socket]


def _listening(port: int, family: int) -> List[str]:
    """The addresses on which somebody listens on that port, in /proc/net's hexadecimal form."""
    table = "tcp6" if family == socket.AF_INET6 else "tcp"
    with open(f"{paths.PROC}/self/net/{table}", encoding="ascii") as stream:
        rows = [line.split() for line in stream.readlines()[1:]]
    found = []
    for row in rows:
        address, _unused, number = row[1].partition(":")
        if row[3] == _LISTEN and int(number, 16) == port:
            found.append(address)
    return found


def _hexadecimal(address: str, family: int) -> str:
    packed = socket.inet_pton(family, address)
    words = [packed[at : at + 4][::-1] for at in range(0, len(packed), 4)]
    return b"".join(words).hex().upper()


def listen(address: str, port: int) -> Optional[socket.socket]:
    """Bind and listen as FreeBSD would let us: OSError as bind(2) gives it, None for a listener that is only noted."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        sock.bind((address, port))
        sock.listen(1)
        return sock
    except OSError as error:
        sock.close()
        if error.errno != errno.EADDRINUSE or _hexadecimal(address, family) in _listening(port, family):
            raise
    _note(address, port, family)
    return None


def _note(address: str, port: int, family: int) -> None:
    """What sockstat(1) is to show although Linux could not bind it."""
    with state.kernel("sockets") as doc:
        doc.setdefault("listeners", []).append(
            {
                "pid": os.getpid(),
                "command": "bhyve",
                "proto": "tcp6" if family == socket.AF_INET6 else "tcp4",
                "address": address,
                "port": port,
            }
        )


def _number(text: Optional[str], default: int) -> int:
    """strtol(3) of a 16 bit register: what is no number is 0, which leaves the default."""
    if text is None:
        return default
    digits = ""
    for char in text:
        if not char.isdigit():
            break
        digits += char
    return int(digits or "0") & 0xFFFF


def _address(text: Optional[str]) -> Tuple[str, int]:
    if text is None:
        return "127.0.0.1", _PORT
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket:
            raise DeviceError(errno.ENOENT, f'fbuf: Invalid IPv6 address: "{text}"')
        port = rest.lstrip(":")
        return host, int(port) if port.isdigit() else _PORT
    host, colon, port = text.rpartition(":")
    return host if colon else "127.0.0.1", int(port) if port.isdigit() else 0


def open_screen(config: Config, slot: str, node: str, taken: bool) -> Screen:
    """Make the frame buffer device: DeviceError with pci_fbuf.c's and rfb.c's own words."""
    if taken:
        raise DeviceError(errno.ENOENT, "Only one frame buffer device is allowed.")
    wait = config.boolean(f"{node}.wait")
    address, port = _address(config.get(f"{node}.rfb") or config.get(f"{node}.tcp"))
    vga = config.get(f"{node}.vga")
    if vga is not None and vga not in ("io", "on", "off"):
        raise DeviceError(errno.ENOENT, f'fbuf: Invalid vga setting: "{vga}"')
    width, height = _number(config.get(f"{node}.w"), _WIDTH), _number(config.get(f"{node}.h"), _HEIGHT)
    for name, value, limit in (("width", width, _COLUMNS), ("height", height, _ROWS)):
        if value > limit:
            raise DeviceError(errno.ENOENT, f"fbuf: {name} {value} too large")
    print(f"fbuf frame buffer base: {0x1BED16A00000:#x} [sz 16777216]")
    if not 0 <= port <= 65535:
        raise DeviceError(0, "getaddrinfo: Service was not recognized for socket type")
    try:
        sock = listen(address, port)
    except socket.gaierror:
        raise DeviceError(0, "getaddrinfo: Name does not resolve") from None
    except OSError as error:
        raise DeviceError(error.errno or 0, f"bind: {strerror(error.errno or 0)}") from None
    password = config.get(f"{node}.password") or ""
    return Screen(slot, address, port, width or _WIDTH, height or _HEIGHT, password, wait, sock)


def open_debug_server(config: Config) -> Optional[socket.socket]:
    """``-G``: listen for a debugger. The protocol itself is not spoken. Ends the program if it cannot listen."""
    port = config.get("gdb.port")
    if port is None or port == "0":
        return None
    address = config.get("gdb.address") or "localhost"
    if not port.isdigit() and not port.lstrip("-").isdigit():
        errx(1, "gdb address resolution: Name does not resolve")
    if not 0 < int(port) <= 65535:
        errx(1, "gdb address resolution: Service was not recognized for socket type")
    if address == "localhost":
        address = "::1"  # the first that getaddrinfo(3) gives on FreeBSD
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, address)
            break
        except OSError:
            continue
    else:
        errx(1, "gdb address resolution: Name does not resolve")
    try:
        return listen(address, int(port))
    except OSError as error:
        err(1, "gdb socket", error.errno or 0)
