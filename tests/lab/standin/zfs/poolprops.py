# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The properties of pools (zpoolprops(7)) as data, and their values."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from . import numbers, space, vdevs
from .errors import ZfsError
from .model import Doc, Model
from .pools import FEATURES


class PoolProperty(NamedTuple):
    name: str
    editable: bool
    values: str
    default: str
    column: str
    width: int  # of the column in zpool list; 0: left-justified text


# In the order of `zpool get all`.
TABLE: Tuple[PoolProperty, ...] = (
    PoolProperty("size", False, "<size>", "", "SIZE", 5),
    PoolProperty("capacity", False, "<size>", "", "CAP", 5),
    PoolProperty("altroot", True, "<path>", "-", "ALTROOT", 0),
    PoolProperty("health", False, "<state>", "", "HEALTH", 8),
    PoolProperty("guid", False, "<guid>", "", "GUID", 5),
    PoolProperty("version", True, "<version>", "-", "VERSION", 7),
    PoolProperty("bootfs", True, "<filesystem>", "-", "BOOTFS", 0),
    PoolProperty("delegation", True, "on | off", "on", "DELEGATION", 10),
    PoolProperty("autoreplace", True, "on | off", "off", "REPLACE", 7),
    PoolProperty("cachefile", True, "<file> | none", "-", "CACHEFILE", 0),
    PoolProperty("failmode", True, "wait | continue | panic", "wait", "FAILMODE", 8),
    PoolProperty("listsnapshots", True, "on | off", "off", "LISTSNAPS", 9),
    PoolProperty("autoexpand", True, "on | off", "off", "EXPAND", 6),
    PoolProperty("dedupratio", False, "<1.00x or higher if deduped>", "", "DEDUP", 5),
    PoolProperty("free", False, "<size>", "", "FREE", 5),
    PoolProperty("allocated", False, "<size>", "", "ALLOC", 5),
    PoolProperty("readonly", True, "on | off", "off", "RDONLY", 6),
    PoolProperty("ashift", True, "<ashift, 9-16, or 0=default>", "0", "ASHIFT", 6),
    PoolProperty("comment", True, "<comment-string>", "-", "COMMENT", 0),
    PoolProperty("expandsize", False, "<size>", "", "EXPANDSZ", 8),
    PoolProperty("freeing", False, "<size>", "", "FREEING", 7),
    PoolProperty("fragmentation", False, "<percent>", "", "FRAG", 5),
    PoolProperty("leaked", False, "<size>", "", "LEAKED", 6),
    PoolProperty("multihost", True, "on | off", "off", "MULTIHOST", 9),
    PoolProperty("checkpoint", False, "<size>", "", "CKPOINT", 7),
    PoolProperty("load_guid", False, "<load_guid>", "", "LOAD_GUID", 9),
    PoolProperty("autotrim", True, "on | off", "off", "AUTOTRIM", 8),
    PoolProperty("compatibility", True, "<file[,file...]> | off | legacy", "off", "COMPATIBILITY", 0),
)
BY_NAME: Dict[str, PoolProperty] = {entry.name: entry for entry in TABLE}
_BY_COLUMN: Dict[str, PoolProperty] = {entry.column.lower(): entry for entry in TABLE}
ALIASES = {
    "alloc": "allocated",
    "cap": "capacity",
    "frag": "fragmentation",
    "dedup": "dedupratio",
    "expandsz": "expandsize",
    "ckpoint": "checkpoint",
}


def lookup(name: str) -> Optional[PoolProperty]:
    return BY_NAME.get(name) or _BY_COLUMN.get(name.lower())


def is_feature(name: str) -> bool:
    return name.startswith("feature@") and name[8:] in dict(FEATURES)


def help_table() -> List[str]:
    """The lines of the table in a usage message: read-only ones first, then by name."""
    lines = []
    for entry in sorted(TABLE, key=lambda entry: (entry.editable, entry.name)):
        lines.append("\t{:<19}   {}   {}".format(entry.name, "YES" if entry.editable else " NO", entry.values))
    lines.append("\t{:<19}   YES   disabled | enabled | active".format("feature@..."))
    return lines


def allocated(model: Model, pool: Doc) -> int:
    """Bytes in use on the devices: reservations are none."""
    taken = sum(entry.own.by_dataset + entry.own.by_snapshots for entry in space.usage(model, pool).values())
    return taken + space.POOL_METADATA


def value(model: Model, pool: Doc, name: str, literal: bool) -> Tuple[str, str]:
    """A property's text and source."""
    if name.startswith("feature@"):
        return dict(FEATURES)[name[8:]], "local"
    entry = BY_NAME[name]
    if entry.editable and name != "readonly":
        kept = pool["props"].get(name)
        return (entry.default, "default") if kept is None else (str(kept), "local")

    def size(number: int) -> str:
        return str(number) if literal else numbers.nice(number)

    whole = vdevs.size(pool)
    if name == "health":
        return vdevs.pool_health(pool), "-"
    if name in ("guid", "load_guid"):
        return str(pool[name]), "-"
    if name == "size":
        return size(whole), "-"
    if name in ("freeing", "leaked"):
        return "0", "-"
    if name in ("expandsize", "checkpoint"):
        return "-", "-"
    if name == "readonly":
        return str(pool["props"].get("readonly", "off")), "-"
    if name == "dedupratio":
        return "1.00" if literal else "1.00x", "-"
    if name == "fragmentation":
        return "0" if literal else "0%", "-"
    taken = allocated(model, pool)
    if name == "capacity":
        return "{}{}".format(taken * 100 // whole, "" if literal else "%"), "-"
    return size(taken if name == "allocated" else whole - taken), "-"


def check(name: str, text: str) -> str:
    """The value of a settable property as it is kept; a ZfsError's text is the reason alone."""
    entry = lookup(name)
    if entry is None and is_feature(name):
        if text != "enabled":
            raise ZfsError(f"property '{name}' can only be set to 'enabled' or 'disabled' at creation time")
        return text
    if entry is None:
        raise ZfsError(f"invalid property '{name}'")
    if not entry.editable or entry.name == "readonly":
        raise ZfsError(f"'{entry.name}' is readonly")
    words = entry.values.split(" | ")
    if "<" not in entry.values and text not in words:
        raise ZfsError(f"'{entry.name}' must be one of '{entry.values}'")
    if entry.name == "ashift" and not (text.isdigit() and (int(text) == 0 or 9 <= int(text) <= 16)):
        raise ZfsError(f"property 'ashift' number '{text}' is invalid, only values between 9 and 16 are allowed")
    if entry.name == "altroot" and not text.startswith("/"):
        raise ZfsError(f"bad alternate root '{text}'")
    return text
