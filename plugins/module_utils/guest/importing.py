# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bhyve_import does between its options and its result."""

from __future__ import annotations

import contextlib
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, List, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import changes, import_make, info, record, view
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.archive import RECORD
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disk_properties import names_to_read, read_properties
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks import check_disks
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.export_options import Import
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.hostconf import read_conf
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import UNALLOCATED
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.import_place import (
    NOTE,
    Place,
    as_if_there,
    as_received,
    came_from,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.import_plan import Adapted, adapt, needs, taken_on
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.import_read import Opened, opened
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observe import Observed, observe, observe_more
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.planner import GuestPlan, plan_fleet
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import PATH
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.validate import needs as reads_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.work import IMPORT, Work
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock, host_lock_unless, work_lock
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Outcome, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.results import entry_of, failed_part
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import space
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.files import free_space


@dataclass
class Element:
    """One element of a task; ``adapted`` and ``plan`` are None when the guest is there already."""

    opened: Opened
    adapted: Any = None
    plan: Any = None
    entry: Dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.opened.incoming.name


@dataclass
class Report:
    """What was done, guest by guest."""

    elements: List[Element]
    observed: Observed
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def warnings(self) -> List[str]:
        return [text for one in self.elements if one.adapted is not None for text in one.adapted.warnings]


def manage(host: Host, wanted: Sequence[Import], check_mode: bool) -> Report:
    """Import what is asked for; in check mode only say what would be done, after the files were read as well.

    ApiaryError before the first change when a file is damaged or a guest cannot be; after it one that fails is in
    ``failed`` and the others go on.
    """
    read_conf(host)
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(opened(one)) for one in wanted]
        with host_lock_unless(check_mode, host):
            report = _read(host, files, (lambda: UNALLOCATED) if check_mode else _new_uuid)
        todo = [element for element in report.elements if element.plan is not None]
        if check_mode:
            for element in todo:
                element.opened.verify(None)
                report.outcome.done[element.name] = describe(element)
        else:
            _import_all(host, todo, report)
    return report


def _import_all(host: Host, todo: Sequence[Element], report: Report) -> None:
    """Verify all files, then import one guest after the other. ApiaryError before the first change."""
    with contextlib.ExitStack() as stack:
        works: Dict[str, Work] = {}
        # In the same order by every task, so that no two wait for each other.
        for element in sorted(todo, key=lambda one: one.name):
            stack.enter_context(work_lock(host, element.name))
            work = Work(host, element.name, IMPORT, element.opened.incoming.wanted.path)
            works[element.name] = stack.enter_context(work)
        for element in todo:
            element.opened.verify(works[element.name])
        for element in todo:
            try:
                if _import(host, element, works[element.name]):
                    report.outcome.done[element.name] = describe(element)
            except ApiaryError as error:
                report.outcome.failed[element.name] = error


def _new_uuid() -> str:
    return str(uuid.uuid4())


def describe(element: Element) -> List[str]:
    """The steps for humans, in order."""
    incoming, adapted = element.opened.incoming, element.adapted
    steps = [
        f"make disk {member.disk} ({adapted.disk(member).backing}) from {incoming.wanted.path}"
        for member in incoming.manifest.disks
    ]
    return [*steps, *(change.describe() for change in _steps(element)), f"show guest {element.name}"]


def _steps(element: Element) -> List[Change]:
    """The planner's steps, with the record that the guest gets here.

    Without the mark of a first boot: the export brings it if the guest has never booted.
    """
    plan: GuestPlan = element.plan
    steps: List[Change] = []
    for change in plan.changes:
        if isinstance(change, changes.WriteFile) and change.path.endswith(f"/{element.name}/{RECORD}"):
            steps.append(replace(change, content=record.dump(element.adapted.record)))
        elif not (isinstance(change, changes.WriteFile) and change.path.endswith(f"/{element.name}/firstboot")):
            steps.append(change)
    return steps


def _read(host: Host, files: Sequence[Opened], new_uuid: Callable[[], str]) -> Report:
    """Read the host and plan all of a task. BadInput when something cannot be."""
    observed = observe_more(host, observe(host), {"listeners"})
    report = Report([Element(one) for one in files], observed)
    names = [one.name for one in report.elements]
    for element in report.elements:
        if names.count(element.name) > 1:
            raise BadInput(f"imports: two of them are guest {element.name}; give each a name of its own")
    todo = [one for one in report.elements if not _is_there(host, one, observed)]
    taken, desired, wanted = taken_on(observed), [], []
    for element in todo:
        incoming = element.opened.incoming
        paths = (disk.path for disk in incoming.record.guest.disks if disk.backing == PATH and disk.path)
        there = frozenset(path for path in paths if host.stat(path) is not None)
        element.adapted = adapt(incoming, observed, taken, there, new_uuid)
        wanted += needs(incoming, element.adapted)
        place = Place(element.name, observed.conf.layout)
        observed = as_if_there(observed, place, incoming.manifest, element.adapted)
        desired.append(_desired(element, observed))
    free = observed.free_bytes if observed.with_zfs else free_space(observed.conf.layout.root)
    place_text = f"dataset {observed.conf.layout.dataset}" if observed.with_zfs else observed.conf.layout.root
    space.check_room(wanted, free, place_text, "make room first")
    # Asks ZFS whether it knows the declared properties; what they are is known.
    read_properties(host, desired, observed)
    for element, plan in zip(todo, _planned(host, desired, observed)):
        element.plan = plan
    for element in report.elements:
        element.entry = _entry(element, report.observed)
    return report


def _is_there(host: Host, element: Element, observed: Observed) -> bool:
    """Whether the guest is there and came from this export. BadInput when its name or place is another's."""
    incoming, layout = element.opened.incoming, observed.conf.layout
    seen = observed.guest(element.name)
    if seen.error is not None:
        raise seen.error
    note = f"{layout.directory(element.name)}/{NOTE}"
    if seen.record is not None:
        if came_from(host.read(note), note) == incoming.manifest.id:
            return True
        raise BadInput(
            f"{incoming.where}name: there is a guest of that name on this host, which did not come from "
            f"{incoming.wanted.path}; choose another name"
        )
    if seen.entries or seen.exists or layout.guest_dataset(element.name) in observed.datasets:
        raise BadInput(
            f"{incoming.where}name: {layout.directory(element.name)} is there, with what may be the disks of a former "
            "guest; move it away, or choose another name"
        )
    return False


def _desired(element: Element, observed: Observed) -> Desired:
    adapted: Adapted = element.adapted
    return Desired(element.name, "present", {}, observed.guest(element.name), adapted.whole)


def _planned(host: Host, desired: Sequence[Desired], observed: Observed) -> List[GuestPlan]:
    observed = observe_more(host, observed, reads_of(desired) - {"listeners"})
    plans = plan_fleet(desired, observed).guests
    check_disks(host, desired, observed)
    return plans


def _import(host: Host, element: Element, work: Work) -> bool:
    """Import one guest, whose work lock is held: its data under a hidden name, the rest under the host lock.

    False when another task has imported it in the meantime.
    """
    with host_lock(host):
        observed = observe(host)
        if _is_there(host, element, observed):
            return False
        place = Place(element.name, observed.conf.layout)
        place.clear(host, place.dataset in observed.datasets)
        root = observed.datasets.get(place.layout.dataset)
        place.prepare(host, root is not None and root.value("volmode") != "dev")
    try:
        import_make.make(host, element.opened, element.adapted, place, work)
        with host_lock(host):
            _settle(host, element, place)
    except BaseException:
        # What cannot be removed now, the next run removes.
        with contextlib.suppress(ApiaryError):
            place.clear(host, True)
        raise
    place.wait(host, import_make.volumes(element.opened, element.adapted))
    return True


def _settle(host: Host, element: Element, place: Place) -> None:
    """Make a guest of the disks: allocations, record, boot generation by the same planner; then let it be seen."""
    observed = observe_more(host, observe(host), {"listeners"})
    _is_there(host, element, observed)
    adapted: Adapted = element.adapted
    desired = [_desired(element, observed)]
    observed = as_received(host, observed, place, names_to_read(desired), adapted)
    element.plan = _planned(host, [_desired(element, observed)], observed)[0]
    try:
        for change in _steps(element):
            place.led(change).apply(host)
        import_make.write_note(host, element.opened, place)
        place.show(host)
    except BaseException:
        with contextlib.suppress(ApiaryError):
            changes.Allocate(element.name, observed.allocations.of(element.name)).apply(host)
        raise


def _entry(element: Element, observed: Observed) -> Dict[str, Any]:
    incoming = element.opened.incoming
    if element.plan is not None:
        vm = {**element.plan.entry, **view.options_of(element.adapted.record)}
    else:
        vm = info.entry(element.name, observed, time.time())
    disks = incoming.manifest.disks if element.plan is not None else ()
    return {
        "path": incoming.wanted.path,
        "name": element.name,
        "exported_as": incoming.manifest.guest,
        "id": incoming.manifest.id,
        "consistency": incoming.manifest.consistency,
        "disks": [{"name": one.disk, "backing": element.adapted.disk(one).backing} for one in disks],
        "vm": vm,
    }


def result_of(host: Host, report: Report, check_mode: bool, with_diff: bool) -> Dict[str, Any]:
    """The module's result: each element of the task, what was done, and every failure by guest."""
    outcome = report.outcome
    observed = observe(host) if outcome.changed and not check_mode else report.observed
    entries, diff = [], Plan()
    for element in report.elements:
        name = element.name
        entry = entry_of(element.entry, name, outcome)
        if entry["changed"] and not check_mode:
            entry["vm"] = info.entry(name, observed, time.time())
        if element.plan is not None:
            after = {**element.plan.after, **view.options_of(element.adapted.record)}
            diff.before[name], diff.after[name] = {}, after
        entries.append(entry)
    result: Dict[str, Any] = {"changed": outcome.changed, "imports": entries, **failed_part(outcome)}
    if with_diff:
        result["diff"] = diff.diff()
    return result
