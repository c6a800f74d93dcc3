# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The null-modem terminals of nmdm(4): what is written to /dev/nmdmNAMEA comes out of /dev/nmdmNAMEB, and the reverse.

Each end is a pseudo-terminal; a process of the lab (one a host, hidden from ps) holds the masters and carries the bytes
between them. As on FreeBSD what one end writes while nobody has the other open is lost, an end keeps its terminal
settings while it is open (echo is on at first), a pair goes when both ends are closed, and the other end survives that
one is closed and opened again. What cannot be had here: a pair that comes into being because somebody opens its name
without asking (``open_end``, ``create``), and the wait for carrier.
"""

from __future__ import annotations

import array
import os
import select
import signal
import socket
import termios
from contextlib import suppress
from typing import Dict, List, Optional, Tuple

from . import modules, notes, paths, state

_SOCKET = paths.KERNEL + "/nmdm.sock"
_PENDING = 65536
_CHUNK = 4096
_ENDS = ("A", "B")
_EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET


def split(path: str) -> Tuple[str, str]:
    """``/dev/nmdmNAMEA`` -> (``nmdmNAME``, ``A``). ValueError if it is no such path."""
    name = path[len("/dev/") :] if path.startswith("/dev/") else path
    if not name.startswith("nmdm") or len(name) < 6 or name[-1] not in _ENDS:
        raise ValueError(f"{path} is not the name of a null-modem terminal")
    return name[:-1], name[-1]


class _End:
    """One end: the master, what waits to be read from it by its opener, the other end."""

    def __init__(self, pair: str, letter: str) -> None:
        self.pair, self.letter = pair, letter
        self.master, slave = os.openpty()
        self.path = os.ttyname(slave)
        self.initial = termios.tcgetattr(slave)
        os.close(slave)  # from now on poll(2) tells whether somebody has it open
        os.set_blocking(self.master, False)
        self.pending = bytearray()
        self.was_open = False
        self.other = self
        real = paths.root(f"/dev/{pair}{letter}")
        os.makedirs(os.path.dirname(real), exist_ok=True)
        temporary = f"{real}.{os.getpid()}"
        os.symlink(self.path, temporary)
        os.rename(temporary, real)

    def opened(self) -> bool:
        """Whether somebody has this end open."""
        poll = select.poll()
        poll.register(self.master, 0)
        return not any(event & select.POLLHUP for _unused, event in poll.poll(0))

    def feed(self, data: bytes) -> None:
        """Bytes from the other end: lost if nobody has this one open."""
        if not self.opened():
            self.pending.clear()
            return
        room = _PENDING - len(self.pending)
        self.pending += data[:room]
        self.flush()

    def flush(self) -> None:
        while self.pending:
            try:
                written = os.write(self.master, self.pending[:_CHUNK])
            except BlockingIOError:
                return
            except OSError:
                self.pending.clear()
                return
            del self.pending[:written]

    def pump(self) -> None:
        """Take all that was written to this end to the other."""
        while True:
            try:
                data = os.read(self.master, _CHUNK)
            except OSError:  # EAGAIN: no more; EIO: nobody has it open
                return
            if not data:
                return
            self.other.feed(data)

    def reset(self) -> None:
        """The last close puts the terminal's settings back."""
        self.pending.clear()
        try:
            termios.tcsetattr(self.master, termios.TCSANOW, self.initial)
        except termios.error:
            return

    def remove(self) -> None:
        os.close(self.master)
        try:
            os.unlink(paths.root(f"/dev/{self.pair}{self.letter}"))
        except FileNotFoundError:
            return


class _Driver:
    """The process that holds all pairs of a host."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.epoll = select.epoll()
        self.epoll.register(listener.fileno(), select.EPOLLIN)
        self.ends: Dict[int, _End] = {}
        self.pairs: Dict[str, Dict[str, _End]] = {}
        self.kept: List[str] = []

    def run(self) -> None:
        while True:
            for fd, event in self.epoll.poll():
                if fd == self.listener.fileno():
                    self.serve()
                    continue
                end = self.ends.get(fd)
                if end is None:
                    continue
                end.pump()
                if event & select.EPOLLOUT:
                    end.flush()
                self.look(end)

    def look(self, end: _End) -> None:
        """After something happened at an end: has it been closed, are both?"""
        now = end.opened()
        if end.was_open and not now:
            end.reset()
        end.was_open = now
        if not now and not end.other.opened() and end.pair not in self.kept:
            self.drop(end.pair)

    def drop(self, pair: str) -> None:
        for end in self.pairs.pop(pair, {}).values():
            self.epoll.unregister(end.master)
            del self.ends[end.master]
            end.remove()

    def pair(self, name: str) -> Dict[str, _End]:
        if name not in self.pairs:
            first, second = _End(name, "A"), _End(name, "B")
            first.other, second.other = second, first
            for end in (first, second):
                self.ends[end.master] = end
                self.epoll.register(end.master, _EVENTS)
            self.pairs[name] = {"A": first, "B": second}
        return self.pairs[name]

    def serve(self) -> None:
        """One request: ``open nmdm0A`` answers with the open terminal, ``create nmdm0`` makes a pair that stays."""
        connection, _unused = self.listener.accept()
        with connection:
            verb, _unused, name = connection.recv(_CHUNK).decode().partition(" ")
            if verb == "busy":
                opened = any(end.opened() for end in self.ends.values())
                connection.sendall(b"yes" if opened else b"no")
                return
            if verb == "create":
                self.kept.append(name)
                self.pair(name)
                connection.sendall(b"ok")
                return
            end = self.pair(name[:-1])[name[-1]]
            fd = os.open(end.path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
            end.was_open = True
            rights = array.array("i", [fd])
            connection.sendmsg([b"ok"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights.tobytes())])
            os.close(fd)


def _start(listener: socket.socket) -> None:
    """Leave the driver behind: a session of its own, nothing open but what it needs."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    null = os.open(paths.root("/dev/null") if not paths.DETACHED else "/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    keep = listener.fileno()
    os.closerange(3, keep)
    os.closerange(keep + 1, 1024)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    notes.hide()
    try:
        _Driver(listener).run()
    finally:
        os._exit(1)


def _connect() -> socket.socket:
    """A connection to the driver; the first caller starts it."""
    with state.lock():
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(_SOCKET)
            return connection
        except (FileNotFoundError, ConnectionRefusedError):
            pass
        with suppress(FileNotFoundError):
            os.unlink(_SOCKET)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(_SOCKET)
        listener.listen(16)
        _start(listener)
        listener.close()
        connection.connect(_SOCKET)
        return connection


def _ask(request: str) -> Optional[int]:
    with _connect() as connection:
        connection.sendall(request.encode())
        ancillary = connection.recvmsg(_CHUNK, socket.CMSG_LEN(array.array("i", [0]).itemsize))[1]
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            rights = array.array("i")
            rights.frombytes(data[: rights.itemsize])
            return rights[0]
    return None


def open_end(path: str) -> int:
    """Open ``/dev/nmdmNAMEA`` or ``B``, made now if it does not exist: a descriptor of the terminal.

    ValueError for a path of another kind, OSError (ENOENT) without nmdm.ko.
    """
    name, letter = split(path)
    if not modules.loaded("nmdm"):
        raise FileNotFoundError(2, os.strerror(2), path)
    fd = _ask(f"open {name}{letter}")
    if fd is None:
        raise OSError(5, os.strerror(5), path)
    return fd


def busy() -> bool:
    """Whether somebody has a terminal of nmdm(4) open: its module cannot be unloaded then."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(_SOCKET)
            connection.sendall(b"busy")
            return connection.recv(_CHUNK) == b"yes"
    except (FileNotFoundError, ConnectionRefusedError):
        return False


def create(name: str) -> None:
    """Make the pair ``nmdmNAME`` ahead of its first use; it stays although nobody has it open."""
    _ask(f"create {name}")
