# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps by which snapshots are taken and destroyed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import snapshots


@dataclass(eq=False)
class Batch:
    """Snapshots that are taken by one command, at one moment: those of guests of the same run state.

    ZFS takes all or none. When it takes none, each guest's is tried alone, so that one guest's trouble is not all
    others'.
    """

    state: str
    names: List[str] = field(default_factory=list)
    _failed: Optional[bool] = None

    def take(self, host: Host, name: str) -> None:
        """See to it that this snapshot is taken; CommandError if it alone cannot be."""
        if self._failed is None:
            try:
                snapshots.take(host, self.names, self.state)
                self._failed = False
            except ApiaryError:
                self._failed = True
                if len(self.names) == 1:
                    raise
        if self._failed:
            snapshots.take(host, [name], self.state)


@dataclass(frozen=True)
class TakeSnapshot(Change):
    """The snapshot of a guest: its dataset and all its volumes."""

    dataset: str
    name: str
    batch: Batch = field(compare=False, repr=False)

    def describe(self) -> str:
        return f"take snapshot {self.dataset}@{self.name} ({self.batch.state.replace('_', '-')})"

    def apply(self, host: Host) -> None:
        self.batch.take(host, f"{self.dataset}@{self.name}")


@dataclass(frozen=True)
class DestroySnapshots(Change):
    """Snapshots of a guest, its volumes' with them, in one transaction; never a clone."""

    dataset: str
    names: Tuple[str, ...]

    def describe(self) -> str:
        many = len(self.names) > 1
        return f"destroy snapshot{'s' if many else ''} {self.dataset}@{','.join(self.names)}"

    def apply(self, host: Host) -> None:
        snapshots.destroy(host, self.dataset, self.names)
