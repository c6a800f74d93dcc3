# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ps(1)."""

from __future__ import annotations

import os
import sys
import time
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from .. import processes
from ..processes import Process
from ..system import cli, psinfo

PATHS = ("/bin/ps",)
_LEFT, _RIGHT = "<", ">"
_USAGE = """\
usage: ps [--libxo] [-aCcdefHhjlmrSTuvwXxZ] [-O fmt | -o fmt]
          [-G gid[,gid...]] [-J jid[,jid...]] [-M core] [-N system]
          [-p pid[,pid...]] [-t tty[,tty...]] [-U user[,user...]]
       ps [--libxo] -L
"""


class Keyword(NamedTuple):
    """A column: its heading, its name in libxo's output, where it is flush, its text."""

    heading: str
    element: str
    flush: str
    text: Callable[[Process], str]


_KEYWORDS: Dict[str, Keyword] = {
    "%cpu": Keyword("%CPU", "percent-cpu", _RIGHT, lambda p: "0.0"),
    "%mem": Keyword("%MEM", "percent-memory", _RIGHT, lambda p: "0.0"),
    "args": Keyword("COMMAND", "arguments", _LEFT, psinfo.command),
    "comm": Keyword("COMMAND", "command", _LEFT, psinfo.comm),
    "command": Keyword("COMMAND", "command", _LEFT, psinfo.command),
    "etime": Keyword("ELAPSED", "elapsed-time", _RIGHT, psinfo.elapsed),
    "etimes": Keyword("ELAPSED", "elapsed-times", _RIGHT, lambda p: str(int(p.elapsed))),
    "gid": Keyword("GID", "gid", _RIGHT, lambda p: str(p.gid)),
    "jail": Keyword("JAIL", "jail-name", _LEFT, lambda p: "-"),
    "jid": Keyword("JID", "jail-id", _RIGHT, lambda p: "0"),
    "lstart": Keyword("STARTED", "start-time", _LEFT, psinfo.lstart),
    "nice": Keyword("NI", "nice", _RIGHT, lambda p: str(p.nice)),
    "nlwp": Keyword("NLWP", "threads", _RIGHT, lambda p: str(p.threads)),
    "pgid": Keyword("PGID", "process-group", _RIGHT, lambda p: str(p.pgid)),
    "pid": Keyword("PID", "pid", _RIGHT, lambda p: str(p.pid)),
    "ppid": Keyword("PPID", "ppid", _RIGHT, lambda p: str(p.ppid)),
    "pri": Keyword("PRI", "priority", _RIGHT, lambda p: "20"),
    "rss": Keyword("RSS", "rss", _RIGHT, lambda p: str(p.rss)),
    "ruid": Keyword("RUID", "real-uid", _RIGHT, lambda p: str(p.uid)),
    "ruser": Keyword("RUSER", "real-user", _LEFT, lambda p: psinfo.user_name(p.uid)),
    "sid": Keyword("SID", "sid", _RIGHT, lambda p: str(p.sid)),
    "start": Keyword("STARTED", "start-time", _LEFT, lambda p: psinfo.start(p, time.time())),
    "state": Keyword("STAT", "state", _LEFT, psinfo.state),
    "time": Keyword("TIME", "cpu-time", _RIGHT, psinfo.cpu_time),
    "tt": Keyword("TT ", "terminal-name", _RIGHT, psinfo.terminal),
    "tty": Keyword("TTY", "tty", _LEFT, lambda p: p.tty or "-"),
    "ucomm": Keyword("UCOMM", "accounting-name", _LEFT, psinfo.comm),
    "uid": Keyword("UID", "uid", _RIGHT, lambda p: str(p.uid)),
    "user": Keyword("USER", "user", _LEFT, lambda p: psinfo.user_name(p.uid)),
    "vsz": Keyword("VSZ", "virtual-size", _RIGHT, lambda p: str(p.vsz)),
}
_ALIASES = {
    "%CPU": "%cpu", "pcpu": "%cpu", "pmem": "%mem", "ni": "nice", "stat": "state", "vsize": "vsz", "cputime": "time",
    "rssize": "rss", "rsz": "rss", "gname": "gid", "thcount": "nlwp",
}  # fmt: skip
_DEFAULT = "pid tt state time command"
_FORMATS = {
    "j": "user pid ppid pgid sid state tt time command",
    "l": "uid pid ppid pri nice vsz rss state tt time command",
    "u": "user pid %cpu %mem vsz rss tt state start time command",
}


class Column(NamedTuple):
    """A keyword with the heading that the user gave it."""

    keyword: Keyword
    heading: str


def columns(text: str) -> List[Column]:
    """-o's list: keywords with commas or blanks between them; ``word=heading`` takes the rest as the heading."""
    head, equals, heading = text.partition("=")
    words = head.replace(",", " ").split()
    found: List[Column] = []
    for index, word in enumerate(words):
        keyword = _KEYWORDS.get(_ALIASES.get(word, word))
        if keyword is None:
            cli.warn("ps", f"{word}: keyword not found")
            continue
        own = bool(equals) and index == len(words) - 1
        found.append(Column(keyword, heading if own else keyword.heading))
    return found


class Selection:
    """Which processes are wanted."""

    def __init__(self) -> None:
        self.everybody = False  # -a
        self.without_terminal = False  # -x
        self.pids: Optional[List[int]] = None
        self.uids: Optional[List[int]] = None
        self.jids: Optional[List[int]] = None

    def wants(self, process: Process) -> bool:
        if self.jids is not None and 0 not in self.jids:
            return False
        if self.pids is not None or self.uids is not None:
            return process.pid in (self.pids or []) or process.uid in (self.uids or [])
        if not self.everybody and self.jids is None and process.uid != os.geteuid():
            return False
        return bool(process.tty) or self.without_terminal or self.jids is not None


def _numbers(text: str, what: str) -> List[int]:
    found = []
    for word in text.replace(",", " ").split():
        if not word.isdigit():
            cli.fail("ps", f"Invalid {what}: {word}")
        found.append(int(word))
    return found


def _users(text: str) -> List[int]:
    found = []
    for word in text.replace(",", " ").split():
        uid = psinfo.user_id(word)
        if uid is None:
            cli.fail("ps", f"{word}: No such user")
        found.append(uid)
    return found


def _usage() -> int:
    print(_USAGE, end="", file=sys.stderr)
    return 1


def _width(unlimited: bool, wide: bool) -> Optional[int]:
    """How many columns a line may have; None: all."""
    if unlimited:
        return None
    given = os.environ.get("COLUMNS", "")
    if given.isdigit():
        width: Optional[int] = int(given) or None
    elif not sys.stdout.isatty():
        width = None
    else:
        try:
            width = os.get_terminal_size(1).columns or 79
        except OSError:
            width = 79
    return max(width, 131) if wide and width is not None else width


def render(chosen: Sequence[Column], rows: Sequence[Sequence[str]], width: Optional[int]) -> List[str]:
    """The table: each column as wide as its widest text, the last one open to the right."""
    widths = [max([len(column.heading), *(len(row[index]) for row in rows)]) for index, column in enumerate(chosen)]
    lines = []
    headings = [column.heading for column in chosen]
    for row in [headings, *rows] if any(headings) else rows:
        cells = []
        for index, (column, text) in enumerate(zip(chosen, row)):
            if column.keyword.flush == _RIGHT:
                cells.append(text.rjust(widths[index]))
            else:
                cells.append(text if index == len(chosen) - 1 else text.ljust(widths[index]))
        line = " ".join(cells)
        lines.append(line if width is None else line[:width])
    return lines


def _libxo(chosen: Sequence[Column], rows: Sequence[Sequence[str]], pretty: bool) -> str:
    import json

    entries = [{column.keyword.element: text for column, text in zip(chosen, row)} for row in rows]
    document = {"process-information": {"process": entries}}
    if pretty:
        return json.dumps(document, indent=2)
    inner = ", ".join(json.dumps(entry, separators=(",", ":")) for entry in entries)
    return '{"process-information": {"process": [' + inner + "]}}"


def _arguments(argv: Sequence[str]) -> Tuple[str, List[str]]:
    """Take --libxo away; the first word may lack its dash (``ps ax``)."""
    style = ""
    words = [argv[0]]
    rest = list(argv[1:])
    while rest:
        word = rest.pop(0)
        if word.startswith("--libxo="):
            style = word[len("--libxo=") :]
        elif word == "--libxo":
            style = rest.pop(0) if rest else ""
        else:
            words.append(word)
    if len(words) > 1 and words[1] and words[1][0] != "-":
        # An old BSD habit; a bare number is a pid.
        words[1] = "-p" + words[1] if words[1].isdigit() else "-" + words[1]
    return style, words


def main(argv: Sequence[str]) -> int:
    style, words = _arguments(argv)
    options, rest = cli.options_or_usage(words, "AaCcdD:efG:gHhJ:jLlM:mN:O:o:p:rSTt:U:uvwXxZ", _usage)
    selection = Selection()
    chosen: List[Column] = []
    formatted = False
    short = False
    wide = 0
    for letter, value in options:
        if letter in "aA":
            selection.everybody = True
            selection.without_terminal |= letter == "A"
        elif letter == "x":
            selection.without_terminal = True
        elif letter == "c":
            short = True
        elif letter == "o":
            chosen += columns(value)
            formatted = True
        elif letter in _FORMATS:
            chosen += columns(_FORMATS[letter])
            formatted = True
        elif letter == "p":
            selection.pids = [*(selection.pids or []), *_numbers(value, "pid")]
        elif letter == "U":
            selection.uids = [*(selection.uids or []), *_users(value)]
        elif letter == "J":
            selection.jids = [*(selection.jids or []), *_numbers(value, "jid")]
        elif letter == "w":
            wide += 1
        elif letter == "L":
            print(" ".join(sorted([*_KEYWORDS, *_ALIASES])))
            return 0
        elif letter not in "CfghSX":
            cli.not_built("ps", f"-{letter}")
    if rest:
        selection.pids = [*(selection.pids or []), *_numbers(" ".join(rest), "pid")]
    if formatted and not chosen:
        cli.fail("ps", "no valid keywords")
    chosen = chosen or columns(_DEFAULT)
    found = sorted((p for p in processes.table() if selection.wants(p)), key=lambda p: (p.tty, p.pid))
    rows = [
        [
            psinfo.comm(process) if short and column.keyword.heading == "COMMAND" else column.keyword.text(process)
            for column in chosen
        ]
        for process in found
    ]
    if style:
        print(_libxo(chosen, rows, "pretty" in style))
    else:
        for line in render(chosen, rows, _width(wide > 1, wide == 1)):
            print(line)
    return 0 if found else 1
