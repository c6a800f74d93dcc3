# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""dnsmasq's configuration language: an option a line, and files that others name (pure).

Source: dnsmasq(8), "CONFIG FILE", and what its reader does with quotes and comments (src/option.c, read_file).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Callable, Iterator, List, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState

#: The text of a file, None if there is none; the names in a directory, None if there is none.
Load = Callable[[str], Optional[str]]
Names = Callable[[str], Optional[Sequence[str]]]

_DEEPEST = 10
_BLANKS = " \t\r"
_ESCAPED = {"t": "\t", "n": "\n", "b": "\b", "r": "\r", "e": "\033"}


@dataclass(frozen=True)
class Option:
    """An option as it stands in a file: its name without dashes, its value ('' for a flag), and where."""

    name: str
    value: str
    source: str
    line: int

    @property
    def fields(self) -> List[str]:
        """The parts of a value that commas part; blanks around them do not count, commas in quotes do not part."""
        return [_plain(part).strip() for part in re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^",])+|(?<=,)(?=,)', self.value)]


def read_options(text: str, source: str, load: Load, names: Names) -> List[Option]:
    """The options of a configuration and of the files and directories that it names, in their order.

    UnknownState for files that are not there.
    """
    return list(_options(text, source, load, names, 0))


def own_options(text: str, source: str) -> Iterator[Option]:
    """The options of one file."""
    for number, line in enumerate(text.split("\n"), 1):
        words = _without_comment(line).strip(_BLANKS)
        if words:
            name, _equals, value = words.partition("=")
            yield Option(_plain(name).strip(), value.strip(_BLANKS), source, number)


def _options(text: str, source: str, load: Load, names: Names, depth: int) -> Iterator[Option]:
    if depth > _DEEPEST:
        raise UnknownState(f"{source}: files include each other, more than {_DEEPEST} deep")
    for option in own_options(text, source):
        yield option
        paths: List[str] = []
        if option.name == "conf-file":
            paths = [_plain(option.value).strip()]
        elif option.name == "conf-dir":
            paths = _of_directory(option, names)
        for path in paths:
            found = load(path)
            if found is None:
                raise UnknownState(
                    f"{source}, line {option.line}: {option.name} names {path}, and there is no such file"
                )
            yield from _options(found, path, load, names, depth + 1)


def _of_directory(option: Option, names: Names) -> List[str]:
    """Of ``DIRECTORY,*.conf,.bak``: files that end like the former are read, and none that end like the latter."""
    folder, *rules = option.fields
    found = names(folder)
    if found is None:
        raise UnknownState(f"{option.source}, line {option.line}: there is no directory {folder}")
    only = tuple(rule[1:] for rule in rules if rule.startswith("*") and len(rule) > 1)
    never = tuple(rule for rule in rules if rule and not rule.startswith("*"))
    return [
        os.path.join(folder, name)
        for name in sorted(found)
        if not (name.startswith(".") or name.endswith("~") or (name.startswith("#") and name.endswith("#")))
        and (not only or name.endswith(only))
        and not (never and name.endswith(never))
    ]


def _without_comment(line: str) -> str:
    """A line up to a # that begins it or comes after a blank, outside of quotes."""
    quoted, place = False, 0
    while place < len(line):
        character = line[place]
        if quoted and character == "\\":
            place += 1
        elif character == '"':
            quoted = not quoted
        elif character == "#" and not quoted and (place == 0 or line[place - 1] in _BLANKS):
            return line[:place]
        place += 1
    return line


def _plain(text: str) -> str:
    """Text without its quotes."""
    found: List[str] = []
    quoted, place = False, 0
    while place < len(text):
        character = text[place]
        if quoted and character == "\\" and place + 1 < len(text):
            place += 1
            found.append(_ESCAPED.get(text[place], text[place]))
        elif character == '"':
            quoted = not quoted
        else:
            found.append(character)
        place += 1
    return "".join(found)
