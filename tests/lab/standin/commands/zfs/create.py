# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zfs create, and what creating has in common with clone and receive."""

from __future__ import annotations

import sys
from typing import Dict, List, Optional, Sequence, Tuple

from ...zfs import keys, mounts, names, nodes, numbers, options, space, values, volumes
from ...zfs.errors import UsageError, ZfsError
from ...zfs.model import Doc, Model
from ...zfs.pools import new_dataset
from ...zfs.session import Session, session


class Request:
    """What the command line asks for."""

    def __init__(self, argv: Sequence[str]) -> None:
        given, operands = options.parse(argv[2:], "PV:b:nso:puv", "missing size argument")
        letters = options.flags(given)
        assignments: List[str] = []
        self.volsize: Optional[int] = None
        self.block: Optional[int] = None
        for letter, value in given:
            if letter == "V":
                self.volsize = _size(value, "size")
            elif letter == "b":
                self.block = _size(value, "block size")
            elif letter == "o":
                assignments.append(value)
        self.kind = "filesystem" if self.volsize is None else "volume"
        if ("b" in letters or "s" in letters) and self.volsize is None:
            raise UsageError("'-s' and '-b' can only be used when creating a volume")
        if "u" in letters and self.volsize is not None:
            raise UsageError("'-u' can only be used when creating a filesystem")
        if not operands:
            raise UsageError(f"missing {self.kind} argument")
        if len(operands) > 1:
            raise UsageError("too many arguments")
        self.name = operands[0]
        self.pairs = values.split_assignments(assignments)
        self.sparse = "s" in letters
        self.parents = "p" in letters
        self.dry = "n" in letters
        self.parsable = "P" in letters
        self.verbose = "v" in letters or self.parsable
        self.mount = "u" not in letters


def _size(text: str, what: str) -> int:
    try:
        return numbers.parse(text)
    except ZfsError as error:
        raise ZfsError(f"bad volume {what} '{text}': {error}") from None


def create(argv: Sequence[str]) -> int:
    request = Request(argv)
    secret = keys.ask(dict(request.pairs)) if not request.dry else None
    with session(argv) as current:
        return _create(current, request, secret)
    return 1


def _create(current: Session, request: Request, secret: Optional[str]) -> int:
    model = current.model
    pairs = list(request.pairs)
    if request.kind == "volume" or request.dry:
        pool_name = names.pool_of(request.name)
        if model.pool(pool_name) is None:
            raise ZfsError(f"cannot open '{pool_name}': no such pool")
        verb = "verify" if request.dry else "create"
        checked = check_values(pairs, request.kind, f"cannot {verb} '{request.name}'")
        if request.volsize is not None:
            pairs += _volume_pairs(request, checked)
    name_fine = names.complaint(request.name) is None
    if request.parents and name_fine and model.find(request.name) is not None:
        return 0
    if request.parents and name_fine:
        if request.verbose:
            print(
                f"create_ancestors\t{request.name}"
                if request.parsable
                else "{}create ancestors of {}".format("would " if request.dry else "", request.name)
            )
        if not request.dry:
            make_ancestors(current, request.name)
    if request.verbose:
        _announce(request, pairs)
    if request.dry:
        return 0
    dataset = make(current, request.name, request.kind, pairs, secret)
    current.log(names.pool_of(request.name))
    if request.kind == "volume":
        nodes.stick(model, dataset, dict(request.pairs).get("volmode", ""))
    elif request.mount:
        mount_if_wanted(model, request.name)
    return 0


def _volume_pairs(request: Request, checked: Dict[str, str]) -> List[Tuple[str, str]]:
    """volsize rounded up to whole blocks, the block size, and the reservation of a thick volume."""
    block = request.block or volumes.block_of(checked)
    if block < volumes.DEFAULT_BLOCK and numbers.is_power_of_two(block):
        print(
            f"Warning: volblocksize ({block}) is less than the default minimum block size ({volumes.DEFAULT_BLOCK}).\n"
            f"To reduce wasted space a volblocksize of {volumes.DEFAULT_BLOCK} is recommended.",
            file=sys.stderr,
        )
    if not numbers.is_power_of_two(block) or not 512 <= block <= 16 << 20:
        raise ZfsError(f"cannot create '{request.name}': 'volblocksize' must be power of 2 from 512B to 16M")
    size = -(-(request.volsize or 0) // block) * block
    found = [("volsize", str(size))]
    if request.block is not None:
        found.append(("volblocksize", str(block)))
    if not request.sparse and "refreservation" not in checked and "reservation" not in checked:
        found.append(("refreservation", str(volumes.reservation(size, block))))
    return found


def _announce(request: Request, pairs: Sequence[Tuple[str, str]]) -> None:
    if request.parsable:
        print(f"create\t{request.name}")
    else:
        print("{}create {}".format("would " if request.dry else "", request.name))
    for name, value in pairs:
        print(f"property\t{name}\t{value}" if request.parsable else f"\t{name}={value}")


def check_values(pairs: Sequence[Tuple[str, str]], kind: str, prefix: str) -> Dict[str, str]:
    """The properties as they are kept; a ZfsError that begins with the prefix."""
    try:
        return values.check_all(pairs, kind, True)
    except ZfsError as error:
        raise ZfsError(f"{prefix}: {error}") from None


def check_place(model: Model, name: str) -> Doc:
    """The pool for a new dataset's name, or ZFS's words for why there can be none of that name."""
    prefix = f"cannot create '{name}': "
    problem = names.complaint(name)
    if problem:
        raise ZfsError(prefix + problem)
    if "/" not in name:
        raise ZfsError(prefix + "missing dataset name")
    pool = model.pool(names.pool_of(name))
    if pool is None:
        raise ZfsError(prefix + f"no such pool '{names.pool_of(name)}'")
    parent = pool["datasets"].get(names.parent(name))
    if parent is None:
        raise ZfsError(prefix + "parent does not exist")
    if parent["type"] != "filesystem":
        raise ZfsError(prefix + "parent is not a filesystem")
    if name in pool["datasets"]:
        raise ZfsError(prefix + "dataset already exists")
    return pool


def make(current: Session, name: str, kind: str, pairs: Sequence[Tuple[str, str]], secret: Optional[str] = None) -> Doc:
    """Create the dataset: everything is checked before anything is made."""
    model = current.model
    pool = check_place(model, name)
    prefix = f"cannot create '{name}'"
    checked = check_values(pairs, kind, prefix)
    size: Optional[int] = None
    try:
        if kind == "volume":
            size = int(checked["volsize"])
            volumes.check_block(volumes.block_of(checked))
            volumes.check_size(size, volumes.block_of(checked))
            if checked.get("refreservation") == "auto":
                checked["refreservation"] = str(volumes.reservation(size, volumes.block_of(checked)))
        key = keys.for_new(model, name, checked, secret)
    except ZfsError as error:
        raise ZfsError(f"{prefix}: {error}") from None
    least = space.VOLUME_BASE if kind == "volume" else space.FILESYSTEM_BASE
    wanted = max([least] + [int(checked[prop]) for prop in ("reservation", "refreservation") if prop in checked])
    if wanted > space.room_in(model, names.parent(name)):
        raise ZfsError(f"{prefix}: out of space")
    for prop in ("encryption", "keyformat", "keylocation", "pbkdf2iters"):
        checked.pop(prop, None)
    dataset = new_dataset(model, pool, name, kind, size)
    dataset["props"].update(checked)
    keys.attach(model, name, dataset, key)
    return dataset


def make_ancestors(current: Session, name: str) -> None:
    """The missing parents of a name, mounted as their properties say."""
    pool = current.model.pool(names.pool_of(name))
    if pool is None:
        raise ZfsError(f"cannot create '{name}': no such pool '{names.pool_of(name)}'")
    for ancestor in names.ancestors(name)[1:]:
        if ancestor not in pool["datasets"]:
            make(current, ancestor, "filesystem", ())
            mount_if_wanted(current.model, ancestor)


def mount_if_wanted(model: Model, name: str) -> None:
    item = model.open(name)
    if mounts.is_mountable(model, item) and name not in mounts.mounted(model):
        mounts.attach(model, item)
