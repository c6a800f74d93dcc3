# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps by which a guest, and what goes by its name, gets another one."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from ansible_collections.apiary.bhyve.plugins.module_utils import allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, FileError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import ALLOCATIONS, LOGS
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import clones

#: Seconds to wait for the lock under which the runtime runs a guest: it is free unless somebody has just started it.
_LOCK_TIMEOUT = 5.0


@dataclass(frozen=True)
class RenameDataset(Change):
    """The guest's dataset with all its volumes, in one step, while nobody can start it (``lock``)."""

    dataset: str
    name: str
    lock: str

    def describe(self) -> str:
        return f"rename {self.dataset} to {self.name}"

    def apply(self, host: Host) -> None:
        with host.lock(self.lock, _LOCK_TIMEOUT):
            clones.rename(host, self.dataset, self.name)


@dataclass(frozen=True)
class RenameDirectory(Change):
    """The guest's directory, on a host without ZFS."""

    source: str
    target: str
    lock: str

    def describe(self) -> str:
        return f"rename {self.source} to {self.target}"

    def apply(self, host: Host) -> None:
        with host.lock(self.lock, _LOCK_TIMEOUT):
            try:
                os.rename(self.source, self.target)
            except OSError as error:
                raise FileError(f"rename {self.source} to", self.target, error) from error


@dataclass(frozen=True)
class MoveAllocations(Change):
    """Taps, ports and VNC port of the former name."""

    former: str

    def describe(self) -> str:
        return f"give taps, ports and VNC port of {self.former} to {self.subject}"

    def apply(self, host: Host) -> None:
        known = allocations.load(host.read(ALLOCATIONS), ALLOCATIONS)
        moved = allocations.moved(known, self.former, self.subject)
        host.write(ALLOCATIONS, allocations.dump(moved), mode=0o600)


@dataclass(frozen=True)
class MoveLogs(Change):
    """The guest's log and what newsyslog(8) made of it; a log that the new name has already is left alone."""

    former: str

    def describe(self) -> str:
        return f"rename the logs of {self.former}"

    def apply(self, host: Host) -> None:
        whole = re.compile(re.escape(f"{self.former}.log") + r"(?P<rest>(\.\d+(\.[a-z0-9]+)?)?)")
        names = host.listdir(LOGS) or []
        for name in names:
            match = whole.fullmatch(name)
            target = f"{self.subject}.log{match['rest']}" if match else ""
            if not target or target in names:
                continue
            try:
                os.rename(f"{LOGS}/{name}", f"{LOGS}/{target}")
            except OSError as error:
                raise FileError(f"rename {LOGS}/{name} to", f"{LOGS}/{target}", error) from error


@dataclass(frozen=True)
class DestroyNode(Change):
    """What a run of the guest left in the kernel under its former name."""

    name: str

    def describe(self) -> str:
        return f"destroy what is left of {self.name} in /dev/vmm"

    def apply(self, host: Host) -> None:
        what = f"cannot destroy what an earlier run of {self.name} left"
        host.run(["bhyvectl", f"--vm={self.name}", "--destroy"], what=what, timeout=60)


@dataclass(frozen=True)
class FollowRename(Change):
    """Another guest follows a renaming, once that is done: its steps come after this one."""

    former: str
    name: str
    record: str

    def describe(self) -> str:
        return f"follow guest {self.former}, which is {self.name} now"

    def apply(self, host: Host) -> None:
        if host.stat(self.record) is None:
            raise ApiaryError(f"guest {self.former} was not renamed to {self.name}, so this one does not follow")
