# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kea's configuration language: JSON with comments (//, #, /* */) and <?include "FILE"?> (pure).

What is read keeps its place in the text, so that a configuration can be edited and stays its administrator's. Source:
Kea Administrator Reference Manual, "JSON Syntax".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState

#: The text of a file, None if there is none.
Load = Callable[[str], Optional[str]]

#: Files that include each other more deeply than that Kea refuses.
_DEEPEST = 10
_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*|//[^\n]*|/\*.*?\*/)
    |(?P<include><\?\s*include\s*"(?P<file>[^"\n]+)"\s*\?>)
    |(?P<punctuation>[{}\[\],:])
    |(?P<string>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*")
    |(?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)
    |(?P<word>[A-Za-z]+)""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    source: str
    start: int
    end: int
    line: int


@dataclass(frozen=True)
class Node:
    """A value: ``value`` of text, number, true, false or null; ``fields`` of a map; ``items`` of a list.

    ``source`` is the file that it stands in, from ``start`` to ``end``. A map that has a key twice has its last value.
    """

    source: str
    start: int
    end: int
    value: object = None
    fields: Optional[Dict[str, Node]] = None
    items: Optional[Tuple[Node, ...]] = None

    def get(self, key: str) -> Optional[Node]:
        """A field of a map, None if it has none or is no map."""
        return None if self.fields is None else self.fields.get(key)

    def text(self, key: str) -> str:
        """A field that is text, '' otherwise."""
        node = self.get(key)
        return node.value if node is not None and isinstance(node.value, str) else ""

    def list(self, key: str) -> Tuple[Node, ...]:
        """The items of a field that is a list, none otherwise."""
        node = self.get(key)
        return () if node is None or node.items is None else node.items


def parse(text: str, source: str, load: Load) -> Node:
    """Read a whole configuration and the files that it includes.

    UnknownState says file and line of what cannot be read.
    """
    parser = _Parser(_tokens(text, source, load, 0), source)
    node = parser.value()
    parser.end()
    return node


def _tokens(text: str, source: str, load: Load, depth: int) -> Iterator[_Token]:
    place, line = 0, 1
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise UnknownState(f"{source}, line {line}: {text[place : place + 20]!r} is not Kea's JSON")
        if match["include"]:
            yield from _included(match["file"], f"{source}, line {line}", load, depth)
        elif not match["space"]:
            yield _Token(str(match.lastgroup), match[0], source, match.start(), match.end(), line)
        line += match[0].count("\n")
        place = match.end()


def _included(path: str, at: str, load: Load, depth: int) -> Iterator[_Token]:
    if depth >= _DEEPEST:
        raise UnknownState(f"{at}: {path} is included by files that include each other, more than {_DEEPEST} deep")
    text = load(path)
    if text is None:
        raise UnknownState(f"{at}: includes {path}, and there is no such file")
    return _tokens(text, path, load, depth + 1)


class _Parser:
    """Reads values off tokens."""

    def __init__(self, tokens: Iterator[_Token], source: str) -> None:
        self._tokens = tokens
        self._source = source
        self._last: Optional[_Token] = None
        self._next = next(tokens, None)

    def _take(self) -> _Token:
        token = self._next
        if token is None:
            raise UnknownState(f"{self._source}: ends where more was to come")
        self._last, self._next = token, next(self._tokens, None)
        return token

    def _at(self, text: str) -> bool:
        return self._next is not None and self._next.kind == "punctuation" and self._next.text == text

    def _expect(self, text: str) -> _Token:
        token = self._take()
        if token.kind != "punctuation" or token.text != text:
            raise _unexpected(token, repr(text))
        return token

    def end(self) -> None:
        if self._next is not None:
            raise _unexpected(self._next, "the end")

    def value(self) -> Node:
        token = self._take()
        if token.kind == "punctuation" and token.text == "{":
            return self._map(token)
        if token.kind == "punctuation" and token.text == "[":
            return self._list(token)
        if token.kind in ("string", "number"):
            return Node(token.source, token.start, token.end, value=json.loads(token.text))
        if token.kind == "word" and token.text.lower() in _WORDS:
            return Node(token.source, token.start, token.end, value=_WORDS[token.text.lower()])
        raise _unexpected(token, "a value")

    def _map(self, first: _Token) -> Node:
        fields: Dict[str, Node] = {}
        while not self._at("}"):
            key = self._take()
            if key.kind != "string":
                raise _unexpected(key, "a key in quotes")
            self._expect(":")
            fields[json.loads(key.text)] = self.value()
            if not self._at("}"):
                self._expect(",")
        return Node(first.source, first.start, self._take().end, fields=fields)

    def _list(self, first: _Token) -> Node:
        items: List[Node] = []
        while not self._at("]"):
            items.append(self.value())
            if not self._at("]"):
                self._expect(",")
        return Node(first.source, first.start, self._take().end, items=tuple(items))


def _unexpected(token: _Token, wanted: str) -> UnknownState:
    return UnknownState(f"{token.source}, line {token.line}: {token.text!r} stands where {wanted} should")
