# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The changes that a plan of reservations is made of."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import Backend, Update
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import DHCP_OWED
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change


def owed_path(service: str) -> str:
    """The file that is there while a daemon has not been told of its changed files."""
    return f"{DHCP_OWED}/{service}"


@dataclass(frozen=True)
class PutFile(Change):
    """Write a file of the server's or of ours, as a whole; its directory is made."""

    path: str
    content: str
    mode: int
    uid: int = 0
    gid: int = 0
    what: str = ""

    def describe(self) -> str:
        return f"{self.what} in {self.path}" if self.what else f"write {self.path}"

    def apply(self, host: Host) -> None:
        host.mkdir(os.path.dirname(self.path), 0o755, parents=True)
        host.write(self.path, self.content, mode=self.mode, uid=self.uid, gid=self.gid)


@dataclass(frozen=True)
class Owe(Change):
    """Note that a daemon is to be told of its files: should the task break off, the next one does that."""

    service: str

    def describe(self) -> str:
        return f"note that {self.service} has to take its files"

    def apply(self, host: Host) -> None:
        host.mkdir(DHCP_OWED, 0o755, parents=True)
        host.write(owed_path(self.service), "", mode=0o600)


@dataclass(frozen=True)
class Activate(Change):
    """Have a daemon serve what is in its files."""

    backend: Backend
    update: Update

    def describe(self) -> str:
        return self.backend.activation(self.update)

    def apply(self, host: Host) -> None:
        self.backend.activate(host, self.update)
        host.unlink(owed_path(self.update.daemon.service))
