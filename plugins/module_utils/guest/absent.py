# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a guest goes: its record, its boot files, what it had of the host, and its data only if the task says so."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.allocations import Allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import changes
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.changes import DropBase
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.looks import before_view
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import FORMER, tap_description
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.scripts import script_steps
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.steps import EndRollback
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change

# What a guest has that is worth nothing without its record.
_OWN = ("boot", "firstboot", ".boot.new")


def plan_absent(one: Desired, observed: Observed) -> Tuple[List[Change], Dict[str, Any]]:
    """The steps by which a stopped guest goes, and how it looks before. No steps if it is gone already."""
    steps: List[Change] = []
    steps += _taps(one, observed)
    steps += _half_clone(one, observed)
    steps += script_steps(one, observed)
    if one.destroy:
        steps += _destroy(one, observed)
    elif one.seen.exists:
        steps += _forget(one, observed)
    if one.seen.keeps_checkpoints and _leaves_nothing(one, steps, observed):
        paths = (observed.conf.layout.checkpoints(one.name),)
        steps.append(changes.Remove(one.name, "checkpoints", paths))
    if one.seen.ran:
        steps.append(changes.Remove(one.name, "runtime state", (observed.conf.layout.run(one.name),)))
    if one.seen.rollback:
        steps.append(EndRollback(one.name, observed.conf.layout.rollback(one.name)))
    if not observed.allocations.of(one.name).empty:
        steps.append(changes.Allocate(one.name, Allocations()))
    return steps, before_view(one.seen)


def _leaves_nothing(one: Desired, steps: Sequence[Change], observed: Observed) -> bool:
    """Whether the guest's data go, or went before: memory is worth nothing without them."""
    gone = not one.seen.exists and observed.conf.layout.guest_dataset(one.name) not in observed.datasets
    goes = any(isinstance(step, (changes.DestroyDataset, changes.RemoveDirectory)) for step in steps)
    return one.destroy or gone or goes


def _half_clone(one: Desired, observed: Observed) -> List[Change]:
    """The snapshot that was taken for a clone which was never completed."""
    origin = one.seen.record.origin if one.seen.record is not None else None
    if origin is None or origin.complete or not (origin.own and origin.snapshot):
        return []
    dataset = observed.conf.layout.guest_dataset(origin.guest)
    return [DropBase(one.name, dataset, origin.snapshot, True)] if dataset in observed.datasets else []


def _taps(one: Desired, observed: Observed) -> List[Change]:
    """The taps with this guest's tag that its last run left; the runtime removes those of a guest that it stops."""
    if one.seen.active:
        return []
    keys = observed.allocations.of(one.name).taps
    tags = {tap_description(one.name, key.partition("/")[2]) for key in keys}
    return [
        changes.DestroyTap(one.name, interface.name)
        for interface in observed.interfaces.values()
        if interface.is_tap and interface.description in tags and interface.opened_by is None
    ]


def _destroy(one: Desired, observed: Observed) -> List[Change]:
    layout = observed.conf.layout
    dataset = layout.guest_dataset(one.name)
    if dataset in observed.datasets:
        return [changes.DestroyDataset(one.name, dataset, recursive=True)]
    if one.seen.exists and not observed.with_zfs:
        return [changes.Remove(one.name, "the guest's directory", (layout.directory(one.name),))]
    if one.seen.entries:
        raise BadInput(
            f"guest {one.name}: {layout.directory(one.name)} is not the dataset {dataset}; it is not destroyed"
        )
    return []


def _forget(one: Desired, observed: Observed) -> List[Change]:
    """Remove what makes it a guest, the record last: what fails before that is found again by the next run.

    With data that stays the record stays as well, set aside: it says whose data that is, and a guest of that name gets
    its UUID, MACs and slots back.
    """
    layout = observed.conf.layout
    directory = layout.directory(one.name)
    steps: List[Change] = []
    files = [name for name in one.seen.entries if name in _OWN]
    trees = one.seen.boots
    rest = set(one.seen.entries) - {*files, *trees, "guest.json", FORMER, ".zfs"}
    volumes = [name for name in observed.datasets if name.startswith(f"{layout.guest_dataset(one.name)}/")]
    keeps_data = bool(volumes) or one.seen.snapshots or bool(rest - {"uefi-vars.fd", "hooks"})
    if not keeps_data and "hooks" not in rest:
        # Firmware variables of a guest without a disk of its own are of no use to anybody.
        files += [name for name in rest if name == "uefi-vars.fd"]
    if files:
        steps.append(changes.Remove(one.name, "boot files", tuple(f"{directory}/{name}" for name in files)))
    if trees:
        paths = tuple(f"{directory}/{name}" for name in trees)
        steps.append(changes.Remove(one.name, "boot generations", paths))
    if keeps_data or "hooks" in rest:
        if "guest.json" in one.seen.entries:
            steps.append(changes.SetAside(one.name, layout.record(one.name), layout.former(one.name)))
        return steps
    records = tuple(f"{directory}/{name}" for name in ("guest.json", FORMER) if name in one.seen.entries)
    if records:
        steps.append(changes.Remove(one.name, "record", records))
    if layout.guest_dataset(one.name) in observed.datasets:
        steps.append(changes.DestroyDataset(one.name, layout.guest_dataset(one.name)))
    else:
        steps.append(changes.RemoveDirectory(one.name, directory))
    return steps
