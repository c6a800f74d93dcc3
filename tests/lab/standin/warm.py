# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that start in a fraction of the time: a process that has imported them forks for each call.

Most of the time of a stand-in command goes into Python's start and its imports. So init starts ``warm.py``, which
listens, and imports those commands that tasks start by the dozen. The process of a call is a small program (``call.c``)
that hands over the arguments, the environment, the working directory and the three standard files, and ends as the fork
does, or becomes the program that the command is on this machine. Its pid and its place among the processes stay its
own: the fork is in no table of processes (``processes.table``), and ends with the call.

Where nobody listens (a user other than root is not heard) a command runs in its own process as all others do.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, "/.standin/lib")

from standin import launch, notes

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    import socket
    from typing import Dict, List, NoReturn, Sequence, Set, Tuple

_COMMANDS = "standin.commands."
#: What is imported before the first call; the last is what some of them import when they need it.
_FIRST = (*(_COMMANDS + name for name in ("ifconfig", "ps", "sysctl", "zfs")), "subprocess")
#: The commands that have forks. They ask ``notes`` who they are, and leave no child of theirs behind that anybody
#: should see.
_SERVED = (
    "base bhyvectl devctl devinfo df dhcpd diskinfo dmesg dnsmasq fstat geom glabel ifconfig iovctl ipfw kea kenv kld"
    " logger mount newsyslog nginx ngctl pciconf pfctl pgrep ps rcorder route service sockstat sysctl sysrc valectl"
    " versions zfs zpool"
)
#: The tools of ``base`` that have none: they see to children of theirs, to their terminal, signals or process group.
_ALONE = "chroot dd env fsync kill nice nohup su sync tail tee time timeout tty xargs yes"
_SIZE = 4  # bytes that say how long a message is
_MESSAGE = 1 << 16


def serves(name: str, module: str) -> bool:
    """Whether calls of a command, by its name and its module, have forks."""
    return module in [_COMMANDS + word for word in _SERVED.split()] and name not in _ALONE.split()


def _receive(connection: socket.socket) -> Tuple[List[int], List[str]]:
    """The files and words of a call."""
    import socket

    data, parts, _flags, _address = connection.recvmsg(_MESSAGE, socket.CMSG_SPACE(4 * 4))
    files = [number for _level, _kind, part in parts for number in memoryview(part).cast("i")]
    while len(data) < _SIZE or len(data) < _SIZE + int.from_bytes(data[:_SIZE], "big"):
        piece = connection.recv(_MESSAGE)
        if not piece:
            os._exit(1)
        data += piece
    return files, os.fsdecode(data[_SIZE:-1]).split("\0")


def _answer(connection: socket.socket, *words: str) -> None:
    message = b"".join(os.fsencode(word) + b"\0" for word in words)
    connection.sendall(len(message).to_bytes(_SIZE, "big") + message)


def _end_with(connection: socket.socket) -> None:
    """Let the kernel end this process when the other end is closed: SIGIO does it, nobody handles it."""
    import fcntl
    import select

    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(connection, fcntl.F_SETFL, fcntl.fcntl(connection, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(connection, select.POLLHUP)
    if poll.poll(0):
        os._exit(1)


def _attend(connection: socket.socket, missed: int) -> NoReturn:
    """Be the command of a call. The modules that it had to import are written to ``missed``."""
    import signal
    import time

    known = set(sys.modules)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    files, words = _receive(connection)
    _end_with(connection)
    for target, file in enumerate(files[:3]):
        os.dup2(file, target)
        os.close(file)
    os.fchdir(files[3])
    os.close(files[3])
    module, (pid, ppid, umask, count) = words[0], map(int, words[1:5])
    os.umask(umask)
    sys.argv[:] = words[5 : 5 + count]
    argv = [os.path.basename(words[5]), *words[6 : 5 + count]]
    os.environ.clear()
    os.environ.update({name: value for name, _equals, value in (word.partition("=") for word in words[5 + count :])})
    notes.act_for(pid, ppid)
    time.tzset()
    vars(sys)["stdout"].reconfigure(line_buffering=os.isatty(1))

    def end(*answer: str) -> NoReturn:
        # Before the answer, which ends this process: who has got it closes the connection.
        _tell(missed, [name for name in sys.modules if name not in known])
        _answer(connection, *answer)
        os._exit(0)

    def become(path: str, words: Sequence[str], environment: Dict[str, str], directory: str) -> NoReturn:
        variables = [f"{name}={value}" for name, value in environment.items()]
        end("become", path, directory, str(len(words)), *words, *variables)

    launch.becomes(become)
    end(str(launch.perform(module, argv, launch.outcome)))


def _tell(missed: int, names: Sequence[str]) -> None:
    if names:
        os.write(missed, ("\n".join(names) + "\n").encode()[-4096:])


class _Library:
    """What has been imported here, and what forks had to import themselves."""

    def __init__(self) -> None:
        self.missed: Set[str] = set()
        self.learn(_FIRST)

    def learn(self, names: Sequence[str]) -> None:
        import contextlib
        import gc
        import importlib

        for name in names:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        # All forks have it: the collector need not look at it again in each.
        gc.freeze()

    def miss(self, text: str) -> None:
        """A fork had to import these; what is missed a second time is worth the time that it takes here."""
        names = text.split("\n")[:-1]
        again = [name for name in names if name in self.missed and name not in sys.modules]
        self.missed.update(names)
        if again:
            self.learn(again)


def main() -> NoReturn:
    """Import, listen, fork."""
    import select
    import signal
    import socket

    os.setsid()
    notes.hide()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    library = _Library()
    missed, tell = os.pipe()
    listener = socket.socket(fileno=int(sys.argv[1]))
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    poll.register(missed, select.POLLIN)
    while True:
        ready = {file for file, _event in poll.poll()}
        if listener.fileno() not in ready:
            library.miss(os.read(missed, 1 << 16).decode())
            continue
        connection, _address = listener.accept()
        if os.fork() == 0:
            listener.close()
            os.close(missed)
            _attend(connection, tell)
        connection.close()


if __name__ == "__main__":
    main()
