# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stand-in host is: release, machine, hardware, what it lacks. Fixed when it is made (document ``host``)."""

from __future__ import annotations

import re
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Tuple

_NAMESPACE = uuid.UUID("6f1f5d0e-3a4c-4f59-9d0e-2f8f7a6f3f10")


@dataclass(frozen=True)
class Settings:
    """The host's build. Commands read it with ``state.peek("disk", "host")`` under the same names.

    ``memory`` in bytes. ``cpu``: "intel", "amd" or "none" (cannot virtualise). ``uplinks``: interface of the host
    -> the lab's switch that it is plugged into; hosts on one switch see each other. ``zfs``: has the pool zroot.
    ``repository``: packages can be had. ``strict``: bhyve refuses a configuration key that it does not know.
    ``snapshot``: the host was built with BHYVE_SNAPSHOT, but for the parts in ``snapshot_missing`` ("kernel", "bhyve",
    "bhyvectl"). ``seed``: decides what chance would (``zfs/``). ``iommu``: the
    machine has one, and its firmware tells of it. ``pci``: further PCI devices, or others in their place
    (``pci.inventory.Function``).
    """

    hostname: str
    release: str = "14.3-RELEASE"
    machine: str = "amd64"
    cpus: int = 4
    memory: int = 16 << 30
    cpu: str = "intel"
    zfs: bool = True
    repository: bool = True
    strict: bool = True
    snapshot: bool = False
    snapshot_missing: Tuple[str, ...] = ()
    seed: str = "standin"
    uplinks: Dict[str, str] = field(default_factory=dict)
    iommu: bool = True
    pci: List[Dict[str, Any]] = field(default_factory=list)

    @property
    def osreldate(self) -> int:
        """kern.osreldate of that release: 1403000 for 14.3-RELEASE."""
        match = re.match(r"(\d+)\.(\d+)", self.release)
        if match is None:
            raise ValueError(f"a release is written like 14.3-RELEASE, not {self.release!r}")
        return int(match.group(1)) * 100000 + int(match.group(2)) * 1000

    @property
    def version(self) -> str:
        """What ``uname -v`` prints."""
        branch = re.sub(r"^(\d+\.\d+)-RELEASE.*", r"releng/\1", self.release)
        kernel = "GENERIC"
        return f"FreeBSD {self.release} {branch}-n271432-8c9ce319fef7 {kernel}"

    @property
    def hostuuid(self) -> str:
        """The host's own UUID: the same for the same name."""
        return str(uuid.uuid5(_NAMESPACE, self.hostname))

    def document(self) -> Dict[str, Any]:
        """All of it for the commands: the fields, and what follows from them."""
        return {
            **asdict(self),
            "osreldate": self.osreldate,
            "version": self.version,
            "hostuuid": self.hostuuid,
        }
