# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What zfs(8) and zpool(8) have in common as programs: which sub-command is called, and what a wrong call gets."""

from __future__ import annotations

import importlib
import sys
from typing import Callable, List, Mapping, NamedTuple, Sequence

from . import version
from .errors import NotBuilt, UsageError
from .session import check_rights, guarded, session
from .usage import Usage


class Command(NamedTuple):
    """A sub-command: where it is, and whether it gets the state loaded and locked. One that waits for its standard
    input or output does that by itself, and gets all words."""

    module: str
    function: str
    locked: bool = True


class Program(NamedTuple):
    """``package`` has the modules of the sub-commands, and ``usage.USAGE``."""

    package: str
    commands: Mapping[str, Command]
    #: Sub-commands that everybody may call.
    reading: Sequence[str]
    #: What FreeBSD has and the lab has not.
    unbuilt: Sequence[str]
    aliases: Mapping[str, str] = {}

    def main(self, argv: Sequence[str]) -> int:
        """One call; its exit status."""
        if len(argv) < 2:
            _show("missing command", self.usage().of_all())
            return 2
        name = self.aliases.get(argv[1], argv[1])
        if name in ("version", "-V", "--version"):
            print(f"zfs-{version()}\nzfs-kmod-{version()}")
            return 0
        if name in ("-?", "--help", "help", "-h"):
            print("\n".join(self.usage().of_all()))
            return 0
        if name not in self.commands and name not in self.unbuilt:
            _show(f"unrecognized command '{argv[1]}'", self.usage().of_all())
            return 2
        return guarded(lambda: self._run(name, argv), lambda problem: _show(problem, self.usage().of_command(name)))

    def usage(self) -> Usage:
        """Loaded when it is needed: it is long, and most calls are right."""
        found: Usage = importlib.import_module(f"{self.package}.usage").USAGE
        return found

    def _run(self, name: str, argv: Sequence[str]) -> int:
        if name in self.unbuilt:
            raise NotBuilt(f"{argv[0]}: {name}")
        check_rights(argv, self.reading)
        module, function, locked = self.commands[name]
        command: Callable[..., int] = getattr(importlib.import_module(f"{self.package}.{module}"), function)
        if not locked:
            return command(argv)
        problem: UsageError
        with session(argv) as current:
            try:
                return command(current, argv[2:])
            except UsageError as error:
                problem = error
        raise problem


def _show(problem: str, lines: List[str]) -> None:
    for line in ([problem] if problem else []) + lines:
        print(line, file=sys.stderr)
