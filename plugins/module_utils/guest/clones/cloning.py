# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps that make a clone, in the guest's own plan; its record says what is missing until nothing is."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.changes import (
    CloneVolume,
    CopyFile,
    CopyVolume,
    DropBase,
    TakeBase,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.promotion import (
    check_promotion,
    promotion,
    promotion_warnings,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.state import Source
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.properties import (
    SetProperties,
    creation_properties,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.origin import CLONE, COPY
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE, PATH, ZVOL, Disk
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import space
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.properties import FIXED


def source_of(one: Desired, observed: Observed) -> Optional[Source]:
    """What the guest is cloned from by this task, None if it is not, or was before."""
    return observed.sources.get(one.name) if one.record is not None else None


def missing(one: Desired, observed: Observed) -> Tuple[str, ...]:
    """The disks that come from the source and that the record does not have for made."""
    source = source_of(one, observed)
    if source is None:
        return ()
    begun = one.seen.record.origin if one.seen.record is not None else None
    names = set(begun.missing) if begun is not None else set(source.sizes)
    return tuple(disk.name for disk in one.guest.attached if disk.name in names and disk.backing != PATH)


def to_make(one: Desired, observed: Observed) -> Tuple[str, ...]:
    """The disks that this task makes from the source."""
    source = source_of(one, observed)
    return tuple(name for name in missing(one, observed) if source is not None and name not in source.made)


def begun_record(one: Desired, observed: Observed) -> Optional[Record]:
    """The record as long as the clone is not complete: it is written before anything is made. None without a clone."""
    if one.record is None or one.record.origin is None or source_of(one, observed) is None:
        return None
    # A clone without a disk of its own is complete at once.
    return replace(one.record, origin=replace(one.record.origin, missing=missing(one, observed)))


def check(one: Desired, observed: Observed) -> None:
    """BadInput when the clone, or a promotion, cannot be made."""
    source = source_of(one, observed)
    if source is not None:
        _check_place(one, source, observed)
        for name in to_make(one, observed):
            disk = one.guest.disk(name)
            if disk is not None and disk.size < source.sizes[name].size:
                raise BadInput(
                    f"guest {one.name}: disk {name}: size: a clone of {source.origin.guest} is not smaller than it; "
                    "shrinking destroys data and is never done"
                )
    check_promotion(one, _cloned(one, observed), observed)


def _check_place(one: Desired, source: Source, observed: Observed) -> None:
    if one.seen.record is not None:
        return
    layout = observed.conf.layout
    for name in to_make(one, observed):
        disk = one.guest.disk(name)
        if layout.volume(one.name, name) in observed.datasets or name in one.seen.file_sizes:
            where = layout.volume(one.name, name) if disk and disk.backing in ZVOL else layout.image(one.name, name)
            raise BadInput(
                f"guest {one.name}: clone_from: data of an earlier guest of this name is there ({where}); move it away "
                "or destroy it first"
            )


def needs(one: Desired, observed: Observed) -> List[space.Need]:
    """Bytes that cloning takes beyond what its disks reserve: the snapshot, and the data of copies."""
    source = source_of(one, observed)
    if source is None:
        return []
    result = list(source.needs) if source.origin.own and not source.taken else []
    for name in to_make(one, observed):
        disk = one.guest.disk(name)
        copied = disk is not None and (disk.backing in FILE or source.origin.mode == COPY)
        # What is thick reserves more than it holds, and is counted as any new disk is.
        if disk is not None and copied and disk.backing.startswith("sparse-") and source.held.get(name):
            result.append(space.Need(f"guest {one.name}: disk {name}", source.held[name]))
    return result


def first_steps(one: Desired, observed: Observed) -> List[Change]:
    """The snapshot of the source, and the firmware's variables as it has them."""
    source = source_of(one, observed)
    if source is None:
        return []
    layout = observed.conf.layout
    steps: List[Change] = []
    if source.origin.snapshot and not source.taken and to_make(one, observed):
        dataset = layout.guest_dataset(source.origin.guest)
        steps.append(TakeBase(one.name, dataset, source.origin.snapshot))
    if brings_variables(one, observed):
        path = layout.variables(one.name)
        steps.append(CopyFile(one.name, f"{source.directory}/uefi-vars.fd", path, _lock(source, observed)))
    return steps


def brings_variables(one: Desired, observed: Observed) -> bool:
    """Whether the clone gets a copy of its source's firmware variables; a task that names a template wants others."""
    source = source_of(one, observed)
    return (
        source is not None
        and source.variables
        and one.guest.firmware == "uefi"
        and "uefi-vars.fd" not in one.seen.entries
        and not (one.request.get("uefi") or {}).get("vars")
    )


def _lock(source: Source, observed: Observed) -> str:
    return "" if source.origin.snapshot else f"{observed.conf.layout.run(source.origin.guest)}/lock"


def disk_steps(one: Desired, disk: Disk, observed: Observed) -> List[Change]:
    """How one disk is made from the source's; growing it is another step."""
    source = source_of(one, observed)
    if source is None:
        return []
    layout = observed.conf.layout
    if disk.backing in FILE:
        path = layout.image(one.name, disk.name)
        image, thick = f"{source.directory}/{disk.name}.img", disk.backing == "file"
        return [CopyFile(one.name, image, path, _lock(source, observed), thick)]
    snapshot = f"{layout.volume(source.origin.guest, disk.name)}@{source.origin.snapshot}"
    volume = layout.volume(one.name, disk.name)
    kind = CloneVolume if source.origin.mode == CLONE else CopyVolume
    values = {name: value for name, value in creation_properties(disk).items() if name not in FIXED}
    if disk.backing == "zvol":
        # Neither a clone nor what is received reserves its size.
        values.setdefault("refreservation", "auto")
    steps: List[Change] = [kind(one.name, snapshot, volume)]
    return [*steps, SetProperties(one.name, volume, tuple(values.items()))] if values else steps


def source_size(one: Desired, disk: Disk, observed: Observed) -> int:
    """Bytes that a disk has when it has been made from the source's."""
    source = source_of(one, observed)
    return source.sizes[disk.name].size if source is not None else 0


def last_steps(one: Desired, observed: Observed) -> List[Change]:
    """What ends the making of a clone: what an interrupted run left out, the snapshot's end, and the promotion."""
    steps = _reservations(one, observed)
    source = source_of(one, observed)
    layout = observed.conf.layout
    if source is not None and source.origin.snapshot:
        origin = source.origin
        dataset = layout.guest_dataset(origin.guest)
        made = bool(to_make(one, observed))
        if origin.own and (source.taken or made or _left(dataset, origin.snapshot, observed)):
            steps.append(DropBase(one.name, dataset, origin.snapshot, origin.mode == CLONE))
        if origin.mode == COPY and (
            source.copied or any(isinstance(step, CopyVolume) for step in _made(one, observed))
        ):
            steps.append(DropBase(one.name, layout.guest_dataset(one.name), origin.snapshot, False))
    return [*steps, *promotion(one, _cloned(one, observed), observed)]


def warnings(one: Desired, observed: Observed) -> List[str]:
    """What the user should know of a clone that is promoted."""
    return promotion_warnings(one, _cloned(one, observed), observed)


def _cloned(one: Desired, observed: Observed) -> Dict[str, str]:
    """The volumes that this task clones, with their origins to be."""
    return {step.volume: step.snapshot for step in _made(one, observed) if isinstance(step, CloneVolume)}


def _left(dataset: str, snapshot: str, observed: Observed) -> bool:
    return any(point.name == snapshot for point in observed.storage.points_below(dataset))


def _made(one: Desired, observed: Observed) -> List[Change]:
    disks = [disk for disk in one.guest.disks if disk.name in to_make(one, observed)]
    return [step for disk in disks for step in disk_steps(one, disk, observed)]


def _reservations(one: Desired, observed: Observed) -> List[Change]:
    """Volumes that were made before, and whose size was not reserved then."""
    steps: List[Change] = []
    make = to_make(one, observed)
    for name in missing(one, observed):
        disk = one.guest.disk(name)
        volume = observed.datasets.get(observed.conf.layout.volume(one.name, name))
        if name in make or disk is None or volume is None or disk.backing != "zvol":
            continue
        if not volume.size("refreservation") and "refreservation" not in dict(disk.properties):
            steps.append(SetProperties(one.name, volume.name, (("refreservation", "auto"),)))
    return steps
