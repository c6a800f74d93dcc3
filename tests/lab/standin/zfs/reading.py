# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `zfs get` and `zfs list` can ask of a dataset: every property's value and source."""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Tuple

from . import content, mounts, names, space, values
from .model import Doc, Item, Model
from .proptable import BY_NAME, TABLE

Value = Tuple[str, str]
_ENCRYPTION = ("encryption", "keylocation", "keyformat", "pbkdf2iters")
_FIXED_SOURCE = ("utf8only", "normalization", "casesensitivity", "version")


class Reader:
    """Reads properties; what is dear to compute is computed once a pool, and only when it is asked for."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._usage: Dict[str, Dict[str, space.Usage]] = {}
        self._clones: Optional[Dict[str, List[Tuple[int, str]]]] = None
        self._computed: Dict[str, Callable[[Item], Optional[str]]] = {
            "type": lambda item: item.type,
            "creation": lambda item: str(item.own["creation"]),
            "createtxg": lambda item: str(item.own["createtxg"]),
            "guid": lambda item: str(item.own["guid"]),
            "objsetid": lambda item: str(item.own["objset"]),
            "used": self._used,
            "available": lambda item: str(self.usage(item).available),
            "referenced": self._referenced,
            "logicalreferenced": lambda item: str(int(self._referenced(item)) - space.logical_base_less(item.dataset)),
            "logicalused": lambda item: str(self.usage(item).logical),
            "compressratio": lambda item: "1.00",
            "refcompressratio": lambda item: "1.00",
            "mounted": lambda item: "yes" if item.name in self.model.kernel["mounted"] else "no",
            "origin": lambda item: item.dataset.get("origin"),
            "usedbysnapshots": lambda item: str(self.usage(item).own.by_snapshots),
            "usedbydataset": lambda item: str(self.usage(item).own.by_dataset),
            "usedbychildren": lambda item: str(self.usage(item).by_children),
            "usedbyrefreservation": lambda item: str(self.usage(item).own.by_refreservation),
            "written": self._written,
            "defer_destroy": lambda item: "on" if item.own.get("defer") else "off",
            "userrefs": lambda item: str(len(item.own["holds"])),
            "clones": lambda item: ",".join(self.clones(item.name)) or None,
            "receive_resume_token": lambda item: item.dataset.get("resume", {}).get("token"),
            "encryptionroot": lambda item: item.dataset.get("keyroot"),
            "keystatus": self._keystatus,
            "redact_snaps": lambda item: None,
        }

    def usage(self, item: Item) -> space.Usage:
        name = names.split(item.name)[0]
        pool_name = names.pool_of(name)
        if pool_name not in self._usage:
            self._usage[pool_name] = space.usage(self.model, self.model.pool_of(pool_name))
        return self._usage[pool_name][name]

    def clones(self, snapshot: str) -> List[str]:
        if self._clones is None:
            self._clones = {}
            for pool in self.model.pools():
                for name, dataset in pool["datasets"].items():
                    if dataset.get("origin"):
                        self._clones.setdefault(dataset["origin"], []).append((int(dataset["createtxg"]), name))
        return [name for _txg, name in sorted(self._clones.get(snapshot, []))]

    def _used(self, item: Item) -> str:
        if item.type == "snapshot":
            return str(space.snapshot_used(item.dataset, item.own))
        return str(self.usage(item).used)

    def _referenced(self, item: Item) -> str:
        if item.type == "snapshot":
            return str(space.snapshot_referenced(item.dataset, item.own))
        if item.type == "bookmark":
            return str(item.own["referenced"])
        return str(self.usage(item).own.referenced)

    def _written(self, item: Item) -> str:
        if item.type == "snapshot":
            return str(space.snapshot_written(item.dataset, item.own))
        return str(self.usage(item).own.written)

    def written_since(self, item: Item, name: str) -> Optional[str]:
        """``written@snapshot`` and ``written#bookmark`` of a dataset; None where there is no such point."""
        point = name[len("written") :]
        holder = names.split(item.name)[0]
        older = self.model.item(point[1:] if "@" in point[1:] or "#" in point[1:] else holder + point)
        if item.point is not None or older is None or older.point is None or older.dataset is not item.dataset:
            return None
        before = content.kept_shape(older.own["object"]) if older.type == "snapshot" else older.own["shape"]
        return str(content.size_of(space.live_shape(item.dataset), before))

    def _keystatus(self, item: Item) -> Optional[str]:
        if not mounts.key_root(self.model, item):
            return None
        return "available" if mounts.has_key(self.model, item) else "unavailable"

    def raw(self, item: Item, name: str) -> Optional[Value]:
        """The kept value and its source, '-' for what has none; None: the property does not apply or has no value."""
        if name == "name":
            return item.name, "-"
        if values.is_user_property(name):
            found = self.model.value(item, name)
            return None if found[1] == "default" else found
        entry = BY_NAME[name]
        if not entry.applies_to(item.type) or not self._applies_to_parent(item, name):
            return None
        if name in self._computed:
            value = self._computed[name](item)
            return None if value is None else (value, "-")
        if name == "mountpoint":
            return self.model.mountpoint(item)
        if name in _ENCRYPTION:
            return self._encryption(item, name)
        value, source = self.model.value(item, name)
        if name in _FIXED_SOURCE:
            return value, "-"
        if name == "volblocksize" and value != entry.default:
            return value, "-"
        if name in ("filesystem_count", "snapshot_count"):
            return "none", "default"
        return value, "-" if item.point is not None and name == "volsize" else source

    def _applies_to_parent(self, item: Item, name: str) -> bool:
        """A snapshot has its dataset's kind of properties only."""
        return (
            item.type != "snapshot"
            or BY_NAME[name].applies_to(item.dataset["type"])
            or name in ("defer_destroy", "userrefs", "clones")
        )

    def _encryption(self, item: Item, name: str) -> Value:
        root = item.dataset.get("keyroot")
        if not root:
            return BY_NAME[name].default, "default"
        holder: Doc = self.model.find(str(root)) or item.dataset
        if name == "keylocation" and root != item.name:
            return "none", "default"
        value = str(holder["key"][name])
        return value, "local" if name == "keylocation" else "-"

    def show(self, item: Item, name: str, literal: bool) -> Optional[Value]:
        found = self.raw(item, name)
        if found is None:
            return None
        if name in ("filesystem_count", "snapshot_count"):
            return found
        return values.show(name, found[0], literal), found[1]

    def all(self, item: Item, literal: bool) -> List[Tuple[str, str, str]]:
        """(property, value, source) of `zfs get all`, in its order: native ones that have a value, then the user's."""
        found = []
        for name in [entry.name for entry in TABLE if entry.applies_to(item.type)] + self.user_names(item):
            shown = self.show(item, name, literal)
            if shown is not None:
                found.append((name, *shown))
        return found

    def user_names(self, item: Item) -> List[str]:
        holders = names.ancestors(names.split(item.name)[0]) + [names.split(item.name)[0]]
        own = [self.model.find(holder) or {} for holder in holders]
        if item.point is not None:
            own.append(item.own)
        seen: Dict[str, None] = {}
        for holder_doc in reversed(own):
            for kind in ("props", "received"):
                for name in holder_doc.get(kind, {}):
                    if ":" in name:
                        seen[name] = None
        return [name for name in seen if self.raw(item, name) is not None]

    def received(self, item: Item, name: str) -> Optional[str]:
        value = item.own.get("received", {}).get(name)
        return None if value is None else str(value)
