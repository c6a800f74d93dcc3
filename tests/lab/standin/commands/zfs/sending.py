# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zfs send."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO, Dict, List, NamedTuple, Optional, Sequence, TextIO, Tuple

from ...zfs import content, names, numbers, options, stream
from ...zfs.errors import NotBuilt, UsageError, ZfsError
from ...zfs.model import Doc, Item, Model
from ...zfs.session import session

_OVERHEAD = 624  # begin and end records of a stream without content


class Package(NamedTuple):
    """One snapshot to send, whole or as the difference to an older one."""

    name: str
    from_name: str
    from_guid: int
    base_object: Optional[str]
    header: Doc
    object_id: str

    def size(self) -> int:
        base = content.kept_shape(self.base_object) if self.base_object else None
        return _OVERHEAD + content.size_of(content.kept_shape(self.object_id), base)


def send(argv: Sequence[str]) -> int:
    given, operands = options.parse(argv[2:], "Rsi:I:X:pnvPLechwDbt:S")
    letters = options.flags(given)
    for letter in "SX":
        if letter in letters:
            raise NotBuilt(f"zfs: send -{letter}")
    values = dict(given)
    with session(argv) as current:
        model = current.model
        skip = 0
        if "t" in letters:
            packages, skip = _resume(model, values["t"])
        else:
            if not operands:
                raise UsageError("missing snapshot argument")
            if len(operands) > 1:
                raise UsageError("too many arguments")
            packages = _packages(model, operands[0], values, letters)
    if "v" in letters or "P" in letters:
        _announce(packages, "P" in letters, sys.stdout if "n" in letters else sys.stderr)
    if "n" in letters:
        return 0
    if sys.stdout.isatty():
        raise ZfsError("Error: Stream can not be written to a terminal.\nYou must redirect standard output.")
    try:
        _write(sys.stdout.buffer, packages, skip, "R" in letters)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more can be flushed there
        raise ZfsError(f"warning: cannot send '{packages[0].name}': signal received") from None
    return 0


def _packages(model: Model, operand: str, values: Dict[str, str], letters: str) -> List[Package]:
    if "R" in letters:
        model.open(names.split(operand)[0])
    item = model.open(operand, ("snapshot",) if "@" in operand else ("filesystem", "volume"))
    if item.point is None:
        raise NotBuilt("zfs: send of a dataset that is no snapshot")
    start = values.get("i", values.get("I"))
    if "R" in letters:
        return _replication(model, item, start, "I" in letters)
    return _one(model, item, start, "I" in letters, "p" in letters)


def _full_name(item: Item, start: str) -> str:
    holder = names.split(item.name)[0]
    if start[:1] in "@#":
        return holder + start
    return start if "@" in start or "#" in start else f"{holder}@{start}"


def _one(model: Model, item: Item, start: Optional[str], all_between: bool, props: bool) -> List[Package]:
    """One snapshot, or with -I every one from the start to it."""
    if start is None:
        return [_package(model, item, None, props)]
    name = _full_name(item, start)
    origin = model.item(name)
    if origin is None:
        raise ZfsError(f"cannot send '{item.name}': incremental source ({name}) does not exist")
    order = item.dataset["snapshots"]
    holder = names.split(item.name)[0]
    if item.dataset.get("origin") != origin.name and (
        origin.dataset is not item.dataset or int(origin.own["createtxg"]) >= int(item.own["createtxg"])
    ):
        raise ZfsError(f"cannot send '{item.name}': not an earlier snapshot from the same fs")
    if not all_between:
        return [_package(model, item, origin, props)]
    chosen = [
        point
        for point in order
        if (origin.dataset is not item.dataset or point["createtxg"] > origin.own["createtxg"])
        and point["createtxg"] <= item.own["createtxg"]
    ]
    found: List[Package] = []
    before = origin
    for point in chosen:
        this = model.open("{}@{}".format(holder, point["name"]), ("snapshot",))
        found.append(_package(model, this, before, props))
        before = this
    return found


def _replication(model: Model, item: Item, start: Optional[str], all_between: bool) -> List[Package]:
    """The dataset and all below it, with every snapshot up to the one named, and their properties."""
    top, _sign, tail = names.split(item.name)
    found: List[Package] = []
    for holder in [top] + model.below(top):
        last = model.item(f"{holder}@{tail}")
        if last is None:
            continue
        if start is not None:
            found.extend(
                _one(
                    model,
                    last,
                    "@" + start.lstrip("@").partition("@")[2] if "@" in start[1:] else "@" + start.lstrip("@"),
                    all_between,
                    True,
                )
            )
            continue
        before = (
            model.item(str(last.dataset.get("origin", "")))
            if names.is_below(str(last.dataset.get("origin", "")), top)
            else None
        )
        for point in last.dataset["snapshots"]:
            if point["createtxg"] <= last.own["createtxg"]:
                this = model.open("{}@{}".format(holder, point["name"]), ("snapshot",))
                found.append(_package(model, this, before, True))
                before = this
    return found


def _package(model: Model, item: Item, base: Optional[Item], props: bool) -> Package:
    if item.dataset["type"] == "filesystem" and item.dataset.get("keyroot") not in [None] + model.kernel["keys"]:
        raise ZfsError(f"warning: cannot send '{item.name}': dataset key must be loaded")
    base_object = None
    if base is not None:
        base_object = _object_of(model, base)
    header: Doc = {
        "kind": "begin",
        "name": item.name,
        "type": item.dataset["type"],
        "guid": item.own["guid"],
        "from": 0 if base is None else base.own["guid"],
        "creation": item.own["creation"],
        "volsize": item.own["props"].get("volsize"),
        "block": item.dataset["props"].get("volblocksize"),
        "props": {
            name: value for name, value in item.dataset["props"].items() if name not in ("volsize", "volblocksize")
        }
        if props
        else {},
    }
    return Package(
        item.name,
        "" if base is None else base.name,
        0 if base is None else int(base.own["guid"]),
        base_object,
        header,
        str(item.own["object"]),
    )


def _object_of(model: Model, base: Item) -> str:
    """The content of an incremental source; a bookmark has none of its own, but its snapshot may still be there."""
    if base.type == "snapshot":
        return str(base.own["object"])
    for point in base.dataset["snapshots"]:
        if point["guid"] == base.own["guid"]:
            return str(point["object"])
    raise NotBuilt("zfs: send from a bookmark whose snapshot is gone")


def _announce(packages: Sequence[Package], parsable: bool, output: TextIO) -> None:
    total = 0
    for package in packages:
        size = package.size()
        total += size
        if parsable:
            line = (
                f"incremental\t{package.from_name}\t{package.name}\t{size}"
                if package.from_name
                else f"full\t{package.name}\t{size}"
            )
        elif package.from_name:
            start = names.split(package.from_name)[2]
            line = f"send from @{start} to {package.name} estimated size is {numbers.nice(size)}"
        else:
            line = f"full send of {package.name} estimated size is {numbers.nice(size)}"
        print(line, file=output)
    print(f"size\t{total}" if parsable else f"total estimated size is {numbers.nice(total)}", file=output)


def _write(output: BinaryIO, packages: Sequence[Package], skip: int, replication: bool) -> None:
    output.write(stream.MAGIC)
    top = min((names.split(package.name)[0] for package in packages), key=len)
    for package in packages:
        stream.write(output, dict(package.header, top=top, skip=skip, replication=replication))
        for number, record in enumerate(stream.records(package.object_id, package.base_object)):
            if number >= skip:
                stream.write(output, record.header, record.data)
        stream.write(output, {"kind": "end"})
    stream.write(output, {"kind": "last"})
    output.flush()


def _resume(model: Model, text: str) -> Tuple[List[Package], int]:
    facts = stream.parse_token(text)
    item = model.item(facts["toname"])
    if item is None or item.own["guid"] != facts["toguid"]:
        raise ZfsError(
            "cannot resume send: '{}' is no longer the same snapshot used in the initial send".format(facts["toname"]),
            255,
        )
    base: Optional[Item] = None
    if facts["fromguid"]:
        matches = [point for point in item.dataset["snapshots"] if point["guid"] == facts["fromguid"]]
        if not matches:
            raise ZfsError(
                "cannot resume send: incremental source {:#x} no longer exists".format(facts["fromguid"]), 255
            )
        base = model.open("{}@{}".format(names.split(item.name)[0], matches[0]["name"]), ("snapshot",))
    return [_package(model, item, base, False)], int(facts["records"])
