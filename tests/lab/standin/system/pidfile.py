# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pidfile_open(3) and its kin: a file with a pid, locked by flock(2) as long as its owner (or a child of it) lives."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from typing import Optional


class AlreadyRunning(Exception):
    """Another process has the pidfile; its pid."""

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.pid = pid


class PidFile:
    """A locked pidfile."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.fd = fd

    def write(self, pid: Optional[int] = None) -> None:
        """Write the calling process's pid (no newline, as pidfile_write(3))."""
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, str(os.getpid() if pid is None else pid).encode("ascii"), 0)

    def remove(self) -> None:
        """Unlink it if the name still is this file; release the lock."""
        try:
            if os.path.samestat(os.stat(self.path), os.fstat(self.fd)):
                os.unlink(self.path)
        except FileNotFoundError:
            # Somebody removed it already.
            pass
        os.close(self.fd)


def _read_pid(path: str) -> Optional[int]:
    with open(path, encoding="ascii", errors="replace") as stream:
        text = stream.read(32).strip()
    return int(text) if text.isdigit() else None


def open_pidfile(path: str, mode: int = 0o600) -> PidFile:
    """Open and lock the file. AlreadyRunning: somebody has the lock; OSError: it cannot be made."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        # The owner may have locked it and not written yet.
        deadline = time.monotonic() + 0.1
        pid = _read_pid(path)
        while pid is None and time.monotonic() < deadline:
            time.sleep(0.005)
            pid = _read_pid(path)
        if pid is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
        raise AlreadyRunning(pid) from None
    os.ftruncate(fd, 0)
    return PidFile(path, fd)
