# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zfs snapshot, rollback, bookmark, hold, holds, release and diff."""

from __future__ import annotations

import os
import time
from typing import Dict, List, Sequence

from ...zfs import content, mounts, names, options, space, values
from ...zfs.errors import NotBuilt, UsageError, ZfsError
from ...zfs.model import Item, Model
from ...zfs.pools import new_snapshot
from ...zfs.session import Session
from . import destroy as destroying


def snapshot(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "ro:")
    model = session.model
    pairs = values.split_assignments(value for letter, value in given if letter == "o")
    if not operands:
        raise UsageError("missing snapshot argument")
    wanted: List[str] = []
    for name in operands:
        holder, sign, tail = name.partition("@")
        if not sign:
            raise UsageError("")
        if model.find(holder) is None:
            raise UsageError(f"cannot open '{holder}': dataset does not exist")
        wanted.extend(f"{other}@{tail}" for other in [holder] + (model.below(holder) if ("r", "") in given else []))
    for name in wanted:
        problem = names.complaint(name, names.SNAPSHOT)
        if problem:
            raise ZfsError(f"cannot create snapshot '{name}': {problem}")
    props = {}
    for prop, value in pairs:
        if not values.is_user_property(prop):
            raise ZfsError(f"cannot create snapshots : property '{prop}' cannot be set at snapshot creation")
        props[prop] = value
    _check_new(model, wanted)
    for pool_name in dict.fromkeys(names.pool_of(name) for name in wanted):
        pool = model.pool_of(pool_name)
        txg = model.next_txg(pool)
        for name in wanted:
            if names.pool_of(name) == pool_name:
                holder, _sign, tail = names.split(name)
                point = new_snapshot(model, pool, pool["datasets"][holder], tail, txg)
                point["props"].update(props)
        session.log(pool_name)
    return 0


def _check_new(model: Model, wanted: Sequence[str]) -> None:
    failed = [f"cannot create snapshot '{name}': dataset already exists" for name in wanted if model.exists(name)]
    if not failed:
        for pool_name in {names.pool_of(name) for name in wanted}:
            usage = space.usage(model, model.pool_of(pool_name))
            for name in wanted:
                holder = names.split(name)[0]
                item = model.open(holder)
                reserved = int(model.value(item, "refreservation")[0] or 0)
                unique = usage[holder].own.unique if holder in usage else 0
                again = min(reserved, unique)
                if holder not in usage:
                    continue
                # Each by itself: what the others of this command take is not counted (seen with OpenZFS 2.3.2).
                if again > usage[holder].available - usage[holder].own.by_refreservation:
                    failed.append(f"cannot create snapshot '{name}': out of space")
    if failed:
        if len(wanted) > 1:
            failed.append("no snapshots were created")
        raise ZfsError("\n".join(failed))


def rollback(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "rRf")
    letters = options.flags(given)
    if not operands:
        raise UsageError("missing dataset argument")
    if len(operands) > 1:
        raise UsageError("too many arguments")
    model = session.model
    item = model.open(operands[0], ("snapshot",))
    holder = names.split(item.name)[0]
    dataset = item.dataset
    index = dataset["snapshots"].index(item.own)
    later = dataset["snapshots"][index + 1 :]
    marks = [mark for mark in dataset["bookmarks"] if mark["createtxg"] > item.own["createtxg"]]
    names_later = sorted(("{}@{}".format(holder, point["name"]) for point in later), reverse=True)
    names_later += sorted("{}#{}".format(holder, mark["name"]) for mark in marks)
    clones = [clone for name in names_later for clone in model.clones(name)]
    if names_later and not {"r", "R"} & set(letters):
        raise ZfsError(
            "cannot rollback to '{}': more recent snapshots or bookmarks exist\n"
            "use '-r' to force deletion of the following snapshots and bookmarks:\n{}".format(
                item.name, "\n".join(names_later)
            )
        )
    if clones and "R" not in letters:
        raise ZfsError(
            "cannot rollback to '{}': clones of previous snapshots exist\n"
            "use '-R' to force deletion of the following clones and dependents:\n{}".format(
                item.name, "\n".join(clones)
            )
        )
    for point in later:
        if point["holds"]:
            raise ZfsError("cannot destroy snapshot {}@{}: dataset is busy".format(holder, point["name"]))
    for clone in clones:
        for other in destroying.dependents(model, clone) + [clone]:
            destroying.remove(session, other, "f" in letters)
    for mark in marks:
        dataset["bookmarks"].remove(mark)
    for point in list(later):
        destroying.remove(session, "{}@{}".format(holder, point["name"]))
    content.restore(item.own["object"], dataset["object"])
    if dataset["type"] == "volume":
        dataset["props"]["volsize"] = item.own["props"]["volsize"]
    session.log(names.pool_of(item.name))
    return 0


def bookmark(session: Session, argv: Sequence[str]) -> int:
    _given, operands = options.parse(argv, "")
    if not operands:
        raise UsageError("missing source argument")
    if len(operands) < 2:
        raise UsageError("missing bookmark argument")
    source, target = operands[:2]
    model = session.model
    if source[:1] in "@#":
        source = target.partition("#")[0] + source
    if target[:1] == "#":
        target = names.split(source)[0] + target
    try:
        item = model.open(source, ("snapshot", "bookmark"))
    except ZfsError as error:
        raise UsageError(str(error)) from None
    problem = names.complaint(target, names.BOOKMARK)
    if problem:
        raise ZfsError(f"cannot create bookmark '{target}': {problem}")
    if names.split(target)[0] != names.split(source)[0]:
        raise ZfsError(f"cannot create bookmark '{target}': bookmark is in a different dataset")
    if model.exists(target):
        raise ZfsError(f"cannot create bookmark '{target}': bookmark exists")
    referenced = (
        space.snapshot_referenced(item.dataset, item.own) if item.type == "snapshot" else int(item.own["referenced"])
    )
    item.dataset["bookmarks"].append(
        {
            "name": target.partition("#")[2],
            "guid": item.own["guid"],
            "createtxg": item.own["createtxg"],
            "creation": item.own["creation"],
            "referenced": referenced,
            "shape": content.kept_shape(item.own["object"]) if item.type == "snapshot" else item.own.get("shape", {}),
        }
    )
    session.log(names.pool_of(target))
    return 0


def _points(session: Session, operands: Sequence[str], recurse: bool, verb: str) -> List[Item]:
    """The snapshots that a hold or release is about; with -r those of the same name below."""
    found: List[Item] = []
    for name in operands:
        holder, sign, tail = name.partition("@")
        if not sign:
            raise ZfsError(f"'{name}' is not a snapshot")
        session.model.open(holder)
        holders = [holder] + (session.model.below(holder) if recurse else [])
        items = [session.model.item(f"{other}@{tail}") for other in holders]
        good = [item for item in items if item is not None]
        if not good or (not recurse and items[0] is None):
            raise ZfsError(f"cannot {verb} '{name}': dataset does not exist")
        found.extend(good)
    return found


def _hold_arguments(argv: Sequence[str]) -> tuple[str, List[str], bool]:
    given, operands = options.parse(argv, "rt")
    if len(operands) < 2:
        raise UsageError("")
    return operands[0], operands[1:], ("r", "") in given


def hold(session: Session, argv: Sequence[str]) -> int:
    tag, operands, recurse = _hold_arguments(argv)
    if tag.startswith("."):
        raise ZfsError("tag may not start with '.'")
    items = _points(session, operands, recurse, "hold snapshot")
    for item in items:
        if tag in item.own["holds"]:
            raise ZfsError(f"cannot hold snapshot '{item.name}': tag already exists on this dataset")
    for item in items:
        item.own["holds"][tag] = int(time.time())
    session.log(names.pool_of(operands[0]))
    return 0


def release(session: Session, argv: Sequence[str]) -> int:
    tag, operands, recurse = _hold_arguments(argv)
    items = _points(session, operands, recurse, "release hold from snapshot")
    for item in items:
        if tag not in item.own["holds"] and not recurse:
            raise ZfsError(f"cannot release hold from snapshot '{item.name}': no such tag on this dataset")
    for item in items:
        item.own["holds"].pop(tag, None)
        destroying.reap(session, item.name)
    session.log(names.pool_of(operands[0]))
    return 0


def holds(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "rHp")
    letters = options.flags(given)
    if not operands:
        raise UsageError("")
    rows: List[List[str]] = []
    for name in operands:
        holder, sign, tail = name.partition("@")
        if not sign:
            session.complain(f"'{name}' is not a snapshot")
            continue
        names_wanted = [name] + ([f"{other}@{tail}" for other in session.model.below(holder)] if "r" in letters else [])
        items = [item for item in map(session.model.item, names_wanted) if item is not None]
        if not items:
            session.complain(f"cannot open '{name}': dataset does not exist")
            session.complain("no datasets available")
        for item in items:
            for tag, when in sorted(item.own["holds"].items()):
                text = str(when) if "p" in letters else time.strftime("%a %b %e %H:%M %Y", time.localtime(when))
                rows.append([item.name, tag, text])
    if "H" in letters:
        for row in rows:
            print("\t".join(row))
    elif rows:
        wide = [max(len(row[index]) for row in rows + [["NAME", "TAG", ""]]) for index in range(2)]
        for row in [["NAME", "TAG", "TIMESTAMP"]] + rows:
            print(f"{row[0].ljust(wide[0])}  {row[1].ljust(wide[1])}  {row[2]}")
    return session.status


def diff(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "FHth")
    if given and options.flags(given).strip("H"):
        raise NotBuilt(f"zfs: diff -{options.flags(given)}")
    if not operands:
        raise UsageError("must provide at least one snapshot name")
    if len(operands) > 2:
        raise UsageError("too many arguments")
    model = session.model
    holder = names.split(operands[0])[0]
    target = operands[1] if len(operands) == 2 else holder
    late = (
        model.open(names.split(target)[0], ("filesystem",)) if "@" not in target else model.open(target, ("snapshot",))
    )
    early = model.open(operands[0], ("snapshot",))
    before = content.kept_shape(early.own["object"])
    after = content.kept_shape(late.own["object"]) if late.point is not None else content.shape(late.own["object"])
    top = mounts.mounted(model).get(names.split(late.name)[0], "/" + names.split(late.name)[0])
    for mark, path in _differences(before, after):
        print(f"{mark}\t{os.path.join(top, path)}")
    return 0


def _differences(before: content.Shape, after: content.Shape) -> List[tuple[str, str]]:
    marks: Dict[str, str] = {}
    for path in sorted(set(before) | set(after)):
        if path not in after or path not in before:
            marks[path] = "-" if path not in after else "+"
            marks.setdefault(os.path.dirname(path) and os.path.dirname(path) + "/", "M")
        elif before[path][:2] != after[path][:2]:
            marks[path] = "M"
    return [(mark, path) for path, mark in sorted(marks.items())]
