# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zfs clone, promote and rename."""

from __future__ import annotations

from typing import Dict, List, Sequence

from ...zfs import busy, keys, mounts, names, nodes, options, space, values
from ...zfs.errors import UsageError, ZfsError
from ...zfs.model import Doc, Model
from ...zfs.pools import new_dataset
from ...zfs.session import Session
from .create import check_place, check_values, make_ancestors, mount_if_wanted


def clone(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "o:p")
    if not operands:
        raise UsageError("missing source dataset argument")
    if len(operands) < 2:
        raise UsageError("missing target dataset argument")
    if len(operands) > 2:
        raise UsageError("too many arguments")
    source, target = operands
    pairs = values.split_assignments(value for letter, value in given if letter == "o")
    model = session.model
    item = model.open(source, ("snapshot",))
    if ("p", "") in given and names.complaint(target) is None:
        if model.find(target) is not None:
            return 0
        make_ancestors(session, target)
    pool = check_place(model, target)
    if names.pool_of(source) != names.pool_of(target):
        raise ZfsError(f"cannot create '{target}': source and target pools differ")
    kind = item.dataset["type"]
    checked = check_values(pairs, kind, f"cannot create '{target}'")
    reserved = max([0] + [int(checked[prop]) for prop in ("reservation", "refreservation") if prop in checked])
    if reserved > space.room_in(model, names.parent(target)):
        raise ZfsError(f"cannot create '{target}': out of space")
    dataset = new_dataset(model, pool, target, kind, content_of=item.own["object"])
    dataset["origin"] = source
    dataset["preinstalled"] = item.own.get("preinstalled", 0)
    for prop in ("volsize",):
        if prop in item.own["props"]:
            dataset["props"][prop] = item.own["props"][prop]
    if kind == "volume" and "volblocksize" in item.dataset["props"]:
        dataset["props"]["volblocksize"] = item.dataset["props"]["volblocksize"]
    if "keyroot" in item.dataset:
        dataset["keyroot"] = item.dataset["keyroot"]
    dataset["props"].update(checked)
    session.log(names.pool_of(target))
    if kind == "volume":
        nodes.stick(model, dataset, dict(pairs).get("volmode", ""))
    else:
        mount_if_wanted(model, target)
    return 0


def promote(session: Session, argv: Sequence[str]) -> int:
    if len(argv) != 1 or argv[0].startswith("-"):
        raise UsageError("missing clone filesystem argument" if not argv else "too many arguments")
    name = argv[0]
    model = session.model
    item = model.open(name)
    origin = model.item(str(item.dataset.get("origin", "")))
    if origin is None or origin.point is None:
        raise ZfsError(f"cannot promote '{name}': not a cloned filesystem")
    old_name = names.split(origin.name)[0]
    old: Doc = origin.dataset
    moving: List[Doc] = [point for point in old["snapshots"] if point["createtxg"] <= origin.own["createtxg"]]
    taken = {point["name"] for point in item.dataset["snapshots"]}
    for point in moving:
        if point["name"] in taken:
            raise ZfsError(
                "cannot promote '{}': conflicting snapshot '{}' from parent '{}'".format(
                    name, point["name"], origin.name
                )
            )
    for point in moving:
        old["snapshots"].remove(point)
        _redirect(model.pool_of(name), "{}@{}".format(old_name, point["name"]), "{}@{}".format(name, point["name"]))
    item.dataset["snapshots"][:0] = moving
    item.dataset.pop("origin")
    if "origin" in old:
        item.dataset["origin"] = old["origin"]
    old["origin"] = "{}@{}".format(name, origin.own["name"])
    session.log(names.pool_of(name))
    return 0


def _redirect(pool: Doc, old: str, new: str) -> None:
    for dataset in pool["datasets"].values():
        if dataset.get("origin") == old:
            dataset["origin"] = new


def rename(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "pruf")
    letters = options.flags(given)
    if not operands:
        raise UsageError("missing source dataset argument")
    if len(operands) < 2:
        raise UsageError("missing target dataset argument")
    if len(operands) > 2:
        raise UsageError("too many arguments")
    source, target = operands
    if "@" in source:
        _rename_snapshot(session, source, target, "r" in letters)
    else:
        if "r" in letters:
            raise UsageError("source dataset must be a snapshot")
        _rename_dataset(session, source, target, letters)
    session.log(names.pool_of(source))
    return 0


def _rename_snapshot(session: Session, source: str, target: str, recurse: bool) -> None:
    model = session.model
    item = model.open(source, ("snapshot",))
    holder = names.split(source)[0]
    if "@" not in target:
        target = f"{holder}@{target}"
    elif target.startswith("@"):
        target = holder + target
    if names.split(target)[0] != holder:
        raise ZfsError(f"cannot rename to '{target}': snapshots must be part of same dataset")
    problem = names.complaint(target, names.SNAPSHOT)
    if problem:
        raise ZfsError(f"cannot rename to '{target}': {problem}")
    old, new = item.own["name"], names.split(target)[2]
    found = [model.item(f"{other}@{old}") for other in [holder] + (model.below(holder) if recurse else [])]
    chosen = [other for other in found if other is not None]
    for other in chosen:
        if model.exists(f"{names.split(other.name)[0]}@{new}"):
            raise ZfsError(f"cannot rename '{source}': dataset already exists")
    for other in chosen:
        other.own["name"] = new
        _redirect(model.pool_of(source), other.name, f"{names.split(other.name)[0]}@{new}")


def _rename_dataset(session: Session, source: str, target: str, letters: str) -> None:
    model = session.model
    model.open(source)
    problem = names.complaint(target)
    if problem:
        raise ZfsError(f"cannot rename to '{target}': {problem}")
    if "p" in letters:
        make_ancestors(session, target)
    if "/" not in source:
        raise ZfsError(f"cannot rename '{source}': operation not applicable to the root dataset of a pool")
    if target.startswith(source + "/"):
        raise ZfsError(f"cannot rename to '{target}': New dataset name cannot be a descendant of current dataset name")
    if names.pool_of(source) != names.pool_of(target):
        raise ZfsError(f"cannot rename to '{target}': datasets must be within same pool")
    if model.find(target) is not None:
        raise ZfsError(f"cannot rename '{source}': dataset already exists")
    check_place(model, target)
    move(model, source, target, remount="u" not in letters)


def move(model: Model, source: str, target: str, remount: bool = True) -> None:
    """Give a dataset and all below it new names; mounted ones move to their new mount points."""
    old_places: Dict[str, str] = dict(mounts.mounted(model))
    remounted = mounts.remount_below(model, source) if remount else []
    for name in sorted(remounted, reverse=True):
        mounts.remove_directory(model, model.open(name), old_places[name])
    pool = model.pool_of(source)
    for name in [other for other in pool["datasets"] if other == source or other.startswith(source + "/")]:
        dataset = pool["datasets"].pop(name)
        new_name = target + name[len(source) :]
        pool["datasets"][new_name] = dataset
        for point in dataset["snapshots"]:
            _redirect(pool, "{}@{}".format(name, point["name"]), "{}@{}".format(new_name, point["name"]))
        busy.forget(dataset, model.kernel)
        if not remount and name in mounts.mounted(model):
            mounts.mounted(model)[new_name] = mounts.mounted(model).pop(name)
    model.forget_names()
    keys.rename_roots(model, source, target, pool)
    for name in remounted:
        item = model.open(target + name[len(source) :])
        if model.mountpoint(item)[0] not in ("none", "legacy"):
            mounts.attach(model, item)
    nodes.settle(model)
