# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""stat: BSD's formats."""

from __future__ import annotations

import os
import re
import stat as modes
import sys
import time

from .ls import group_name, mode_string, owner_name
from .options import Options, fail, warn
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Dict, List, Tuple, Union

_STAT = "usage: stat [-FLnq] [-f format | -l | -r | -s | -x] [-t timefmt] [file|handle ...]"
_TIMES = "%b %e %H:%M:%S %Y"
_DEFAULT = '%d %i %Sp %l %Su %Sg %r %z "%Sa" "%Sm" "%Sc" "%SB" %k %b %#Xf %N'
_RAW = "%d %i %#p %l %u %g %r %z %a %m %c %B %k %b %f %N"
_SHELL = (
    "st_dev=%d st_ino=%i st_mode=%#p st_nlink=%l st_uid=%u st_gid=%g st_rdev=%r st_size=%z st_atime=%a st_mtime=%m "
    "st_ctime=%c st_birthtime=%B st_blksize=%k st_blocks=%b st_flags=%f"
)
_LS = "%Sp %l %Su %Sg %Z %Sm %N%SY"
_VERBOSE = (
    '  File: "%N"%n  Size: %-11z  FileType: %HT%n  Mode: (%OMp%03OLp/%.10Sp)         Uid: (%5u/%8Su)  Gid: (%5g/%8Sg)'
    "%nDevice: %Hd,%Ld   Inode: %i    Links: %l%nAccess: %Sa%nModify: %Sm%nChange: %Sc%n Birth: %SB"
)
_FIELD = re.compile(r"%([-#+0 ]*)(\d*)(?:\.(\d+))?([DOUXFS]?)([HML]?)([dipluGgrsamcBzbkfvTNYZLRn%t@]|$|.)")
_TYPES = {
    modes.S_IFREG: ("Regular File", ""),
    modes.S_IFDIR: ("Directory", "/"),
    modes.S_IFLNK: ("Symbolic Link", "@"),
    modes.S_IFCHR: ("Character Device", ""),
    modes.S_IFBLK: ("Block Device", ""),
    modes.S_IFIFO: ("Fifo File", "|"),
    modes.S_IFSOCK: ("Socket", "="),
}
_NUMBERS = {
    "d": "st_dev",
    "i": "st_ino",
    "l": "st_nlink",
    "u": "st_uid",
    "g": "st_gid",
    "r": "st_rdev",
    "z": "st_size",
    "b": "st_blocks",
}
_MOMENTS = {"a": "st_atime", "m": "st_mtime", "c": "st_ctime", "B": "st_mtime"}


class _Subject:
    """One file: its name as given, and what stat(2) says of it."""

    def __init__(self, path: str, facts: os.stat_result, time_format: str) -> None:
        self.path = path
        self.facts = facts
        self.time_format = time_format

    def value(self, letter: str, kind: str, part: str) -> Union[int, str]:
        """What a format's letter stands for: a number or a text."""
        facts = self.facts
        if letter in _MOMENTS:
            moment = getattr(facts, _MOMENTS[letter])
            return time.strftime(self.time_format, time.localtime(moment)) if kind == "S" else int(moment)
        if letter == "p":
            return self._mode(kind, part)
        if letter == "u" and kind == "S":
            return owner_name(facts.st_uid)
        if letter == "g" and kind == "S":
            return group_name(facts.st_gid)
        if letter in ("d", "r") and part:
            number = facts.st_dev if letter == "d" else facts.st_rdev
            return os.major(number) if part == "H" else os.minor(number)
        if letter in _NUMBERS:
            return int(getattr(facts, _NUMBERS[letter]))
        if letter == "k":
            return 4096
        if letter in ("f", "v"):
            return "" if kind == "S" else 0
        return self._text(letter, kind, part)

    def _mode(self, kind: str, part: str) -> Union[int, str]:
        mode = self.facts.st_mode
        if kind == "S":
            text = mode_string(mode)
            return {"H": text[1:4], "M": text[4:7], "L": text[7:10]}.get(part, text)
        if modes.S_ISLNK(mode):
            mode = modes.S_IFLNK | 0o755
        return {"H": mode >> 12, "M": (mode >> 9) & 7, "L": mode & 0o777}.get(part, mode)

    def _text(self, letter: str, kind: str, part: str) -> str:
        facts = self.facts
        if letter == "N":
            return self.path
        if letter == "R":
            return os.path.realpath(self.path)
        if letter == "Y":
            target = os.readlink(self.path) if modes.S_ISLNK(facts.st_mode) else ""
            return f" -> {target}" if target and kind == "S" else target
        if letter == "T":
            long, short = _TYPES[modes.S_IFMT(facts.st_mode)]
            if part == "H":
                return long
            return short or ("*" if modes.S_ISREG(facts.st_mode) and facts.st_mode & 0o111 else "")
        if modes.S_ISCHR(facts.st_mode) or modes.S_ISBLK(facts.st_mode):
            return f"{os.major(facts.st_rdev)},{os.minor(facts.st_rdev)}"
        return str(facts.st_size)


def _field(match: re.Match[str], subject: _Subject) -> str:
    flags, width, precision, kind, part, letter = match.groups()
    if letter in ("n", "%", "t", "@"):
        return {"n": "\n", "%": "%", "t": "\t", "@": "1"}[letter]
    value = subject.value(letter, kind, part)
    if isinstance(value, int):
        base = kind or ("O" if letter == "p" else "D")
        text = {"O": f"{value:o}", "X": f"{value:x}"}.get(base, str(value))
        if "#" in flags and value:
            text = {"O": "0" + text, "X": "0x" + text}.get(base, text)
        if precision:
            text = text.rjust(int(precision), "0")
    else:
        text = value[: int(precision)] if precision else value
    if not width:
        return text
    if "-" in flags:
        return text.ljust(int(width))
    return text.rjust(int(width), "0" if "0" in flags and isinstance(value, int) else " ")


def _render(form: str, subject: _Subject) -> str:
    return _FIELD.sub(lambda match: _field(match, subject), form)


def _formats(values: Dict[str, str]) -> Tuple[str, str]:
    """The format and the times' format of a command line."""
    times = values.get("t", _TIMES)
    if "f" in values:
        return values["f"], times
    for letter, form in (("l", _LS), ("r", _RAW), ("s", _SHELL)):
        if letter in values:
            return form, times
    if "x" in values:
        return _VERBOSE, values.get("t", "%a %b %e %H:%M:%S %Y")
    return _DEFAULT, times


def _check(form: str) -> None:
    for match in _FIELD.finditer(form):
        if match.group(6) not in "dipluGgrsamcBzbkfvTNYZLRn%t@" or not match.group(6):
            fail("stat", f"{match.group(0)}: bad format")


def _stat(name: str, options: Options, operands: List[str]) -> int:
    values = dict(options)
    form, times = _formats(values)
    _check(form)
    status = 0
    for path in operands or ["(stdin)"]:
        try:
            if not operands:
                facts = os.fstat(0)
            elif "L" in values and os.path.exists(path):
                facts = os.stat(path)
            else:
                facts = os.lstat(path)
        except OSError as error:
            status = 1
            if "q" not in values:
                warn("stat", f"{path}: stat", error)
            continue
        subject = _Subject(path, facts, times)
        sys.stdout.write(_render(form, subject) + ("" if "n" in values else "\n"))
    return status


TOOLS = {"stat": Tool(_stat, "f:FLlnqrst:x", _STAT, unbuilt="F")}
