# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command line of makefs(8) asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List, Optional

from ...system import cli

USAGE = """\
Usage: makefs [-xZ] [-B endian] [-b free-blocks] [-d debug-mask]
\t[-F mtree-specfile] [-f free-files] [-M minimum-size] [-m maximum-size]
\t[-N userdb-dir] [-O offset] [-o fs-options] [-R roundup-size]
\t[-S sector-size] [-s image-size] [-T <timestamp/file>] [-t fs-type]
\timage-file directory | manifest [extra-directory ...]
"""
_UNITS = {"b": 512, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "w": 4}


@dataclass(frozen=True)
class Node:
    """An entry of a manifest: its path in the file system, and the file with its content, "" for a directory."""

    path: str
    contents: str


class UsageError(Exception):
    """The usage goes to stderr, and the exit status is 1."""


@dataclass
class Request:
    """One image. ``options`` are those of ``-o``; ``words`` what Debian's program takes as it is.

    ``nodes`` is what a manifest says, None if a directory was given.
    """

    type: str = "ffs"
    options: List[str] = field(default_factory=list)
    words: List[str] = field(default_factory=list)
    minimum: int = 0
    maximum: int = 0
    time: Optional[int] = None
    sparse: bool = False
    image: str = ""
    tree: str = ""
    nodes: Optional[List[Node]] = None


def number(text: str) -> int:
    """strsuftoll(3): a number with a unit, or a product of such with an x between them."""
    total = 1
    for part in text.lower().split("x"):
        digits = part[:-1] if part[-1:] in _UNITS else part
        if not digits.isdigit():
            cli.fail("makefs", f"`{text}' is not a number")
        total *= int(digits) * _UNITS.get(part[-1:], 1)
    return total
