# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a process ended that is nobody's child here: FreeBSD's EVFILT_PROC NOTE_EXIT, by Linux's pidfd.

A pidfd that was opened while the process lived tells its exit status after it was reaped (PIDFD_GET_INFO with
PIDFD_INFO_EXIT, Linux 6.15). Between its end and the reaping the zombie's stat file has it. FreeBSD tells it at the
end, reaped or not, so both are asked.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import time
from typing import Dict, List, Optional

from .. import notes

_INFO_SIZE = 64
_PIDFD_GET_INFO = (3 << 30) | (_INFO_SIZE << 16) | (0xFF << 8) | 11
_PIDFD_INFO_EXIT = 1 << 3
_EXIT_CODE_AT = 60


class Watched:
    """A process whose end is waited for."""

    def __init__(self, pid: int) -> None:
        """OSError (ESRCH): there is no such process."""
        self.pid = pid
        self.fd = os.pidfd_open(pid)

    def status(self) -> Optional[int]:
        """wait(2)'s status of the process that has ended; None while neither its zombie nor the kernel tells it."""
        buffer = bytearray(_INFO_SIZE)
        struct.pack_into("Q", buffer, 0, _PIDFD_INFO_EXIT)
        try:
            fcntl.ioctl(self.fd, _PIDFD_GET_INFO, buffer)
        except OSError as error:
            # ESRCH: reaped, on a kernel that does not keep the status for its pidfd.
            if error.errno in (errno.ENOTTY, errno.EINVAL, errno.ESRCH):
                raise RuntimeError("pwait needs Linux 6.15 (PIDFD_INFO_EXIT) to tell an exit status") from error
            raise
        if struct.unpack_from("Q", buffer, 0)[0] & _PIDFD_INFO_EXIT:
            return int(struct.unpack_from("i", buffer, _EXIT_CODE_AT)[0])
        fields = notes.stat_fields(str(self.pid))
        if fields is not None and fields[1] == "Z":
            return int(fields[50])
        return None


def wait_any(watched: List[Watched], timeout: Optional[float]) -> Dict[int, int]:
    """Wait until at least one has ended: {pid: wait status} of those that have. Empty: the time (seconds) is over."""
    poll = select.poll()
    for one in watched:
        poll.register(one.fd, select.POLLIN)
    ready = {fd for fd, _events in poll.poll(None if timeout is None else max(0.0, timeout) * 1000)}
    found: Dict[int, int] = {}
    for one in watched:
        if one.fd not in ready:
            continue
        deadline = time.monotonic() + 5
        status = one.status()
        while status is None and time.monotonic() < deadline:
            # Just being reaped: neither zombie nor gone.
            time.sleep(0.002)
            status = one.status()
        if status is None:
            raise RuntimeError(f"process {one.pid} ended, and the kernel does not tell how")
        found[one.pid] = status
    return found
