# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bhyve_export does between its options and its result."""

from __future__ import annotations

import contextlib
import os
import stat
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Dict, List, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports import write as export_write
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.archive import (
    FILES,
    HOOKS,
    MANIFEST,
    MANIFEST_MOST,
    RECORD,
    load,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.export_plan import (
    Element,
    FileFacts,
    Source,
    Target,
    check_source,
    exported,
    plan,
    scratch_clone,
    source_dataset,
    unwritten,
    volumes_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.options import Export
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.work import EXPORT, Work
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.hostconf import read_conf
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observe import observe
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.past import SNAPDIR, read_past
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock, host_lock_unless, work_lock
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Outcome, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.results import entry_of, failed_part
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import snapshots, space, streams
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.container import open_reader
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.files import free_space
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.streams import MARK, Marks
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Zfs

#: Seconds to wait for the runtime to let go of a guest that is stopped.
_GUEST_TIMEOUT = 10.0


@dataclass
class Report:
    """What was done, element by element, in the order of the task."""

    elements: List[Element]
    outcome: Outcome = field(default_factory=Outcome)


class _Dropping:
    """Destroys the snapshot at the end; when something else has failed already, that is what is told."""

    def __init__(self, host: Host, dataset: str) -> None:
        self._host, self._dataset = host, dataset

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            snapshots.destroy(self._host, self._dataset, [MARK])
        except ApiaryError:
            if error is None:
                raise

    def __enter__(self) -> None:
        """The snapshot is there already."""


@dataclass(frozen=True)
class _Reading:
    observed: Observed
    marks: Marks
    elements: List[Element]


def manage(host: Host, wanted: Sequence[Export], check_mode: bool) -> Report:
    """Write the exports that are asked for; in check mode only say what would be done.

    BadInput, UnknownState or CommandError before the first change; after it one that fails is in ``failed`` and the
    others go on.
    """
    read_conf(host)
    with host_lock_unless(check_mode, host):
        report = Report(_read(host, wanted).elements)
    outcome = report.outcome
    for number, element in enumerate(report.elements):
        path, steps = element.wanted.path, element.describe()
        if check_mode:
            outcome.done[path] = steps
        elif element.changed:
            try:
                report.elements[number] = _export(host, element, outcome.done.setdefault(path, []))
            except ApiaryError as error:
                outcome.failed[path] = error
                outcome.skipped[path] = [step for step in steps if step not in outcome.done[path]]
    return report


def _read(host: Host, wanted: Sequence[Export]) -> _Reading:
    observed = observe(host)
    layout = observed.conf.layout
    datasets = dict.fromkeys(source_dataset(layout, one.vm) for one in wanted)
    marks = streams.read_marks(host, [name for name in datasets if name in observed.datasets])
    elements: List[Element] = []
    targets: List[Target] = []
    for one in wanted:
        seen = check_source(one, observed, marks)
        targets.append(_target(host, one.path))
        source = _source(host, one, seen, observed)
        elements.append(plan(one, observed, marks, source, targets[-1], str(uuid.uuid4()), int(time.time())))
    for device in {target.device for target in targets}:
        pairs = [(element, target) for element, target in zip(elements, targets) if target.device == device]
        needs = [space.Need(f"guest {one.wanted.vm}: the export", one.needed) for one, _target in pairs]
        place = os.path.dirname(pairs[0][0].wanted.path)
        space.check_room(needs, pairs[0][1].free, f"the directory {place}", "make room, or choose another path")
    return _Reading(observed, marks, elements)


def _target(host: Host, path: str) -> Target:
    """What is at the path of an export now."""
    directory = os.path.dirname(path)
    place = host.stat(directory)
    if place is None or not stat.S_ISDIR(place.st_mode):
        return Target(problem=f"there is no directory {directory}")
    free = free_space(directory)
    status = host.lstat(path)
    if status is None:
        return Target(free=free, device=place.st_dev)
    if not stat.S_ISREG(status.st_mode):
        return Target(problem=f"{path} is there and is no file", device=place.st_dev, free=free)
    try:
        with open_reader(path) as reader:
            manifest = load(reader.first(MANIFEST, MANIFEST_MOST), path)
    except ApiaryError:
        # Whatever it is, it is not the export that is wanted, and it is replaced only if the task says so.
        return Target("file", free=free, device=place.st_dev)
    return Target("export", manifest, free=free, device=place.st_dev)


def _source(host: Host, wanted: Export, seen: ObservedGuest, observed: Observed) -> Source:
    layout = observed.conf.layout
    base, record = layout.directory(wanted.vm), seen.record
    if wanted.snapshot:
        base = f"{base}/{SNAPDIR}/snapshot/{wanted.snapshot}"
        record = read_past(host, layout, wanted.vm, wanted.snapshot).record
    if record is None:
        raise ApiaryError(f"guest {wanted.vm}: its record is gone")
    names = [RECORD, *FILES, *(f"{HOOKS}/{name}" for name in host.listdir(f"{base}/{HOOKS}") or ())]
    names += [f"{disk.name}.img" for disk in record.guest.disks]
    files: Dict[str, FileFacts] = {}
    for name in names:
        status = host.lstat(f"{base}/{name}")
        if status is not None and stat.S_ISREG(status.st_mode):
            mode, held = stat.S_IMODE(status.st_mode), status.st_blocks * 512
            files[name] = FileFacts(status.st_size, status.st_mtime_ns, mode, held)
    return Source(base, record, files)


def _export(host: Host, planned: Element, steps: List[str]) -> Element:
    """Write one export, adding to ``steps`` what was done.

    What it is made of is fixed under the host lock, the long part holds the guest's lock only.
    """
    wanted = planned.wanted
    with work_lock(host, wanted.vm), contextlib.ExitStack() as stack:
        with host_lock(host):
            reading = _read(host, [wanted])
            element, layout = reading.elements[0], reading.observed.conf.layout
            dataset = source_dataset(layout, wanted.vm)
            _clean(host, element, reading, steps)
            if not element.write:
                return element
            base, snapshot = element.source.base, wanted.snapshot
            if not snapshot and dataset in reading.observed.datasets:
                snapshot = MARK
                snapshots.take(host, [f"{dataset}@{MARK}"])
                stack.enter_context(_Dropping(host, dataset))
                base = f"{base}/{SNAPDIR}/snapshot/{MARK}"
            elif not snapshot:
                # It is stopped, and the runtime starts it when this is let go.
                stack.enter_context(host.lock(f"{layout.run(wanted.vm)}/lock", _GUEST_TIMEOUT))
        marks = streams.read_marks(host, [dataset]) if snapshot else Marks()
        # What an earlier export has marked, and nobody has written to, keeps its mark: both have the same content.
        known, volumes = unwritten(element, reading.observed, reading.marks), volumes_of(element.manifest, layout)
        guids = {disk: known.get(disk) or marks.guid(f"{volume}@{snapshot}") for disk, volume in volumes.items()}
        manifest = export_write.marked(element.manifest, guids)

        def before_last() -> None:
            for disk, volume in volumes.items():
                if snapshot == MARK and disk not in known:
                    streams.mark(host, volume, marks)

        origin = export_write.Origin(layout, base, snapshot)
        with Work(host, wanted.vm, EXPORT, wanted.path) as work:
            done = export_write.write(host, wanted.path, manifest, origin, work, before_last)
        steps += [step for step in element.describe() if step not in steps]
        element.entry = exported(wanted, done, done.id)
    return element


def _clean(host: Host, element: Element, reading: _Reading, steps: List[str]) -> None:
    """Remove what an export of this guest has left that was interrupted: nobody else is at it now."""
    wanted, layout = element.wanted, reading.observed.conf.layout
    for name, step in zip(element.leftovers, element.describe()):
        if name == scratch_clone(layout, wanted.vm):
            Zfs(host).destroy(name)
        else:
            snapshots.destroy(host, layout.guest_dataset(wanted.vm), [MARK])
        steps.append(step)


def result_of(report: Report, with_diff: bool) -> Dict[str, Any]:
    """The module's result: each element of the task, what was done, and every failure by path."""
    entries: List[Dict[str, Any]] = []
    diff = Plan()
    for element in report.elements:
        path = element.wanted.path
        entries.append(entry_of(element.entry, path, report.outcome))
        diff.before[path], diff.after[path] = element.before, element.after
    result: Dict[str, Any] = {"changed": report.outcome.changed, "exports": entries, **failed_part(report.outcome)}
    if with_diff:
        result["diff"] = diff.diff()
    return result
