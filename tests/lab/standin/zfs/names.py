# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of pools, datasets, snapshots and bookmarks: what is valid, and what ZFS says of the rest (zfsconcepts(7))."""

from __future__ import annotations

import re
from typing import List, Optional, Tuple

MAX_LENGTH = 255
SNAPSHOT = "snapshot"
BOOKMARK = "bookmark"
DATASET = "dataset"
_VALID = re.compile(rb"[A-Za-z0-9_.: \-/@#]")
_RESERVED_POOLS = ("mirror", "raidz", "draid", "spare", "log")


def split(name: str) -> Tuple[str, str, str]:
    """`a/b@c` -> ('a/b', '@', 'c'); `a/b` -> ('a/b', '', '')."""
    for mark in "@#":
        dataset, sign, rest = name.partition(mark)
        if sign:
            return dataset, sign, rest
    return name, "", ""


def parent(name: str) -> str:
    """The parent dataset's name; empty for a pool's root."""
    return name.rpartition("/")[0]


def pool_of(name: str) -> str:
    return re.split("[/@#]", name, maxsplit=1)[0]


def ancestors(name: str) -> List[str]:
    """`a/b/c` -> ['a', 'a/b']."""
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def is_below(name: str, top: str) -> bool:
    """Whether `name` is `top` or a descendant (snapshots and bookmarks of it included)."""
    return name == top or name.startswith((top + "/", top + "@", top + "#"))


def _bad_character(name: str) -> Optional[str]:
    for byte in name.encode("utf-8", "surrogateescape"):
        if not _VALID.match(bytes((byte,))):
            shown = chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"
            return f"invalid character '{shown}' in name"
    return None


def complaint(name: str, kind: str = DATASET) -> Optional[str]:
    """Why ZFS refuses the name, None when it is fine. kind: DATASET, SNAPSHOT or BOOKMARK."""
    if kind != SNAPSHOT and "@" in name:
        return "snapshot delimiter '@' is not expected here"
    if kind == SNAPSHOT and "@" not in name:
        return "missing '@' delimiter in snapshot name"
    if kind != BOOKMARK and "#" in name:
        return "bookmark delimiter '#' is not expected here"
    if kind == BOOKMARK and "#" not in name:
        return "missing '#' delimiter in bookmark name"
    if len(name.encode("utf-8", "surrogateescape")) > MAX_LENGTH:
        return "name is too long"
    if name.startswith("/"):
        return "leading slash in name"
    if name.endswith("/"):
        return "trailing slash in name"
    if name.count("@") + name.count("#") > 1:
        return "multiple '@' and/or '#' delimiters in name"
    dataset, sign, tail = split(name)
    if not all(dataset.split("/")) or (sign and (not tail or "/" in tail)):
        return "empty component or misplaced '@' or '#' delimiter in name"
    bad = _bad_character(name)
    if bad:
        return bad
    for component in name.split("/"):
        if component == ".":
            return "self reference, '.' is found in name"
        if component == "..":
            return "parent reference, '..' is found in name"
    return None


def pool_complaint(name: str) -> Optional[str]:
    """Why `zpool create` refuses the pool name."""
    if len(name) > MAX_LENGTH - 2:
        return "name is too long"
    for byte in name.encode("utf-8", "surrogateescape"):
        if not _VALID.match(bytes((byte,))) or byte in b"/@#":
            shown = chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}"
            return f"invalid character '{shown}' in pool name"
    if not name[:1].isalpha():
        return "name must begin with a letter"
    if name == "log" or name.startswith(_RESERVED_POOLS[:4]):
        return "name is reserved"
    return None
