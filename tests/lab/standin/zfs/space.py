# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Space accounting (zfsprops(7): used, available, referenced …), in bytes, adding up as in ZFS.

An empty file system takes 24 KiB, an empty volume 12 KiB, the rest is what its files really occupy on the lab's disk.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional

from . import content, names, vdevs
from .model import Doc, Model

FILESYSTEM_BASE = 24576
VOLUME_BASE = 12288
POOL_METADATA = 84480
UNLIMITED = 1 << 63


class Own(NamedTuple):
    """One dataset without its children."""

    referenced: int
    by_dataset: int
    by_snapshots: int
    by_refreservation: int
    unique: int
    written: int


class Usage(NamedTuple):
    own: Own
    by_children: int
    used: int
    available: int
    logical: int  # used without reservations, compression and second copies of metadata


def base_of(dataset: Doc) -> int:
    return (VOLUME_BASE if dataset["type"] == "volume" else FILESYSTEM_BASE) + int(dataset.get("preinstalled", 0))


def _number(dataset: Doc, name: str) -> int:
    value = dataset["props"].get(name, dataset.get("received", {}).get(name, "0"))
    return 0 if value in ("none", "auto") else int(value)


def live_shape(dataset: Doc) -> content.Shape:
    return content.shape(dataset["object"])


def _shared_with_origin(model: Model, dataset: Doc) -> Optional[content.Shape]:
    origin = model.item(dataset["origin"]) if dataset.get("origin") else None
    return None if origin is None or origin.point is None else content.kept_shape(origin.point["object"])


def logical_base_less(dataset: Doc) -> int:
    """ZFS keeps metadata twice: what is less in the logical figures of one dataset."""
    return (VOLUME_BASE if dataset["type"] == "volume" else FILESYSTEM_BASE) // 2


def own(model: Model, dataset: Doc) -> Own:
    """What one dataset takes by itself."""
    live = live_shape(dataset)
    base = base_of(dataset)
    referenced = base + content.size_of(live)
    shared = _shared_with_origin(model, dataset)
    snapshots: List[Doc] = dataset["snapshots"]
    by_dataset = referenced if shared is None else content.size_of(live, shared)
    by_snapshots = 0
    unique, written = by_dataset, by_dataset
    if snapshots:
        shapes = [content.kept_shape(snapshot["object"]) for snapshot in snapshots]
        unique = written = content.size_of(live, shapes[-1])
        older: Dict[str, List[List[int]]] = {name: [entry] for name, entry in (shared or {}).items()}
        for name, entry in live.items():
            older.setdefault(name, []).append(entry)
        for snapshot_shape in shapes:
            for name, entry in snapshot_shape.items():
                versions = older.setdefault(name, [])
                if all(version[:2] != entry[:2] for version in versions):
                    versions.append(entry)
                    by_snapshots += entry[2]
    reserved = _number(dataset, "refreservation")
    return Own(referenced, by_dataset, by_snapshots, max(0, reserved - unique), unique, written)


def snapshot_referenced(dataset: Doc, snapshot: Doc) -> int:
    base = VOLUME_BASE if dataset["type"] == "volume" else FILESYSTEM_BASE
    return base + int(snapshot.get("preinstalled", 0)) + content.size_of(content.kept_shape(snapshot["object"]))


def snapshot_written(dataset: Doc, snapshot: Doc) -> int:
    """What was written between the snapshot before it and this one."""
    index = dataset["snapshots"].index(snapshot)
    if not index:
        return snapshot_referenced(dataset, snapshot)
    before = content.kept_shape(dataset["snapshots"][index - 1]["object"])
    return content.size_of(content.kept_shape(snapshot["object"]), before)


def snapshot_used(dataset: Doc, snapshot: Doc) -> int:
    """What only this snapshot keeps."""
    index = dataset["snapshots"].index(snapshot)
    mine = content.kept_shape(snapshot["object"])
    after = (
        content.kept_shape(dataset["snapshots"][index + 1]["object"])
        if index + 1 < len(dataset["snapshots"])
        else live_shape(dataset)
    )
    rest = {name: entry for name, entry in mine.items() if after.get(name, [])[:2] != entry[:2]}
    if index:
        before = content.kept_shape(dataset["snapshots"][index - 1]["object"])
        rest = {name: entry for name, entry in rest.items() if before.get(name, [])[:2] != entry[:2]}
    return content.size_of(rest)


def usage(model: Model, pool: Doc) -> Dict[str, Usage]:
    """Every dataset of a pool."""
    datasets: Dict[str, Doc] = pool["datasets"]
    order = sorted(datasets)
    owns = {name: own(model, datasets[name]) for name in order}
    children = {name: 0 for name in order}
    used: Dict[str, int] = {}
    logical = {name: 0 if "/" in name else POOL_METADATA // 3 for name in order}
    for name in sorted(order, key=lambda name: name.count("/"), reverse=True):
        mine = owns[name]
        if "/" not in name:
            children[name] += POOL_METADATA
        used[name] = mine.by_dataset + mine.by_snapshots + mine.by_refreservation + children[name]
        logical[name] += mine.by_dataset + mine.by_snapshots
        if not datasets[name].get("origin"):
            logical[name] -= logical_base_less(datasets[name])
        if "/" in name:
            logical[names.parent(name)] += logical[name]
            children[names.parent(name)] += max(used[name], _number(datasets[name], "reservation"))
    room: Dict[str, int] = {}
    result: Dict[str, Usage] = {}
    for name in sorted(order, key=lambda name: name.count("/")):
        dataset = datasets[name]
        free = (
            vdevs.usable(pool) - used[name]
            if "/" not in name
            else room[names.parent(name)] + max(0, _number(dataset, "reservation") - used[name])
        )
        quota = _number(dataset, "quota")
        if quota:
            free = min(free, quota - used[name])
        room[name] = max(0, free)
        available = room[name] + owns[name].by_refreservation
        refquota = _number(dataset, "refquota")
        if refquota:
            available = min(available, max(0, refquota - owns[name].referenced))
        result[name] = Usage(owns[name], children[name], used[name], available, logical[name])
    return result


def room_in(model: Model, name: str) -> int:
    """What may still be reserved or written below a dataset."""
    pool = model.pool_of(name)
    if name not in pool["datasets"]:
        return UNLIMITED
    found = usage(model, pool)[name]
    return max(0, found.available - found.own.by_refreservation)
