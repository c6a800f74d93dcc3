# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of configuration variables, as bhyve_config(5) has it.

Nodes keep the order in which their children were added, and a variable that is set again moves to the end of its node:
``config.dump`` prints them so.
"""

from __future__ import annotations

import errno
import re
from typing import Dict, Iterator, List, Optional, Tuple, Union

from .errors import EX_USAGE, FAILED, err, errx, say

_DEPTH = 15
_TRUE = ("true", "on", "yes")
_FALSE = ("false", "off", "no")

Tree = Dict[str, Union[str, "Tree"]]


def parse_bool(name: str, value: str) -> bool:
    """A boolean variable's value; anything else ends the program."""
    if value.lower() in _TRUE or value == "1":
        return True
    if value.lower() in _FALSE or value == "0":
        return False
    err(FAILED, f"Invalid value {value} for boolean variable {name}", errno.ENOENT)


class Config:
    """Variables by their dotted names."""

    def __init__(self) -> None:
        self.root: Tree = {}

    def _node(self, path: str, create: bool) -> Optional[Tree]:
        node = self.root
        for part in path.split(".") if path else []:
            child = node.get(part)
            if isinstance(child, str):
                say(f"bhyve: {path} is a child of existing variable {path}")
                return None
            if child is None:
                if not create or not part:
                    return None
                child = node[part] = {}
            node = child
        return node

    def node(self, path: str) -> Optional[Tree]:
        """The node of that name, None if there is none."""
        return self._node(path, create=False)

    def create(self, path: str) -> None:
        """Make a node, empty if it is new."""
        self._node(path, create=True)

    def set(self, path: str, value: str) -> None:
        """Give a variable its value; it becomes the last of its node."""
        parent, _unused, name = path.rpartition(".")
        node = self._node(parent, create=True)
        if node is None:
            errx(FAILED, f"Failed to create configuration node {parent}")
        if isinstance(node.get(name), dict):
            errx(FAILED, f"Attempting to add value {value} to existing node {path}")
        node.pop(name, None)
        node[name] = value

    def set_bool(self, path: str, value: bool) -> None:
        self.set(path, "true" if value else "false")

    def raw(self, path: str) -> Optional[str]:
        """A variable's value as it was written."""
        parent, _unused, name = path.rpartition(".")
        node = self._node(parent, create=False)
        value = None if node is None else node.get(name)
        if isinstance(value, dict):
            say(f"bhyve: Attempting to fetch value of node {path}")
            return None
        return value

    def get(self, path: str) -> Optional[str]:
        """A variable's value with its references replaced."""
        value = self.raw(path)
        return value if value is None or "%" not in value else self._expand(value, 0)

    def boolean(self, path: str, default: bool = False) -> bool:
        value = self.get(path)
        return default if value is None else parse_bool(path.rpartition(".")[2] if _in_device(path) else path, value)

    def _expand(self, value: str, depth: int) -> str:
        out: List[str] = []
        at = 0
        while at < len(value):
            char = value[at]
            if char == "%":
                text, at = self._reference(value, at, depth)
                out.append(text)
                continue
            if char == "\\":
                at += 1
                if at == len(value):
                    say(f'bhyve: Trailing \\ in configuration value "{value}"')
                    break
            out.append(value[at])
            at += 1
        return "".join(out)

    def _reference(self, value: str, at: int, depth: int) -> Tuple[str, int]:
        if depth > _DEPTH:
            say("bhyve: Too many recursive references in configuration value")
            return "%", at + 1
        end = value.find(")", at + 2) if value.startswith("%(", at) and at + 2 < len(value) else -1
        if end < 0:
            say(f'bhyve: Invalid reference in configuration value "{value}"')
            return "%", at + 1
        name = value[at + 2 : end]
        if not name:
            say(f'bhyve: Empty reference in configuration value "{value}"')
            return "", end + 1
        found = self.raw(name)
        if found is None:
            say(f"bhyve: Failed to fetch referenced configuration variable {name}")
            return "", end + 1
        return self._expand(found, depth + 1), end + 1

    def items(self) -> Iterator[Tuple[str, str]]:
        """All variables, in the order of config.dump."""
        yield from _walk("", self.root)

    def parse_option(self, text: str) -> bool:
        """``name=value``; False if it is not that (an empty value is not)."""
        name, equals, value = text.partition("=")
        if not equals or not value:
            return False
        self.set(name, value)
        return True

    def parse_file(self, path: str) -> None:
        """``-k``: a flat file of ``name=value`` lines."""
        try:
            with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
                lines = stream.read().split("\n")
        except OSError as error:
            err(FAILED, f"Failed to open configuration file {path}", error.errno or 0)
        if lines and not lines[-1]:
            lines.pop()
        for number, line in enumerate(lines, 1):
            if line.startswith("#") or not line:
                continue
            if not self.parse_option(line):
                # the terminal's carriage return, if any, is part of what bhyve prints
                errx(FAILED, f"{path} line {number}: invalid config option '{line}'")

    def parse_list(self, node: str, text: str) -> None:
        """The comma list of ``-s``: ``name=value``, or a bare word for true."""
        for word in text.split(","):
            name, equals, value = word.partition("=")
            self.set(f"{node}.{name}", value if equals else "true")


def _in_device(path: str) -> bool:
    return re.match(r"pci\.\d+\.\d+\.\d+\.", path) is not None


def _walk(prefix: str, node: Tree) -> Iterator[Tuple[str, str]]:
    for name, value in node.items():
        if isinstance(value, str):
            yield prefix + name, value
        else:
            yield from _walk(f"{prefix}{name}.", value)


def option(config: Config, text: str) -> None:
    """``-o name=value``."""
    if not config.parse_option(text):
        errx(EX_USAGE, f"invalid configuration option '{text}'")
