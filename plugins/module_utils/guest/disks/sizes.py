# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the sizes of a task's disks can be: against what is there, and against the room that is left."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones import cloning
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired, actual_block, actual_size
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks import from_image as image_disks
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE, PATH, ZVOL, Disk
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import format_size
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import space
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.files import free_space
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.properties import normalised
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Dataset

#: volblocksize of a volume that is made without one (OpenZFS 2.2 and later).
DEFAULT_BLOCK = 16384

_ADVICE = "make them smaller, or sparse (backing: sparse-zvol or sparse-file), or free some"


def check_sizes(one: Desired, observed: Observed) -> None:
    """BadInput for a disk that cannot be made, or be as large as it is to be."""
    for disk in one.guest.disks:
        if disk.backing == PATH:
            continue
        at = f"guest {one.name}: disk {disk.name}: "
        if disk.backing in ZVOL and not observed.with_zfs:
            raise BadInput(f"{at}backing: {disk.backing} needs a root dataset, and guests here live in a directory")
        _check_volume(one, disk, at, observed)
        actual = actual_size(one.name, disk, observed)
        if actual is None:
            _check_new(one, disk, at, observed)
            if disk.image and not disk.detached and disk.name not in cloning.to_make(one, observed):
                image_disks.check_new(disk, at, observed)
        elif disk.size < actual:
            raise BadInput(
                f"{at}size: it has {format_size(actual)} and would shrink to {format_size(disk.size)}, "
                "which destroys data; shrinking is never done"
            )
        if disk.backing in ZVOL and disk.size != actual:
            _check_multiple(disk, block_of(one.name, disk, observed), at)


def _check_new(one: Desired, disk: Disk, at: str, observed: Observed) -> None:
    if not disk.size and not disk.image:
        raise BadInput(f"{at}size is needed to make the disk, for instance size: 20G")
    before = one.old.disk(disk.name) if one.old is not None else None
    if before is not None and before.detached and not disk.detached:
        layout = observed.conf.layout
        where = layout.image(one.name, disk.name) if disk.backing in FILE else layout.volume(one.name, disk.name)
        raise BadInput(
            f"{at}it was detached, and its data is not there any more ({where}); put it back, or make an empty disk: "
            "state: absent first, then state: present"
        )


def _check_volume(one: Desired, disk: Disk, at: str, observed: Observed) -> None:
    """What is there already by the disk's name has to be what the disk is to be."""
    layout = observed.conf.layout
    known = one.old is not None and one.old.disk(disk.name) is not None
    if disk.backing not in ZVOL:
        if disk.image and not known and disk.name in one.seen.file_sizes:
            raise BadInput(
                f"{at}image: the file {layout.image(one.name, disk.name)} exists already; leave image out to take it "
                "as it is, destroy it first, or choose another name for the disk"
            )
        return
    there = observed.datasets.get(layout.volume(one.name, disk.name))
    if there is None:
        return
    if not there.is_volume:
        raise BadInput(f"{at}{there.name} exists and is a file system, not a volume; choose another name for the disk")
    block = there.size("volblocksize")
    if disk.volblocksize and disk.volblocksize != block:
        raise BadInput(
            f"{at}volblocksize: the volume {there.name} exists with {format_size(block)} and cannot have "
            f"{format_size(disk.volblocksize)}, it is fixed at creation (zfsprops(7)); leave volblocksize out, or "
            "destroy the disk first"
        )
    origin = there.value("origin").partition("@")[0]
    if disk.image and not known and origin != f"{layout.dataset}/.images/{disk.image}":
        raise BadInput(
            f"{at}image: the volume {there.name} exists and is no clone of image {disk.image}; leave image out to take "
            "it as it is, destroy it first, or choose another name for the disk"
        )


def _check_multiple(disk: Disk, block: int, at: str) -> None:
    if disk.size % block == 0:
        return
    below, above = disk.size // block * block, -(-disk.size // block) * block
    nearest = " and ".join(format_size(size) for size in (below, above) if size)
    raise BadInput(
        f"{at}size: {format_size(disk.size)} is not a multiple of the volume's block size, {format_size(block)}; "
        f"the nearest that are: {nearest}"
    )


def block_of(guest: str, disk: Disk, observed: Observed) -> int:
    """The block size that a disk's volume has or will have."""
    image = image_disks.block_of_image(disk, observed)
    return actual_block(guest, disk, observed) or image or disk.volblocksize or DEFAULT_BLOCK


def space_needs(one: Desired, observed: Observed) -> List[space.Need]:
    """What the disks of a guest take that they have not yet."""
    needs: List[space.Need] = cloning.needs(one, observed)
    for disk in one.guest.disks:
        size = _need(one.name, disk, observed)
        if size:
            needs.append(space.Need(f"guest {one.name}: disk {disk.name}", size))
    return needs


def _need(guest: str, disk: Disk, observed: Observed) -> int:
    actual = actual_size(guest, disk, observed)
    if disk.backing == PATH or (actual is None and disk.detached):
        return 0
    if disk.backing in FILE:
        return space.written_file(actual or 0, disk.size) if disk.backing == "file" else 0
    volume = observed.datasets.get(observed.conf.layout.volume(guest, disk.name))
    block = block_of(guest, disk, observed)
    reserved = _declared_reservation(disk, block)
    if volume is None or actual is None:
        thick = space.thick_volume(disk.size, block) if disk.backing == "zvol" else 0
        return thick if reserved is None else reserved
    has = volume.size("refreservation")
    grown = space.grown_volume(actual, disk.size, block, has)
    if reserved is None:
        return grown
    return max(space.more_reserved(reserved, has, _held(volume)), 0)


def _held(volume: Dataset) -> int:
    """Bytes that a volume has written; its snapshots' are among them, so the need is rather overestimated."""
    return 0 if volume.size("refreservation") else volume.size("referenced")


def _declared_reservation(disk: Disk, block: int) -> Optional[int]:
    """The refreservation that the task declares, None if it leaves that to ZFS."""
    declared = dict(disk.properties).get("refreservation")
    if declared is None:
        return None
    value = normalised("refreservation", declared)
    return space.thick_volume(disk.size, block) if value == "auto" else int(value)


def check_space(desired: Sequence[Desired], observed: Observed) -> None:
    """BadInput when the disks of a task together need more than there is, in the pool or in a guest's own quota."""
    needs: Dict[str, List[space.Need]] = {
        one.name: space_needs(one, observed) for one in desired if one.record is not None
    }
    together = [need for own in needs.values() for need in own]
    if not together:
        return
    layout = observed.conf.layout
    for name, own in needs.items():
        dataset = observed.datasets.get(layout.guest_dataset(name)) if own else None
        if dataset is not None:
            space.check_room(own, dataset.size("available"), dataset.name, _ADVICE)
    free = observed.free_bytes if observed.with_zfs else free_space(layout.root)
    space.check_room(together, free, layout.dataset or layout.root, _ADVICE)
