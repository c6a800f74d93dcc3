# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest as a snapshot has it, read below .zfs/snapshot, which the file system shows without any command."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass, replace
from typing import Dict, FrozenSet, List, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import Layout
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Generation, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

SNAPDIR = ".zfs"


@dataclass(frozen=True)
class Past:
    """What a snapshot holds of a guest's directory. ``same``: the files of today are those of the snapshot.

    ``same`` leaves out what a rollback writes itself, record and boot generations.
    """

    record: Record
    entries: Tuple[str, ...]
    boot: Optional[Generation]
    file_sizes: Dict[str, int]
    same: bool

    def as_guest(self, seen: ObservedGuest, past_record: Record) -> ObservedGuest:
        """The guest as it will be found once its file system is rolled back; it does not run then."""
        return replace(
            seen,
            entries=self.entries,
            record=past_record,
            boot=self.boot,
            running=None,
            generation="",
            pid=None,
            started="",
            supervised=False,
            stop_asked=False,
            file_sizes=self.file_sizes,
            rollback="",
        )


def read_past(host: Host, layout: Layout, guest: str, snapshot: str) -> Past:
    """Read a guest's directory as the snapshot has it. BadInput when there is no record in it."""
    directory = layout.directory(guest)
    past = f"{directory}/{SNAPDIR}/snapshot/{snapshot}"
    text = host.read(f"{past}/guest.json")
    if text is None:
        raise BadInput(
            f"guest {guest}: snapshot {snapshot} has no record of the guest ({past}/guest.json), so what it was cannot "
            "be known"
        )
    entries = tuple(name for name in host.listdir(past) or () if name != SNAPDIR)
    link = host.readlink(f"{past}/boot")
    boot = None
    if link:
        boot = Generation(link, host.read(f"{past}/{link}/bhyve.conf"), host.read(f"{past}/{link}/guest.rc"))
    sizes: Dict[str, int] = {}
    for name in entries:
        status = host.stat(f"{past}/{name}") if name.endswith(".img") else None
        if status is not None:
            sizes[name[: -len(".img")]] = status.st_size
    found = record.load(text, f"{past}/guest.json", _name_in(text, guest))
    return Past(found, entries, boot, sizes, _files(host, past) == _files(host, directory))


def _name_in(text: str, guest: str) -> str:
    """The name in a record: the guest's at that time, for it may have been renamed, or cloned from another."""
    try:
        return str(json.loads(text)["declared"]["name"])
    except (ValueError, KeyError, TypeError):
        return guest


def _files(host: Host, top: str) -> FrozenSet[Tuple[object, ...]]:
    """What tells whether files were written since: kinds, modes, sizes, times."""
    found: List[Tuple[object, ...]] = []
    pending = [""]
    while pending:
        place = pending.pop()
        for name in host.listdir(f"{top}/{place}") or ():
            path = f"{place}/{name}" if place else name
            if not place and (name in (SNAPDIR, "guest.json", "boot") or name.startswith("boot.")):
                continue
            status = host.lstat(f"{top}/{path}")
            if status is None or stat.S_ISSOCK(status.st_mode):
                continue
            if stat.S_ISDIR(status.st_mode):
                pending.append(path)
                found.append((path, status.st_mode))
            elif stat.S_ISLNK(status.st_mode):
                found.append((path, host.readlink(f"{top}/{path}")))
            else:
                found.append((path, status.st_mode, status.st_size, status.st_mtime_ns))
    return frozenset(found)
