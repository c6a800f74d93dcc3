# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pf.conf(5): the part of its grammar that is built. What pf would take and this does not is said, and ends with 99."""

from __future__ import annotations

import ipaddress
import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from .rules import Place, Rule, Ruleset

_ORDER = "Rules must be in order: options, ethernet, normalization, queueing, translation, filtering"
_OPTION, _SCRUB, _NAT, _FILTER = 1, 3, 5, 6
_TOKEN = re.compile(r'\s+|"([^"\n]*)"|(->|[(){}<>!=,])|([^\s(){}<>!=,"]+)')
_NUMBERS = {"ssh": 22, "smtp": 25, "domain": 53, "bootps": 67, "bootpc": 68, "http": 80, "https": 443}
_PROTOCOLS = ("tcp", "udp", "icmp")
#: Statements that pf has and this has not.
_ELSEWHERE = ("binat", "binat-anchor", "altq", "queue", "ether", "antispoof", "match", "table")
_SETTINGS = {
    "block-policy": ("drop", "return"),
    "state-policy": ("if-bound", "floating"),
    "require-order": ("yes", "no"),
    "optimization": ("normal", "satellite", "high-latency", "conservative", "aggressive"),
}


class NotBuilt(Exception):
    """pf would take this."""


class _Wrong(Exception):
    """One statement is wrong: the text behind ``FILE:LINE: ``."""


class _Line(NamedTuple):
    number: int
    words: List[Tuple[str, bool]]


class Parsed(NamedTuple):
    """What a file holds: its rules, the interfaces that are passed over, other files for anchors; and its errors."""

    ruleset: Ruleset
    skip: List[str]
    anchors: List[Tuple[str, str]]
    errors: List[str]


def parse(text: str, name: str) -> Parsed:
    """Read the text of the file ``name``. NotBuilt."""
    reader = _Reader(name)
    for line in _lines(text):
        reader.take(line)
    return Parsed(reader.ruleset, reader.skip, reader.anchors, reader.errors)


def _lines(text: str) -> Iterator[_Line]:
    """Statements: a backslash at the end joins lines, and within braces an end of line is nothing special."""
    words: List[Tuple[str, bool]] = []
    joined, depth = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        joined += line
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        found = list(_words(joined))
        joined = ""
        words += found
        depth += sum({"{": 1, "}": -1}.get(word, 0) for word, quoted in found if not quoted)
        if depth <= 0:
            if words:
                yield _Line(number, words)
            words, depth = [], 0
    if words:
        yield _Line(number, words)


def _words(line: str) -> Iterator[Tuple[str, bool]]:
    position = 0
    while position < len(line) and line[position] != "#":
        found = _TOKEN.match(line, position)
        if found is None:
            raise NotBuilt("a quoted text of several lines")
        quoted, sign, word = found.groups()
        if word is not None and "#" in word:
            yield from ((part, False) for part in [word.partition("#")[0]] if part)
            return
        if quoted is not None:
            yield quoted, True
        elif sign or word:
            yield str(sign or word), False
        position = found.end()


class _Reader:
    """Takes statement after statement."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ruleset = Ruleset()
        self.skip: List[str] = []
        self.anchors: List[Tuple[str, str]] = []
        self.errors: List[str] = []
        self._macros: Dict[str, str] = {}
        self._section = 0
        self._ordered = True
        self._words: List[str] = []

    def take(self, line: _Line) -> None:
        """Read one statement; what is wrong with it is noted."""
        try:
            self._words = list(self._expanded(line))
            if len(line.words) > 2 and line.words[1] == ("=", False):
                self._macros[line.words[0][0]] = " ".join(word for word, _quoted in line.words[2:])
            else:
                self._statement()
                self._end()
        except _Wrong as wrong:
            self.errors += [f"{self.name}:{line.number}: {text}" for text in str(wrong).split("\n")]

    def _expanded(self, line: _Line) -> Iterator[str]:
        for word, quoted in line.words:
            if word.startswith("$") and not quoted:
                if word[1:] not in self._macros:
                    raise _Wrong(f"macro '{word[1:]}' not defined\nsyntax error")
                yield from (part for part, _quoted in _words(self._macros[word[1:]]))
            else:
                yield word

    # words

    def _next(self) -> str:
        if not self._words:
            raise _Wrong("syntax error")
        return self._words.pop(0)

    def _is(self, *words: str) -> Optional[str]:
        """The next word, taken, if it is one of these."""
        return self._words.pop(0) if self._words and self._words[0] in words else None

    def _must(self, word: str) -> None:
        if self._is(word) is None:
            raise _Wrong("syntax error")

    def _end(self) -> None:
        if self._words:
            raise _Wrong("syntax error")

    def _name(self) -> str:
        word = self._next()
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", word):
            raise _Wrong("syntax error")
        return word

    def _in_order(self, section: int) -> None:
        if self._ordered and self._section > section:
            raise _Wrong(_ORDER)
        self._section = section

    # statements

    def _statement(self) -> None:
        word = self._next()
        if word in _ELSEWHERE or (word == "no" and self._words[:1] == ["binat"]):
            raise NotBuilt(f"'{word}' in rules")
        if word == "set":
            self._setting(self._next())
        elif word == "scrub":
            self._scrub()
        elif word == "no":
            self._translation(self._next(), "no ")
        elif word in ("nat", "rdr"):
            self._translation(word, "")
        elif word in ("nat-anchor", "rdr-anchor", "anchor"):
            self._anchor(word)
        elif word in ("pass", "block"):
            self._filter(word)
        elif word == "load":
            self._must("anchor")
            anchor = self._next()
            self._must("from")
            self.anchors.append((anchor, self._next()))
        elif word == "include":
            raise NotBuilt("'include'")
        else:
            raise _Wrong("syntax error")

    def _setting(self, name: str) -> None:
        if name == "skip":
            self._must("on")
            self.skip += self._list() if self._is("{") else [self._name()]
        elif name == "loginterface":
            self._in_order(_OPTION)
            self._name()
        elif name in _SETTINGS:
            value = self._next()
            if value not in _SETTINGS[name]:
                raise _Wrong("syntax error")
            if name == "require-order":
                self._ordered = value == "yes"
            elif name != "state-policy":
                self._in_order(_OPTION)
        else:
            raise NotBuilt(f"'set {name}'")

    def _list(self) -> List[str]:
        found = []
        while not self._is("}"):
            found.append(self._name())
            self._is(",")
        return found

    def _scrub(self) -> None:
        direction = self._is("in", "out") or ""
        place = self._place("")
        if self._is("fragment"):
            self._must("reassemble")
        self._in_order(_SCRUB)
        self.ruleset.scrub.append(Rule("scrub", direction=direction, place=place))

    def _anchor(self, word: str) -> None:
        name = self._next()
        if self._words:
            raise NotBuilt("more than a name behind 'anchor'")
        self._in_order(_FILTER if word == "anchor" else _NAT)
        self.ruleset.of(word).append(Rule(word, anchor=name))

    def _translation(self, word: str, no: str) -> None:
        if word not in ("nat", "rdr"):
            raise _Wrong("syntax error")
        passing = bool(self._is("pass"))
        self._must("on")
        place = self._place(self._name())
        rule = Rule(word, no=bool(no), passing=passing, place=place)
        if not no:
            self._must("->")
            rule = rule._replace(target=self._target(), to_port=self._port() if self._is("port") else 0)
        self._in_order(_NAT)
        self.ruleset.of(word).append(rule)

    def _filter(self, word: str) -> None:
        action = word
        if word == "block":
            action = f"block {self._is('drop', 'return') or 'drop'}"
        direction = self._is("in", "out") or ""
        if self._is("log"):
            action += " log"
        quick = bool(self._is("quick"))
        place = self._place(self._name() if self._is("on") else "")
        if self._is("flags"):
            self._must("S/SA")
        state = not self._is("no")
        if not state or self._is("keep"):
            self._must("state")
        self._in_order(_FILTER)
        self.ruleset.filter.append(
            Rule("filter", action=action, direction=direction, quick=quick, place=place, state=state)
        )

    # where a packet comes from and goes

    def _place(self, interface: str) -> Place:
        if not interface and self._is("on"):
            interface = self._name()
        family = self._is("inet", "inet6") or ""
        proto = ""
        if self._is("proto"):
            if self._words[:1] == ["{"]:
                raise NotBuilt("a list of protocols")
            proto = self._next()
            if proto not in _PROTOCOLS:
                raise _Wrong(f"unknown protocol {proto}")
        if self._is("all"):
            return Place(interface, family, proto)
        source = target = ""
        port = 0
        if self._is("from"):
            source = self._address()
            if self._words[:1] == ["port"]:
                raise NotBuilt("a source port")
        if self._is("to"):
            target = "any" if self._words[:1] == ["port"] else self._address()
            port = self._port() if self._is("port") else 0
        # What is given nowhere is "all".
        ends = bool(source or target)
        family = family or ("inet" if re.search(r"\d\.", source + target) else "")
        return Place(
            interface, family, proto, source or ("any" if ends else ""), target or ("any" if ends else ""), port
        )

    def _address(self) -> str:
        if self._words[:1] in (["{"], ["<"]):
            raise NotBuilt("a list or table of addresses")
        no = "! " if self._is("!") else ""
        if self._is("any"):
            return f"{no}any"
        return no + self._target()

    def _target(self) -> str:
        if self._is("("):
            name = self._next()
            if not re.fullmatch(r"[a-z][A-Za-z0-9_.]*(:0)?", name):
                raise _Wrong("syntax error")
            self._must(")")
            return f"({name})"
        word = self._next()
        try:
            network = ipaddress.ip_network(word, strict=False)
        except ValueError:
            if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.:-]*", word):
                raise NotBuilt(f"the name {word} in place of an address") from None
            raise _Wrong("syntax error") from None
        alone = network.prefixlen == network.max_prefixlen
        return str(network.network_address) if alone else str(network)

    def _port(self) -> int:
        self._is("=")
        word = self._next()
        number = _NUMBERS.get(word, int(word) if word.isdecimal() else 0)
        if not 0 < number < 65536:
            raise _Wrong("syntax error")
        return number
