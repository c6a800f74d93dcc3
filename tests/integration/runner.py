# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module of this collection on a stand-in host: ``runner.py MODULE``, its arguments as JSON on stdin.

Half a second of each run would go into imports. So a server that has imported what it needs (``module_server.py``)
forks a process for each run, which has the caller's stdin, stdout and stderr; the caller ends as that process does, and
takes it along when killed. The first run starts the server, and so does the next one after it was killed. When it is
there, ``runner.c`` does the same without a Python that has to start: tests run modules by the thousand.
"""

from __future__ import annotations

import _socket  # what socket adds takes time to import
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

SOCKET = "/var/run/runner.sock"


def connected() -> _socket.socket:
    """A connection to the server, which is started if it is not there."""
    deadline = time.monotonic() + 60
    started = False
    while True:
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            connection.connect(SOCKET)
            return connection
        except OSError:
            connection.close()
            if time.monotonic() > deadline:
                raise
        if not started:
            import subprocess  # once for all runs

            quiet = subprocess.DEVNULL
            argv = [
                sys.executable,
                os.path.join(os.path.dirname(os.path.abspath(__file__)), "module_server.py"),
                "serve",
            ]
            subprocess.Popen(argv, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True, cwd="/")
            started = True
        time.sleep(0.05)


def call(module: str) -> NoReturn:
    """Have the server run a module, and end as it does."""
    connection = connected()
    files = b"".join(file.to_bytes(4, sys.byteorder) for file in (0, 1, 2))
    connection.sendmsg([module.encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
    answer = connection.recv(16)
    sys.exit(int(answer) if answer else 1)


def main() -> None:
    """``MODULE``, or ``ready`` (wait for the server)."""
    if sys.argv[1] == "ready":
        connected().close()
    else:
        call(sys.argv[1])


if __name__ == "__main__":
    main()
