# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Note how a process ends by being its tracer, ptrace(2): what every Linux can do.

A process has one tracer at the most, and who asks for its end may be gone before it comes. So the tracer is a helper
of its own, which the first who asks leaves behind: it hands every signal on, and notes the wait status
(``notes.note_exit``) before the kernel gives the dead process to its parent. The rest of its life the process is
as it was.
"""

from __future__ import annotations

import errno
import os
import signal
from typing import NoReturn, Optional

from .. import notes, paths

_PTRACE_CONT, _PTRACE_SEIZE, _PTRACE_LISTEN = 7, 0x4206, 0x4208
_PTRACE_EVENT_STOP = 128
_WALL = 0x40000000
_STOPS = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)


def follow(pid: int, ticks: int) -> None:
    """See to it that the end of the process will be noted; ``ticks``: when it was started (``notes.start_ticks``).

    Returns when it is certain. ProcessLookupError: it has ended, and may be a zombie that knows how.
    """
    if _traced(pid):
        return
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        # Twice, so that the helper is nobody's child here.
        if os.fork() == 0:
            _help(pid, ticks, tell)
        os._exit(0)
    os.close(tell)
    os.waitpid(child, 0)
    with os.fdopen(ready, encoding="ascii") as stream:
        answer = stream.read()
    # EPERM: somebody else was faster, or it is a zombie.
    if answer == "0" or (answer == str(errno.EPERM) and _traced(pid)):
        return
    if not notes.alive(pid, ticks):
        raise ProcessLookupError(errno.ESRCH, f"process {pid} has ended")
    why = os.strerror(int(answer)) if answer else "the helper was killed"
    raise RuntimeError(f"cannot trace process {pid} to tell its exit status: {why}")


def _traced(pid: int) -> bool:
    """Whether the process has a tracer already: the helper of somebody who asked before."""
    try:
        with open(f"{paths.PROC}/{pid}/status", encoding="utf-8", errors="surrogateescape") as stream:
            return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in stream)
    except (FileNotFoundError, ProcessLookupError):
        return False


def _ptrace(request: int, pid: int, data: int = 0) -> int:
    """ptrace(2); 0, or the errno."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    done = libc.ptrace(ctypes.c_long(request), ctypes.c_int(pid), ctypes.c_void_p(0), ctypes.c_void_p(data))
    return 0 if done == 0 else ctypes.get_errno()


def _help(pid: int, ticks: int, tell: int) -> NoReturn:
    """The helper: lets go of everything of its caller's, traces, and ends when the process has ended."""
    os.setsid()
    notes.hide()
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(nothing, fd)
    for name in os.listdir(paths.PROC + "/self/fd"):
        if int(name) > 2 and int(name) != tell:
            _close(int(name))
    result = _ptrace(_PTRACE_SEIZE, pid)
    os.write(tell, str(result).encode("ascii"))
    os.close(tell)
    if result == 0:
        status = _trace(pid)
        if status is not None:
            notes.note_exit(pid, ticks, status)
            os.waitpid(pid, _WALL)
    os._exit(0)


def _close(fd: int) -> None:
    try:
        os.close(fd)
    except OSError:
        return  # the directory's own descriptor


def _trace(pid: int) -> Optional[int]:
    """Let the process live on until it has ended, and do not reap it; wait(2)'s status. None: it is traced no more."""
    while True:
        try:
            event = os.waitid(os.P_PID, pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
        except ChildProcessError:
            return None
        if event is None:
            continue
        if event.si_code == os.CLD_EXITED:
            return event.si_status << 8
        if event.si_code in (os.CLD_KILLED, os.CLD_DUMPED):
            return event.si_status | (0x80 if event.si_code == os.CLD_DUMPED else 0)
        status = os.waitpid(pid, _WALL)[1]
        number = os.WSTOPSIG(status)
        if status >> 16 != _PTRACE_EVENT_STOP:
            _ptrace(_PTRACE_CONT, pid, number)
        elif number in _STOPS:
            _ptrace(_PTRACE_LISTEN, pid)
        else:
            _ptrace(_PTRACE_CONT, pid)
