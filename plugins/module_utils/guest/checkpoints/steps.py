# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps by which checkpoints are made, removed and resumed from."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, replace

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints import files, manifest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.manifest import (
    CHECKPOINT,
    USED,
    Manifest,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.state import PARTIAL, RESUME
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.taking import Job, take
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Alive
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import read_processes
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import snapshots


@dataclass(frozen=True)
class Saved:
    """What goes beside bhyve's files: the generation that runs, and bhyve's words beyond it."""

    conf: str
    guest_rc: str
    arguments: str


@dataclass(frozen=True)
class TakeCheckpoint(Change):
    """The checkpoint of a guest that goes on, under its name only when it is whole.

    ``job`` writes into the partial directory, ``noted`` is its manifest as far as it is known before.
    """

    job: Job
    noted: Manifest
    saved: Saved
    directory: str
    started: str

    def describe(self) -> str:
        disks = f" with the disks in {self.job.dataset}@{self.job.snapshot}" if self.job.dataset else ""
        return f"take checkpoint {self.directory}{disks}"

    def apply(self, host: Host) -> None:
        bhyve = Alive(read_processes(host)).bhyve(self.subject)
        if bhyve is None or (bhyve.pid, bhyve.started) != (self.job.pid, self.started):
            raise ApiaryError(f"guest {self.subject}: it ended or was started anew meanwhile; nothing was saved")
        if host.lstat(self.directory) is not None:
            raise ApiaryError(f"guest {self.subject}: somebody else has made {self.directory} meanwhile")
        try:
            take(host, self.job)
            self._complete(host)
        except BaseException:
            with contextlib.suppress(ApiaryError):
                host.rmtree(self.job.directory)
                _tidy(host, os.path.dirname(self.directory))
            raise

    def _complete(self, host: Host) -> None:
        part = self.job.directory
        try:
            host.write(f"{part}/{manifest.CONF}", self.saved.conf, mode=0o600)
            host.write(f"{part}/{manifest.GUEST_RC}", self.saved.guest_rc, mode=0o600)
            host.write(f"{part}/{manifest.ARGUMENTS}", self.saved.arguments, mode=0o600)
            noted = replace(self.noted, created=int(time.time()), files=files.keep(host, part))
            host.write(f"{part}/{manifest.NAME}", manifest.dump(noted), mode=0o600)
            host.rename(part, self.directory)
        except BaseException:
            if self.job.dataset:
                with contextlib.suppress(ApiaryError):
                    snapshots.destroy(host, self.job.dataset, [self.job.snapshot])
            raise


@dataclass(frozen=True)
class SnapshotDisks(Change):
    """The disks of a guest that was suspended a moment ago, or before and without them.

    ``old``: a snapshot of that name is there that does not belong to this memory.
    """

    dataset: str
    snapshot: str
    top: str
    name: str
    old: bool

    def describe(self) -> str:
        return f"take snapshot {self.dataset}@{self.snapshot} of the disks"

    def apply(self, host: Host) -> None:
        if self.old:
            snapshots.destroy(host, self.dataset, [self.snapshot])
        snapshots.take(host, [f"{self.dataset}@{self.snapshot}"])
        # The runtime takes that link away before bhyve begins: while it is there, nobody has written to the disks.
        if host.readlink(f"{self.top}/{RESUME}") != self.name:
            with contextlib.suppress(ApiaryError):
                snapshots.destroy(host, self.dataset, [self.snapshot])
            raise ApiaryError(f"guest {self.subject}: it was started meanwhile, so its disks have no snapshot")
        path = f"{self.top}/{self.name}/{manifest.NAME}"
        noted = replace(manifest.load(host.read(path) or "", path), snapshot=self.snapshot)
        host.write(path, manifest.dump(noted), mode=0o600)


@dataclass(frozen=True)
class RemoveCheckpoint(Change):
    """A checkpoint goes, and its disks' snapshot (full name, '' for none) with it.

    Under its name it is whole or not there; what is left of it when this breaks off goes with the next task.
    """

    top: str
    name: str
    snapshot: str

    def describe(self) -> str:
        snapshot = f" and {self.snapshot}" if self.snapshot else ""
        return f"remove checkpoint {self.top}/{self.name}{snapshot}"

    def apply(self, host: Host) -> None:
        if host.readlink(f"{self.top}/{RESUME}") == self.name:
            host.unlink(f"{self.top}/{RESUME}", sync=True)
        part = f"{self.top}/{PARTIAL}{self.name}"
        host.remove(part)
        host.rename(f"{self.top}/{self.name}", part)
        _destroy(host, self.snapshot)
        host.remove(part)
        _tidy(host, self.top)


@dataclass(frozen=True)
class RemoveLeftover(Change):
    """What a task has left that broke off: a directory, and the snapshot (full name, '' for none) meant for it."""

    top: str
    name: str
    snapshot: str

    def describe(self) -> str:
        snapshot = f" and {self.snapshot}" if self.snapshot else ""
        return f"remove {self.top}/{PARTIAL}{self.name}{snapshot}, which another task has left"

    def apply(self, host: Host) -> None:
        _destroy(host, self.snapshot)
        host.remove(f"{self.top}/{PARTIAL}{self.name}")
        _tidy(host, self.top)


def _destroy(host: Host, snapshot: str) -> None:
    if snapshot:
        dataset, _at, name = snapshot.partition("@")
        snapshots.destroy(host, dataset, [name])


def _tidy(host: Host, top: str) -> None:
    if host.listdir(top) == []:
        host.rmdir(top)


@dataclass(frozen=True)
class Resume(Change):
    """The guest's next boot is a restore from this checkpoint; ``used``: it was resumed from it before."""

    top: str
    name: str
    kind: str = CHECKPOINT
    used: bool = False

    def describe(self) -> str:
        return f"let the next boot resume from {self.top}/{self.name}"

    def apply(self, host: Host) -> None:
        host.unlink(f"{self.top}/{self.name}/{USED}", sync=True)
        host.symlink(self.name, f"{self.top}/{RESUME}")

    def undo(self, host: Host) -> bool:
        if host.readlink(f"{self.top}/{RESUME}") != self.name:
            return False
        host.unlink(f"{self.top}/{RESUME}", sync=True)
        if self.used:
            host.write(f"{self.top}/{self.name}/{USED}", "", mode=0o600)
        return True
