# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the clones of a task are made from: one read of snapshots for all of them, and what is wrong with a source."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.kinds import (
    Clone,
    check_off,
    free_name,
    now,
    past_of,
    plain,
    resumed,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.state import Source
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.origin import (
    CLONE,
    Origin,
    split_option,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.past import SNAPDIR
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import read_storage


def read_sources(host: Host, requests: Sequence[Mapping[str, Any]], observed: Observed) -> Observed:
    """What is observed, with what the task's clones are made from: one command, whatever their number, or none.

    BadInput when a source or a snapshot is not there or not to be cloned.
    """
    clones = [clone for clone in (_clone(request, observed) for request in requests) if clone is not None]
    datasets = _datasets(clones, requests, observed)
    if datasets:
        observed = replace(observed, storage=read_storage(host, datasets))
    sources = {}
    for clone in clones:
        _check_task(clone, requests)
        source = _source(host, clone, observed)
        _check_missing(clone, source, observed)
        sources[clone.name] = replace(source, held={**_written(host, source), **source.held})
    return replace(observed, sources=sources)


def _clone(request: Mapping[str, Any], observed: Observed) -> Optional[Clone]:
    name = request["name"]
    if request.get("state") == "absent":
        return None
    record = observed.guest(name).record
    if record is not None:
        begun = record.origin
        if begun is None or begun.complete:
            return None
        return Clone(name, begun.guest, begun.snapshot, begun.mode, begun)
    if not request.get("clone_from"):
        return None
    guest, snapshot = split_option(name, request["clone_from"])
    if guest == name:
        raise BadInput(f"guest {name}: clone_from: a guest cannot be a clone of itself")
    return Clone(name, guest, snapshot, request.get("clone_mode"))


def _datasets(clones: Sequence[Clone], requests: Sequence[Mapping[str, Any]], observed: Observed) -> List[str]:
    """The datasets whose snapshots this task has to know."""
    layout = observed.conf.layout
    names = [layout.guest_dataset(name) for clone in clones for name in (clone.guest, clone.name)]
    for request in requests:
        if request.get("promote"):
            prefix = f"{layout.guest_dataset(request['name'])}/"
            names += [
                one.value("origin").partition("@")[0]
                for one in observed.datasets.values()
                if one.name.startswith(prefix) and one.value("origin") != "-"
            ]
    return [name for name in dict.fromkeys(names) if name in observed.datasets]


def _check_task(clone: Clone, requests: Sequence[Mapping[str, Any]]) -> None:
    for request in requests:
        if request["name"] == clone.guest and (request.get("state") == "absent" or request.get("disks")):
            raise BadInput(
                f"{clone.where}this task changes the disks of guest {clone.guest} as well; clone it in another task"
            )
        if request.get("rename_from") == clone.guest:
            raise BadInput(f"{clone.where}this task gives guest {clone.guest} the name {request['name']}; clone that")


def _check_missing(clone: Clone, source: Source, observed: Observed) -> None:
    """A clone that was begun, and whose source has lost since what is still to be cloned."""
    record = observed.guest(clone.name).record
    if clone.begun is None or record is None:
        return
    wanted = [disk.name for disk in record.guest.attached if disk.name in clone.begun.missing]
    gone = [name for name in wanted if name not in source.made and name not in source.sizes]
    if gone:
        raise BadInput(
            f"{clone.where}guest {clone.guest} has no disks {', '.join(gone)} any more, which are still to be cloned; "
            "remove the guest (state: absent, destroy: true) and clone again"
        )


def _written(host: Host, source: Source) -> Dict[str, int]:
    """Bytes that the source's files take, by disk: what a copy takes where the file system does not share blocks."""
    directory = source.directory if source.taken else source.directory.partition(f"/{SNAPDIR}/")[0]
    found: Dict[str, int] = {}
    for name in source.sizes:
        status = host.stat(f"{directory}/{name}.img")
        if status is not None:
            found[name] = status.st_blocks * 512
    return found


def _source(host: Host, clone: Clone, observed: Observed) -> Source:
    seen = observed.guest(clone.guest)
    record = _record_of(clone, seen, observed)
    if not observed.with_zfs:
        return plain(clone, seen, record, observed)
    if clone.begun is not None:
        return resumed(clone, clone.begun, seen, record, observed)
    if clone.snapshot:
        return past_of(host, clone, observed)
    check_off(clone, seen)
    dataset = observed.conf.layout.guest_dataset(clone.guest)
    taken = {point.name for point in observed.storage.points_below(dataset)}
    origin = Origin(clone.guest, free_name(clone.name, taken), True, clone.mode or CLONE)
    return now(clone, origin, seen, record, observed)


def _record_of(clone: Clone, seen: ObservedGuest, observed: Observed) -> Record:
    if seen.error is not None:
        raise seen.error
    if seen.record is None:
        names = sorted(name for name, one in observed.guests.items() if one.record is not None and name != clone.name)
        there = f"there are: {', '.join(names)}" if names else "there is none"
        raise BadInput(f"{clone.where}there is no guest {clone.guest} on this host; {there}")
    if seen.record.owner != observed.hostuuid:
        raise BadInput(f"{clone.where}guest {clone.guest} belongs to another host (kern.hostuuid {seen.record.owner})")
    if seen.record.incomplete:
        raise BadInput(f"{clone.where}guest {clone.guest} is a clone that is not complete; finish that first")
    if seen.rollback and not clone.snapshot:
        raise BadInput(
            f"{clone.where}a rollback of guest {clone.guest} to {seen.rollback} was interrupted; run that task of "
            "bhyve_snapshot again first"
        )
    return seen.record
