# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process notes about itself that FreeBSD would show in another way than Linux's /proc does.

A small file (``KERNEL/proc/PID``, with the start time, so that a PID used again is not mistaken) holds the title set
by setproctitle(3), a name too long for Linux, and the files that fstat(1) would show as open.
"""

from __future__ import annotations

import os

from . import paths

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

_NOTES = paths.KERNEL + "/proc"
_acting_for: List[int] = []


def act_for(pid: int, ppid: int) -> None:
    """This process does the work of another one, the call's, which is a child of ``ppid`` (``warm``)."""
    _acting_for[:] = [pid, ppid]


def mine() -> List[int]:
    """The pids that are this command itself, for those that leave themselves out of what they look at."""
    return [os.getpid(), *_acting_for[:1]]


def pid() -> int:
    """getpid(2) of the command."""
    return _acting_for[0] if _acting_for else os.getpid()


def ppid() -> int:
    """getppid(2) of the command."""
    return _acting_for[1] if _acting_for else os.getppid()


def stat_fields(pid: str) -> Optional[List[str]]:
    """The fields of proc(5)'s stat file: comm first, then state and the rest (state is [1], ppid [2])."""
    try:
        with open(f"{paths.PROC}/{pid}/stat", "rb") as stream:
            text = stream.read().decode("utf-8", "surrogateescape")
    except OSError:
        return None
    if not text:
        return None
    head, _unused, tail = text.rpartition(")")
    return [head.split("(", 1)[1], *tail.split()]


def start_ticks(pid: int) -> Optional[int]:
    """When a process was started, in clock ticks since the machine's boot; None when there is no such process."""
    fields = stat_fields(str(pid))
    return None if fields is None else int(fields[20])


def alive(pid: int, ticks: Optional[int] = None) -> bool:
    """Whether the process is there and not a zombie; with ``ticks``, whether it is still the same one."""
    fields = stat_fields(str(pid))
    return fields is not None and fields[1] not in "ZX" and ticks in (None, int(fields[20]))


def read_note(pid: int, ticks: int) -> Dict[str, Any]:
    try:
        with open(f"{_NOTES}/{pid}", encoding="utf-8") as stream:
            text = stream.read()
    except OSError:
        return {}
    import json

    note: Dict[str, Any] = json.loads(text)
    return note if note.get("ticks") == ticks else {}


def _write_note(**changes: Any) -> None:
    pid = os.getpid()
    ticks = start_ticks(pid)
    if ticks is not None:
        _write(pid, ticks, changes)


def _write(pid: int, ticks: int, changes: Dict[str, Any]) -> None:
    import json

    note = {**read_note(pid, ticks), **changes, "ticks": ticks}
    os.makedirs(_NOTES, exist_ok=True)
    temporary = f"{_NOTES}/.{pid}"
    with open(temporary, "w", encoding="utf-8") as stream:
        json.dump(note, stream)
    os.rename(temporary, f"{_NOTES}/{pid}")


def set_comm(name: str) -> None:
    """The name that ``ps -o comm`` shows for this process (a program's own file name, cut at 19 characters)."""
    try:
        with open(f"{paths.PROC}/self/comm", "w", encoding="utf-8") as stream:
            stream.write(name[:15])
    except OSError:
        return
    if len(name) > 15:
        _write_note(comm=name[:19])


def set_title(title: str, comm: Optional[str] = None) -> None:
    """setproctitle(3): what ps shows as this process's command from now on. An empty title goes back to argv."""
    if comm is not None:
        set_comm(comm)
    _write_note(title=title)


def note_open(name: str, mode: str) -> None:
    """Note that this process holds ``name`` open (as fstat(1) prints it: ``zvol/zroot/web1/root``, ``tap1000``)."""
    ticks = start_ticks(os.getpid())
    opened = read_note(os.getpid(), ticks).get("open", []) if ticks is not None else []
    _write_note(open=[*opened, [name, mode]])


def note_closed(name: str) -> None:
    """Take back one ``note_open`` of ``name``."""
    ticks = start_ticks(os.getpid())
    opened = read_note(os.getpid(), ticks).get("open", []) if ticks is not None else []
    for index, entry in enumerate(opened):
        if entry[0] == name:
            _write_note(open=opened[:index] + opened[index + 1 :])
            return


def hide() -> None:
    """A process of the lab that no FreeBSD host has (a helper of a stand-in): left out of the table of processes."""
    _write_note(hidden=True)


def note_exit(pid: int, ticks: int, status: int) -> None:
    """Note how a process ended (wait(2)'s status) that can write no notes any more; ``ticks``: when it was started."""
    _write(pid, ticks, {"exit": status})
