# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's process 1: runs /etc/rc, reaps, shuts down, or ends at once when the power goes.

``init.py READY_FD WITH_RC``. When /etc/rc has ended (or there is none to run) its status is written to READY_FD.
Signals: USR2 as for init(8), an orderly power-off: /etc/rc.shutdown under the watchdog of
``kern.init_shutdown_timeout``, TERM to all, KILL to what is left. PWR is the lab's own: the power is cut.
"""

from __future__ import annotations

import _socket  # what socket adds takes time to import
import contextlib
import os
import signal
import sys
import time
from typing import NoReturn, Optional

sys.path.insert(0, "/.standin/lib")

from standin import forwarding, notes, paths, state  # the path to the package is set just above

_SIGNALS = (signal.SIGCHLD, signal.SIGPWR, signal.SIGUSR2, signal.SIGINT, signal.SIGTERM)
_ENVIRONMENT = {"PATH": "/sbin:/bin:/usr/sbin:/usr/bin", "HOME": "/"}
#: Seconds between TERM and KILL for what rc.shutdown left (init(8)'s DEATH_WATCH).
_DEATH_WATCH = 10.0
#: Seconds for /etc/rc.shutdown when the sysctl is not there (init(8)'s DEATH_SCRIPT).
_DEATH_SCRIPT = 120.0


def _script(path: str, argument: str) -> Optional[int]:
    """Start an rc script with /bin/sh; its pid, or None when the host has no such file."""
    if not os.path.exists(path):
        return None
    pid = os.fork()
    if pid == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.setsid()
        os.execve("/bin/sh", ["sh", path, argument], _ENVIRONMENT)
    return pid


def _keep_warm() -> None:
    """Start the process that forks for commands. It listens from the first moment on, so the first ones wait for it."""
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    umask = os.umask(0o077)
    listener.bind(paths.KERNEL + "/warm.sock")
    os.umask(umask)
    listener.listen(128)
    if os.fork() == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.set_inheritable(listener.fileno(), True)
        python = paths.LINUX + "/usr/bin/python3"
        program = f"{os.path.dirname(notes.__file__)}/warm.py"
        os.execve(python, [python, "-IS", program, str(listener.fileno())], _ENVIRONMENT)
    listener.close()


def _reap(wanted: Optional[int]) -> Optional[int]:
    """Reap every child that has ended; the exit status of ``wanted`` if it is among them."""
    status = None
    while True:
        try:
            pid, raw = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == wanted:
            status = os.waitstatus_to_exitcode(raw)


def _wait(wanted: Optional[int], seconds: float) -> bool:
    """Reap until ``wanted`` (or, with None, everything) has ended; False when the time is over first."""
    deadline = time.monotonic() + seconds
    while True:
        if _reap(wanted) is not None or (wanted is None and _alone()):
            return True
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        received = signal.sigtimedwait((signal.SIGCHLD, signal.SIGPWR), min(left, 0.2))
        if received is not None and received.si_signo == signal.SIGPWR:
            os._exit(0)


def _alone() -> bool:
    return not any(name.isdigit() and name != "1" for name in os.listdir(paths.PROC))


def _shutdown_timeout() -> float:
    """kern.init_shutdown_timeout in seconds, as the sysctl stand-in keeps it."""
    value = state.peek("kernel", "sysctl").get("values", {}).get("kern.init_shutdown_timeout")
    return float(value) if value is not None else _DEATH_SCRIPT


def _shutdown() -> NoReturn:
    script = _script("/etc/rc.shutdown", "power")
    if script is not None and not _wait(script, _shutdown_timeout()):
        print("init: timeout expired for /etc/rc.shutdown; going to single user mode", flush=True)
        os.kill(script, signal.SIGTERM)
    for number, seconds in ((signal.SIGTERM, _DEATH_WATCH), (signal.SIGKILL, 2.0)):
        try:
            os.kill(-1, number)
        except ProcessLookupError:
            break
        if _wait(None, seconds):
            break
    os._exit(0)


def _tell(ready: int, status: int) -> None:
    # A broken pipe: who started the host did not wait for it.
    with contextlib.suppress(BrokenPipeError):
        os.write(ready, f"{status}\n".encode())
    os.close(ready)


def main() -> NoReturn:
    """Be process 1."""
    ready, with_rc = int(sys.argv[1]), sys.argv[2] == "1"
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    os.environ.clear()
    os.environ.update(_ENVIRONMENT)
    os.set_inheritable(ready, False)
    console = os.open(paths.LOG + "/console.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open("/dev/null", os.O_RDONLY)
    for source, target in ((nothing, 0), (console, 1), (console, 2)):
        os.dup2(source, target)
    notes.set_title("/sbin/init", comm="init")
    forwarding.forget()
    _keep_warm()
    script = _script("/etc/rc", "autoboot") if with_rc else None
    if script is None:
        _tell(ready, 0)
    while True:
        received = signal.sigwaitinfo(_SIGNALS).si_signo
        if received == signal.SIGPWR:
            os._exit(0)
        if received == signal.SIGUSR2:
            _shutdown()
        status = _reap(script)
        if status is not None:
            _tell(ready, status)
            script = None


if __name__ == "__main__":
    main()
