# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""touch."""

from __future__ import annotations

import calendar
import os
import re
import time

from .options import Options, UsageError, fail, warn
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import List, Tuple

_TOUCH = """usage: touch [-A [-][[hh]mm]SS] [-achm] [-r file] [-t [[CC]YY]MMDDhhmm[.SS]]
       [-d YYYY-MM-DDThh:mm:SS[.frac][tz]] file ..."""


# Times are counted in nanoseconds, as the file systems keep them: a float of seconds would lose the last digits, and a
# file that was given another's time by -r would be older than that.
_SECOND = 1_000_000_000


def _iso(text: str) -> int:
    match = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z?)", text)
    if match is None:
        fail("touch", "out of range or illegal time specification: YYYY-MM-DDThh:mm:SS[.frac][tz]")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fields = (year, month, day, hour, minute, second, 0, 0, -1)
    seconds = calendar.timegm(fields) if match.group(8) else time.mktime(fields)
    return int(seconds) * _SECOND + int((match.group(7) or "").ljust(9, "0")[:9])


def _stamp(text: str) -> int:
    match = re.fullmatch(r"(\d\d)?(\d\d)?(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d\d))?", text)
    if match is None:
        fail("touch", "out of range or illegal time specification: [[CC]YY]MMDDhhmm[.SS]")
    century, year, *rest = match.groups()
    if year is None and century is not None:
        century, year = None, century
    now = time.localtime().tm_year
    full = now if year is None else int(year) + (int(century) * 100 if century else 2000 if int(year) < 69 else 1900)
    month, day, hour, minute = (int(part) for part in rest[:4])
    return int(time.mktime((full, month, day, hour, minute, int(rest[4] or 0), 0, 0, -1))) * _SECOND


def _offset(text: str) -> int:
    match = re.fullmatch(r"(-?)(?:(?:(\d\d))?(\d\d))?(\d\d)", text)
    if match is None:
        fail("touch", "invalid offset spec, must be [-][[HH]MM]SS")
    seconds = int(match.group(2) or 0) * 3600 + int(match.group(3) or 0) * 60 + int(match.group(4))
    return (-seconds if match.group(1) else seconds) * _SECOND


def _touch(name: str, options: Options, operands: List[str]) -> int:
    values = dict(options)
    if not operands:
        raise UsageError(_TOUCH, 1)
    follow = "h" not in values
    chosen = None
    if "d" in values:
        chosen = (_iso(values["d"]),) * 2
    elif "t" in values:
        chosen = (_stamp(values["t"]),) * 2
    elif "r" in values:
        try:
            facts = os.stat(values["r"], follow_symlinks=follow)
        except OSError as error:
            return warn(name, values["r"], error)
        chosen = (facts.st_atime_ns, facts.st_mtime_ns)
    status = 0
    for path in operands:
        try:
            if not os.path.lexists(path):
                if "c" in values or "h" in values:
                    continue
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666))
            os.utime(path, ns=_times(values, path, chosen, follow), follow_symlinks=follow)
        except OSError as error:
            status |= warn(name, path, error)
    return status


def _times(values: dict[str, str], path: str, chosen: Tuple[int, int] | None, follow: bool) -> Tuple[int, int]:
    facts = os.stat(path, follow_symlinks=follow)
    old = (facts.st_atime_ns, facts.st_mtime_ns)
    if "A" in values:
        shift = _offset(values["A"])
        new = (old[0] + shift, old[1] + shift)
    else:
        new = chosen or (time.time_ns(),) * 2
    both = ("a" in values) == ("m" in values)
    return (new[0] if both or "a" in values else old[0], new[1] if both or "m" in values else old[1])


TOOLS = {"touch": Tool(_touch, "A:acd:fhmr:t:", _TOUCH)}
