# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pwait(1): wait for processes that need not be children, and tell how they ended."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import List, Optional, Sequence

from ..system import cli, exits

PATHS = ("/bin/pwait",)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def _usage() -> int:
    print("usage: pwait [-t timeout] [-ov] pid ...", file=sys.stderr)
    return cli.EX_USAGE


def timeout_seconds(text: str) -> float:
    """-t: seconds, with s, m or h behind."""
    match = re.match(r"[0-9]*\.?[0-9]+|[0-9]+\.?", text)
    if match is None or float(match.group()) > 100000000:
        cli.fail("pwait", "timeout value", cli.EX_DATAERR)
    unit = text[match.end() :]
    if unit not in _UNITS:
        cli.fail("pwait", "timeout unit", cli.EX_DATAERR)
    return float(match.group()) * _UNITS[unit]


def _tell(pid: int, status: int) -> str:
    if os.WIFEXITED(status):
        return f"{pid}: exited with status {os.WEXITSTATUS(status)}."
    if os.WIFSIGNALED(status):
        return f"{pid}: killed by signal {os.WTERMSIG(status)}."
    return f"{pid}: terminated."


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "ot:v", _usage)
    if not words:
        return _usage()
    flags = [letter for letter, _value in options]
    timeout: Optional[float] = None
    for letter, value in options:
        if letter == "t":
            timeout = timeout_seconds(value)
    watched: List[exits.Watched] = []
    for word in words:
        word = word[len("/proc/") :] if word.startswith("/proc/") else word
        if not re.fullmatch(r"\+?[0-9]+", word):
            cli.warn("pwait", f"{word}: bad process id")
            continue
        pid = int(word)
        if pid == os.getpid():
            cli.warn("pwait", f"{word}: skipping my own pid")
            continue
        if any(one.pid == pid for one in watched):
            continue
        try:
            watched.append(exits.Watched(pid, status="v" in flags))
        except ProcessLookupError:
            cli.warn("pwait", f"{pid}: No such process")
            if "o" in flags:
                return 0
    deadline = None if timeout is None else time.monotonic() + timeout
    while watched:
        ended = exits.wait_any(watched, None if deadline is None else deadline - time.monotonic())
        if not ended:
            if "v" in flags:
                print("timeout")
            return 124
        for one in ended:
            if "v" in flags:
                print(_tell(one.pid, one.status()), flush=True)
        if "o" in flags:
            return 0
        watched = [one for one in watched if one not in ended]
    return 0
