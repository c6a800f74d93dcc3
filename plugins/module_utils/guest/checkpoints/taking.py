# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A checkpoint of a guest that goes on: its memory, and its disks as they are at that moment.

bhyve has the guest paused, vCPUs and disks, from before the first byte of its memory is written until its metadata are
whole (usr.sbin/bhyve/snapshot.c). So: as soon as there is such a byte, bhyve itself is stopped, and while it stands
there with the metadata not yet whole, its disks are snapshotted. If they were whole already, the guest may have run on,
and all begins anew. Whatever happens in between, bhyve goes on, even if this process is killed.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import Iterator, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints import files
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.manifest import RAM
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import guest_log
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import snapshots
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.files import free_space
from ansible_collections.apiary.bhyve.plugins.module_utils.waiting import attempts

#: What bhyvectl exits with when it has handed the request on; success and failure come later, and elsewhere.
_HANDED_ON = (0, 64)
_ATTEMPTS = 5
#: Seconds for bhyvectl, for the first byte, without another one, and for a process to stop that was told to.
_REQUEST_TIMEOUT = 60.0
_BEGIN_TIMEOUT = 60.0
_STALL_TIMEOUT = 120.0
_STOP_TIMEOUT = 10.0
#: Seconds without another byte after which the free space is looked at.
_STALL = 1.0
#: Seconds between two looks: the guest stands still meanwhile, and its memory may be written in no time.
_POLL_FIRST = 0.001
_POLL = 0.02
#: What bhyve says in the guest's log when it could not do it, which nothing else tells.
_COMPLAINT = re.compile(r"^(?:Failed to|Could not|Unable to perform|Filename exceeds)\b.*$", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """What is to be saved: into the new directory ``directory``, with the disks of ``dataset`` if there is one."""

    guest: str
    pid: int
    memory: int
    cpus: int
    directory: str
    dataset: str = ""
    snapshot: str = ""

    @property
    def ram(self) -> str:
        return f"{self.directory}/{RAM}"


def take(host: Host, job: Job) -> None:
    """Write bhyve's three files, whole, and take the disks' snapshot. ApiaryError: then the guest goes on as before.

    What is left in the directory is the caller's to remove; the snapshot is gone then.
    """
    for _attempt in range(_ATTEMPTS):
        host.rmtree(job.directory)
        _make_directory(host, job.directory)
        log = _Log(host, job.guest)
        if not job.dataset:
            _request(host, job)
            _await_whole(host, job, log)
            return
        if _with_disks(host, job, log):
            try:
                _await_whole(host, job, log)
            except BaseException:
                _drop_snapshot(host, job)
                raise
            return
    raise ApiaryError(
        f"guest {job.guest}: {_ATTEMPTS} times its memory was saved faster than bhyve could be stopped, so that the "
        "disks would not have been of the same moment; the guest runs on. Without its disks it can be "
        "saved (disks: false)"
    )


def _make_directory(host: Host, directory: str) -> None:
    """Make a guest's new directory, and what is above it: nobody else is to read what was in memory."""
    top = os.path.dirname(directory)
    for path in (os.path.dirname(top), top, directory):
        host.mkdir(path, 0o700)


def _with_disks(host: Host, job: Job, log: _Log) -> bool:
    """Whether the snapshot was taken while the guest stood still; when not, there is none."""
    with _guarded(host, job.pid):
        _request(host, job)
        _await_first_byte(host, job, log)
        if not host.signal(job.pid, signal.SIGSTOP):
            raise _died(job)
        _await_stopped(host, job)
        if files.read_meta(host, job.directory) is not None:
            return False
        try:
            snapshots.take(host, [f"{job.dataset}@{job.snapshot}"])
        except ApiaryError:
            _drop_snapshot(host, job)  # it may be there nevertheless
            raise
        if files.read_meta(host, job.directory) is None:
            return True
        _drop_snapshot(host, job)
        return False


@contextlib.contextmanager
def _guarded(host: Host, pid: int) -> Iterator[None]:
    """See to it that the process goes on (SIGCONT) after this, whatever becomes of us: a shell waits for our end."""
    with tempfile.TemporaryFile() as errors:
        guard = host.start(
            ["sh", "-c", 'read -r _; kill -CONT "$1" 2> /dev/null', "sh", str(pid)],
            what=f"cannot watch over process {pid}",
            stdin=subprocess.PIPE,
            stderr=errors,
        )
        try:
            yield
        finally:
            host.signal(pid, signal.SIGCONT)
            guard.communicate()


def _request(host: Host, job: Job) -> None:
    host.run(
        ["bhyvectl", f"--vm={job.guest}", f"--checkpoint={job.ram}"],
        what=f"guest {job.guest}: cannot ask its bhyve for a checkpoint",
        accept=_HANDED_ON,
        timeout=_REQUEST_TIMEOUT,
    )


def _await_first_byte(host: Host, job: Job, log: _Log) -> None:
    for _attempt in attempts(_BEGIN_TIMEOUT, _POLL_FIRST):
        if files.sizes(host, job.directory).get(RAM):
            return
        _check(host, job, log)
    raise ApiaryError(
        f"guest {job.guest}: its bhyve was asked for a checkpoint and wrote nothing within {_BEGIN_TIMEOUT:g} s"
        f"{log.words()}"
    )


def _await_stopped(host: Host, job: Job) -> None:
    argv = ["ps", "-o", "stat=", "-p", str(job.pid)]
    what = f"guest {job.guest}: cannot see whether bhyve stands still"
    for _attempt in attempts(_STOP_TIMEOUT, _POLL_FIRST):
        state = host.run(argv, what=what, accept=(0, 1)).stdout.strip()
        if state.startswith("T"):
            return
        if not state or state.startswith("Z"):
            raise _died(job)
    raise ApiaryError(
        f"guest {job.guest}: its bhyve, process {job.pid}, did not stop within {_STOP_TIMEOUT:g} s (SIGSTOP)"
    )


def _await_whole(host: Host, job: Job, log: _Log) -> None:
    """Wait until the files are whole and stay as they are; as long as they grow, no matter how long."""
    before, changed = files.sizes(host, job.directory), time.monotonic()
    while True:
        meta = files.read_meta(host, job.directory)
        found = files.sizes(host, job.directory)
        now = time.monotonic()
        if found != before:
            before, changed = found, now
        elif meta is not None:
            wrong = files.wrong_with(meta, found, job.guest, job.memory, job.cpus)
            if wrong:
                raise ApiaryError(f"guest {job.guest}: what bhyve has saved is not this guest: {wrong}{log.words()}")
            return
        else:
            _check(host, job, log)
            _check_room(job, found.get(RAM, 0), now - changed)
            if now - changed >= _STALL_TIMEOUT:
                raise ApiaryError(
                    f"guest {job.guest}: bhyve has written nothing more for {_STALL_TIMEOUT:g} s, and what is there is "
                    f"not whole{log.words()}"
                )
        time.sleep(_POLL)


def _check_room(job: Job, written: int, idle: float) -> None:
    if idle >= _STALL and written < job.memory and free_space(job.directory) < job.memory - written:
        raise ApiaryError(
            f"guest {job.guest}: no space left in {job.directory}: {written} of {job.memory} bytes of its memory were "
            "written"
        )


def _check(host: Host, job: Job, log: _Log) -> None:
    """ApiaryError when bhyve is gone, or has said that it could not."""
    if not host.signal(job.pid, 0):
        raise _died(job)
    complaint = log.complaint()
    # What it says last comes before the files are closed, and the log is written by somebody else, later.
    if complaint and files.read_meta(host, job.directory) is None:
        raise ApiaryError(f"guest {job.guest}: bhyve could not save it: {complaint}")


def _died(job: Job) -> ApiaryError:
    return ApiaryError(
        f"guest {job.guest}: its bhyve, process {job.pid}, ended while it was being saved (see {guest_log(job.guest)})"
    )


def _drop_snapshot(host: Host, job: Job) -> None:
    """The snapshot belongs to nothing; when something else has failed already, that is what is told."""
    with contextlib.suppress(ApiaryError):
        snapshots.destroy(host, job.dataset, [job.snapshot])


class _Log:
    """What comes into a guest's log from now on."""

    def __init__(self, host: Host, guest: str) -> None:
        self._host, self._path = host, guest_log(guest)
        status = host.stat(self._path)
        self._begin = status.st_size if status is not None else 0

    def complaint(self) -> str:
        """bhyve's words for not having been able to, '' if it has said none."""
        found = _COMPLAINT.findall(self._new())
        return " / ".join(line.strip() for line in found)

    def words(self) -> str:
        """The same, to be appended to a message."""
        complaint = self.complaint()
        return f": {complaint}" if complaint else ""

    def _new(self) -> str:
        status = self._host.stat(self._path)
        if status is None or status.st_size == self._begin:
            return ""
        begin: Optional[int] = self._begin if status.st_size > self._begin else None  # it was rotated
        content = self._host.read_bytes(self._path) or b""
        return content[begin:].decode("utf-8", "replace")
