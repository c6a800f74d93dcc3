# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cu(1): a terminal on a serial line, here on one end of a null-modem pair."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from typing import Any, List, Optional, Sequence

from .. import nmdm
from ..system import cli

PATHS = ("/usr/bin/cu",)


def _usage() -> int:
    print("usage: cu [-ehot] [-a acu] [-l line] [-s speed] [-#] [phone-number]", file=sys.stderr)
    return 1


def _copy(line: int) -> None:
    """Keys to the line and its output to the terminal; ``~.`` at the beginning of a line ends it."""
    sources: List[int] = [line, 0]
    at_start, tilde = True, False
    while True:
        ready, _unused, _unused = select.select(sources, [], [])
        if line in ready:
            try:
                data = os.read(line, 4096)
            except OSError:
                # The other end is gone for good.
                return
            os.write(1, data)
        if 0 not in ready:
            continue
        data = os.read(0, 4096)
        if not data:
            sources.remove(0)
        for number in data:
            character = bytes([number])
            if tilde and character == b".":
                return
            if at_start and not tilde and character == b"~":
                tilde = True
                continue
            os.write(line, (b"~" if tilde and character != b"~" else b"") + character)
            at_start, tilde = character in b"\r\n", False


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "a:ehl:os:t", _usage)
    path = dict(options).get("l", "")
    if not path or words:
        cli.not_built("cu", "dialling, a line by its name in remote(5)")
    path = path if path.startswith("/") else "/dev/" + path
    try:
        line = nmdm.open_end(path)
    except (OSError, ValueError):
        print(f"cu: {path}: No such file or directory" if not os.path.exists(path) else f"{path}: Device busy")
        print("link down")
        return 1
    settings: Optional[List[Any]] = None
    tty.setraw(line)
    if os.isatty(0):
        settings = termios.tcgetattr(0)
        tty.setraw(0)
    print("Connected\r", flush=True)
    try:
        _copy(line)
    finally:
        if settings is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, settings)
    print("\r\n[EOT]\r")
    return 0
