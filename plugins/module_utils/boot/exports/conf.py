# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""exports(5) as a text: lines of ours, each under a comment with its name, among the administrator's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Dict, List, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.exports.options import Export
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

#: Before each line of ours.
_TAG = "# apiary.bhyve: "
_TAGGED = re.compile(rf"{re.escape(_TAG)}(\S+)")


@dataclass(frozen=True)
class Line:
    """A line that exports: whose (a name of ours, '' for the administrator's), where, and its words."""

    number: int
    end: int
    name: str
    text: str

    @property
    def paths(self) -> Tuple[str, ...]:
        words = self.text.split()
        return tuple(word for word in words if word.startswith("/"))

    @property
    def client_set(self) -> Tuple[str, ...]:
        """Networks and clients, as far as a line says; () is everybody."""
        words = self.text.split()
        found: List[str] = []
        for number, word in enumerate(words):
            if word == "-network" and number + 1 < len(words):
                found.append(words[number + 1])
            elif word.startswith("-network="):
                found.append(word.partition("=")[2])
            elif not word.startswith(("-", "/")) and not (number and words[number - 1] in ("-network", "-mask")):
                found.append(word)
        return tuple(found)


def lines(text: str) -> List[Line]:
    """The lines that export; a backslash at the end of one joins the next."""
    found: List[Line] = []
    name, start, held = "", 0, ""
    for number, raw in enumerate(text.splitlines()):
        start = start if held else number
        if raw.endswith("\\"):
            held += raw[:-1] + " "
            continue
        whole, held = held + raw, ""
        tag = _TAGGED.fullmatch(whole.rstrip())
        if tag is not None:
            name = tag[1]
        elif whole.strip() and not whole.lstrip().startswith("#"):
            found.append(Line(start, number + 1, name, whole.strip()))
            name = ""
    return found


def edit(text: str, exports: Sequence[Export]) -> str:
    """The text with these exports as they should be; what is not ours stays, new ones go to the end."""
    for export in exports:
        text = _edit(text, export)
    return text


def _edit(text: str, export: Export) -> str:
    raw = text.splitlines(keepends=True)
    if raw and not raw[-1].endswith("\n"):
        raw[-1] += "\n"
    block = [f"{_TAG}{export.name}\n", f"{export.line}\n"] if export.present else []
    mine = [line for line in lines(text) if line.name == export.name]
    if not mine:
        return "".join([*raw, *block]) if block else text
    if len(mine) == 1 and export.present and mine[0].text == export.line:
        return text
    gone = set()
    for line in mine:
        gone |= set(range(line.number, line.end))
    gone |= {number for number, one in enumerate(raw) if one.rstrip() == f"{_TAG}{export.name}"}
    at = min(gone)
    kept = [(number, one) for number, one in enumerate(raw) if number not in gone]
    return "".join([one for number, one in kept if number < at] + block + [one for number, one in kept if number > at])


def check(text: str, system_of: Callable[[str], str], ours: Sequence[Export]) -> None:
    """BadInput when two lines export directories of one file system to the same clients: mountd(8) drops the second.

    ``system_of`` tells the file system of a directory. Only lines of ``ours`` are held against others.
    """
    names = {export.name for export in ours}
    seen: Dict[Tuple[str, str], Line] = {}
    for line in lines(text):
        for path in line.paths:
            for client in line.client_set:
                key = (system_of(path), client)
                other = seen.setdefault(key, line)
                if other is line or not names & {line.name, other.name}:
                    continue
                raise BadInput(
                    f"{line.name or other.name}: {path} and {' '.join(other.paths)} are on one file system and for "
                    f"{client} both; mountd(8) takes one line a file system and set of clients: make it one export"
                )
