# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ls."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import sys
import time

from .options import Options, warn
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Dict, List, Set

_LS = "usage: ls [-ABCFGHILPRSTUWZabcdfghiklmnopqrstuwxy1,] [--color=when] [-D format] [file ...]"
_HALF_YEAR = 365 * 86400 // 2
Entry = tuple[str, str, os.stat_result]  # the name shown, the path, what lstat(2) says


def owner_name(uid: int) -> str:
    """A user's name, or the number when there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """A group's name, or the number when there is none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def mode_string(mode: int) -> str:
    """strmode(3): ``-rw-r--r-- `` with a blank for the ACL. A link's mode is the one that FreeBSD gives it."""
    if stat.S_ISLNK(mode):
        return "lrwxr-xr-x "
    return stat.filemode(mode) + " "


def human(size: float) -> str:
    """humanize_number(3) as ``ls -h`` uses it: three digits and a letter."""
    for unit in ("B", "K", "M", "G", "T"):
        if size < 1000 or unit == "T":
            return f"{size:.1f}{unit}" if size < 10 and unit != "B" else f"{size:.0f}{unit}"
        size /= 1024
    raise AssertionError


def _when(letters: Set[str], values: Dict[str, str], facts: os.stat_result) -> str:
    moment = facts.st_ctime if "c" in letters else facts.st_atime if "u" in letters else facts.st_mtime
    local = time.localtime(moment)
    if "D" in values:
        return time.strftime(values["D"], local)
    if "T" in letters:
        return time.strftime("%b %e %H:%M:%S %Y", local)
    near = moment + _HALF_YEAR > time.time() and moment < time.time() + _HALF_YEAR
    return time.strftime("%b %e %H:%M" if near else "%b %e  %Y", local)


def _size(letters: Set[str], facts: os.stat_result) -> str:
    if stat.S_ISCHR(facts.st_mode) or stat.S_ISBLK(facts.st_mode):
        return f"0x{facts.st_rdev:x}"
    return human(facts.st_size) if "h" in letters else str(facts.st_size)


def _long(letters: Set[str], values: Dict[str, str], entries: List[Entry]) -> None:
    rows = []
    for shown, path, facts in entries:
        numeric = "n" in letters
        user = str(facts.st_uid) if numeric else owner_name(facts.st_uid)
        group = str(facts.st_gid) if numeric else group_name(facts.st_gid)
        name = shown + _mark(letters, facts)
        if stat.S_ISLNK(facts.st_mode):
            name += " -> " + os.readlink(path)
        first = f"{facts.st_ino} " if "i" in letters else ""
        first += f"{_blocks(letters, facts)} " if "s" in letters else ""
        flags = "-" if "o" in letters else ""
        rows.append(
            (
                first,
                mode_string(facts.st_mode),
                str(facts.st_nlink),
                user,
                group,
                flags,
                _size(letters, facts),
                _when(letters, values, facts),
                name,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(8)]
    for first, mode, links, user, group, flags, size, moment, name in rows:
        line = f"{first:>{widths[0]}}{mode} {links:>{widths[2]}} {user:<{widths[3]}}  {group:<{widths[4]}}  "
        line += f"{flags} " if flags else ""
        print(f"{line}{size:>{widths[6]}} {moment:>{widths[7]}} {name}")


def _blocks(letters: Set[str], facts: os.stat_result) -> int:
    unit = 1024 if "k" in letters else _block_size()
    return -(-facts.st_blocks * 512 // unit)


def _block_size() -> int:
    text = os.environ.get("BLOCKSIZE", "512")
    if text[-1:].upper() == "K":
        return 1024 * int(text[:-1] or "1")
    return int(text) if text.isdigit() else 512


def _mark(letters: Set[str], facts: os.stat_result) -> str:
    mode = facts.st_mode
    if stat.S_ISDIR(mode) and letters & {"F", "p"}:
        return "/"
    if "F" not in letters:
        return ""
    if stat.S_ISLNK(mode):
        return "@"
    if stat.S_ISSOCK(mode):
        return "="
    if stat.S_ISFIFO(mode):
        return "|"
    return "*" if stat.S_ISREG(mode) and mode & 0o111 else ""


def _sorted(letters: Set[str], entries: List[Entry]) -> List[Entry]:
    if "f" in letters:
        return entries
    found = sorted(entries, key=lambda entry: os.fsencode(entry[0]))
    if "t" in letters:
        found.sort(key=lambda entry: entry[2].st_mtime_ns, reverse=True)
    if "S" in letters:
        found.sort(key=lambda entry: entry[2].st_size, reverse=True)
    return found[::-1] if "r" in letters else found


def _print(letters: Set[str], values: Dict[str, str], entries: List[Entry]) -> None:
    ordered = _sorted(letters, entries)
    if not ordered:
        return
    if "l" in letters:
        _long(letters, values, ordered)
        return
    for shown, _unused, facts in ordered:
        first = f"{facts.st_ino} " if "i" in letters else ""
        first += f"{_blocks(letters, facts)} " if "s" in letters else ""
        print(first + shown + _mark(letters, facts))


def _children(letters: Set[str], path: str) -> List[Entry]:
    names = [name for name in os.listdir(path) if letters & {"a", "A", "f"} or not name.startswith(".")]
    names += [".", ".."] if letters & {"a", "f"} else []
    return [(name, os.path.join(path, name), os.lstat(os.path.join(path, name))) for name in names]


def _folder(letters: Set[str], values: Dict[str, str], path: str, title: bool, first: bool) -> int:
    if title:
        print(("" if first else "\n") + f"{path}:")
    try:
        entries = _children(letters, path)
    except OSError as error:
        return warn("ls", path, error)
    if letters & {"l", "s"}:
        print(f"total {sum(_blocks(letters, facts) for *_unused, facts in entries)}")
    _print(letters, values, entries)
    status = 0
    if "R" in letters:
        for shown, below, facts in _sorted(letters, entries):
            if stat.S_ISDIR(facts.st_mode) and shown not in (".", ".."):
                status |= _folder(letters, values, below, True, False)
    return status


def _ls(name: str, options: Options, operands: List[str]) -> int:
    values = dict(options)
    letters = set(values)
    status = 0
    plain: List[Entry] = []
    folders: List[str] = []
    for path in sorted(operands) or ["."]:
        try:
            facts = os.lstat(path)
            follow = stat.S_ISLNK(facts.st_mode) and not letters & {"l", "F", "d", "P"} or "L" in letters
            if (follow or "H" in letters) and os.path.exists(path):
                facts = os.stat(path)
        except OSError as error:
            status = warn(name, path, error)
            continue
        if stat.S_ISDIR(facts.st_mode) and "d" not in letters:
            folders.append(path)
        else:
            plain.append((path, path, facts))
    _print(letters, values, plain)
    for index, path in enumerate(_order(letters, folders)):
        title = len(operands) > 1 or "R" in letters and bool(operands[1:])
        status |= _folder(letters, values, path, title, index == 0 and not plain)
        sys.stdout.flush()
    return status


def _order(letters: Set[str], folders: List[str]) -> List[str]:
    return [entry[0] for entry in _sorted(letters, [(path, path, os.stat(path)) for path in folders])]


TOOLS = {
    "ls": Tool(
        _ls,
        "1ABCD:FGHILPRSTUWZabcdfghiklmnopqrstuwxy,",
        _LS,
        unbuilt="BUWbgmwxy,",
        longs={"color?": "_", "libxo?": "?"},
    ),
}
