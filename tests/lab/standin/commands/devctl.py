# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""devctl(8): set driver, clear driver, attach, detach, for PCI devices."""

from __future__ import annotations

import os
import sys
from typing import List, Sequence, Tuple

from ..pci import bus
from ..system import cli

PATHS = ("/usr/sbin/devctl",)
_OTHERS = ("disable", "enable", "suspend", "resume", "rescan", "delete", "freeze", "thaw", "reset", "getpath")


def _usage() -> int:
    for number, line in enumerate(
        (
            "attach device",
            "detach [-f] device",
            "disable [-f] device",
            "enable device",
            "suspend device",
            "resume device",
            "set driver [-f] device driver",
            "clear driver [-f] device",
            "rescan device",
            "delete [-f] device",
            "freeze",
            "thaw",
            "reset [-d] device",
            "getpath locator device",
        )
    ):
        print(f"{'usage:' if not number else '      '} devctl {line}", file=sys.stderr)
    return 1


def _words(argv: Sequence[str], letters: str, count: int, usage: str) -> Tuple[bool, List[str]]:
    def wrong() -> int:
        print(f"usage: devctl {usage}", file=sys.stderr)
        return 1

    options, words = cli.options_or_usage(["devctl", *argv], letters, wrong)
    if len(words) != count:
        raise SystemExit(wrong())
    return bool(options), words


def _set_driver(argv: Sequence[str]) -> None:
    force, (device, driver) = _words(argv, "f", 2, "set driver [-f] device driver")
    try:
        _root()
        bus.set_driver(device, driver, force)
    except OSError as error:
        cli.fail("devctl", f"Failed to set {device} driver to {driver}: {cli.strerror(error)}")


def _clear_driver(argv: Sequence[str]) -> None:
    force, (device,) = _words(argv, "f", 1, "clear driver [-f] device")
    try:
        _root()
        bus.clear_driver(device, force)
    except OSError as error:
        cli.fail("devctl", f"Failed to clear {device} driver: {cli.strerror(error)}")


def _one(verb: str, argv: Sequence[str]) -> None:
    letters, usage = ("f", "detach [-f] device") if verb == "detach" else ("", "attach device")
    _force, (device,) = _words(argv, letters, 1, usage)
    try:
        _root()
        (bus.detach if verb == "detach" else bus.attach)(device)
    except OSError as error:
        cli.fail("devctl", f"Failed to {verb} {device}: {cli.strerror(error)}")


def _root() -> None:
    if os.geteuid() != 0:
        raise PermissionError(1, "devctl2")


def main(argv: Sequence[str]) -> int:
    words = list(argv[1:])
    if not words:
        return _usage()
    verb = words[0]
    if verb in ("set", "clear"):
        if len(words) < 2:
            cli.fail("devctl", f"The {verb} command requires a sub-command.")
        if words[1] != "driver":
            cli.fail("devctl", f"{words[1]} is not a valid sub-command of {verb}.")
        (_set_driver if verb == "set" else _clear_driver)(words[2:])
    elif verb in ("attach", "detach"):
        _one(verb, words[1:])
    elif verb in _OTHERS:
        cli.not_built("devctl", verb)
    else:
        cli.fail("devctl", f"Unknown command {verb}.")
    return 0
