# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a rollback: the note, each dataset, the end. Between the first and the last nobody starts the guest."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Alive
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import RUN
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import read_open_files, read_processes
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import snapshots


@dataclass(frozen=True)
class BeginRollback(Change):
    """Note what is done, then make sure that the guest is off and nobody has its volumes open.

    In this order: the runtime notes its supervisor before it looks for our note, so one of the two sees the other.
    """

    path: str
    content: str
    snapshot: str
    nodes: Tuple[str, ...]

    def describe(self) -> str:
        return f"note in {self.path} that {self.subject} is rolled back to {self.snapshot}"

    def apply(self, host: Host) -> None:
        unfinished = host.stat(self.path) is not None
        host.mkdir(os.path.dirname(self.path), 0o700)
        host.write(self.path, self.content, mode=0o600)
        try:
            self._check(host)
        except ApiaryError:
            if not unfinished:
                host.unlink(self.path)
            raise

    def _check(self, host: Host) -> None:
        alive = Alive(read_processes(host))
        notes = (host.read(f"{RUN}/{self.subject}/{who}") for who in ("supervisor", "loader"))
        if alive.bhyve(self.subject) is not None or any(alive.noted(note, self.subject) for note in notes):
            raise ApiaryError("the guest was started meanwhile; nothing was rolled back")
        for file in read_open_files(host):
            if file.name in self.nodes:
                raise ApiaryError(
                    f"{file.name} is open in process {file.pid} ({file.command}); nothing was rolled back"
                )


@dataclass(frozen=True)
class RollBack(Change):
    """One dataset of the guest, as it was."""

    snapshot: str
    destroy_newer: bool

    def describe(self) -> str:
        newer = ", destroying what is newer" if self.destroy_newer else ""
        return f"roll back to {self.snapshot}{newer}"

    def apply(self, host: Host) -> None:
        snapshots.roll_back(host, self.snapshot, self.destroy_newer)


@dataclass(frozen=True)
class EndRollback(Change):
    """All is as it should be, or gone: nothing keeps a guest of this name from being started."""

    path: str

    def describe(self) -> str:
        return f"remove the note {self.path}"

    def apply(self, host: Host) -> None:
        host.unlink(self.path, sync=True)
        directory = os.path.dirname(self.path)
        if host.listdir(directory) == []:
            host.rmdir(directory)
