# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is noted of a checkpoint beside bhyve's files: lines KEY=value, as the runtime in sh(1) does it too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState

SCHEMA = "1"
NAME = "manifest"

CHECKPOINT = "checkpoint"
SUSPEND = "suspended"

#: The files that bhyve writes (usr.sbin/bhyve/snapshot.c): memory, what the kernel knows, and what is where in that.
RAM = "ram"
FILES = (RAM, f"{RAM}.kern", f"{RAM}.meta")

#: Beside them: the boot generation that ran, and the words that bhyve had beyond it.
CONF = "bhyve.conf"
GUEST_RC = "guest.rc"
ARGUMENTS = "arguments"
#: There once the guest was resumed from it.
USED = "used"

_KEYS = ("guest", "uuid", "name", "kind", "created", "generation", "memory", "cpus", "kernel", "bhyve", "cpu")


@dataclass(frozen=True)
class File:
    """One of bhyve's files: bytes, and SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Machine:
    """What of a host a checkpoint can be restored on only: kern.version, the checksum of /usr/sbin/bhyve, hw.model."""

    kernel: str
    bhyve: str
    cpu: str


@dataclass(frozen=True)
class Manifest:
    """A checkpoint, whole. ``memory`` is bytes, ``created`` epoch seconds, ``snapshot`` '' without the disks'."""

    guest: str
    uuid: str
    name: str
    kind: str
    created: int
    generation: str
    memory: int
    cpus: int
    machine: Machine
    files: Dict[str, File] = field(default_factory=dict)
    resume_at_boot: bool = False
    snapshot: str = ""

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(one.size for one in self.files.values())


def dump(manifest: Manifest) -> str:
    """The text of the file."""
    lines = {
        "schema": SCHEMA,
        "guest": manifest.guest,
        "uuid": manifest.uuid,
        "name": manifest.name,
        "kind": manifest.kind,
        "created": str(manifest.created),
        "generation": manifest.generation,
        "memory": str(manifest.memory),
        "cpus": str(manifest.cpus),
        "kernel": manifest.machine.kernel,
        "bhyve": manifest.machine.bhyve,
        "cpu": manifest.machine.cpu,
        **{f"size_{name}": str(manifest.files[name].size) for name in FILES},
        **{f"sha256_{name}": manifest.files[name].sha256 for name in FILES},
        "resume_at_boot": "YES" if manifest.resume_at_boot else "NO",
        "snapshot": manifest.snapshot,
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def load(text: str, path: str) -> Manifest:
    """Read the file. UnknownState for anything else."""
    pairs = (line.partition("=") for line in text.splitlines())
    values = {key: value for key, _equals, value in pairs}
    if values.get("schema", SCHEMA) != SCHEMA:
        raise UnknownState(f"{path} has schema {values['schema']}: update the collection on the controller")
    try:
        known = {key: values[key] for key in _KEYS}
        return Manifest(
            guest=known["guest"],
            uuid=known["uuid"],
            name=known["name"],
            kind=known["kind"],
            created=int(known["created"]),
            generation=known["generation"],
            memory=int(known["memory"]),
            cpus=int(known["cpus"]),
            machine=Machine(known["kernel"], known["bhyve"], known["cpu"]),
            files={name: File(int(values[f"size_{name}"]), values[f"sha256_{name}"]) for name in FILES},
            resume_at_boot=values.get("resume_at_boot") == "YES",
            snapshot=values.get("snapshot", ""),
        )
    except (KeyError, ValueError) as error:
        raise UnknownState(f"{path} cannot be read ({error!r})") from error
