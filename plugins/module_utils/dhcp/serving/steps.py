# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The changes that a plan of a DHCP server is made of, beside files."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.kind import ServerKind
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.steps import owed_path
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change


@dataclass(frozen=True)
class Run(Change):
    """Have a daemon run with its files as they are now."""

    kind: ServerKind
    daemon: Daemon
    running: bool

    def describe(self) -> str:
        return f"{'restart' if self.running else 'start'} {self.daemon.service}"

    def apply(self, host: Host) -> None:
        self.kind.restart(host, self.daemon)
        host.unlink(owed_path(self.daemon.service))


@dataclass(frozen=True)
class Stop(Change):
    """End a daemon."""

    kind: ServerKind
    daemon: Daemon

    def describe(self) -> str:
        return f"stop {self.daemon.service}"

    def apply(self, host: Host) -> None:
        self.kind.stop(host, self.daemon)


@dataclass(frozen=True)
class Remove(Change):
    """Remove a file."""

    path: str

    def describe(self) -> str:
        return f"remove {self.path}"

    def apply(self, host: Host) -> None:
        host.unlink(self.path)
