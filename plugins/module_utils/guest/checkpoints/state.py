# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checkpoints of a guest as they are on the host. Read from files, without a command."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import config
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints import manifest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.manifest import SUSPEND, Manifest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.options import is_name
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import Layout
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

#: A checkpoint in the making, or one that broke off, or is on its way out.
PARTIAL = ".partial-"
#: Links: which checkpoint the next boot resumes from, and which the boot that is under way does.
RESUME = "resume"
RESUMING = "resuming"
#: What the snapshot of a guest's disks is called that belongs to one of its checkpoints.
SNAPSHOT = "checkpoint-"


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint. ``problem`` says why it cannot be restored whatever else is, '' if nothing is wrong with it."""

    name: str
    directory: str
    manifest: Manifest
    conf: config.Keys = field(default_factory=dict)
    used: bool = False
    problem: str = ""

    @property
    def resumed(self) -> bool:
        """Whether the guest was suspended to it and has run on since."""
        return self.used and self.manifest.kind == SUSPEND

    @property
    def void(self) -> bool:
        """Whether its memory is of no use: the guest has run on from it, and its disks cannot go back with it."""
        return self.resumed and not self.manifest.snapshot

    @property
    def summary(self) -> str:
        """For a diff."""
        disks = f", disks in @{self.manifest.snapshot}" if self.manifest.snapshot else ""
        return f"{self.manifest.kind}{disks}{', broken' if self.problem else ''}"


@dataclass(frozen=True)
class GuestCheckpoints:
    """The checkpoints of a guest, oldest first, and those that could not be read, each with the reason.

    ``resume`` and ``resuming`` are names, '' if there is none; ``partial`` are the names in the making or left.
    """

    guest: str
    there: Mapping[str, Checkpoint] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    resume: str = ""
    resuming: str = ""
    partial: Tuple[str, ...] = ()

    @property
    def names(self) -> List[str]:
        return [*self.there, *self.broken]

    @property
    def summary(self) -> Dict[str, str]:
        """All of them for a diff."""
        return {
            **{name: one.summary for name, one in self.there.items()},
            **dict.fromkeys(self.broken, "cannot be read"),
            **{f"{PARTIAL}{name}": "broken off" for name in self.partial},
        }


def read_checkpoints(host: Host, layout: Layout, guest: str) -> GuestCheckpoints:
    """Read a guest's checkpoints. UnknownState when their directory cannot be read; one that cannot is ``broken``."""
    directory = layout.checkpoints(guest)
    entries = host.listdir(directory) or []
    there: Dict[str, Checkpoint] = {}
    broken: Dict[str, str] = {}
    for name in entries:
        if not is_name(name):
            continue
        try:
            there[name] = _read(host, layout, guest, name)
        except UnknownState as error:
            broken[name] = str(error)
    ordered = sorted(there.values(), key=lambda one: (one.manifest.created, one.name))
    return GuestCheckpoints(
        guest=guest,
        there={one.name: one for one in ordered},
        broken=broken,
        resume=_link(host, directory, RESUME, entries),
        resuming=_link(host, directory, RESUMING, entries),
        partial=tuple(name[len(PARTIAL) :] for name in entries if name.startswith(PARTIAL)),
    )


def _link(host: Host, directory: str, name: str, entries: List[str]) -> str:
    return (host.readlink(f"{directory}/{name}") or "") if name in entries else ""


def _read(host: Host, layout: Layout, guest: str, name: str) -> Checkpoint:
    directory = layout.checkpoint(guest, name)
    path = f"{directory}/{manifest.NAME}"
    text = host.read(path)
    if text is None:
        raise UnknownState(f"there is no {path}")
    found = manifest.load(text, path)
    if (found.guest, found.name) != (guest, name):
        raise UnknownState(f"{path} is of checkpoint {found.name} of guest {found.guest}")
    conf = host.read(f"{directory}/{manifest.CONF}")
    return Checkpoint(
        name=name,
        directory=directory,
        manifest=found,
        conf=config.parse(conf or ""),
        used=host.stat(f"{directory}/{manifest.USED}") is not None,
        problem=_problem(host, directory, found, conf is not None),
    )


def _problem(host: Host, directory: str, found: Manifest, with_conf: bool) -> str:
    if not with_conf or host.stat(f"{directory}/{manifest.GUEST_RC}") is None:
        return f"there is no {directory}/{manifest.GUEST_RC if with_conf else manifest.CONF}"
    for name, noted in found.files.items():
        status = host.stat(f"{directory}/{name}")
        if status is None:
            return f"there is no {directory}/{name}"
        if status.st_size != noted.size:
            return f"{directory}/{name} has {status.st_size} bytes and should have {noted.size}"
    return ""
