# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""xargs."""

from __future__ import annotations

import os
import sys

from .options import Options
from .tool import Tool, default_signals

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Dict, List

_XARGS = """usage: xargs [-0opt] [-E eofstr] [-I replstr [-R replacements] [-S replsize]]
             [-J replstr] [-L number] [-n number [-x]] [-P maxprocs]
             [-s size] [utility [argument ...]]"""


def _items(text: str, null: bool) -> List[str]:
    """Words with quotes and backslashes, as xargs reads them; with -0 everything between NULs."""
    if null:
        return [word for word in text.split("\0") if word]
    words: List[str] = []
    current, quote, begun, index = "", "", False, 0
    while index < len(text):
        char = text[index]
        index += 1
        if quote:
            if char == "\n":
                sys.stderr.write("xargs: unterminated quote\n")
                raise SystemExit(1)
            quote, current = ("", current) if char == quote else (quote, current + char)
        elif char in "'\"":
            quote, begun = char, True
        elif char == "\\" and index < len(text):
            current, begun, index = current + text[index], True, index + 1
        elif char in " \t\n":
            if begun:
                words.append(current)
            current, begun = "", False
        else:
            current, begun = current + char, True
    if quote:
        sys.stderr.write("xargs: unterminated quote\n")
        raise SystemExit(1)
    return [*words, current] if begun else words


def _batches(values: Dict[str, str], text: str, utility: List[str]) -> List[List[str]]:
    """The command lines to run, in order."""
    null = "0" in values
    if "I" in values:
        lines = text.split("\0") if null else text.split("\n")
        items = [line if null else line.lstrip() for line in lines if line.strip()]
        return [[utility[0], *(word.replace(values["I"], item) for word in utility[1:])] for item in items]
    if "L" in values:
        lines = [line for line in text.split("\n") if line.strip()]
        step = int(values["L"])
        groups = [_items("\n".join(lines[at : at + step]), null) for at in range(0, len(lines), step)]
    else:
        words = _items(text, null)
        step = int(values.get("n", "5000"))
        groups = [words[at : at + step] for at in range(0, len(words), step)]
    if "J" in values and values["J"] in utility:
        at = utility.index(values["J"])
        return [[*utility[:at], *group, *utility[at + 1 :]] for group in groups]
    return [[*utility, *group] for group in groups]


def _xargs(name: str, options: Options, operands: List[str]) -> int:
    values = dict(options)
    text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    utility = operands or ["/bin/echo"]
    limit = max(1, int(values.get("P", "1")))
    status = 0
    running: Dict[int, str] = {}
    pending = _batches(values, text, utility)
    while pending or running:
        while pending and len(running) < limit:
            command = pending.pop(0)
            if "t" in values:
                sys.stderr.write(" ".join(command) + "\n")
            running[_spawn(command)] = command[0]
        pid, raw = os.wait()
        result = _judge(running.pop(pid), os.waitstatus_to_exitcode(raw))
        status = max(status, result[0])
        if result[1]:
            pending = []
    return status


def _spawn(command: List[str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    default_signals()
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"xargs: {command[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def _judge(program: str, code: int) -> tuple[int, bool]:
    """The status that follows from one run, and whether it ends everything."""
    if code < 0:
        sys.stderr.write(f"xargs: {program}: terminated with signal {-code}; aborting\n")
        return 1, True
    if code == 255:
        sys.stderr.write(f"xargs: {program}: exited with status 255; aborting\n")
        return 1, True
    if code in (126, 127):
        return code, True
    return (1 if code else 0), False


TOOLS = {
    "xargs": Tool(_xargs, "0E:I:J:L:n:oP:pR:rS:s:tx", _XARGS, unbuilt="Eop", longs={"null": "0"}),
}
