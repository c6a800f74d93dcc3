# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that start in half the time: a process that has imported them forks for each call.

Most of the time of a stand-in command goes into Python's imports. So init starts ``warm.py``, which imports those
commands that tasks start by the dozen, and listens. The process of a call (``launch``) hands it the arguments, the
environment, the working directory and the three standard files, and ends as the fork does. Its pid and its place among
the processes stay its own: the fork is in no table of processes (``processes.table``), and ends with the call.

Where nobody listens (in the first moments after the power came, for a user other than root) a command runs in its own
process as all others do.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, "/.standin/lib")

from standin import notes, paths

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    import socket
    from typing import Any, List, NoReturn, Sequence, Tuple

#: The modules that are kept warm. They look at processes by ``notes.mine`` only, and leave no child of theirs behind
#: that anybody should see.
MODULES = tuple(
    f"standin.commands.{name}" for name in ("fstat", "ifconfig", "mount", "ps", "sockstat", "sysctl", "zfs", "zpool")
)
#: The status of a command whose reader has gone.
BROKEN_PIPE = 141
_SOCKET = paths.KERNEL + "/warm.sock"
_SIZE = 4  # bytes that say how long a message is
_MESSAGE = 1 << 16


class NobodyListens(Exception):
    """There is no fork to be had."""


def call(module: str, argv: Sequence[str]) -> int:
    """Have a fork run the command ``module``; its exit status. BrokenPipeError as the command itself would have it."""
    # The module below socket, which takes a third of the time to import.
    import _socket

    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(_SOCKET)
        here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        files = b"".join(file.to_bytes(4, sys.byteorder) for file in (0, 1, 2, here))
        connection.sendmsg([b"."], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
    except OSError as error:
        raise NobodyListens from error
    umask = os.umask(0o22)
    os.umask(umask)
    environment = [f"{name}={value}" for name, value in os.environ.items()]
    words = [module, str(os.getpid()), str(umask), str(len(argv)), *argv, *environment]
    message = os.fsencode("\0".join(words))
    connection.sendall(len(message).to_bytes(_SIZE, "big") + message)
    # No answer: Python has told on stderr why.
    status = int(connection.recv(16) or b"1")
    if status == BROKEN_PIPE:
        raise BrokenPipeError
    return status


def _receive(connection: socket.socket) -> Tuple[List[int], List[str]]:
    """The files and words of a call."""
    import socket

    _dot, files, _flags, _address = socket.recv_fds(connection, 1, 4)
    data = b""
    while len(data) < _SIZE or len(data) < _SIZE + int.from_bytes(data[:_SIZE], "big"):
        piece = connection.recv(_MESSAGE)
        if not piece:
            os._exit(1)
        data += piece
    return files, os.fsdecode(data[_SIZE:]).split("\0")


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


def _attend(connection: socket.socket) -> NoReturn:
    """Be the command of a call."""
    import signal
    import time

    from standin import launch

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    files, words = _receive(connection)
    _end_with(connection)
    for target, file in enumerate(files[:3]):
        os.dup2(file, target)
        os.close(file)
    os.fchdir(files[3])
    os.close(files[3])
    module, pid, umask, count = words[0], int(words[1]), int(words[2]), int(words[3])
    os.umask(umask)
    argv = words[4 : 4 + count]
    os.environ.clear()
    os.environ.update({name: value for name, _equals, value in (word.partition("=") for word in words[4 + count :])})
    notes.act_for(pid)
    time.tzset()
    stdout: Any = sys.stdout
    stdout.reconfigure(line_buffering=os.isatty(1))
    status = launch.outcome(sys.modules[module].main, argv)
    connection.sendall(b"%d" % status)
    os._exit(0)


def main() -> NoReturn:
    """Import, listen, fork."""
    import gc
    import importlib
    import signal
    import socket

    os.setsid()
    notes.hide()
    # The last is what some of them import when they need it.
    for module in (*MODULES, "subprocess"):
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    os.umask(0o077)
    listener.bind(_SOCKET + ".new")
    listener.listen(128)
    os.rename(_SOCKET + ".new", _SOCKET)
    gc.freeze()
    while True:
        connection, _address = listener.accept()
        if os.fork() == 0:
            listener.close()
            _attend(connection)
        connection.close()


if __name__ == "__main__":
    main()
