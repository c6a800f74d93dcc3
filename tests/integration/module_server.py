# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of this collection import, imported: forks a process for each run (``runner.py`` is the caller).

``module_server.py serve``, or ``module_server.py alone MODULE`` to be the module oneself: for a user who may not reach
the server.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from typing import List, Set

from runner import SOCKET

MODULES = "ansible_collections.apiary.bhyve.plugins.modules"
learned: Set[str] = set()


def run(module: str) -> None:
    """Be the module: AnsiballZ does the same, it sets the arguments and runs the module as a program."""
    basic = importlib.import_module("ansible.module_utils.basic")
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(sys.stdin.read())}).encode()
    vars(basic).update(_ANSIBLE_ARGS=arguments, _ANSIBLE_PROFILE="legacy")
    runpy.run_module(f"{MODULES}.{module}", run_name="__main__")


def serve() -> None:
    """Fork a process for each caller. Returns in that process, when it is to run a module."""
    lock = os.open(SOCKET + ".lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(0)  # another one is there, or about to be
    learn("ansible.module_utils.basic")
    if os.path.exists(SOCKET):
        os.unlink(SOCKET)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(SOCKET)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        caller, _address = listener.accept()
        word, files, _flags, _address = socket.recv_fds(caller, 4096, 3)
        if word:  # else it was only asked whether somebody is here
            learn(f"{MODULES}.{word.decode()}")
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                os.close(lock)
                attend(caller, word.decode(), files)
                return
        for file in (caller.detach(), *files):
            os.close(file)


def learn(name: str) -> None:
    """Import a module, or a program with what it imports, for the forks to come."""
    if name in learned:
        return
    learned.add(name)
    with contextlib.suppress(ImportError):  # the fork will say it to whom it concerns
        importlib.import_module(name)
    if name.startswith(MODULES):
        sys.modules.pop(name, None)  # it is to run as a program
    # What is there now is there for all: the collector need not look at it again in each fork.
    gc.freeze()


def attend(caller: socket.socket, module: str, files: List[int]) -> None:
    """Fork the module's process, and see to it until it ends or the caller does. Returns in the module's process."""
    if len(files) != 3:
        os._exit(1)
    pid = os.fork()
    if pid == 0:
        caller.close()
        for target, file in enumerate(files):
            os.dup2(file, target)
            os.close(file)
        sys.argv = ["module_server.py", "alone", module]
        return
    for file in files:
        os.close(file)
    ended = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(caller, select.POLLIN)
    if ended not in [file for file, _event in poll.poll()]:
        os.kill(pid, signal.SIGKILL)
    _pid, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        caller.sendall(b"%d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def main() -> None:
    """``serve``, or ``alone MODULE``. What the server forks goes on here as the module."""
    if sys.argv[1] == "serve":
        serve()
    run(sys.argv[2])


if __name__ == "__main__":
    main()
