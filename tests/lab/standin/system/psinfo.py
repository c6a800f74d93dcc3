# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FreeBSD's words for a process: state letters, times, the command line as ps(1) shows it."""

from __future__ import annotations

import time
from typing import Optional

from ..processes import Process

#: Programs of the base system that enter capability mode: a C in ps's state.
_CAPSICUM = frozenset({"sleep"})
_IDLE_AFTER = 20.0


def state(process: Process, jailed: bool = False) -> str:
    """ps(1)'s STAT: R, S (I after twenty seconds of life without work), D, T, Z, and the letters behind it."""
    letter = {"R": "R", "S": "S", "D": "D", "T": "T", "t": "T", "Z": "Z", "I": "S"}.get(process.state, "S")
    text = letter
    if process.nice < 0:
        text += "<"
    elif process.nice > 0:
        text += "N"
    if process.pid == 1:
        text += "L"
    if process.comm in _CAPSICUM and letter != "Z":
        text += "C"
    if process.sid == process.pid or process.pid == 1:
        text += "s"
    if process.foreground and process.tty:
        text += "+"
    return text + ("J" if jailed else "")


def command(process: Process) -> str:
    """The argument list; the program's name in parentheses behind it when the list begins with another word.

    A line break in an argument does not break the line: bin/ps/fmt.c writes it (and a backslash) as vis(3) does.
    """
    if process.state == "Z":
        return "<defunct>"
    if not process.argv:
        return f"[{process.comm}]"
    return process.command.replace("\\", "\\\\").replace("\n", "\\n") + suffix(process)


def suffix(process: Process) -> str:
    """`` (bhyve)`` behind a title or an argv[0] that is not the program's name."""
    first = process.argv[0].rsplit("/", 1)[-1]
    return "" if first == process.comm else f" ({process.comm})"


def comm(process: Process) -> str:
    return "<defunct>" if process.state == "Z" else process.comm


def terminal(process: Process) -> str:
    """The TT column: ``0 `` for pts/0, ``- `` without a terminal."""
    if not process.tty:
        return "- "
    name = process.tty
    for prefix in ("tty", "pts/"):
        if name.startswith(prefix):
            name = name[len(prefix) :]
    return name + " "


def cpu_time(process: Process) -> str:
    """Minutes, seconds and hundredths: ``0:00.76``."""
    hundredths = round((process.user_time + process.system_time) * 100)
    return f"{hundredths // 6000}:{hundredths % 6000 // 100:02d}.{hundredths % 100:02d}"


def lstart(process: Process) -> str:
    """``Sat Nov 21 08:59:59 2026``."""
    return time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(int(process.started)))


def start(process: Process, now: float) -> str:
    """The START column: a time of day, a weekday, or a date, by age."""
    moment = time.localtime(int(process.started))
    if now - process.started < 24 * 3600:
        return time.strftime("%H:%M  ", moment)
    if now - process.started < 7 * 24 * 3600:
        return time.strftime("%a%H  ", moment)
    return time.strftime("%e%b%y", moment)


def elapsed(process: Process) -> str:
    """``[[days-]hours:]minutes:seconds``."""
    seconds = int(process.elapsed)
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days}-{hours:02d}:{minutes:02d}:{rest:02d}"
    if hours:
        return f"{hours:02d}:{minutes:02d}:{rest:02d}"
    return f"{minutes:02d}:{rest:02d}"


def user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def user_id(text: str) -> Optional[int]:
    """A login name or a number; None: there is no such user."""
    import pwd

    try:
        return pwd.getpwnam(text).pw_uid
    except KeyError:
        return int(text) if text.isdigit() else None
