# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zpool create, destroy, export and import."""

from __future__ import annotations

import os
import re
from typing import Dict, List, Sequence

from ... import paths
from ...zfs import busy, mounts, names, options, poolprops, values
from ...zfs.errors import NotBuilt, UsageError, ZfsError
from ...zfs.model import Doc, Model
from ...zfs.pools import new_pool
from ...zfs.session import Session
from ..zfs import destroy as destroying
from . import layout


def create(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "fndR:m:o:O:t:")
    letters = options.flags(given)
    if "t" in letters:
        raise NotBuilt("zpool: create -t")
    props: Dict[str, str] = {}
    root_words: List[str] = []
    for letter, value in given:
        if letter == "o":
            name, sign, text = value.partition("=")
            if not sign:
                raise UsageError("missing '=' for -o option")
            entry = poolprops.lookup(name)
            if entry is None and not name.startswith("feature@"):
                raise ZfsError(f"property '{name}' is not a valid pool or vdev property")
            props[name if entry is None else entry.name] = text
        elif letter == "O":
            root_words.append(value)
        elif letter == "R":
            props["altroot"] = value
            props.setdefault("cachefile", "none")
        elif letter == "m":
            root_words.append(f"mountpoint={value}")
    if not operands:
        raise UsageError("missing pool name argument")
    if len(operands) < 2:
        raise UsageError("missing vdev specification")
    name = operands[0]
    model = session.model
    found = layout.parse(operands[1:])
    layout.check_free(model, found, "f" in letters)
    prefix = f"cannot create '{name}'"
    problem = names.pool_complaint(name)
    if problem:
        raise ZfsError(f"{prefix}: {problem}\npool name may have been omitted")
    try:
        kept = {prop: poolprops.check(prop, text) for prop, text in props.items()}
        root_props = values.check_all(values.split_assignments(root_words), "filesystem", True)
    except ZfsError as error:
        raise ZfsError(f"{prefix}: {error}") from None
    if "n" in letters:
        print(f"would create '{name}' with the following layout:\n\n\t{name}")
        for depth, text, _vdev in layout.rows(found, False):
            print("\t{}{}".format("  " * depth, text))
        return 0
    if model.pool(name) is not None:
        raise ZfsError(f"{prefix}: pool already exists")
    layout.check_usable(found, prefix)
    pool = new_pool(model, name, found)
    pool["props"].update({prop: text for prop, text in kept.items() if not prop.startswith("feature@")})
    pool["datasets"][name]["props"].update(root_props)
    session.log(name)
    item = model.open(name)
    if mounts.is_mountable(model, item):
        mounts.attach(model, item)
    return 0


def _release(session: Session, pool: Doc, verb: str, force: bool) -> None:
    """Unmount what the pool has mounted; refuse while one of its volumes is open."""
    model = session.model
    if any(busy.holds(dataset, model.kernel) for dataset in pool["datasets"].values()):
        raise ZfsError("cannot {} '{}': pool is busy".format(verb, pool["name"]))
    mounted = mounts.mounted(model)
    mine = [name for name in mounted if names.pool_of(name) == pool["name"]]
    if any(mounted[name] == "/" for name in mine):
        raise ZfsError("cannot unmount '/': pool or dataset is busy")
    for name in sorted(mine, key=lambda name: mounted[name], reverse=True):
        mounts.detach(model, name, force)
    for name in mine:
        mounts.remove_directory(model, model.open(name), model.mountpoint(model.open(name))[0])


def _drop(model: Model, pool: Doc) -> None:
    """The kernel forgets the pool."""
    model.kernel["imported"].remove(str(pool["guid"]))
    guids = {dataset["guid"] for dataset in pool["datasets"].values()}
    model.kernel["stuck"] = [guid for guid in model.kernel.get("stuck", []) if guid not in guids]
    model.kernel["keys"] = [name for name in model.kernel["keys"] if names.pool_of(name) != pool["name"]]
    model.forget_names()


def destroy(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "f")
    pool = _one(session, operands)
    _release(session, pool, "destroy", bool(given))
    _drop(session.model, pool)
    del session.model.disk["pools"][str(pool["guid"])]
    for dataset in pool["datasets"].values():
        destroying.discard(session, dataset)
        for snapshot in dataset["snapshots"]:
            destroying.discard(session, snapshot)
    return 0


def _one(session: Session, operands: Sequence[str]) -> Doc:
    if not operands:
        raise UsageError("missing pool argument")
    if len(operands) > 1:
        raise UsageError("too many arguments")
    pool = session.model.pool(operands[0])
    if pool is None:
        raise ZfsError(f"cannot open '{operands[0]}': no such pool")
    return pool


def export(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "aFf")
    letters = options.flags(given)
    if "a" in letters:
        if operands:
            raise UsageError("too many arguments")
        pools = session.model.pools()
    else:
        if not operands:
            raise UsageError("missing pool argument")
        pools = []
        for name in operands:
            pool = session.model.pool(name)
            if pool is None:
                session.complain(f"cannot open '{name}': no such pool")
            else:
                pools.append(pool)
    for pool in pools:
        try:
            _release(session, pool, "export", "f" in letters)
        except ZfsError as error:
            session.complain(str(error))
            continue
        session.log(pool["name"])
        _drop(session.model, pool)
        pool["state"] = "exported"
        pool["props"].pop("altroot", None)
    return session.status


def _importable(model: Model) -> List[Doc]:
    """Pools on devices of this host that are not imported."""
    return sorted(
        (pool for guid, pool in model.disk["pools"].items() if guid not in model.kernel["imported"]),
        key=lambda pool: str(pool["name"]),
    )


def do_import(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "aCc:d:DEfFlmnNo:R:stT:VX")
    letters = options.flags(given)
    for letter in "CDEFnmTVX":
        if letter in letters:
            raise NotBuilt(f"zpool: import -{letter}")
    model = session.model
    pools = _importable(model)
    cache = dict(given).get("c")
    if cache is not None:
        if not os.path.exists(paths.root(cache)) and not _cached(model):
            raise ZfsError("failed to open cache file: No such file or directory")
        pools = [pool for pool in pools if pool["state"] == "active"]
    if "a" in letters:
        if operands:
            raise UsageError("too many arguments")
        for pool in pools:
            _take(session, pool, str(pool["name"]), given)
        if not pools and cache is None:
            session.complain("no pools available to import", 0)
        return 0
    if not operands:
        if not pools:
            session.complain("no pools available to import", 0)
        for number, pool in enumerate(pools):
            if number:
                print()
            _describe(pool)
        return 0
    if len(operands) > 2:
        raise UsageError("too many arguments")
    wanted = operands[0]
    found = [pool for pool in pools if wanted in (pool["name"], str(pool["guid"]))]
    taken = model.pool(wanted)
    if not found:
        if taken is not None:
            raise ZfsError(
                f"cannot import '{wanted}': a pool with that name already exists\nuse the form 'zpool import "
                "<pool | id> <newpool>' to give it a new name"
            )
        raise ZfsError(f"cannot import '{wanted}': no such pool available")
    if len(found) > 1:
        raise ZfsError(f"cannot import '{wanted}': more than one matching pool\nimport by numeric ID instead")
    new_name = operands[1] if len(operands) == 2 else str(found[0]["name"])
    if model.pool(new_name) is not None:
        raise ZfsError(
            f"cannot import '{new_name}': a pool with that name already exists\nuse the form 'zpool import "
            "<pool | id> <newpool>' to give it a new name"
        )
    _take(session, found[0], new_name, given)
    return 0


def _cached(model: Model) -> bool:
    """zpool.cache: the pools that were imported when the host went down."""
    return any(pool["state"] == "active" for pool in model.disk["pools"].values())


def _describe(pool: Doc) -> None:
    print("   pool: {}\n     id: {}\n  state: ONLINE".format(pool["name"], pool["guid"]))
    if pool["state"] == "active":
        print(
            " status: The pool was last accessed by another system.\n"
            " action: The pool can be imported using its name or numeric identifier and\n\tthe '-f' flag.\n"
            "    see: https://openzfs.github.io/openzfs-docs/msg/ZFS-8000-EY"
        )
    else:
        print(" action: The pool can be imported using its name or numeric identifier.")
    if pool["props"].get("comment"):
        print("comment: {}".format(pool["props"]["comment"]))
    rows = layout.rows(pool["vdevs"], False)
    width = max([10, len(pool["name"])] + [2 * depth + len(name) for depth, name, _vdev in rows])
    print(" config:\n\n\t{}  ONLINE".format(pool["name"].ljust(width)))
    for depth, name, _vdev in rows:
        print("\t{}  ONLINE".format(("  " * depth + name).ljust(width)))


def _take(session: Session, pool: Doc, new_name: str, given: Sequence[tuple[str, str]]) -> None:
    model = session.model
    letters = options.flags(given)
    for letter, value in given:
        if letter == "R":
            pool["props"]["altroot"] = value
        elif letter == "o" and "=" in value:
            prop, _sign, text = value.partition("=")
            entry = poolprops.lookup(prop)
            if entry is None:
                raise ZfsError(f"property '{prop}' is not a valid pool or vdev property")
            pool["props"][entry.name] = poolprops.check(prop, text) if prop != "readonly" else text
    old_name = str(pool["name"])
    if new_name != old_name:
        _rename_pool(pool, old_name, new_name)
    pool["state"] = "active"
    pool["load_guid"] = model.unique("load")
    model.kernel["imported"].append(str(pool["guid"]))
    model.forget_names()
    session.log(new_name)
    if "N" in letters:
        return
    items = [model.open(name) for name in [new_name] + model.below(new_name)]
    for item in sorted(
        (item for item in items if item.type == "filesystem"), key=lambda item: model.mountpoint(item)[0]
    ):
        if mounts.is_mountable(model, item) and item.name not in mounts.mounted(model):
            mounts.attach(model, item)


def _rename_pool(pool: Doc, old: str, new: str) -> None:
    pattern = re.compile(rf"{re.escape(old)}(?=$|[/@])")
    pool["name"] = new
    pool["datasets"] = {pattern.sub(new, name, count=1): dataset for name, dataset in pool["datasets"].items()}
    for dataset in pool["datasets"].values():
        for field in ("origin", "keyroot"):
            if field in dataset:
                dataset[field] = pattern.sub(new, dataset[field], count=1)
