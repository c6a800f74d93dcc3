# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bhyve_import does between its options and its result."""

from __future__ import annotations

import contextlib
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, List, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.planning import SUBJECT
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import changes, info, record, view
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.from_image import read_disk_images
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.in_use import check_disks
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.properties import names_to_read, read_properties
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports import make as import_make
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.archive import RECORD
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.import_plan import (
    Adapted,
    adapt,
    needs,
    taken_on,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.options import Import
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.place import (
    NOTE,
    Place,
    as_if_there,
    as_received,
    came_from,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.read import Opened, opened
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.work import IMPORT, Work
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.hostconf import read_conf
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import UNALLOCATED
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observe import observe, observe_more
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.planner import GuestPlan, plan_fleet
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.scripts import LinkScript, lacking
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.plan import ReservationPlan, plan_wishes
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.wishes import wishes_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import PATH
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.validate import needs as reads_of
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock, host_lock_unless, work_lock
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Outcome, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.results import entry_of, failed_part
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import space
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.files import free_space


@dataclass
class Todo:
    """A guest that is to be made: what it is here, and the planner's steps, which are planned anew once its disks are
    there.
    """

    opened: Opened
    adapted: Adapted
    plan: GuestPlan
    warnings: List[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.opened.incoming.name

    @property
    def after(self) -> Dict[str, Any]:
        """The options that it has then."""
        return view.options_of(self.adapted.record)


@dataclass
class Element:
    """One element of a task; without ``todo`` the guest is there already."""

    opened: Opened
    todo: Optional[Todo] = None
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
    reservations: ReservationPlan = field(default_factory=ReservationPlan)

    @property
    def todo(self) -> List[Todo]:
        """The guests that are to be made."""
        return [one.todo for one in self.elements if one.todo is not None]

    @property
    def warnings(self) -> List[str]:
        guests = [text for one in self.todo for text in (*one.adapted.warnings, *one.warnings)]
        return [*guests, *self.reservations.warnings]


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
        if check_mode:
            for todo in report.todo:
                todo.opened.verify(None)
                report.outcome.done[todo.name] = describe(todo)
            for name, steps in report.reservations.describe().items():
                report.outcome.done.setdefault(name, []).extend(steps)
        else:
            _import_all(host, report)
            if report.reservations.changed:
                _reserve(host, report)
    return report


def _import_all(host: Host, report: Report) -> None:
    """Verify all files, then import one guest after the other. ApiaryError before the first change."""
    with contextlib.ExitStack() as stack:
        works: Dict[str, Work] = {}
        # In the same order by every task, so that no two wait for each other.
        for todo in sorted(report.todo, key=lambda one: one.name):
            stack.enter_context(work_lock(host, todo.name))
            work = Work(host, todo.name, IMPORT, todo.opened.incoming.wanted.path)
            works[todo.name] = stack.enter_context(work)
        for todo in report.todo:
            todo.opened.verify(works[todo.name])
        for todo in report.todo:
            try:
                if _import(host, todo, works[todo.name]):
                    report.outcome.done[todo.name] = describe(todo)
            except ApiaryError as error:
                report.outcome.failed[todo.name] = error
                report.outcome.skipped[todo.name] = describe(todo)


def _reserve(host: Host, report: Report) -> None:
    """Make the reservations of the guests that are there now."""
    outcome = report.outcome
    try:
        with host_lock(host):
            observed = observe(host)
            there = [one.name for one in report.elements if one.name not in outcome.failed]
            desired = [_as_it_is(name, observed) for name in there if observed.guest(name).record is not None]
            plan_wishes(host, wishes_of(desired, observed)).apply(host, outcome)
    except ApiaryError as error:
        outcome.failed[SUBJECT] = error


def _as_it_is(name: str, observed: Observed) -> Desired:
    seen = observed.guest(name)
    return Desired(name, "present", {}, seen, seen.record)


def _new_uuid() -> str:
    return str(uuid.uuid4())


def describe(todo: Todo) -> List[str]:
    """The steps for humans, in order."""
    incoming, adapted = todo.opened.incoming, todo.adapted
    steps = [
        f"make disk {member.disk} ({adapted.disk(member).backing}) from {incoming.wanted.path}"
        for member in incoming.manifest.disks
    ]
    return [*steps, *(change.describe() for change in _steps(todo)), f"show guest {todo.name}"]


def _steps(todo: Todo) -> List[Change]:
    """The planner's steps, with the record that the guest gets here.

    Without the mark of a first boot: the export brings it if the guest has never booted.
    """
    steps: List[Change] = []
    for change in todo.plan.changes:
        if isinstance(change, changes.WriteFile) and change.path.endswith(f"/{todo.name}/{RECORD}"):
            steps.append(replace(change, content=record.dump(todo.adapted.record)))
        elif not (isinstance(change, changes.WriteFile) and change.path.endswith(f"/{todo.name}/firstboot")):
            steps.append(change)
    return steps


def _read(host: Host, files: Sequence[Opened], new_uuid: Callable[[], str]) -> Report:
    """Read the host and plan all of a task. BadInput when something cannot be."""
    observed = observe_more(host, observe(host), {"listeners"})
    report = Report([Element(one) for one in files], observed)
    check_once([one.name for one in report.elements], "imports")
    new = [one for one in report.elements if not _is_there(host, one.opened, observed)]
    desired = _plan(host, new, observed, new_uuid)
    # Those that are there may lack them, if the task that imported them broke off.
    desired += [_as_it_is(one.name, observed) for one in report.elements if one not in new]
    report.reservations = plan_wishes(host, wishes_of(desired, observed))
    for element in report.elements:
        element.entry = _entry(element, report.observed)
    return report


def _plan(host: Host, new: Sequence[Element], observed: Observed, new_uuid: Callable[[], str]) -> List[Desired]:
    """Plan the guests that are not there, together, as if their disks were; returns what they are to be."""
    taken, wanted = taken_on(observed), []
    adapted: List[Adapted] = []
    desired: List[Desired] = []
    for incoming in (one.opened.incoming for one in new):
        paths = (disk.path for disk in incoming.record.guest.disks if disk.backing == PATH and disk.path)
        there = frozenset(path for path in paths if host.stat(path) is not None)
        adapted.append(adapt(incoming, observed, taken, there, new_uuid))
        wanted += needs(incoming, adapted[-1])
        place = Place(incoming.name, observed.conf.layout)
        observed = as_if_there(observed, place, incoming.manifest, adapted[-1])
        desired.append(_desired(incoming.name, adapted[-1], observed))
    free = observed.free_bytes if observed.with_zfs else free_space(observed.conf.layout.root)
    place_text = f"dataset {observed.conf.layout.dataset}" if observed.with_zfs else observed.conf.layout.root
    space.check_room(wanted, free, place_text, "make room first")
    # Asks ZFS whether it knows the declared properties; what they are is known.
    read_properties(host, desired, observed)
    observed = read_disk_images(host, [{"name": one.name, "pxe": one.guest.pxe} for one in desired], observed)
    for element, own, plan, one in zip(new, adapted, _planned(host, desired, observed), desired):
        element.todo = Todo(element.opened, own, plan, lacking(one, observed))
    return desired


def _is_there(host: Host, opened: Opened, observed: Observed) -> bool:
    """Whether the guest is there and came from this export. BadInput when its name or place is another's."""
    incoming, layout = opened.incoming, observed.conf.layout
    seen = observed.guest(incoming.name)
    if seen.error is not None:
        raise seen.error
    note = f"{layout.directory(incoming.name)}/{NOTE}"
    if seen.record is not None:
        if came_from(host.read(note), note) == incoming.manifest.id:
            return True
        raise BadInput(
            f"{incoming.where}name: there is a guest of that name on this host, which did not come from "
            f"{incoming.wanted.path}; choose another name"
        )
    if seen.entries or seen.exists or layout.guest_dataset(incoming.name) in observed.datasets:
        raise BadInput(
            f"{incoming.where}name: {layout.directory(incoming.name)} is there, with what may be the disks of a former "
            "guest; move it away, or choose another name"
        )
    if seen.checkpoints or seen.suspended:
        raise BadInput(
            f"{incoming.where}name: {layout.checkpoints(incoming.name)} has the memory of a former guest of that name; "
            f"remove it (module checkpoint, vm: {incoming.name}, name: all, state: absent), or choose another name"
        )
    return False


def _desired(name: str, adapted: Adapted, observed: Observed) -> Desired:
    return Desired(name, "present", {}, observed.guest(name), adapted.whole)


def _planned(host: Host, desired: Sequence[Desired], observed: Observed) -> List[GuestPlan]:
    observed = observe_more(host, observed, reads_of(desired) - {"listeners"})
    plans = plan_fleet(desired, observed).guests
    check_disks(host, desired, observed)
    return plans


def _import(host: Host, todo: Todo, work: Work) -> bool:
    """Import one guest, whose work lock is held: its data under a hidden name, the rest under the host lock.

    False when another task has imported it in the meantime.
    """
    with host_lock(host):
        observed = observe(host)
        if _is_there(host, todo.opened, observed):
            return False
        place = Place(todo.name, observed.conf.layout)
        place.clear(host, place.dataset in observed.datasets)
        root = observed.datasets.get(place.layout.dataset)
        place.prepare(host, root is not None and root.value("volmode") != "dev")
    try:
        import_make.make(host, todo.opened, todo.adapted, place, work)
        with host_lock(host):
            _settle(host, todo, place)
    except BaseException:
        # What cannot be removed now, the next run removes.
        with contextlib.suppress(ApiaryError):
            place.clear(host, True)
        raise
    place.wait(host, import_make.volumes(todo.opened, todo.adapted))
    return True


def _settle(host: Host, todo: Todo, place: Place) -> None:
    """Make a guest of the disks: allocations, record, boot generation by the same planner; then let it be seen."""
    observed = observe_more(host, observe(host), {"listeners"})
    _is_there(host, todo.opened, observed)
    wanted = names_to_read([_desired(todo.name, todo.adapted, observed)])
    observed = as_received(host, observed, place, wanted, todo.adapted)
    todo.plan = _planned(host, [_desired(todo.name, todo.adapted, observed)], observed)[0]
    try:
        for change in _steps(todo):
            place.led(change).apply(host)
        import_make.write_note(host, todo.opened, place)
        place.show(host)
    except BaseException:
        with contextlib.suppress(ApiaryError):
            changes.Allocate(todo.name, observed.allocations.of(todo.name)).apply(host)
            for change in _steps(todo):
                if isinstance(change, LinkScript):
                    change.undo(host)
        raise


def _entry(element: Element, observed: Observed) -> Dict[str, Any]:
    incoming, todo = element.opened.incoming, element.todo
    disks: List[Dict[str, Any]] = []
    if todo is None:
        vm = info.entry(element.name, observed, time.time())
    else:
        vm = {**todo.plan.entry, **todo.after}
        disks = [{"name": one.disk, "backing": todo.adapted.disk(one).backing} for one in incoming.manifest.disks]
    return {
        "path": incoming.wanted.path,
        "name": element.name,
        "exported_as": incoming.manifest.guest,
        "id": incoming.manifest.id,
        "consistency": incoming.manifest.consistency,
        "disks": disks,
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
        if element.todo is not None:
            diff.before[name], diff.after[name] = {}, {**element.todo.plan.after, **element.todo.after}
        entries.append(entry)
    result: Dict[str, Any] = {"changed": outcome.changed, "imports": entries, **failed_part(outcome)}
    if with_diff:
        result["diff"] = [*diff.diff(), *report.reservations.plan.diff()]
    return result
