# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether this host's bhyve can save a running guest's memory, and which devices' state it saves with it.

Kernel and world have to be built for that (``options BHYVE_SNAPSHOT``, ``WITH_BHYVE_SNAPSHOT``, src.conf(5)). Of
devices that bhyve cannot save, an older one says nothing at all and a newer one only in the guest's log; so that is
looked at before.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

#: The devices that bhyve can save the state of, and bridges, which have none: those with ``pe_snapshot`` in pci_*.c,
#: which are those of the table that snapshot.c had before.
_DEVICES = (
    "hostbridge",
    "amd_hostbridge",
    "lpc",
    "virtio-blk",
    "virtio-net",
    "virtio-rnd",
    "fbuf",
    "xhci",
    "e1000",
    "ahci",
    "ahci-hd",
    "ahci-cd",
)

#: 14.0-RELEASE. From then on bhyve saves each PCI device under its slot; before, it went through a table of models and
#: saved the first device of each.
_BY_SLOT = 1400097


@dataclass(frozen=True)
class Checkpoints:
    """What of this host cannot make checkpoints (empty: it can); the models of devices that are saved.

    ``several``: more than one device of a model is saved. ``source``: how that is known.
    """

    missing: Tuple[str, ...]
    devices: Tuple[str, ...]
    several: bool = True
    source: str = ""

    def to_json(self) -> Dict[str, object]:
        """As in capabilities.json."""
        return {**asdict(self), "missing": list(self.missing), "devices": list(self.devices)}

    def variables(self) -> Dict[str, str]:
        """As in apiary.conf, for the runtime."""
        return {
            "apiary_checkpoint_missing": " ".join(self.missing),
            "apiary_checkpoint_devices": " ".join(self.devices),
            "apiary_checkpoint_several": "YES" if self.several else "NO",
        }


def from_json(data: Mapping[str, Any]) -> Checkpoints:
    """The inverse of to_json(). KeyError or TypeError when data is nothing of the kind."""
    return Checkpoints(tuple(data["missing"]), tuple(data["devices"]), bool(data["several"]), str(data["source"]))


def read_checkpoints(host: Host, bhyve_options: Sequence[str], bhyvectl_usage: str, osreldate: int) -> Checkpoints:
    """By the options that bhyve(8) and bhyvectl(8) have, the kernel's configuration, and its version."""
    # -i: a kernel built without INCLUDE_CONFIG_FILE does not know its configuration.
    kernel = host.run(["sysctl", "-in", "kern.conftxt"], what="cannot read the kernel's configuration").stdout
    missing = missing_parts(bhyve_options, bhyvectl_usage, kernel)
    if missing:
        return Checkpoints(missing, (), False, "")
    several = osreldate >= _BY_SLOT
    source = "pe_snapshot of its pci_*.c, by slot" if several else "the table in its snapshot.c, one of each model"
    return Checkpoints((), _DEVICES, several, f"usr.sbin/bhyve of {osreldate}: {source}")


def missing_parts(bhyve_options: Sequence[str], bhyvectl_usage: str, kernel: str) -> Tuple[str, ...]:
    """Which of kernel, bhyve and bhyvectl were built without checkpoints. A kernel that does not tell is believed."""
    missing: List[str] = []
    if kernel and "BHYVE_SNAPSHOT" not in kernel.split():
        missing.append("kernel")
    if "r" not in bhyve_options:
        missing.append("bhyve")
    if "--suspend=" not in bhyvectl_usage:
        missing.append("bhyvectl")
    return tuple(missing)
