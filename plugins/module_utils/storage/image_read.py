# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What images there are on the host, complete or in the making: one read for all."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import is_held
from ansible_collections.apiary.bhyve.plugins.module_utils.places import RUN
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import (
    IMAGE_NAME,
    PARTIAL,
    ZVOL,
    Image,
    Progress,
    Store,
    load_image,
    load_progress,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Dataset


@dataclass(frozen=True)
class Images:
    """The images of a host. ``broken``: known, but the volume, snapshot or file is missing, with what is.

    ``partial``: the names of images with something in progress, or broken off; ``unknown`` are names of files and
    volumes that belong to no image. ``clones`` are the datasets that depend on each image. ``exists`` and ``entries``
    are of the directory of images.
    """

    images: Mapping[str, Image] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    partial: Mapping[str, Optional[Progress]] = field(default_factory=dict)
    unknown: Sequence[str] = ()
    clones: Mapping[str, Sequence[str]] = field(default_factory=dict)
    exists: bool = False
    entries: Sequence[str] = ()


def read_images(
    host: Host, store: Store, datasets: Mapping[str, Dataset], snapshots: Optional[Mapping[str, Sequence[str]]] = None
) -> Images:
    """The images, from their directory and what was read of the datasets; no command is started.

    ``snapshots`` maps each snapshot of an image to its clones, if that was read: then a volume without @golden is
    broken. UnknownState when a record cannot be read, or the dataset of images is not mounted.
    """
    if store.dataset and store.dataset in datasets and not datasets[store.dataset].mounted:
        raise UnknownState(
            f"the dataset {store.dataset} is not mounted, so its images cannot be seen; "
            f"mount it (zfs mount {store.dataset}) and try again"
        )
    names = host.listdir(store.directory)
    if names is None:
        return Images()
    images: Dict[str, Image] = {}
    broken: Dict[str, str] = {}
    partial: Dict[str, Optional[Progress]] = {}
    for entry in names:
        if entry.startswith(PARTIAL):
            name = entry[len(PARTIAL) :].rpartition(".")[0]
            partial[name] = _progress(host, store, name)
        elif entry.endswith(".json") and IMAGE_NAME.fullmatch(entry[: -len(".json")]):
            image = _image(host, store, entry[: -len(".json")])
            images[image.name] = image
            missing = _missing(host, store, image, datasets, snapshots)
            if missing:
                broken[image.name] = missing
    prefix = f"{store.dataset}/"
    volumes = [name[len(prefix) :] for name in datasets if store.dataset and name.startswith(prefix)]
    for volume in volumes:
        if volume.startswith(PARTIAL):
            partial.setdefault(volume[len(PARTIAL) :], None)
    return Images(
        images, broken, partial, _unknown(names, volumes, images), _clones(store, snapshots or {}), True, names
    )


def _image(host: Host, store: Store, name: str) -> Image:
    path = store.record(name)
    image = load_image(host.read(path) or "", path)
    if image.name != name:
        raise UnknownState(f"{path} is the record of another image, {image.name}")
    return image


def _progress(host: Host, store: Store, name: str) -> Optional[Progress]:
    path = store.partial(name, "json")
    text = host.read(path)
    try:
        return load_progress(text, path) if text is not None else None
    except UnknownState:
        return None  # of no use; what lies there is made anew


def _missing(
    host: Host,
    store: Store,
    image: Image,
    datasets: Mapping[str, Dataset],
    snapshots: Optional[Mapping[str, Sequence[str]]],
) -> str:
    """What an image lacks, '' if nothing."""
    if image.kind != ZVOL:
        path = store.file(image.name, image.kind)
        status = host.lstat(path)
        return "" if status is not None and stat.S_ISREG(status.st_mode) else f"the file {path} is missing"
    volume = store.volume(image.name)
    if volume not in datasets:
        return f"the volume {volume} is missing"
    snapshot = store.snapshot(image.name)
    return f"the snapshot {snapshot} is missing" if snapshots is not None and snapshot not in snapshots else ""


def _unknown(names: Sequence[str], volumes: Sequence[str], images: Mapping[str, Image]) -> List[str]:
    """Volumes and files that bear the name of an image which does not exist."""
    found = [name for name in volumes if not name.startswith(PARTIAL) and name not in images]
    for entry in names:
        name, dot, ending = entry.rpartition(".")
        if dot and ending in ("img", "iso") and not entry.startswith(".") and name not in images:
            found.append(entry)
    return found


def _clones(store: Store, snapshots: Mapping[str, Sequence[str]]) -> Dict[str, List[str]]:
    prefix = f"{store.dataset}/"
    result: Dict[str, List[str]] = {}
    for snapshot, clones in snapshots.items():
        if snapshot.startswith(prefix) and clones:
            result.setdefault(snapshot[len(prefix) :].partition("@")[0], []).extend(clones)
    return result


SNAPSHOTS = ("zfs", "list", "-Hp", "-r", "-t", "snapshot", "-o", "name,clones")


def parse_snapshots(text: str) -> Dict[str, List[str]]:
    """Read ``zfs list -Hp -t snapshot -o name,clones``: each snapshot's clones. UnknownState for any other line."""
    result: Dict[str, List[str]] = {}
    for line in text.splitlines():
        words = line.split("\t")
        if len(words) != 2 or "@" not in words[0]:
            raise UnknownState(f"`{' '.join(SNAPSHOTS)}` printed a line that cannot be read: {line!r}")
        result[words[0]] = [clone for clone in words[1].split(",") if clone not in ("", "-")]
    return result


def read_snapshots(host: Host, store: Store) -> Dict[str, List[str]]:
    """The snapshots of the dataset of images, which exists, with the clones of each."""
    what = f"cannot list the snapshots of {store.dataset}"
    return parse_snapshots(host.run([*SNAPSHOTS, store.dataset], what=what).stdout)


def lock_of(name: str) -> str:
    """The lock that a task holds while it makes or removes an image."""
    return f"{RUN}/.images/{name}.lock"


def busy(name: str) -> bool:
    """Whether some task is making or removing the image now: the kernel's word, by its lock."""
    return is_held(lock_of(name))
