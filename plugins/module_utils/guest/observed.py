# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host as it is: what a plan is made from. Pure; ``observe`` reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.allocations import Allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.state import Source
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.hostconf import (
    Capabilities,
    HostConf,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import bhyve_title
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.state import Chainload
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.renames.state import Former
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.state import HostDhcp
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.wired import WiredMemory
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import Device
from ansible_collections.apiary.bhyve.plugins.module_utils.places import RUNTIME
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import (
    Listener,
    OpenFile,
    Process,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import Image
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.labels import Labels
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.mounts import (
    Mount,
    PoolMember,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import Storage
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Dataset

_GENERATION = re.compile(r"boot\.(\d+)")
#: The generation of a guest that was resumed from a checkpoint: that of the checkpoint.
RESTORED = "boot.restored"


class Alive:
    """The processes of the host, to be found by title, or by PID and what proves that it is still the same process."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self._titles = {process.command: process for process in processes}
        self._pids = {process.pid: process for process in processes}

    def bhyve(self, name: str) -> Optional[Process]:
        """The bhyve of this guest: by its whole title, never by a part of it."""
        return self._titles.get(bhyve_title(name))

    def noted(self, note: Optional[str], name: str) -> bool:
        """Whether the process that a file of the runtime names (PID and start time) is still that process.

        A supervisor is known by its title as well: start times move when the host's clock is set.
        """
        pid, _blank, started = (note or "").strip().partition(" ")
        process = self._pids.get(int(pid)) if pid.isdigit() else None
        if process is None:
            return False
        supervisor = f"/bin/sh {RUNTIME} run {name}"
        titled = process.command == supervisor or process.command.startswith(f"{supervisor} ")
        return titled or process.started.split() == started.split()


@dataclass(frozen=True)
class Generation:
    """A boot generation's files; None for one that is missing."""

    name: str
    conf: Optional[str]
    rc: Optional[str]


@dataclass(frozen=True)
class ObservedGuest:
    """A guest's directory and what of it lives now."""

    name: str
    exists: bool = False
    entries: Tuple[str, ...] = ()
    record: Optional[Record] = None
    former: Optional[str] = None
    boot: Optional[Generation] = None
    running: Optional[Generation] = None
    generation: str = ""
    pid: Optional[int] = None
    started: str = ""
    supervised: bool = False
    stop_asked: bool = False
    status: Dict[str, str] = field(default_factory=dict)
    node: bool = False
    ran: bool = False
    file_sizes: Dict[str, int] = field(default_factory=dict)
    #: Whether there are snapshots of its dataset.
    snapshots: bool = False
    #: The snapshot that a rollback was going to when it was interrupted, '' if there is none.
    rollback: str = ""
    #: What is among its checkpoints, whole or left by a task that broke off.
    checkpoints: Tuple[str, ...] = ()
    #: Whether there is a directory for them.
    keeps_checkpoints: bool = False
    #: The checkpoint that its next boot resumes from, '' if it is an ordinary one.
    suspended: str = ""
    error: Optional[ApiaryError] = None

    @property
    def generations(self) -> List[int]:
        return sorted(int(match[1]) for match in map(_GENERATION.fullmatch, self.entries) if match)

    @property
    def boots(self) -> List[str]:
        """The names of all its boot generations."""
        return [
            *(f"boot.{number}" for number in self.generations),
            *(name for name in self.entries if name == RESTORED),
        ]

    @property
    def active(self) -> bool:
        """Whether the guest runs or is about to: its bhyve lives, or its supervisor does."""
        return self.pid is not None or self.supervised

    @property
    def state(self) -> str:
        """running, starting, stopping, failed, preserved, suspended or stopped.

        By the kernel first, the status only adds why: of a guest that could not be resumed as well.
        """
        if self.pid is not None:
            return "stopping" if self.supervised and self.stop_asked else "running"
        told = self.status.get("state", "")
        if self.supervised:
            return "starting"
        if told == "failed" or (told == "preserved" and self.node):
            return told
        return "suspended" if self.suspended else "stopped"


@dataclass(frozen=True)
class HostDevices:
    """The host's PCI devices by place, and the places that loader.conf gives to ppt(4) at boot."""

    devices: Mapping[str, Device]
    reserved: FrozenSet[str]


@dataclass(frozen=True)
class Observed:
    """The host. What only some plans need is None until observe_more() has read it."""

    conf: HostConf
    capabilities: Capabilities
    hostuuid: str
    guests: Dict[str, ObservedGuest]
    datasets: Dict[str, Dataset]
    interfaces: Dict[str, Interface]
    processes: Sequence[Process]
    allocations: Allocations
    free_bytes: int = 0
    listeners: Optional[Sequence[Listener]] = None
    open_files: Optional[Sequence[OpenFile]] = None
    mounts: Optional[Sequence[Mount]] = None
    labels: Optional[Labels] = None
    pool_members: Optional[Sequence[PoolMember]] = None
    wired: Optional[WiredMemory] = None
    host_devices: Optional[HostDevices] = None
    #: What the clones of a task are made from, by the clone's name; snapshots of what they have to do with.
    sources: Mapping[str, Source] = field(default_factory=dict)
    storage: Storage = Storage()
    #: The images by name, read if a disk is to be made from one.
    images: Mapping[str, Image] = field(default_factory=dict)
    #: The boot scripts of the host's TFTP server, None if it serves none.
    chainload: Optional[Chainload] = None
    #: The former names of the task's guests, by the new ones, by which all that is observed goes already.
    formers: Mapping[str, Former] = field(default_factory=dict)
    #: The host's own DHCP server, with its reservations.
    dhcp: HostDhcp = HostDhcp()

    @property
    def renamed(self) -> Dict[str, str]:
        """New names by former ones."""
        return {former.name: name for name, former in self.formers.items()}

    def guest(self, name: str) -> ObservedGuest:
        return self.guests.get(name, ObservedGuest(name))

    @cached_property
    def bridges(self) -> Dict[str, Interface]:
        """The bridges among the interfaces, which may be thousands of taps."""
        return {name: interface for name, interface in self.interfaces.items() if interface.is_bridge}

    @property
    def with_zfs(self) -> bool:
        return bool(self.conf.layout.dataset)
