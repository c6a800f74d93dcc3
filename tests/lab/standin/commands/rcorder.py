# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rcorder(8): the order of rc.d scripts by their PROVIDE, REQUIRE and BEFORE lines."""

from __future__ import annotations

import re
import sys
from typing import Dict, List, Sequence, Set

from ..system import cli

PATHS = ("/sbin/rcorder",)
_LINE = re.compile(r"^#[ \t]*(REQUIRES?|PROVIDES?|BEFORE|KEYWORDS?):?[ \t]*(.*)$")


class Script:
    """An rc.d script's comments."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.provide: List[str] = []
        self.require: List[str] = []
        self.before: List[str] = []
        self.keyword: List[str] = []


def parse(path: str, text: str) -> Script:
    """The comments of a script: the first block of such lines."""
    script = Script(path)
    seen = False
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            if seen:
                break
            continue
        seen = True
        word, names = match.groups()
        target = {"R": script.require, "P": script.provide, "B": script.before, "K": script.keyword}[word[0]]
        target.extend(names.split())
    return script


def order(scripts: Sequence[Script], complain: bool = True) -> List[Script]:
    """The scripts, each behind what it requires and what wants to be before it; depth first in the given order."""
    providers: Dict[str, List[Script]] = {}
    for script in scripts:
        for name in script.provide:
            providers.setdefault(name, []).append(script)
    earlier: Dict[str, List[Script]] = {script.path: [] for script in scripts}
    for script in scripts:
        for name in script.before:
            for later in providers.get(name, []):
                earlier[later.path].append(script)
    ordered: List[Script] = []
    done: Set[str] = set()
    visiting: Set[str] = set()

    def visit(script: Script) -> None:
        if script.path in done:
            return
        if script.path in visiting:
            if complain:
                cli.warn("rcorder", f"Circular dependency on file `{script.path}'.")
            return
        visiting.add(script.path)
        for name in script.require:
            if name not in providers and complain:
                cli.warn("rcorder", f"requirement `{name}' in file `{script.path}' has no providers.")
            for needed in providers.get(name, []):
                visit(needed)
        for needed in earlier[script.path]:
            visit(needed)
        visiting.discard(script.path)
        done.add(script.path)
        ordered.append(script)

    for script in scripts:
        visit(script)
    return ordered


def read(paths: Sequence[str]) -> List[Script]:
    """Read the scripts; one that cannot be read is named on stderr and left out, as rcorder(8) does."""
    found = []
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                found.append(parse(path, stream.read()))
        except OSError:
            cli.warn("rcorder", f"could not open {path}")
    return found


def chosen(scripts: Sequence[Script], keep: Sequence[str], skip: Sequence[str]) -> List[Script]:
    """What -k and -s leave: with -k only scripts with one of these keywords; -s wins."""
    return [
        script
        for script in scripts
        if not set(script.keyword) & set(skip) and (not keep or set(script.keyword) & set(keep))
    ]


def _usage() -> int:
    print("usage: rcorder [-gp] [-k keep] [-s skip] file ...", file=sys.stderr)
    return 1


def main(argv: Sequence[str]) -> int:
    options, files = cli.options_or_usage(argv, "dgk:ps:", _usage)
    if any(letter in "dgp" for letter, _value in options):
        cli.not_built("rcorder", "-d, -g, -p")
    keep = [value for letter, value in options if letter == "k"]
    skip = [value for letter, value in options if letter == "s"]
    if not files:
        return _usage()
    for script in chosen(order(read(files)), keep, skip):
        print(script.path)
    return 0
