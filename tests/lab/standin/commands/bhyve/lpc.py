# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ISA bridge: boot ROM and its variables, serial ports (pci_lpc.c, bootrom.c, uart_emul.c)."""

from __future__ import annotations

import errno
import os
import select
import signal
import stat
import termios
import tty
from typing import Dict, NamedTuple, Optional

from ... import nmdm, notes, paths
from .devices import DeviceError, abort
from .errors import fail, strerror
from .tree import Config

_PAGE = 4096
_ROM_MAX = 16 << 20
_PORTS = ("com1", "com2", "com3", "com4")


class Port(NamedTuple):
    """A serial port of the guest: descriptors to read from and write to."""

    name: str
    path: str
    read_fd: int
    write_fd: int


class Firmware(NamedTuple):
    """The boot ROM's file, and the file of its variables, as the configuration names them."""

    rom: str
    variables: Optional[str]


def _size_of(path: str, flags: int, what: str) -> int:
    try:
        fd = os.open(paths.root(path), flags | os.O_CLOEXEC)
    except OSError as error:
        code = error.errno or 0
        raise DeviceError(code, f'Error opening {what} "{path}": {strerror(code)}') from None
    try:
        return os.fstat(fd).st_size
    finally:
        os.close(fd)


def firmware(config: Config) -> Optional[Firmware]:
    """Check the boot ROM: DeviceError with bootrom.c's own words, None without one."""
    rom = config.get("lpc.bootrom")
    if rom is None:
        return None
    size = _size_of(rom, os.O_RDONLY, "bootrom")
    if size == 0:
        raise DeviceError(errno.ENOENT, "bhyve: ROM size 0 is invalid")
    if size % _PAGE:
        raise DeviceError(errno.ENOENT, f"bhyve: ROM size {size} is not a multiple of the page size")
    variables = config.get("lpc.bootvars")
    total = size
    if variables is not None:
        room = _size_of(variables, os.O_RDWR, "bootrom variable file")
        if room == 0:
            raise DeviceError(errno.EINVAL)
        if room % _PAGE:
            raise DeviceError(errno.ENOENT, f"Invalid bootrom variable size {room}")
        total += room
        notes.note_open(variables, "rw")
    if total > _ROM_MAX:
        raise DeviceError(errno.ENOENT, f"Invalid bootrom and variable aggregate size {total}")
    return Firmware(rom, variables)


def raw(fd: int) -> None:
    """The terminal's settings that uart_emul.c makes: raw, no echo."""
    tty.setraw(fd, termios.TCSANOW)


def _stdio() -> Port:
    if not _pollable(0):
        abort("(sc->mev != NULL)", "uart_opentty", "usr.sbin/bhyve/uart_emul.c", 290)
    if os.isatty(0):
        raw(0)
    return Port("", "stdio", 0, 1)


def _pollable(fd: int) -> bool:
    """Whether kqueue(2) takes the descriptor: not /dev/null, not a regular file."""
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not (stat.S_ISCHR(mode) and not os.isatty(fd))


def _terminal(name: str, path: str) -> Port:
    try:
        if path.startswith("/dev/nmdm"):
            fd = nmdm.open_end(path)
        else:
            fd = os.open(paths.root(path), os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        if not os.isatty(fd):
            os.close(fd)
            raise OSError(errno.ENOTTY, "")
    except (OSError, ValueError) as error:
        code = getattr(error, "errno", None) or errno.ENOENT
        raise DeviceError(code, f"Unable to initialize backend '{path}' for LPC device {name}") from None
    raw(fd)
    notes.note_open(path[len("/dev/") :], "rw")
    return Port(name, path, fd, fd)


def open_port(config: Config, name: str, path: str, tcp: bool) -> Port:
    """Open one serial port's backend; ``tcp``: whether this bhyve knows ``tcp=``."""
    if path == "stdio":
        port = _stdio()
        return Port(name, path, port.read_fd, port.write_fd)
    if path.startswith("tcp=") and tcp:
        fail("STANDIN: bhyve: a serial port on a TCP socket is not built", 99)
    if path.startswith("tcp="):
        raise DeviceError(errno.ENOENT, f"Unable to initialize backend '{path}' for LPC device {name}")
    return _terminal(name, path)


def ports(config: Config, tcp: bool) -> Dict[str, Port]:
    """Open all serial ports that are configured, in order."""
    found: Dict[str, Port] = {}
    for name in _PORTS:
        path = config.get(f"lpc.{name}.path")
        if path is not None:
            found[name] = open_port(config, name, path, tcp)
    return found


def put(port: Port, data: bytes) -> None:
    """Write to a serial port; what its other side does not take at once is lost, as at a real UART."""
    ready = select.select([], [port.write_fd], [], 0)[1]
    if not ready:
        return
    try:
        os.write(port.write_fd, data)
    except OSError as error:
        if error.errno == errno.EPIPE:
            os.kill(os.getpid(), signal.SIGPIPE)
