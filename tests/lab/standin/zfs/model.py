# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pools and datasets as the stand-in keeps them.

What survives a power cut is the document `disk`: pools with their devices, datasets, snapshots, properties. What is
the running kernel's is the document `kernel`: which pools are imported, what is mounted, which keys are loaded. Both
are plain dictionaries, so that loading a thousand datasets costs no more than reading them.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from . import names
from .errors import ZfsError
from .proptable import BY_NAME, INHERIT

Doc = Dict[str, Any]
DATASETS = ("filesystem", "volume")
ALL_TYPES = ("filesystem", "volume", "snapshot", "bookmark")


class Item(NamedTuple):
    """One thing with properties. `point` is the snapshot's or bookmark's own dictionary."""

    name: str
    type: str
    dataset: Doc
    point: Optional[Doc]

    @property
    def own(self) -> Doc:
        return self.dataset if self.point is None else self.point


class Model:
    def __init__(self, disk: Doc, kernel: Doc) -> None:
        self.disk = disk
        self.kernel = kernel
        disk.setdefault("pools", {})
        kernel.setdefault("imported", [])
        kernel.setdefault("mounted", {})
        kernel.setdefault("keys", [])
        self._names: Optional[List[str]] = None

    # pools

    def pools(self) -> List[Doc]:
        """The imported pools by name."""
        found = [self.disk["pools"][guid] for guid in self.kernel["imported"]]
        return sorted(found, key=lambda pool: str(pool["name"]))

    def pool(self, name: str) -> Optional[Doc]:
        for guid in self.kernel["imported"]:
            pool: Doc = self.disk["pools"][guid]
            if pool["name"] == name:
                return pool
        return None

    def pool_of(self, name: str) -> Doc:
        pool = self.pool(names.pool_of(name))
        if pool is None:
            raise ZfsError(f"cannot open '{name}': dataset does not exist")
        return pool

    def unique(self, purpose: str) -> int:
        """A number of 19 digits that nothing else has: guids. The same sequence for the same host seed."""
        self.disk["counter"] = self.disk.get("counter", 0) + 1
        text = "{}/{}/{}".format(self.disk.get("seed", "standin"), purpose, self.disk["counter"])
        return 10**18 + int.from_bytes(_digest(text)[:8], "big") % (8 * 10**18)

    def coin(self) -> bool:
        """A coin that falls the same way each time for one host seed."""
        self.disk["coins"] = self.disk.get("coins", 0) + 1
        text = "{}/coin/{}".format(self.disk.get("seed", "standin"), self.disk["coins"])
        return bool(_digest(text)[0] & 1)

    def new_object(self, suffix: str) -> str:
        self.disk["objects"] = self.disk.get("objects", 0) + 1
        return "{:06d}.{}".format(self.disk["objects"], suffix)

    # datasets

    def find(self, name: str) -> Optional[Doc]:
        pool = self.pool(names.pool_of(name))
        if pool is None:
            return None
        dataset: Optional[Doc] = pool["datasets"].get(name)
        return dataset

    def names(self) -> List[str]:
        """The names of all file systems and volumes, sorted."""
        if self._names is None:
            self._names = sorted(name for pool in self.pools() for name in pool["datasets"])
        return self._names

    def forget_names(self) -> None:
        self._names = None

    def below(self, name: str) -> List[str]:
        """All descendants, sorted, without the dataset itself."""
        return [other for other in self.names() if other.startswith(name + "/")]

    def children(self, name: str) -> List[str]:
        return [other for other in self.below(name) if "/" not in other[len(name) + 1 :]]

    def item(self, name: str) -> Optional[Item]:
        dataset_name, sign, tail = names.split(name)
        dataset = self.find(dataset_name)
        if dataset is None:
            return None
        if not sign:
            return Item(name, dataset["type"], dataset, None)
        for point in dataset["snapshots" if sign == "@" else "bookmarks"]:
            if point["name"] == tail:
                return Item(name, "snapshot" if sign == "@" else "bookmark", dataset, point)
        return None

    def open(self, name: str, types: Sequence[str] = DATASETS) -> Item:
        """libzfs's zfs_open: the item or its words for why not."""
        if types == ("snapshot",):
            kind = names.SNAPSHOT
        else:
            kind = names.SNAPSHOT if "@" in name and "snapshot" in types else names.DATASET
            kind = names.BOOKMARK if "#" in name and "bookmark" in types else kind
        problem = names.complaint(name, kind)
        if problem:
            raise ZfsError(f"cannot open '{name}': {problem}")
        found = self.item(name)
        if found is None:
            raise ZfsError(f"cannot open '{name}': dataset does not exist")
        if found.type not in types:
            raise ZfsError(f"cannot open '{name}': operation not applicable to datasets of this type")
        return found

    def exists(self, name: str) -> bool:
        return self.item(name) is not None

    def points(self, name: str, types: Iterable[str] = ALL_TYPES) -> Iterator[Item]:
        """A dataset's snapshots and bookmarks."""
        dataset = self.find(name)
        if dataset is None:
            return
        if "snapshot" in types:
            for point in dataset["snapshots"]:
                yield Item("{}@{}".format(name, point["name"]), "snapshot", dataset, point)
        if "bookmark" in types:
            for point in dataset["bookmarks"]:
                yield Item("{}#{}".format(name, point["name"]), "bookmark", dataset, point)

    def walk(self, top: str, types: Sequence[str], depth: Optional[int]) -> Iterator[Item]:
        """The dataset and what is below it, of these types, in the order of zfs list. depth: None is no limit."""
        for name in [top] + self.below(top):
            level = name[len(top) :].count("/")
            if depth is not None and level > depth:
                continue
            dataset = self.find(name)
            if dataset is None:
                continue
            if dataset["type"] in types:
                yield Item(name, dataset["type"], dataset, None)
            if depth is None or level < depth:
                yield from self.points(name, types)

    def clones(self, snapshot: str) -> List[str]:
        """Datasets whose origin is this snapshot, oldest first."""
        pool = self.pool(names.pool_of(snapshot))
        if pool is None:
            return []
        found = [
            (dataset["createtxg"], name)
            for name, dataset in pool["datasets"].items()
            if dataset.get("origin") == snapshot
        ]
        return [name for _txg, name in sorted(found)]

    # properties

    def value(self, item: Item, name: str) -> Tuple[str, str]:
        """A settable property's value and its source: local, default, received, or 'inherited from X'."""
        chain = [item.name] if item.point is None else [item.name, names.split(item.name)[0]]
        entry = BY_NAME.get(name)
        inherits = entry is None or entry.kind == INHERIT
        if item.point is not None and entry is not None and not inherits:
            chain = chain[:1]
        if inherits:
            chain += names.ancestors(chain[-1])[::-1]
        for holder in chain:
            own = item.own if holder == item.name else self.find(holder)
            if own is None:
                continue
            for kind, source in (("props", "local"), ("received", "received")):
                if name in own.get(kind, {}) and name not in own.get("masked", ()):
                    if holder != item.name:
                        source = f"inherited from {holder}"
                    return str(own[kind][name]), source
        return ("" if entry is None else entry.default), "default"

    def mountpoint(self, item: Item) -> Tuple[str, str]:
        """The mount point and its source; below an inherited one the rest of the name is appended."""
        value, source = self.value(item, "mountpoint")
        altroot = self.pool_of(item.name)["props"].get("altroot", "")
        if source == "default":
            value = "/" + item.name
        elif source.startswith("inherited") and value not in ("none", "legacy"):
            holder = source[len("inherited from ") :]
            value = value.rstrip("/") + item.name[len(holder) :]
        if altroot and value not in ("none", "legacy"):
            value = altroot.rstrip("/") + value
        return value or "/", source

    # time

    def next_txg(self, pool: Doc) -> int:
        pool["txg"] = int(pool["txg"]) + 3
        return int(pool["txg"])

    def note(self, pool: Doc, words: Sequence[str]) -> None:
        """Put a command into the pool's history (zpool-history(8))."""
        pool["history"].append([int(time.time()), " ".join(words)])


def for_each(
    model: Model,
    operands: Sequence[str],
    types: Sequence[str],
    recurse: bool,
    depth: Optional[int],
    complain: Callable[[str], None],
    argument_types: Sequence[str] = ALL_TYPES,
) -> Tuple[List[Item], bool]:
    """zfs(8)'s zfs_for_each: what a list or get is about, sorted, each once, and whether all operands were found."""
    found: Dict[str, Item] = {}
    good = True
    if not operands:
        for pool in model.pools():
            for item in model.walk(pool["name"], types, None):
                found[item.name] = item
    for name in operands:
        try:
            item = model.open(name, argument_types)
        except ZfsError as error:
            complain(str(error))
            good = False
            continue
        if (recurse or depth is not None) and item.point is None:
            for other in model.walk(name, types, depth):
                found[other.name] = other
        else:
            found[name] = item
    return sorted(found.values(), key=_sort_key), good


def _sort_key(item: Item) -> Tuple[str, int, int, str]:
    dataset, sign, tail = names.split(item.name)
    rank = "@#".find(sign) + 1 if sign else 0
    return dataset, rank, int(item.own["createtxg"]) if sign == "@" else 0, tail


def _digest(text: str) -> bytes:
    import hashlib  # loads a large library: most calls need no digest

    return hashlib.sha256(text.encode()).digest()
