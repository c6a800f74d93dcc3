# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps by which a guest's disks are made, grown and destroyed."""

from __future__ import annotations

from typing import List

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import changes, config
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones import cloning
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired, actual_size
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks import from_image as image_disks
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.properties import (
    creation_properties,
    plan_properties,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE, PATH, Disk
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change


def disk_steps(one: Desired, observed: Observed) -> List[Change]:
    """What makes the guest's disks what they are to be: made, grown, given their properties."""
    steps: List[Change] = []
    cloned = cloning.to_make(one, observed)
    for disk in one.guest.disks:
        if disk.backing == PATH:
            continue
        actual = actual_size(one.name, disk, observed)
        if actual is None:
            if disk.detached:
                continue
            if disk.name not in cloned:
                steps += _make(one.name, disk, observed)
                continue
            steps += cloning.disk_steps(one, disk, observed)
            size = cloning.source_size(one, disk, observed)
            if disk.size > size:
                steps.append(_grow(one.name, disk, size, observed))
            continue
        if disk.size > actual:
            steps.append(_grow(one.name, disk, actual, observed))
        steps += image_disks.reserve(one.name, disk, observed)
        properties = plan_properties(one, disk, observed)
        if properties is not None:
            steps.append(properties)
    return steps


def _make(name: str, disk: Disk, observed: Observed) -> List[Change]:
    """A disk of its own, empty or from an image."""
    if not disk.image:
        return [_create(name, disk, observed)]
    size = observed.images[disk.image].size
    grow = [_grow(name, disk, size, observed)] if disk.size > size else []
    return [
        *image_disks.steps(name, disk, observed),
        *grow,
        *image_disks.last_steps(name, disk, observed),
    ]


def _create(name: str, disk: Disk, observed: Observed) -> Change:
    layout = observed.conf.layout
    sparse = disk.backing.startswith("sparse-")
    if disk.backing in FILE:
        return changes.CreateImage(name, layout.image(name, disk.name), disk.size, sparse)
    properties = tuple(creation_properties(disk).items())
    volume = layout.volume(name, disk.name)
    return changes.CreateVolume(name, volume, disk.size, sparse, disk.volblocksize, properties)


def _grow(name: str, disk: Disk, actual: int, observed: Observed) -> Change:
    layout = observed.conf.layout
    if disk.backing in FILE:
        sparse = disk.backing.startswith("sparse-")
        return changes.GrowImage(name, layout.image(name, disk.name), actual, disk.size, sparse)
    return changes.GrowVolume(name, layout.volume(name, disk.name), actual, disk.size)


def destroyed_disks(one: Desired, observed: Observed, stops: bool) -> List[Change]:
    """What destroys the disks that the task gives up. ``stops``: it stops the guest first. BadInput if one stays."""
    steps: List[Change] = []
    layout = observed.conf.layout
    for gone in one.removed:
        if not gone.destroy:
            continue
        volume = layout.volume(one.name, gone.name)
        if one.guest.protected:
            raise BadInput(
                f"guest {one.name}: disk {gone.name}: the guest is protected; set protected: false to destroy a disk"
            )
        if one.seen.active and not stops and _boots_with(one, gone.name, observed):
            raise BadInput(
                f"guest {one.name}: disk {gone.name}: the guest runs and has it open; stop the guest, or detach the "
                "disk and restart the guest, before the disk is destroyed"
            )
        if volume in observed.datasets:
            steps.append(changes.DestroyDataset(one.name, volume, recursive=True))
        if gone.name in one.seen.file_sizes:
            steps.append(changes.Remove(one.name, "disk", (layout.image(one.name, gone.name),)))
    return steps


def _boots_with(one: Desired, disk: str, observed: Observed) -> bool:
    """Whether the generation that runs has a disk of ours; one that cannot be read may."""
    running = one.seen.running
    if running is None or running.conf is None:
        return True
    layout = observed.conf.layout
    paths = set(config.parse(running.conf).values())
    return layout.volume_node(one.name, disk) in paths or layout.image(one.name, disk) in paths
