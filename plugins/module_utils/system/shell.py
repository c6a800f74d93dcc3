# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Editing assignments in sh(1) files such as rc.conf(5) without touching anything else in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState

_ASSIGNMENT = re.compile(r"[ \t]*(?P<name>[A-Za-z_][A-Za-z0-9_]*)=")
_REST_IS_NOTHING = re.compile(r"[ \t]*(?:#.*)?")
_WORD_ENDS = frozenset(" \t\n;&|<>()")


@dataclass(frozen=True)
class Assignment:
    """One ``name=word`` at the start of a line, by its offsets in the text.

    ``line_start`` to ``line_end`` is the whole line with its newline, ``start`` to ``end`` the word, quotes included.
    """

    name: str
    line_start: int
    line_end: int
    start: int
    end: int

    def word(self, text: str) -> str:
        """The word as it is spelt."""
        return text[self.start : self.end]


def assignments(text: str, path: str) -> List[Assignment]:
    """All assignments at the start of a line, in order; those inside quotes or comments are none.

    ``path`` is for the error: UnknownState for quotes that do not end and for here-documents, where lines are not code.
    """
    found: List[Assignment] = []
    position = 0
    while position < len(text):
        end = _command_line_end(text, position, path)
        match = _ASSIGNMENT.match(text, position, end)
        if match is not None:
            found.append(Assignment(match["name"], position, end, match.end(), _word_end(text, match.end(), path)))
        position = end
    return found


def set_assignment(text: str, assignment: Assignment, value: str) -> str:
    """The text with the assignment's word replaced; single quotes stay single where the value allows."""
    single = assignment.word(text).startswith("'") and "'" not in value
    word = f"'{value}'" if single else double_quoted(value)
    return text[: assignment.start] + word + text[assignment.end :]


def delete_assignment(text: str, assignment: Assignment, path: str) -> str:
    """The text without the assignment's line; UnknownState when the line does more than to assign."""
    rest = text[assignment.end : assignment.line_end].rstrip("\n")
    if not _REST_IS_NOTHING.fullmatch(rest):
        number = text.count("\n", 0, assignment.line_start) + 1
        raise UnknownState(
            f"cannot remove {assignment.name} from {path}: line {number} does more than to set it ({rest.strip()!r} "
            "follows); put that on a line of its own"
        )
    return text[: assignment.line_start] + text[assignment.line_end :]


def append_assignment(text: str, name: str, value: str) -> str:
    """The text with the assignment as its last line."""
    separator = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{separator}{name}={double_quoted(value)}\n"


def double_quoted(value: str) -> str:
    """A word which sh reads as exactly ``value``, spelt as sysrc(8) spells it: in double quotes."""
    return '"' + re.sub(r'([\\"$`])', r"\\\1", value) + '"'


def _command_line_end(text: str, position: int, path: str) -> int:
    """The offset behind the newline that ends the line at ``position``, newlines in quotes not counted."""
    start = position
    while position < len(text):
        character = text[position]
        if character == "\n":
            return position + 1
        if character == "#" and (position == start or text[position - 1] in _WORD_ENDS):
            newline = text.find("\n", position)
            return len(text) if newline < 0 else newline + 1
        if text.startswith("<<", position):
            raise UnknownState(f"cannot edit {path}: it has a here-document, in line {_line(text, position)}")
        position = _skip(text, position, path)
    return position


def _word_end(text: str, position: int, path: str) -> int:
    while position < len(text) and text[position] not in _WORD_ENDS:
        position = _skip(text, position, path)
    return position


def _skip(text: str, position: int, path: str) -> int:
    """The offset behind one character, escaped character, quoted string or substitution."""
    character = text[position]
    if character == "\\":
        return min(position + 2, len(text))
    if character == "'":
        return _closing(text, position, "'", path)
    if character == '"':
        return _skip_until(text, position + 1, '"', path, position)
    if character == "`":
        return _skip_until(text, position + 1, "`", path, position)
    if text.startswith("$(", position):
        return _skip_until(text, position + 2, ")", path, position)
    if text.startswith("${", position):
        return _skip_until(text, position + 2, "}", path, position)
    return position + 1


def _closing(text: str, opening: int, quote: str, path: str) -> int:
    end = text.find(quote, opening + 1)
    if end < 0:
        raise _unterminated(text, opening, path)
    return end + 1


def _skip_until(text: str, position: int, closing: str, path: str, opening: int) -> int:
    while position < len(text):
        character = text[position]
        if character == closing:
            return position + 1
        if closing == '"' and character == "'":
            position += 1
        else:
            position = _skip(text, position, path)
    raise _unterminated(text, opening, path)


def _unterminated(text: str, opening: int, path: str) -> UnknownState:
    return UnknownState(f"cannot edit {path}: the {text[opening]!r} in line {_line(text, opening)} is never closed")


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
