# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task has to know of the host beyond the guests themselves. Read; the plans are pure."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from typing import Mapping, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints import files
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.manifest import ARGUMENTS, Machine
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.options import Wanted
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.state import (
    GuestCheckpoints,
    read_checkpoints,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import Layout
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import is_held, work_path
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.files import free_space
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import Storage, read_storage, with_tags

BHYVE = "/usr/sbin/bhyve"
#: Where each bhyve listens for bhyvectl; it makes no such directory itself.
SOCKETS = "/var/run/bhyve"


@dataclass(frozen=True)
class Live:
    """What is to be seen of a guest's bhyve: bhyve's words beyond its configuration, whether it has its socket.

    ``arguments`` is None where a runtime that notes none has started it; ``at_work``: another task has the guest's work
    lock.
    """

    arguments: str = ""
    noted: bool = False
    socket: bool = False
    at_work: bool = False


@dataclass(frozen=True)
class Known:
    """The host for a task about checkpoints. ``free``: bytes that are free where these are."""

    observed: Observed
    checkpoints: Mapping[str, GuestCheckpoints]
    machine: Machine
    storage: Storage = Storage()
    live: Mapping[str, Live] = field(default_factory=dict)
    free: int = 0

    def of(self, guest: str) -> GuestCheckpoints:
        return self.checkpoints.get(guest, GuestCheckpoints(guest))


def read_known(host: Host, wanted: Sequence[Wanted], observed: Observed) -> Known:
    """Read it: two commands for any number of guests, one without ZFS, and one more when snapshots are held."""
    layout = observed.conf.layout
    guests = list(dict.fromkeys(one.vm for one in wanted))
    datasets = [layout.guest_dataset(name) for name in guests]
    return Known(
        observed=observed,
        checkpoints={name: read_checkpoints(host, layout, name) for name in guests},
        machine=read_machine(host),
        storage=with_tags(host, read_storage(host, [name for name in datasets if name in observed.datasets])),
        live={name: _live(host, layout, name) for name in guests},
        free=free_space(_existing(host, (layout.all_checkpoints, layout.root))),
    )


def read_machine(host: Host) -> Machine:
    """What a checkpoint is bound to, with one command."""
    argv = ["sysctl", "-n", "hw.model", "kern.version"]
    lines = host.run(argv, what="cannot read what this host is").stdout.splitlines()
    if len(lines) < 2:
        raise UnknownState(f"`{' '.join(argv)}` printed {lines!r}")
    return Machine(kernel=lines[1].strip(), bhyve=files.digest(BHYVE), cpu=lines[0].strip())


def _live(host: Host, layout: Layout, guest: str) -> Live:
    arguments = host.read(f"{layout.run(guest)}/{ARGUMENTS}")
    status = host.lstat(f"{SOCKETS}/{guest}")
    return Live(
        arguments=arguments or "",
        noted=arguments is not None,
        socket=status is not None and stat.S_ISSOCK(status.st_mode),
        at_work=is_held(work_path(guest)),
    )


def _existing(host: Host, places: Sequence[str]) -> str:
    return next((place for place in places if host.stat(place) is not None), "/")
