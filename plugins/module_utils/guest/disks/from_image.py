# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks that are made from an image: a volume is cloned from it, a file is copied."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.changes import CloneVolume, CopyFile
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import actual_size
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.properties import (
    SetProperties,
    creation_properties,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE, ZVOL, Disk
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import format_size
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import images
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_read import read_images
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import Image, Store
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.properties import FIXED


def store_of(observed: Observed) -> Store:
    """Where this host's images are."""
    return Store(observed.conf.layout.root, observed.conf.layout.dataset)


def read_disk_images(host: Host, requests: Sequence[Mapping[str, Any]], observed: Observed) -> Observed:
    """What is observed, with the host's images if a disk of the task's guests is still to be made from one, or the task
    says by which of them a guest boots.

    No command is started. UnknownState when the images cannot be read.
    """
    if not any(_needs_images(request, observed) or request.get("pxe") for request in requests):
        return observed
    found = read_images(host, store_of(observed), observed.datasets)
    whole = {name: image for name, image in found.images.items() if name not in found.broken}
    return replace(observed, images=whole)


def _needs_images(request: Mapping[str, Any], observed: Observed) -> bool:
    record = observed.guest(request["name"]).record
    known: Dict[str, Disk] = {disk.name: disk for disk in record.guest.disks} if record is not None else {}
    given = [disk["name"] for disk in request.get("disks") or () if disk.get("image")]
    there = (actual_size(request["name"], disk, observed) for disk in known.values() if disk.image)
    return any(name not in known for name in given) or any(size is None for size in there)


def check_new(disk: Disk, at: str, observed: Observed) -> None:
    """BadInput when a disk cannot be made from its image; ``at`` names guest and disk."""
    image = images.required(observed.images, disk.image, f"{at}image")
    if image.kind == images.ISO:
        path = store_of(observed).path(image.name, image.kind)
        raise BadInput(f"{at}image: {image.name} is an ISO image, not a disk; use controller: ahci-cd and path: {path}")
    if (image.kind == images.ZVOL) != (disk.backing in ZVOL):
        fitting = "zvol or sparse-zvol" if image.kind == images.ZVOL else "file or sparse-file"
        raise BadInput(
            f"{at}image: {image.name} is of kind {image.kind}, of which no disk with backing: {disk.backing} is made; "
            f"use backing: {fitting}, or make the image of the other kind"
        )
    if disk.size < image.size:
        raise BadInput(
            f"{at}size: {format_size(disk.size)} is less than the image {image.name} has, {format_size(image.size)}"
        )
    _check_fixed(disk, image, at, observed)


def _check_fixed(disk: Disk, image: Image, at: str, observed: Observed) -> None:
    """A clone's block size and encryption are its image's."""
    fixed = sorted(name for name, _value in disk.properties if name in FIXED)
    if fixed:
        raise BadInput(f"{at}properties: {', '.join(fixed)}: those of a clone are its image's; leave them out")
    if not disk.volblocksize:
        return
    block = observed.datasets[store_of(observed).volume(image.name)].size("volblocksize")
    if block != disk.volblocksize:
        raise BadInput(
            f"{at}volblocksize: a clone of image {image.name} has its block size, {format_size(block)}, not "
            f"{format_size(disk.volblocksize)}; leave volblocksize out, or make the image with another"
        )


def block_of_image(disk: Disk, observed: Observed) -> int:
    """The block size that a clone of the disk's image has, 0 if that is not known."""
    volume = observed.datasets.get(store_of(observed).volume(disk.image)) if disk.image else None
    return volume.size("volblocksize") if volume is not None and volume.is_volume else 0


def steps(guest: str, disk: Disk, observed: Observed) -> List[Change]:
    """How a disk is made from its image, with the image's size; growing it is another step."""
    store, layout = store_of(observed), observed.conf.layout
    image = observed.images[disk.image]
    if disk.backing in FILE:
        return [CopyFile(guest, store.path(image.name, image.kind), layout.image(guest, disk.name))]
    return [CloneVolume(guest, store.snapshot(image.name), layout.volume(guest, disk.name))]


def last_steps(guest: str, disk: Disk, observed: Observed) -> List[Change]:
    """What a disk that was just cloned from its image needs beyond its size: its properties, and its space reserved."""
    if disk.backing in FILE:
        return []
    values = dict(creation_properties(disk))
    if disk.backing == "zvol":
        values.setdefault("refreservation", "auto")
    volume = observed.conf.layout.volume(guest, disk.name)
    return [SetProperties(guest, volume, tuple(sorted(values.items())))] if values else []


def reserve(guest: str, disk: Disk, observed: Observed) -> List[Change]:
    """The reservation of a clone that an interrupted run left without."""
    volume = observed.datasets.get(observed.conf.layout.volume(guest, disk.name))
    if not disk.image or disk.backing != "zvol" or volume is None or volume.size("refreservation"):
        return []
    if volume.value("origin") != store_of(observed).snapshot(disk.image) or "refreservation" in dict(disk.properties):
        return []
    return [SetProperties(guest, volume.name, (("refreservation", "auto"),))]
