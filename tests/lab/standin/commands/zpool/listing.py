# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zpool list, get and set."""

from __future__ import annotations

from typing import List, Sequence

from ...zfs import numbers, options, poolprops, vdevs
from ...zfs.errors import NotBuilt, UsageError, ZfsError
from ...zfs.model import Doc, Model
from ...zfs.pools import FEATURES
from ...zfs.session import Session
from . import layout

_COLUMNS = (
    "name",
    "size",
    "allocated",
    "free",
    "checkpoint",
    "expandsize",
    "fragmentation",
    "capacity",
    "dedupratio",
    "health",
    "altroot",
)
_FIELDS = ("name", "property", "value", "source")


def chosen_pools(session: Session, operands: Sequence[str]) -> List[Doc]:
    """The pools named, or all; complaints for those that there are not."""
    if not operands:
        return session.model.pools()
    found = []
    for name in operands:
        pool = session.model.pool(name)
        if pool is None:
            session.complain(f"cannot open '{name}': no such pool")
        else:
            found.append(pool)
    return found


def _names(text: str) -> List[str]:
    found = []
    for word in text.split(","):
        entry = poolprops.lookup(word)
        if word != "name" and entry is None and not poolprops.is_feature(word):
            raise UsageError(f"bad property list: invalid property '{word}'")
        found.append(word if entry is None else entry.name)
    return found


def do_list(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "gHLo:pPT:v")
    letters = options.flags(given)
    if "T" in letters:
        raise NotBuilt("zpool: list -T")
    columns = list(_COLUMNS)
    for letter, value in given:
        if letter == "o":
            columns = _names(value)
    pools = chosen_pools(session, operands)
    literal, scripted, verbose = "p" in letters, "H" in letters, "v" in letters
    rows: List[List[str]] = []
    for pool in pools:
        rows.append([_cell(session.model, pool, column, literal) for column in columns])
        if verbose:
            for depth, name, vdev in layout.rows(pool["vdevs"], "P" in letters, "g" in letters):
                rows.append(_vdev_row(session.model, pool, ("  " * depth) + name, vdev, depth, literal, columns))
    if scripted:
        for row in rows:
            print("\t".join(["\t" + row[0].lstrip(" ")] + row[1:-1] if row[0].startswith("  ") else row))
    elif rows:
        _print_table(columns, rows, verbose, literal)
    elif not operands:
        print("no pools available")
    return session.status


def _cell(model: Model, pool: Doc, column: str, literal: bool) -> str:
    return str(pool["name"]) if column == "name" else poolprops.value(model, pool, column, literal)[0]


def _vdev_row(
    model: Model, pool: Doc, name: str, vdev: Doc, depth: int, literal: bool, columns: Sequence[str]
) -> List[str]:
    def size(number: int) -> str:
        return str(number) if literal else numbers.nice(number)

    cells = {"name": name, "health": vdevs.health(vdev), "altroot": ""}
    if "children" not in vdev:
        cells["size"] = size(int(vdev["size"]))
    if depth == 1:
        capacity = vdevs.capacity(vdev)
        share = poolprops.allocated(model, pool) * capacity // vdevs.size(pool)
        cells.setdefault("size", size(capacity))
        cells.update(
            allocated=size(share),
            free=size(capacity - share),
            fragmentation="0" if literal else "0%",
            capacity=str(share * 100 // capacity) if literal else f"{share * 100 / capacity:.2f}%",
        )
    return [cells.get(column, "-") for column in columns]


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], verbose: bool, literal: bool) -> None:
    widths = []
    for index, column in enumerate(columns):
        entry = poolprops.BY_NAME.get(column)
        least = len("NAME") if entry is None else max(entry.width, len(entry.column))
        if column == "name" and verbose:
            least = max(len(row[0]) + (2 if row[0].startswith(" ") else 0) for row in rows)
        longest = max(len(row[index]) for row in rows)
        widths.append(max(least, longest) if column == "name" or literal or entry is None or not entry.width else least)
    header = [
        "NAME"
        if column == "name"
        else poolprops.BY_NAME[column].column
        if column in poolprops.BY_NAME
        else column.upper()
        for column in columns
    ]
    for cells in [header] + [list(row) for row in rows]:
        line = []
        for index, (column, cell) in enumerate(zip(columns, cells)):
            entry = poolprops.BY_NAME.get(column)
            if entry is not None and entry.width:
                line.append(cell.rjust(widths[index]))
            else:
                line.append(cell if index == len(columns) - 1 else cell.ljust(widths[index]))
        print("  ".join(line).rstrip(" ") if cells[0].startswith("  ") else "  ".join(line))


def get(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "Ho:p")
    letters = options.flags(given)
    fields = list(_FIELDS)
    for letter, value in given:
        if letter == "o":
            fields = list(_FIELDS) if value == "all" else value.split(",")
            for field in fields:
                if field not in _FIELDS:
                    raise UsageError(f"invalid column name '{field}'")
    if not operands:
        raise UsageError("missing property argument")
    if operands[1:] and all(session.model.pool(name) is None for name in operands[1:]):
        raise UsageError("missing pool name.\n")
    wanted = (
        [entry.name for entry in poolprops.TABLE] + ["feature@" + name for name, _state in FEATURES]
        if operands[0] == "all"
        else _names(operands[0])
    )
    rows = []
    for pool in chosen_pools(session, operands[1:]):
        for name in wanted:
            text, source = (
                poolprops.value(session.model, pool, name, "p" in letters)
                if name != "name"
                else (str(pool["name"]), "-")
            )
            rows.append({"name": str(pool["name"]), "property": name, "value": text, "source": source})
    if "H" in letters:
        for row in rows:
            print("\t".join(row[field] for field in fields))
    elif rows:
        widths = {field: max(len(row[field]) for row in rows + [{field: field}]) for field in fields}
        if "value" in fields and operands[0] == "all":
            widths["value"] = max(widths["value"], 29)
        for row in [{field: field.upper() for field in fields}] + rows:
            print("  ".join(row[field] if field == fields[-1] else row[field].ljust(widths[field]) for field in fields))
    return session.status


def set_property(session: Session, argv: Sequence[str]) -> int:
    if argv and argv[0].startswith("-"):
        raise UsageError(f"invalid option '{argv[0][1:2]}'")
    if not argv:
        raise UsageError("missing property=value argument")
    if len(argv) < 2:
        raise UsageError("missing pool name")
    if len(argv) > 2:
        raise UsageError("too many pool names")
    name, sign, value = argv[0].partition("=")
    if not sign:
        raise UsageError("missing value in property=value argument")
    pool = session.model.pool(argv[1])
    if pool is None:
        raise ZfsError(f"cannot open '{argv[1]}': no such pool")
    try:
        kept = poolprops.check(name, value)
        if name == "bootfs" and value and session.model.find(value) is None:
            raise ZfsError("dataset does not exist")
    except ZfsError as error:
        raise ZfsError(f"cannot set property for '{argv[1]}': {error}") from None
    entry = poolprops.lookup(name)
    if entry is not None:
        if kept:
            pool["props"][entry.name] = kept
        else:
            pool["props"].pop(entry.name, None)
    session.log(argv[1])
    return 0
