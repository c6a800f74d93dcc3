# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a process that is nobody's child here, and how it ended: FreeBSD's EVFILT_PROC NOTE_EXIT.

That it ended tells Linux's pidfd. How, FreeBSD tells at the end, reaped or not. Here a zombie's stat file tells it;
after the reaping a pidfd that was opened before does (PIDFD_GET_INFO with PIDFD_INFO_EXIT, Linux 6.15), and on an
older kernel the note of a tracer (``tracing``).
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import time
from typing import List, Optional

from .. import notes

#: In the environment of pwait: trace even where the kernel tells by itself.
TRACE = "STANDIN_TRACE"

_INFO_SIZE = 64
_PIDFD_GET_INFO = (3 << 30) | (_INFO_SIZE << 16) | (0xFF << 8) | 11
_PIDFD_INFO_EXIT = 1 << 3
_EXIT_CODE_AT = 60
#: Seconds that a dead process may be neither a zombie nor reaped.
_BETWEEN = 5.0


class Watched:
    """A process whose end is waited for."""

    def __init__(self, pid: int, status: bool) -> None:
        """``status``: how it ends is asked for, too. ProcessLookupError: there is no such process."""
        self.pid = pid
        self.fd = os.pidfd_open(pid)
        self._ticks = notes.start_ticks(pid)
        self._early: Optional[int] = None
        if status and not _kernel_tells():
            self._follow()

    def _follow(self) -> None:
        from . import tracing

        if self._ticks is None:
            raise ProcessLookupError(f"process {self.pid} has ended")
        try:
            tracing.follow(self.pid, self._ticks)
        except ProcessLookupError:
            self._early = self._told()
            if self._early is None:
                raise

    def status(self) -> int:
        """wait(2)'s status of the process, which has ended and was made with ``status``."""
        deadline = time.monotonic() + _BETWEEN
        while True:
            status = self._told()
            if status is not None:
                return status
            if time.monotonic() > deadline:
                raise RuntimeError(f"process {self.pid} ended, and neither the kernel nor a tracer told how")
            # Just being reaped: neither zombie nor gone.
            time.sleep(0.002)

    def _told(self) -> Optional[int]:
        if self._early is not None:
            return self._early
        fields = notes.stat_fields(str(self.pid))
        if fields is not None and fields[1] == "Z" and int(fields[20]) == self._ticks:
            return int(fields[50])
        if self._ticks is not None:
            noted = notes.read_note(self.pid, self._ticks).get("exit")
            if noted is not None:
                return int(noted)
        return _exit_info(self.fd)


def _exit_info(fd: int) -> Optional[int]:
    """What the kernel keeps for a pidfd whose process was reaped; None while it was not, and on an older kernel."""
    buffer = bytearray(_INFO_SIZE)
    struct.pack_into("Q", buffer, 0, _PIDFD_INFO_EXIT)
    try:
        fcntl.ioctl(fd, _PIDFD_GET_INFO, buffer)
    except OSError:
        return None
    if not struct.unpack_from("Q", buffer, 0)[0] & _PIDFD_INFO_EXIT:
        return None
    return int(struct.unpack_from("i", buffer, _EXIT_CODE_AT)[0])


def _kernel_tells() -> bool:
    """Whether a pidfd tells the exit status of a reaped process here: a child shows it."""
    if os.environ.get(TRACE):
        return False
    child = os.fork()
    if child == 0:
        os._exit(0)
    fd = os.pidfd_open(child)
    try:
        os.waitpid(child, 0)
        return _exit_info(fd) is not None
    finally:
        os.close(fd)


def wait_any(watched: List[Watched], timeout: Optional[float]) -> List[Watched]:
    """Wait until at least one has ended: those that have. Empty: the time (seconds) is over."""
    poll = select.poll()
    for one in watched:
        poll.register(one.fd, select.POLLIN)
    ready = {fd for fd, _events in poll.poll(None if timeout is None else max(0.0, timeout) * 1000)}
    return [one for one in watched if one.fd in ready]
