# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps by which a clone's disks are made, and by which it is cut off from where they came from."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, FileError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import clones, snapshots
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.files import fill_holes
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.sparse import copy_sparse


@dataclass(frozen=True)
class TakeBase(Change):
    """One snapshot of all that the source has, for one clone."""

    dataset: str
    snapshot: str

    def describe(self) -> str:
        return f"take snapshot {self.dataset}@{self.snapshot}"

    def apply(self, host: Host) -> None:
        snapshots.take(host, [f"{self.dataset}@{self.snapshot}"])


@dataclass(frozen=True)
class DropBase(Change):
    """A clone's own snapshot goes: now, or with the last clone of it (``defer``)."""

    dataset: str
    snapshot: str
    defer: bool

    def describe(self) -> str:
        when = " with the last clone of it" if self.defer else ""
        return f"let snapshot {self.dataset}@{self.snapshot} go{when}"

    def apply(self, host: Host) -> None:
        clones.drop_base(host, self.dataset, self.snapshot, self.defer)


@dataclass(frozen=True)
class CloneVolume(Change):
    """A disk that shares its blocks with the snapshot."""

    snapshot: str
    volume: str

    def describe(self) -> str:
        return f"clone {self.snapshot} to {self.volume}"

    def apply(self, host: Host) -> None:
        clones.clone_volume(host, self.snapshot, self.volume)


@dataclass(frozen=True)
class CopyVolume(Change):
    """A disk with all its data by itself."""

    snapshot: str
    volume: str

    def describe(self) -> str:
        return f"copy {self.snapshot} to {self.volume}"

    def apply(self, host: Host) -> None:
        clones.copy_volume(host, self.snapshot, self.volume)


@dataclass(frozen=True)
class Promote(Change):
    """A volume becomes the owner of what it shares with its origin."""

    volume: str
    origin: str

    def describe(self) -> str:
        return f"promote {self.volume} over {self.origin}"

    def apply(self, host: Host) -> None:
        clones.promote(host, self.volume)


@dataclass(frozen=True)
class CopyFile(Change):
    """A file of the source; it has its name when it is whole.

    ``lock``: keeps its guest from starting. ``thick``: its holes, which are kept otherwise, get blocks of their own.
    """

    source: str
    path: str
    lock: str = ""
    thick: bool = False

    def describe(self) -> str:
        return f"copy {self.source} to {self.path}"

    def apply(self, host: Host) -> None:
        if not self.lock:
            self._copy(host)
            return
        # The runtime runs a guest under this lock.
        with host.lock(self.lock, 10.0):
            self._copy(host)

    def _copy(self, host: Host) -> None:
        status = host.stat(self.source)
        if status is None:
            raise ApiaryError(f"cannot copy {self.source} to {self.path}: it is not there any more")
        directory, name = os.path.split(self.path)
        temporary = f"{directory}/.{name}.new"
        try:
            copy_sparse(self.source, temporary, status.st_size, regular=True)
            if self.thick and status.st_size:
                fill_holes(temporary, status.st_size)
            os.rename(temporary, self.path)
        except OSError as error:
            raise FileError(f"rename {temporary} to", self.path, error) from error
        finally:
            host.unlink(temporary)
