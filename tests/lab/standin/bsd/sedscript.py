# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sed's language, read command by command: what FreeBSD's sed refuses, and what GNU's must be told in other words."""

from __future__ import annotations

import re

from .options import fail, not_built

#: Commands that stand alone, and those whose argument goes to the end of the line.
_SIMPLE = "dDgGhHlnNpPqx="
_TO_END = "btrw:"
_TEXT = "aci"


class _Reader:
    """A script and how far it was read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, pattern: str) -> str:
        """What matches here, or nothing."""
        match = re.compile(pattern, re.S).match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match.group(0)

    def line(self) -> str:
        """The line that is being read, for a complaint: at most twenty characters of it."""
        start = self.text.rfind("\n", 0, self.at) + 1
        end = self.text.find("\n", start)
        return self.text[start : len(self.text) if end < 0 else end]

    def refuse(self, message: str, tail: str = "") -> None:
        number = self.text.count("\n", 0, self.at) + 1
        text = self.line()
        shown = text + tail if len(text) <= 24 else text[:23] + " ..."
        fail("sed", f'{number}: "{shown}": {message}')


def translate(text: str, extended: bool) -> str:
    """The script in GNU's words. Ends the process with FreeBSD's complaint where FreeBSD's sed would not compile it."""
    reader = _Reader(text)
    result = ""
    while reader.at < len(text):
        result += reader.take(r"[\s;]+") + _address(reader, extended)
        result += reader.take(r"\s*!\s*")
        result += reader.take(r"[ \t]*")
        if reader.at < len(text):
            result += _command(reader, extended)
    return result


def _address(reader: _Reader, extended: bool) -> str:
    first = _one_address(reader, extended)
    if reader.peek() == "~" and first:
        reader.refuse("invalid command code ~")
    if not first or reader.peek() != ",":
        return first
    reader.at += 1
    if first == "0":
        not_built("sed", "the address 0")
    return first + "," + (reader.take(r"\+\d+") or _one_address(reader, extended))


def _one_address(reader: _Reader, extended: bool) -> str:
    plain = reader.take(r"\d+|\$")
    if plain:
        return plain
    pattern = reader.take(r"/(?:[^/\\\n]|\\.)*/")
    if not pattern:
        return ""
    return "/" + _pattern(reader, pattern[1:-1], extended) + "/" + reader.take("I")


def _command(reader: _Reader, extended: bool) -> str:
    letter = reader.peek()
    reader.at += 1
    if letter in "{}":
        return letter
    if letter == "#":
        return letter + reader.take(r"[^\n]*")
    if letter == "s":
        return "s" + _substitution(reader, extended)
    if letter == "y":
        mark = reader.peek()
        return "y" + reader.take(
            rf"{re.escape(mark)}(?:[^{re.escape(mark)}\\]|\\.)*{re.escape(mark)}(?:.*?){re.escape(mark)}"
        )
    if letter in _TEXT:
        rest = reader.take(r"[ \t]*\\\n.*")
        if not rest:
            reader.refuse(f"command {letter} expects \\ followed by text", "\n")
        return letter + rest
    if letter in _TO_END:
        return letter + reader.take(r"[^\n;}]*" if letter in "bt:" else r"[^\n]*")
    if letter not in _SIMPLE:
        reader.refuse(f"invalid command code {letter}")
    if not re.compile(r"[ \t]*(?:[;\n#]|$)").match(reader.text, reader.at):
        reader.refuse(f"extra characters at the end of {letter} command")
    return letter


def _substitution(reader: _Reader, extended: bool) -> str:
    mark = reader.peek()
    body = rf"(?:\[\^?\]?[^\]]*\]|[^{re.escape(mark)}\\]|\\.)*"
    reader.at += 1
    pattern = reader.take(body)
    if reader.peek() != mark:
        reader.refuse("unterminated substitute pattern")
    reader.at += 1
    replacement = reader.take(rf"(?:[^{re.escape(mark)}\\]|\\.)*")
    if reader.peek() != mark:
        reader.refuse("unterminated substitute in regular expression")
    reader.at += 1
    flags = reader.take(r"[gpIi\d]*") + reader.take(r"w[^\n]*")
    # \\U, \\L and the like are GNU's: FreeBSD takes the letter as it is.
    replacement = re.sub(r"\\([ULElu])", r"\1", replacement)
    return mark + _pattern(reader, pattern, extended) + mark + replacement + mark + flags


def _pattern(reader: _Reader, pattern: str, extended: bool) -> str:
    """A regular expression in GNU's words: \\+ \\? \\| are ordinary characters in FreeBSD's basic ones."""
    if re.search(r"(?<!\\)(?:\\\\)*\\[bBwWsS]", pattern):
        reader.refuse("RE error: trailing backslash (\\)")
    pattern = pattern.replace("[[:<:]]", "\\<").replace("[[:>:]]", "\\>")
    return pattern if extended else re.sub(r"(?<!\\)((?:\\\\)*)\\([+?|])", r"\1[\2]", pattern)
