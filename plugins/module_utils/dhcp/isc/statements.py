# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""dhcpd.conf(5) as tokens and statements, each with its place in the text (pure).

A statement is some words with a semicolon or a block behind them; what the words mean is not asked here, so that
statements that nobody here knows are kept as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator, List, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState

_TOKEN = re.compile(
    r"""(?P<blank>[\s\x00]+|\#[^\n]*)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<mark>[{};])
      | (?P<open>")
      | (?P<word>[^\s\x00"{};\#,]+|,)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b"}


@dataclass(frozen=True)
class Token:
    """A word, a string with its quotes, or one of ``{``, ``}``, ``;``; ``start`` and ``end`` are its place."""

    text: str
    start: int
    end: int

    @property
    def value(self) -> str:
        """A string's content, a word as it is."""
        return unquoted(self.text)


@dataclass(frozen=True)
class Statement:
    """Some words and, in braces behind them, a block (None: a semicolon); ``end`` is behind what ends it."""

    words: Tuple[Token, ...]
    block: Optional[Tuple[Statement, ...]]
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The first word; dhcpd knows its words in any case."""
        return self.words[0].text.lower() if self.words else ""

    def starts(self, *words: str) -> bool:
        """Whether it begins with these words."""
        return tuple(token.text.lower() for token in self.words[: len(words)]) == words


def unquoted(text: str) -> str:
    """What a string means (common/conflex.c); a word is what it is."""
    if not text.startswith('"'):
        return text
    return _ESCAPE.sub(_unescaped, text[1:-1])


def quoted(text: str) -> str:
    """A string that means the text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse(text: str, where: str) -> Tuple[Statement, ...]:
    """The statements of a configuration. UnknownState tells the line where braces or quotes do not match."""
    tokens = list(tokens_of(text, where))
    # Blocks that are open: the words before each, its start, the statements so far.
    open_blocks: List[Tuple[Tuple[Token, ...], Token, List[Statement]]] = []
    found: List[Statement] = []
    words: List[Token] = []
    for token in tokens:
        if token.text == "{":
            open_blocks.append((tuple(words), token, found))
            found, words = [], []
        elif token.text == ";":
            # A semicolon alone, as behind a block, is nothing.
            if words:
                found.append(Statement(tuple(words), None, words[0].start, token.end))
            words = []
        elif token.text == "}":
            if not open_blocks:
                raise _error(text, where, token.start, "a } without a {")
            if words:
                # What a record of an option consists of: `{ ip-address, integer 8 }`.
                found.append(Statement(tuple(words), None, words[0].start, words[-1].end))
            before, brace, outer = open_blocks.pop()
            start = before[0].start if before else brace.start
            outer.append(Statement(before, tuple(found), start, token.end))
            found, words = outer, []
        else:
            words.append(token)
    if open_blocks:
        raise _error(text, where, open_blocks[-1][1].start, "a { that is not closed")
    if words:
        raise _error(text, where, words[0].start, f"{words[0].text} is not ended by a semicolon or a block")
    return tuple(found)


def is_whole(text: str) -> bool:
    """Whether a text is whole statements, one or several, with nothing open that what stands behind it would end."""
    try:
        found = parse(text, "")
    except UnknownState:
        return False
    return bool(found)


def tokens_of(text: str, where: str = "") -> Iterator[Token]:
    """The tokens of a text, without blanks and comments. UnknownState for a string that is not closed."""
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "open":
            raise _error(text, where, match.start(), "a string that is not closed")
        if match.lastgroup != "blank":
            yield Token(match.group(), match.start(), match.end())


def _error(text: str, where: str, at: int, what: str) -> UnknownState:
    line = text.count("\n", 0, at) + 1
    return UnknownState(f"{where} line {line}: {what}; mend the file first, nothing was changed")


def _unescaped(match: re.Match[str]) -> str:
    octal, hexadecimal, other = match.groups()
    if octal:
        return chr(int(octal, 8))
    if hexadecimal:
        return chr(int(hexadecimal, 16))
    return _ESCAPED.get(other, other)
