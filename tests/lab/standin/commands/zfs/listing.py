# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zfs list and zfs get."""

from __future__ import annotations

import functools
from typing import Dict, List, Optional, Sequence, Tuple

from ...zfs import options, values
from ...zfs.errors import UsageError
from ...zfs.model import ALL_TYPES, DATASETS, Item, for_each
from ...zfs.proptable import NUMBER, lookup
from ...zfs.reading import Reader
from ...zfs.session import Session

_TYPES: Dict[str, Tuple[str, ...]] = {
    "filesystem": ("filesystem",),
    "fs": ("filesystem",),
    "volume": ("volume",),
    "vol": ("volume",),
    "snapshot": ("snapshot",),
    "snap": ("snapshot",),
    "bookmark": ("bookmark",),
    "all": ALL_TYPES,
}
_FIELDS = ("name", "property", "value", "received", "source")
_SOURCES = ("local", "default", "inherited", "received", "temporary", "none")
_EXTRA_COLUMNS = {
    "space": (
        "name",
        "available",
        "used",
        "usedbysnapshots",
        "usedbydataset",
        "usedbyrefreservation",
        "usedbychildren",
    ),
}


def parse_types(text: str) -> Tuple[str, ...]:
    found: List[str] = []
    for word in text.split(","):
        if word not in _TYPES:
            raise UsageError(f"invalid type '{word}'")
        found.extend(_TYPES[word])
    return tuple(found)


def parse_depth(text: str) -> int:
    if not text.isdigit():
        raise UsageError(f"{text} is not an integer")
    return int(text)


def property_names(text: str) -> List[str]:
    """A comma list of properties by their own names; 'all' and 'space' are the caller's."""
    found = []
    for word in text.split(","):
        entry = lookup(word)
        if word == "name":
            found.append("name")
        elif entry is not None:
            found.append(entry.name)
        elif values.is_user_property(word) or word.startswith(
            ("written@", "written#", "userused@", "userquota@", "groupused@", "groupquota@")
        ):
            found.append(word)
        else:
            raise UsageError(f"bad property list: invalid property '{word}'")
    return found


def _column(name: str) -> Tuple[str, bool, int, bool]:
    """A column's header, whether it is right-justified, its least width, whether it keeps that width."""
    if name == "name":
        return "NAME", False, 4, False
    entry = lookup(name)
    if entry is None:
        return name.upper(), False, len(name), False
    return entry.column, entry.value == NUMBER, entry.width, entry.fixed


def do_list(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "HS:d:o:prs:t:")
    letters = options.flags(given)
    types: Optional[Tuple[str, ...]] = None
    depth: Optional[int] = None
    columns: Optional[List[str]] = None
    sorting: List[Tuple[str, bool]] = []
    for letter, value in given:
        if letter == "t":
            types = (types or ()) + parse_types(value)
        elif letter == "d":
            depth = parse_depth(value)
        elif letter == "o":
            columns = list(_EXTRA_COLUMNS[value]) if value in _EXTRA_COLUMNS else property_names(value)
        elif letter in "sS":
            if value != "name" and lookup(value) is None and not values.is_user_property(value):
                raise UsageError(f"invalid property '{value}'")
            entry = lookup(value)
            sorting.append((entry.name if entry else value, letter == "S"))
    recurse = "r" in letters
    wanted = types or DATASETS
    if operands and not recurse and depth is None and types and not set(types) & set(DATASETS):
        recurse, depth = True, 1
    argument_types = ALL_TYPES
    items, good = for_each(
        session.model,
        operands,
        wanted if types or recurse or depth is not None or not operands else ALL_TYPES,
        recurse,
        depth,
        session.complain,
        argument_types,
    )
    if types and operands and not recurse and depth is None:
        items = [item for item in items if item.type in types]
    reader = Reader(session.model)
    _sort(items, sorting, reader)
    columns = columns or ["name", "used", "available", "referenced", "mountpoint"]
    literal = "p" in letters
    rows = [[_cell(reader, item, column, literal) for column in columns] for item in items]
    if "H" in letters:
        for row in rows:
            print("\t".join(row))
    elif rows:
        _print_table(columns, rows, literal)
    elif good:
        session.complain("no datasets available", 0)
    return session.status if good else 1


def _cell(reader: Reader, item: Item, column: str, literal: bool) -> str:
    if column.startswith(("written@", "written#", "user", "group")) and lookup(column) is None:
        return "-"
    found = reader.show(item, column, literal)
    return "-" if found is None else found[0]


def _sort(items: List[Item], sorting: Sequence[Tuple[str, bool]], reader: Reader) -> None:
    """Stable sorts from the last key to the first; what has no value comes last."""
    for name, reverse in reversed(sorting):
        items.sort(key=functools.partial(_sort_key, reader, name, reverse), reverse=reverse)


def _sort_key(reader: Reader, name: str, reverse: bool, item: Item) -> Tuple[int, float, str]:
    entry = lookup(name)
    number = entry is not None and entry.value == NUMBER
    found = reader.show(item, name, True)
    if found is None or found[0] in ("-", "none"):
        return (0 if reverse else 1), 0.0, ""
    return (1 if reverse else 0), float(found[0]) if number else 0.0, "" if number else found[0]


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], literal: bool) -> None:
    layout = [_column(name) for name in columns]
    widths = []
    for index, (_header, _right, least, fixed) in enumerate(layout):
        longest = max(len(row[index]) for row in rows)
        widths.append(least if fixed and not literal else max(least, longest))
    for cells in [[header for header, _right, _least, _fixed in layout]] + [list(row) for row in rows]:
        line = []
        for index, cell in enumerate(cells):
            if layout[index][1]:
                line.append(cell.rjust(widths[index]))
            else:
                line.append(cell if index == len(cells) - 1 else cell.ljust(widths[index]))
        print("  ".join(line))


def do_get(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "d:o:s:rt:Hp")
    letters = options.flags(given)
    depth: Optional[int] = None
    fields = ["name", "property", "value", "source"]
    sources = list(_SOURCES)
    types: Optional[Tuple[str, ...]] = None
    for letter, value in given:
        if letter == "d":
            depth = parse_depth(value)
        elif letter == "o":
            fields = _fields(value)
        elif letter == "s":
            sources = value.split(",")
            for source in sources:
                if source not in _SOURCES:
                    raise UsageError(f"invalid source '{source}'")
        elif letter == "t":
            types = (types or ()) + parse_types(value)
    if not operands:
        raise UsageError("missing property argument")
    wanted = None if operands[0] == "all" else property_names(operands[0])
    recurse = "r" in letters
    items, good = for_each(
        session.model,
        operands[1:],
        types or ALL_TYPES,
        recurse,
        depth,
        session.complain,
        ALL_TYPES if types is None or recurse or depth is not None else types,
    )
    rows = _rows(Reader(session.model), items, wanted, fields, sources, "p" in letters)
    if "H" in letters:
        for row in rows:
            print("\t".join(row[field] for field in fields))
    elif rows:
        _print_get(rows, fields, wanted)
    return 0 if good else 1


def _fields(text: str) -> List[str]:
    if text == "all":
        return list(_FIELDS)
    found = text.split(",")
    for field in found:
        if field not in _FIELDS:
            raise UsageError(f"invalid column name '{field}'")
    return found


def _rows(
    reader: Reader,
    items: Sequence[Item],
    wanted: Optional[Sequence[str]],
    fields: Sequence[str],
    sources: Sequence[str],
    literal: bool,
) -> List[Dict[str, str]]:
    rows = []
    for item in items:
        for name, value, source in (
            reader.all(item, literal) if wanted is None else [_asked(reader, item, name, literal) for name in wanted]
        ):
            kind = {"-": "none"}.get(source, source.split(" ")[0])
            if kind not in sources:
                continue
            received = reader.received(item, name) if "received" in fields else None
            rows.append(
                {"name": item.name, "property": name, "value": value, "received": received or "-", "source": source}
            )
    return rows


def _asked(reader: Reader, item: Item, name: str, literal: bool) -> Tuple[str, str, str]:
    """(property, value, source) of a property named on the command line: '-' where it has no value."""
    if name.startswith(("written@", "written#")):
        since = reader.written_since(item, name)
        return (name, "-", "-") if since is None else (name, values.show("written", since, literal), "-")
    known = lookup(name) is not None or name == "name" or values.is_user_property(name)
    found = reader.show(item, name, literal) if known else None
    return (name, "-", "-") if found is None else (name, *found)


def _print_get(rows: Sequence[Dict[str, str]], fields: Sequence[str], wanted: Optional[Sequence[str]]) -> None:
    widths = {field: max([len(field)] + [len(row[field]) for row in rows]) for field in fields}
    if "value" in fields and wanted is not None:
        for name in wanted:
            entry = lookup(name)
            if entry is not None and entry.fixed:
                widths["value"] = max(widths["value"], entry.width)
    for row in [{field: field.upper() for field in fields}] + list(rows):
        cells = [row[field] if field == fields[-1] else row[field].ljust(widths[field]) for field in fields]
        print("  ".join(cells))
