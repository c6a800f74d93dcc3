# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a renaming, in the plan of the guest by its new name.

The record says where the guest is going before it goes, so that whatever comes between, the guest is whole under one of
its names, and the next task that has to do with it does the rest.
"""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.guest import changes, record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.renames.changes import (
    DestroyNode,
    FollowRename,
    MoveAllocations,
    MoveLogs,
    RenameDataset,
    RenameDirectory,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.renames.references import followed, followed_origin
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.renames.state import Former
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change


def first_steps(one: Desired, observed: Observed) -> List[Change]:
    """What has to be done before anything else of the guest, which is known by its new name from then on."""
    former = observed.formers.get(one.name)
    if former is None:
        return []
    noted = one.seen.record is not None and one.seen.record.renaming is not None
    steps = _ends(one, former)
    if former.record is not None:
        steps += _move(one, former, observed)
    if former.allocated:
        steps.append(MoveAllocations(one.name, former.name))
    if former.ran or former.record is not None:
        # Taking its lock makes the directory.
        run = observed.conf.layout.run(former.name)
        steps.append(changes.Remove(one.name, "runtime state", (run,)))
    return [*steps, MoveLogs(one.name, former.name)] if noted or steps else steps


def _ends(one: Desired, former: Former) -> List[Change]:
    """What the kernel has by the former name."""
    steps: List[Change] = [changes.DestroyTap(one.name, tap) for tap in former.taps]
    return [*steps, DestroyNode(one.name, former.name)] if former.node else steps


def _move(one: Desired, former: Former, observed: Observed) -> List[Change]:
    layout = observed.conf.layout
    if former.record is None:
        return []
    text = record.dump(former.record)
    lock = f"{layout.run(former.name)}/lock"
    note: Change = changes.WriteFile(one.name, layout.record(former.name), text, "note of the new name")
    if observed.with_zfs:
        old, new = layout.guest_dataset(former.name), layout.guest_dataset(one.name)
        return [note, RenameDataset(one.name, old, new, lock)]
    return [note, RenameDirectory(one.name, layout.directory(former.name), layout.directory(one.name), lock)]


def after_others(one: Desired, steps: Sequence[Change], observed: Observed) -> List[Change]:
    """A guest's steps; where it follows renamings of this task, it does once these are done."""
    before = one.seen.record
    if before is None or not steps:
        return list(steps)
    waits: List[Change] = []
    for new, former in observed.formers.items():
        names = {former.name: new}
        refers = followed(before.guest, names) != before.guest or followed_origin(before.origin, names) != before.origin
        if former.record is not None and new != one.name and refers:
            waits.append(FollowRename(one.name, former.name, new, observed.conf.layout.record(new)))
    return [*waits, *steps]


def before(one: Desired, view: Dict[str, Any], observed: Observed) -> Dict[str, Any]:
    """How the guest looks before, with the name that it has now."""
    former = observed.formers.get(one.name)
    return {**view, "name": former.name} if view and former is not None and former.record is not None else view
