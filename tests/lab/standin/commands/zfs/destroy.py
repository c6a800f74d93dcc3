# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zfs destroy, and taking datasets and snapshots away for the commands that do so as well."""

from __future__ import annotations

import functools
import sys
from typing import List, Sequence

from ...zfs import busy, content, mounts, names, numbers, options, space
from ...zfs.errors import UsageError, ZfsError
from ...zfs.model import ALL_TYPES, DATASETS, Doc, Item, Model
from ...zfs.session import Session

_POINT_TYPES = ("filesystem", "volume", "snapshot")


class Flags:
    def __init__(self, letters: str) -> None:
        self.verbose = "v" in letters or "p" in letters
        self.parsable = "p" in letters
        self.dry = "n" in letters
        self.defer = "d" in letters
        self.force = "f" in letters
        self.recurse = "r" in letters or "R" in letters
        self.clones = "R" in letters


def destroy(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "vpndfrR")
    flags = Flags(options.flags(given))
    if not operands:
        raise UsageError("missing dataset argument")
    if len(operands) > 1:
        raise UsageError("too many arguments")
    name = operands[0]
    if "@" in name:
        _destroy_snapshots(session, name, flags)
    elif "#" in name:
        _destroy_bookmark(session, name, flags)
    else:
        _destroy_dataset(session, name, flags)
    if session.status == 0 and not flags.dry:
        session.log(names.pool_of(name))
    return session.status


def dependents(model: Model, name: str) -> List[str]:
    """What must go before a dataset does: its snapshots with their clones, and its children, deepest first."""
    found: List[str] = []
    dataset = model.find(name)
    if dataset is None:
        return found
    for child in reversed(model.children(name)):
        for other in dependents(model, child) + [child]:
            if other not in found:
                found.append(other)
    for snapshot in sorted((point["name"] for point in dataset["snapshots"]), reverse=True):
        full = f"{name}@{snapshot}"
        for clone in model.clones(full):
            for other in dependents(model, clone) + [clone]:
                if other not in found:
                    found.append(other)
        found.append(full)
    return found


def _destroy_dataset(session: Session, name: str, flags: Flags) -> None:
    model = session.model
    item = model.open(name, _POINT_TYPES if not flags.defer else ("snapshot",))
    if not flags.recurse and "/" not in name:
        raise ZfsError(
            f"cannot destroy '{name}': operation does not apply to pools\n"
            f"use 'zfs destroy -r {name}' to destroy all datasets in the pool\n"
            f"use 'zpool destroy {name}' to destroy the pool itself"
        )
    needed = dependents(model, name)
    inside = [other for other in needed if names.is_below(other, name)]
    outside = [other for other in needed if not names.is_below(other, name)]
    if inside and not flags.recurse:
        raise ZfsError(
            "cannot destroy '{}': {} has children\nuse '-r' to destroy the following datasets:\n{}".format(
                name, item.type, "\n".join(inside)
            )
        )
    if outside and not flags.clones:
        raise ZfsError(
            "cannot destroy '{}': {} has dependent clones\nuse '-R' to destroy the following datasets:\n{}".format(
                name, item.type, "\n".join(outside)
            )
        )
    for other in needed + [name]:
        _announce(other, flags)
        if flags.dry or "/" not in other and "@" not in other:
            continue
        try:
            remove(session, other, flags.force)
        except ZfsError as error:
            session.complain(str(error))
            if not flags.recurse:
                return


def _announce(name: str, flags: Flags) -> None:
    if flags.verbose:
        print(f"destroy\t{name}" if flags.parsable else "{} destroy {}".format("would" if flags.dry else "will", name))


def remove(session: Session, name: str, force: bool = False) -> None:
    """Destroy one dataset without dependents, or one snapshot; ZfsError when it is in use."""
    model = session.model
    item = model.item(name)
    if item is None:
        return
    if item.type == "snapshot":
        remove_snapshot(session, item, False)
        return
    left = list(dependents(model, name))
    if left:
        raise ZfsError(f"cannot destroy '{name}': dataset is busy")
    where = mounts.mounted(model).get(name, "")
    if where:
        mounts.detach(model, name, force)
    if busy.holds(item.dataset, model.kernel):
        raise ZfsError(f"cannot destroy '{name}': dataset is busy")
    if where:
        mounts.remove_directory(model, item, where)
    origin = str(item.dataset.get("origin", ""))
    del model.pool_of(name)["datasets"][name]
    model.forget_names()
    discard(session, item.dataset)
    if origin:
        reap(session, origin)


def discard(session: Session, dataset: Doc) -> None:
    """Drop a dataset's content, once the state that no longer names it is written."""
    partial = str(dataset.get("resume", {}).get("object", ""))
    for object_id in [dataset["object"], partial]:
        if object_id:
            session.after.append(functools.partial(content.destroy, object_id))


def remove_snapshot(session: Session, item: Item, defer: bool) -> None:
    """Destroy a snapshot, or mark it for later where it is held or cloned and `defer` says so."""
    clones = session.model.clones(item.name)
    if clones or item.own["holds"]:
        if not defer:
            raise ZfsError(
                "cannot destroy snapshot {}: {}".format(
                    item.name, "snapshot is cloned" if clones else "dataset is busy"
                )
            )
        item.own["defer"] = True
        return
    item.dataset["snapshots"].remove(item.own)
    object_id = item.own["object"]
    session.after.append(functools.partial(content.destroy, object_id))


def reap(session: Session, snapshot: str) -> None:
    """A clone or a hold is gone: a snapshot that only waited for that goes too."""
    item = session.model.item(snapshot)
    if item is not None and item.own.get("defer") and not item.own["holds"] and not session.model.clones(snapshot):
        remove_snapshot(session, item, False)


def _chosen(dataset: Doc, specification: str) -> List[str]:
    """Snapshot names for `a,b,c%d`."""
    order = [point["name"] for point in dataset["snapshots"]]
    found: List[str] = []
    for word in specification.split(","):
        first, percent, last = word.partition("%")
        if not percent:
            chosen = [first] if first in order else []
        else:
            begin = order.index(first) if first in order else 0 if not first else len(order)
            end = order.index(last) if last in order else len(order) - 1 if not last else -1
            chosen = order[begin : end + 1]
        found.extend(name for name in chosen if name not in found)
    return found


def _destroy_snapshots(session: Session, name: str, flags: Flags) -> None:
    model = session.model
    dataset_name, _sign, specification = names.split(name)
    model.open(dataset_name, DATASETS)
    chosen: List[Item] = []
    for holder in [dataset_name] + (model.below(dataset_name) if flags.recurse else []):
        dataset = model.find(holder) or {}
        for snapshot in _chosen(dataset, specification):
            chosen.append(model.open(f"{holder}@{snapshot}", ("snapshot",)))
    for item in chosen:
        needed = [other for clone in model.clones(item.name) for other in dependents(model, clone) + [clone]]
        if needed and not flags.clones and not flags.defer:
            raise ZfsError(
                "cannot destroy '{}': snapshot has dependent clones\n"
                "use '-R' to destroy the following datasets:\n{}".format(item.name, "\n".join(needed))
            )
    if not chosen:
        raise ZfsError("could not find any snapshots to destroy; check snapshot names.")
    for item in chosen:
        _announce(item.name, flags)
    if flags.verbose:
        reclaimed = sum(space.snapshot_used(item.dataset, item.own) for item in chosen)
        print(
            f"reclaim\t{reclaimed}"
            if flags.parsable
            else "{} reclaim {}".format("would" if flags.dry else "will", numbers.nice(reclaimed))
        )
    if flags.dry:
        return
    held = [item for item in chosen if item.own["holds"] and not flags.defer and not flags.clones]
    for item in held:
        session.complain(f"cannot destroy snapshot {item.name}: dataset is busy")
    if held:
        return  # all of them go in one transaction, or none
    for item in chosen:
        try:
            for clone in model.clones(item.name) if flags.clones else []:
                for other in dependents(model, clone) + [clone]:
                    remove(session, other, flags.force)
            remove_snapshot(session, item, flags.defer)
        except ZfsError as error:
            session.complain(str(error))


def _destroy_bookmark(session: Session, name: str, flags: Flags) -> None:
    for given, what in ((flags.dry, "dryrun"), (flags.defer, "defer destroy"), (flags.recurse, "recursive")):
        if given:
            print(f"{what} is not supported with bookmark", file=sys.stderr)
            raise ZfsError("", 255)
    item = session.model.item(name)
    if item is None or item.type not in ALL_TYPES[3:]:
        raise ZfsError(f"bookmark '{name}' does not exist.")
    item.dataset["bookmarks"].remove(item.own)
