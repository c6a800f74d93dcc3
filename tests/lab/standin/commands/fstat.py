# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fstat(1): who has which file open."""

from __future__ import annotations

import os
import stat
import sys
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from .. import notes, paths, processes
from ..processes import Process
from ..system import cli, mounts, psinfo

PATHS = ("/usr/bin/fstat",)
_LAB = ("/.standin", "/.linux")


class Entry(NamedTuple):
    """A line: descriptor (a number, ``text``, ``wd``, ``root``), the path below the root, how it is open."""

    descriptor: str
    path: str
    mode: str
    special: str = ""  # what stands behind the descriptor of a pipe or a socket


def _usage() -> int:
    print("usage: fstat [-fmnsv] [-M core] [-N system] [-p pid] [-u user] [file ...]", file=sys.stderr)
    return 1


def _mode(pid: int, descriptor: str) -> str:
    """How a descriptor is open, from its flags."""
    try:
        with open(f"{paths.PROC}/{pid}/fdinfo/{descriptor}", encoding="ascii") as stream:
            flags = next(int(line.split()[1], 8) for line in stream if line.startswith("flags:"))
    except (OSError, StopIteration):
        return "r"
    return {os.O_RDONLY: "r", os.O_WRONLY: "w"}.get(flags & os.O_ACCMODE, "rw")


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _real_entries(process: Process, noted: Sequence[str]) -> List[Entry]:
    """What Linux knows: the descriptors. The lab's own files stay out of sight, and what the process noted itself."""
    base = f"{paths.PROC}/{process.pid}"
    found = [Entry("text", _program(process), "r")]
    for name, link in (("wd", "cwd"), ("root", "root")):
        target = _link(f"{base}/{link}")
        found.append(Entry(name, target if target.startswith("/") and not target.startswith(_LAB) else "/", "r"))
    try:
        descriptors = sorted(os.listdir(f"{base}/fd"), key=int)
    except OSError:
        return []
    for descriptor in descriptors:
        target = _link(f"{base}/fd/{descriptor}")
        if target.startswith(_LAB) or not target or target.endswith(" (deleted)"):
            continue
        if target.startswith("/"):
            if target not in noted:
                found.append(Entry(descriptor, target, _mode(process.pid, descriptor)))
        elif target.startswith("pipe:"):
            number = target[len("pipe:[") : -1]
            special = f"pipe fffff8{int(number):010x} <-> fffff8{int(number) + 1:010x}      0 rw"
            found.append(Entry(descriptor, "", "", special))
        elif target.startswith("socket:"):
            found.append(Entry(descriptor, "", "", f"local stream fffff8{int(target[len('socket:[') : -1]):010x}"))
    return found


def _program(process: Process) -> str:
    target = _link(f"{paths.PROC}/{process.pid}/exe")
    if target and not target.startswith(_LAB):
        return target
    for directory in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"):
        if os.path.exists(f"{directory}/{process.comm}"):
            return f"{directory}/{process.comm}"
    return "/bin/sh"


def _entries(process: Process) -> List[Entry]:
    """Real descriptors, and what the stand-in noted, at the free numbers."""
    noted = []
    for entry in process.opened:
        noted.append(entry.name if entry.name.startswith("/") else "/dev/" + entry.name)
    found = _real_entries(process, noted)
    if not found:
        return []
    number = max([2, *(int(entry.descriptor) for entry in found if entry.descriptor.isdigit())])
    for path, entry in zip(noted, process.opened):
        number += 1
        found.append(Entry(str(number), path, entry.mode))
    return found


def _strmode(mode: int, device: bool) -> str:
    text = stat.filemode(mode)
    return "c" + (text[1:] if stat.S_ISCHR(mode) else "rw-r-----") if device else text


def render(process: Process, entry: Entry, table: List[mounts.Mount], user: str) -> str:
    """A line of fstat's table."""
    head = f"{user:<8.8} {process.comm:<10.10} {process.pid:>5}"
    if entry.special:
        return f"{head} {entry.descriptor:>4}* {entry.special}"
    head += f" {entry.descriptor:>4}"
    try:
        found = os.stat(paths.root(entry.path))
    except OSError:
        # The name is gone: fstat(1) does not know it either.
        return f"{head} -         -         error    -"
    device = entry.path.startswith("/dev/")
    directory = "/dev" if device else mounts.of_path(entry.path, table).directory
    what = entry.path[len("/dev/") :] if device else str(found.st_size)
    if device:
        found_link = os.lstat(paths.root(entry.path))
        inode = found_link.st_ino
    else:
        inode = found.st_ino
    return f"{head} {directory:<8} {inode:>6} {_strmode(found.st_mode, device):>10} {what:>6} {entry.mode:>2}"


def _identity(path: str) -> Optional[Tuple[int, int]]:
    try:
        found = os.stat(paths.root(path))
    except OSError:
        return None
    return found.st_dev, found.st_ino


def main(argv: Sequence[str]) -> int:
    options, names = cli.options_or_usage(argv, "fmnp:su:vN:M:", _usage)
    pids: Optional[List[int]] = None
    users: Optional[List[int]] = None
    for letter, value in options:
        if letter == "p":
            if not value.isdigit():
                return _usage()
            pids = [*(pids or []), int(value)]
        elif letter == "u":
            uid = psinfo.user_id(value)
            if uid is None:
                cli.fail("fstat", f"{value}: unknown uid")
            users = [*(users or []), uid]
        elif letter in "fmnsMN":
            cli.not_built("fstat", f"-{letter}")
    wanted: Dict[Tuple[int, int], str] = {}
    for name in names:
        try:
            found = os.stat(paths.root(name))
        except OSError as error:
            cli.warn("fstat", f"{name}: {cli.strerror(error)}")
            continue
        wanted[(found.st_dev, found.st_ino)] = name
    if names and not wanted:
        return 1
    table, mine = mounts.table(), notes.mine()
    user_names: Dict[int, str] = {}
    print("USER     CMD          PID   FD MOUNT      INUM MODE         SZ|DV R/W" + (" NAME" if wanted else ""))
    for process in processes.table():
        if process.pid in mine or process.state == "Z":
            continue
        if (pids is not None and process.pid not in pids) or (users is not None and process.uid not in users):
            continue
        user = user_names.setdefault(process.uid, psinfo.user_name(process.uid))
        for entry in _entries(process):
            if not wanted:
                print(render(process, entry, table, user))
                continue
            asked = wanted.get(_identity(entry.path) or (-1, -1)) if entry.path else None
            if asked is not None:
                print(f"{render(process, entry, table, user)}  {asked}")
    return 0
