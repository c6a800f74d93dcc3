# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's processes as FreeBSD would show them.

What runs is Linux's: /proc of the host's own process namespace. What FreeBSD would show in another way the process
itself has noted (``notes``).
"""

from __future__ import annotations

import os
from typing import List, NamedTuple, Optional, Sequence, Tuple

from . import paths
from .notes import alive, note_closed, note_open, read_note, set_comm, set_title, start_ticks, stat_fields

__all__ = [
    "OpenFile",
    "Process",
    "alive",
    "note_closed",
    "note_open",
    "open_files",
    "set_comm",
    "set_title",
    "start_ticks",
    "table",
    "visible_argv",
]

#: What a command's file names in its first line; ``call`` is followed by the command's module.
_PYTHON = ("/.linux/usr/bin/python3", "-IS")
_CALL = "/.standin/call"


class OpenFile(NamedTuple):
    """A file that a stand-in holds open: its name as fstat(1) prints it, the mode ("r", "w", "rw")."""

    name: str
    mode: str


class Process(NamedTuple):
    """One process. Times in seconds (``started``: since the epoch), sizes in KiB."""

    pid: int
    ppid: int
    pgid: int
    sid: int
    uid: int
    gid: int
    tty: str  # "pts/0", "" without a terminal
    state: str  # Linux's letter: R S D T Z
    nice: int
    threads: int
    started: float
    elapsed: float
    user_time: float
    system_time: float
    vsz: int
    rss: int
    comm: str
    argv: Tuple[str, ...]  # a titled process: the title as its only word
    titled: bool  # setproctitle(3) was used: ps(1) adds " (comm)" where the title does not begin with it
    foreground: bool = False
    opened: Tuple[OpenFile, ...] = ()

    @property
    def command(self) -> str:
        """The arguments in one line, as ``ps -o args`` has them."""
        return " ".join(self.argv)


def visible_argv(argv: Sequence[str]) -> Tuple[str, ...]:
    """An argument list without the lab's launcher in front: a command is called by its file's name."""
    if len(argv) > 2 and (argv[0] == _CALL or tuple(argv[:2]) == _PYTHON):
        return (os.path.basename(argv[2]), *argv[3:])
    return tuple(argv)


def _tty(number: int) -> str:
    major, minor = os.major(number), os.minor(number)
    return f"pts/{minor}" if 136 <= major <= 143 else ""


def _boot_time() -> float:
    with open(paths.PROC + "/stat", encoding="ascii") as stream:
        for line in stream:
            if line.startswith("btime "):
                return float(line.split()[1])
    raise RuntimeError("no btime in " + paths.PROC + "/stat")


def _uptime() -> float:
    with open(paths.PROC + "/uptime", encoding="ascii") as stream:
        return float(stream.read().split()[0])


def _cmdline(pid: str) -> List[str]:
    try:
        with open(f"{paths.PROC}/{pid}/cmdline", "rb") as stream:
            text = stream.read().decode("utf-8", "surrogateescape")
    except OSError:
        return []
    return text[:-1].split("\0") if text.endswith("\0") else text.split("\0") if text else []


def _owner(pid: str) -> Optional[Tuple[int, int]]:
    try:
        found = os.stat(f"{paths.PROC}/{pid}")
    except OSError:
        return None
    return found.st_uid, found.st_gid


def table() -> List[Process]:
    """Every process of the host, by pid. Linux's kernel threads and processes that end meanwhile are left out."""
    boot, uptime, tick, page = _boot_time(), _uptime(), os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    found, hidden = [], set()
    for name in os.listdir(paths.PROC):
        if not name.isdigit():
            continue
        fields, owner = stat_fields(name), _owner(name)
        if fields is None or owner is None:
            continue
        argv = _cmdline(name)
        pid, ticks = int(name), int(fields[20])
        if not argv and fields[1] not in "ZX":
            continue
        note = read_note(pid, ticks)
        if note.get("hidden"):
            hidden.add(pid)
            continue
        title = str(note.get("title") or "")
        shown = (title,) if title else visible_argv(argv)
        found.append(
            Process(
                pid=pid,
                ppid=int(fields[2]),
                pgid=int(fields[3]),
                sid=int(fields[4]),
                uid=owner[0],
                gid=owner[1],
                tty=_tty(int(fields[5])),
                state=fields[1],
                nice=int(fields[17]),
                threads=int(fields[18]),
                started=boot + ticks / tick,
                elapsed=max(0.0, uptime - ticks / tick),
                user_time=int(fields[12]) / tick,
                system_time=int(fields[13]) / tick,
                vsz=int(fields[21]) // 1024,
                rss=int(fields[22]) * page // 1024,
                comm=str(note.get("comm") or fields[0]),
                argv=shown or (f"<{fields[0]}>",),
                titled=bool(title),
                foreground=int(fields[6]) == int(fields[3]),
                opened=tuple(OpenFile(str(entry[0]), str(entry[1])) for entry in note.get("open", [])),
            )
        )
    # What a hidden process has started is hidden with it.
    return sorted((process for process in found if process.sid not in hidden), key=lambda process: process.pid)


def open_files() -> List[Tuple[Process, OpenFile]]:
    """What the stand-ins hold open (``note_open``), for every live process."""
    return [(process, entry) for process in table() for entry in process.opened]
