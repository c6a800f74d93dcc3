# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests that go back to a snapshot: what has to be read for it, and the plan."""

from __future__ import annotations

from typing import FrozenSet, List, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.in_use import openers
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.properties import read_properties
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observe import observe_more
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.plan import ReservationPlan, plan_wishes
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.wishes import wishes_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots import note as snapshot_note
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.note import Note
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.options import Wanted
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.past import read_past
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.plan import Element
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.rollback import (
    Case,
    Target,
    case_of,
    plan_rollbacks,
    target_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import Storage
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import volume_node


def plan_back(
    host: Host, back: Sequence[Wanted], observed: Observed, storage: Storage, stopped: FrozenSet[str]
) -> Tuple[List[Element], ReservationPlan]:
    """Plan elements with state rolled_back, and the reservations that their guests have after it.

    ``stopped``: guests that this task has stopped for it already. BadInput when one cannot go back.
    """
    observed = observe_more(host, observed, {"disks"})
    targets = [target_of(one, observed, storage, _note(host, one.vm, observed)) for one in back]
    for target in targets:
        _check_openers(host, target, observed)
    cases = [_case(host, target, observed) for target in targets]
    desired = [Desired(case.target.seen.name, "present", {}, case.target.seen, case.merged.record) for case in cases]
    # The ZFS properties that the disks of the past declare.
    observed = read_properties(host, desired, observed)
    elements = plan_rollbacks(cases, observed, storage, stopped)
    reservations = plan_wishes(host, wishes_of(desired, observed))
    for element in elements:
        element.reservations = reservations.steps.get(element.wanted.vm, ())
    return elements, reservations


def check_not_suspended(back: Sequence[Wanted], observed: Observed) -> None:
    """BadInput for a guest whose memory waits for its disks as they are."""
    for one in back:
        checkpoint = observed.guest(one.vm).suspended
        if checkpoint:
            raise BadInput(
                f"guest {one.vm}: it is suspended to the checkpoint {checkpoint}, whose memory would be worth nothing "
                "with other disks; start it and stop it first, or remove that checkpoint (module checkpoint, state: "
                "absent)"
            )


def _note(host: Host, guest: str, observed: Observed) -> Optional[Note]:
    path = observed.conf.layout.rollback(guest)
    text = host.read(path) if observed.guest(guest).rollback else None
    return None if text is None else snapshot_note.load(text, path, guest)


def _case(host: Host, target: Target, observed: Observed) -> Case:
    past = read_past(host, observed.conf.layout, target.seen.name, target.snapshot.name)
    return case_of(target, past, observed)


def _check_openers(host: Host, target: Target, observed: Observed) -> None:
    """ZFS rolls a volume back under whoever has it open, and a file too."""
    name, layout = target.seen.name, observed.conf.layout
    files = [layout.image(name, disk.name) for disk in target.today.guest.disks if disk.backing in FILE]
    for path in [*map(volume_node, target.volumes), *files]:
        for opener in openers(host, path, observed):
            if opener.pid != target.seen.pid:
                raise BadInput(
                    f"guest {name}: {path} is open in process {opener.pid} ({opener.command}); a rollback would "
                    "change it beneath that; end it first"
                )
