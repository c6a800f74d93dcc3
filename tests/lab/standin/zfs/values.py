# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of dataset properties: what the user may give, how it is kept, how it is shown."""

from __future__ import annotations

import re
import time
from typing import Dict, Iterable, List, Sequence, Tuple

from . import numbers
from .errors import ZfsError
from .proptable import DEFAULT, INDEX, INHERIT, NUMBER, READONLY, Property, index_values, lookup

_USER_PROPERTY = re.compile(r"[a-z0-9:+._-]+\Z")
_SIZES_WITH_NONE = ("quota", "refquota", "reservation", "refreservation")
_COUNTS_WITH_NONE = ("filesystem_limit", "snapshot_limit")
_PLAIN_NUMBERS = (
    "createtxg",
    "guid",
    "objsetid",
    "userrefs",
    "version",
    "pbkdf2iters",
    "filesystem_count",
    "snapshot_count",
    "special_small_blocks",
)
MAX_VALUE = 8191


def is_user_property(name: str) -> bool:
    return ":" in name and len(name) < 256 and bool(_USER_PROPERTY.match(name))


def split_assignments(words: Iterable[str]) -> List[Tuple[str, str]]:
    """`-o name=value` words into pairs; a name that comes twice is refused as zfs(8) does."""
    pairs: Dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign:
            raise ZfsError("missing '=' for property=value argument")
        if name in pairs:
            raise ZfsError(f"property '{name}' specified multiple times")
        pairs[name] = value
    return list(pairs.items())


def check(name: str, value: str, dataset_type: str, creating: bool) -> Tuple[str, str]:
    """The property's own name and the value as it is kept. A ZfsError's text is the reason alone.

    dataset_type: filesystem, volume or snapshot. creating: properties that are set once are fine.
    """
    if is_user_property(name):
        if len(value) > MAX_VALUE:
            raise ZfsError(f"property value for '{name}' is too long")
        return name, value
    entry = lookup(name)
    if entry is None or name == "name":
        raise ZfsError(f"invalid property '{name}'")
    if not entry.applies_to(dataset_type):
        raise ZfsError(f"'{entry.name}' does not apply to datasets of this type")
    if entry.kind == READONLY or (not creating and entry.kind not in (DEFAULT, INHERIT)):
        raise ZfsError(f"'{entry.name}' is readonly")
    return entry.name, _canonical(entry, value)


def _canonical(entry: Property, value: str) -> str:
    if entry.value == INDEX:
        return _index(entry, value)
    if entry.name in ("recordsize", "volblocksize"):
        size = numbers.parse(value)
        if not numbers.is_power_of_two(size) or not 512 <= size <= 16 << 20:
            raise ZfsError(f"'{entry.name}' must be power of 2 from 512B to 16M")
        return str(size)
    if entry.name in _COUNTS_WITH_NONE:
        return "none" if value == "none" else str(numbers.parse(value))
    if entry.name in _SIZES_WITH_NONE and value == "none":
        return "0"
    if entry.name == "refreservation" and value == "auto":
        return value
    if entry.name == "version":
        return "5" if value == "current" else str(numbers.parse(value))
    if entry.value == NUMBER:
        return str(numbers.parse(value))
    if entry.name == "mountpoint":
        return _mountpoint(value)
    if entry.name == "keylocation" and value != "prompt" and not re.match(r"(file|https?)://", value):
        raise ZfsError(f"invalid keylocation: '{value}' is not a valid keylocation")
    return value


def _index(entry: Property, value: str) -> str:
    if value not in index_values(entry.name):
        raise ZfsError(f"'{entry.name}' must be one of '{entry.values}'")
    if entry.name == "volmode" and value == "full":
        return "geom"
    if entry.name == "encryption" and value == "on":
        return "aes-256-gcm"
    return value


def _mountpoint(value: str) -> str:
    if value in ("none", "legacy"):
        return value
    if not value.startswith("/"):
        raise ZfsError("'mountpoint' must be an absolute path, 'none', or 'legacy'")
    return value.rstrip("/") or "/"


def check_all(pairs: Sequence[Tuple[str, str]], dataset_type: str, creating: bool) -> Dict[str, str]:
    return dict(check(name, value, dataset_type, creating) for name, value in pairs)


def show(name: str, value: str, literal: bool) -> str:
    """A kept value as `zfs get` prints it; literal: with -p."""
    entry = lookup(name)
    if entry is None or entry.value != NUMBER or value in ("-", "none"):
        return value
    if entry.name == "creation":
        return value if literal else time.strftime("%a %b %e %k:%M %Y", time.localtime(int(value)))
    if entry.name in ("compressratio", "refcompressratio"):
        return value if literal else value + "x"
    if entry.name in _SIZES_WITH_NONE and not literal and int(value) == 0:
        return "none"
    if literal or entry.name in _PLAIN_NUMBERS:
        return value
    return numbers.nice_count(int(value)) if entry.name in _COUNTS_WITH_NONE else numbers.nice(int(value))
