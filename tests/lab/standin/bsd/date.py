# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""date: -r, -j, -f, -v, -I, -R, -u, -n. Setting the host's clock is refused: it is everybody's."""

from __future__ import annotations

import calendar
import os
import re
import sys
import time

from .options import Options, UsageError, getopt, not_built
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import List

_DATE = """usage: date [-jnRu] [-I[date|hours|minutes|seconds]] [-f input_fmt]
            [-r filename|seconds] [-v[+|-]val[y|m|w|d|H|M|S]]
            [[[[[[cc]yy]mm]dd]HH]MM[.SS] | new_date] [+output_fmt]"""
_ISO = {"date": "%Y-%m-%d", "hours": "%Y-%m-%dT%H", "minutes": "%Y-%m-%dT%H:%M", "seconds": "%Y-%m-%dT%H:%M:%S"}
_FIELDS = {"y": 0, "m": 1, "d": 2, "H": 3, "M": 4, "S": 5}


def _bad_time() -> UsageError:
    return UsageError(f"date: illegal time format\n{_DATE}", 1)


def _parse(text: str, form: str, now: time.struct_time) -> List[int]:
    """strptime(3) over the present time: what the format does not name stays."""
    try:
        parsed = time.strptime(text, form)
    except ValueError:
        sys.stderr.write(f"Failed conversion of ``{text}'' using format ``{form}''\n")
        raise _bad_time() from None
    fields = list(now[:6])
    names = {"Y": 0, "y": 0, "m": 1, "b": 1, "B": 1, "d": 2, "e": 2, "H": 3, "M": 4, "S": 5}
    named = set(re.findall("%([a-zA-Z])", form))
    named |= {"H", "M", "S"} if "T" in named else set()
    named |= {"Y", "m", "d"} if "F" in named else set()
    for letter, index in names.items():
        if letter in named:
            fields[index] = parsed[index]
    if "s" in named:
        return list(parsed[:6])
    return fields


def _stamp(text: str, now: time.struct_time) -> List[int]:
    match = re.fullmatch(r"(?:(?:(?:((?:\d\d)?\d\d))?(\d\d))?(\d\d))?(\d\d)(\d\d)(?:\.(\d\d))?", text)
    if match is None:
        raise _bad_time()
    fields = list(now[:6])
    year, *rest = match.groups()
    if year is not None:
        fields[0] = int(year) if len(year) == 4 else int(year) + (2000 if int(year) < 69 else 1900)
    for index, part in enumerate(rest[:4], 1):
        if part is not None:
            fields[index] = int(part)
    fields[5] = int(rest[4] or 0)
    return fields


def _adjust(fields: List[int], word: str) -> List[int]:
    match = re.fullmatch(r"([-+]?)(\d+)([ymwdHMS])", word)
    if match is None:
        raise UsageError(f"date: {word}: Cannot apply date adjustment\n{_DATE}", 1)
    sign, number, unit = match.group(1), int(match.group(2)), match.group(3)
    new = list(fields)
    if not sign:
        new[_FIELDS[unit]] = number
        return new
    change = -number if sign == "-" else number
    if unit in "ym":
        months = new[0] * 12 + new[1] - 1 + (change * 12 if unit == "y" else change)
        new[0], new[1] = months // 12, months % 12 + 1
        new[2] = min(new[2], calendar.monthrange(new[0], new[1])[1])
        return new
    seconds = change * {"w": 604800, "d": 86400, "H": 3600, "M": 60, "S": 1}[unit]
    return list(time.gmtime(calendar.timegm(tuple(new) + (0, 0, 0)) + seconds)[:6])


def _moment(values: dict[str, str]) -> float:
    text = values["r"]
    if re.fullmatch(r"-?(0x[0-9a-fA-F]+|\d+)", text):
        return float(int(text, 0) if "x" in text else int(text))
    try:
        return os.stat(text).st_mtime
    except OSError:
        raise UsageError(_DATE, 1) from None


def _format(form: str, moment: float, utc: bool) -> str:
    local = time.gmtime(moment) if utc else time.localtime(moment)
    # What strftime(3) does not know it prints without the percent sign; %s counts from the epoch.
    known = "aAbBcCdDeFgGhHIjklmMnOprRsStTuUvVwWxXyYzZ+%E"
    text = re.sub(r"%(.)", lambda match: match.group(0) if match.group(1) in known else match.group(1), form)
    text = re.sub(r"%(s|Z|z|v|\+)", lambda match: _own(match.group(1), moment, local, utc), text)
    return time.strftime(text, local)


def _own(letter: str, moment: float, local: time.struct_time, utc: bool) -> str:
    if letter == "s":
        return str(int(moment))
    if letter == "Z":
        return "UTC" if utc else local.tm_zone
    if letter == "z":
        return "+0000" if utc else time.strftime("%z", local)
    if letter == "v":
        return time.strftime("%e-%b-%Y", local)
    return time.strftime("%a %b %e %H:%M:%S ", local) + ("UTC" if utc else local.tm_zone) + time.strftime(" %Y", local)


def _local(fields: List[int]) -> float:
    """mktime(3): local time, summer time as it was then."""
    year, month, day, hour, minute, second = fields
    return time.mktime((year, month, day, hour, minute, second, 0, 0, -1))


def _date(name: str, options: Options, words: List[str]) -> int:
    given, operands = getopt(name, words, "f:I::jnRr:uv:", _DATE)
    values = dict(given)
    utc = "u" in values
    moment = _moment(values) if "r" in values else time.time()
    form = None
    setting = None
    for word in operands:
        if word.startswith("+") and form is None:
            form = word[1:]
        elif setting is None and form is None:
            setting = word
        else:
            raise UsageError(_DATE, 1)
    base = time.gmtime(moment) if utc else time.localtime(moment)
    fields = list(base[:6])
    if setting is not None:
        fields = _parse(setting, values["f"], base) if "f" in values else _stamp(setting, base)
        if "j" not in values:
            not_built("date", "setting the clock")
    for letter, word in given:
        if letter == "v":
            fields = _adjust(fields, word)
    if setting is not None or "v" in values:
        moment = float(calendar.timegm(tuple(fields) + (0, 0, 0)) if utc else _local(fields))
    if "I" in values:
        values["I"] = values["I"] or "date"
        if values["I"] not in _ISO:
            raise UsageError(f"date: invalid argument '{values['I']}' for -I\n{_DATE}", 1)
        zone = "" if values["I"] == "date" else re.sub(r"(..)$", r":\1", _format("%z", moment, utc))
        print(_format(_ISO[values["I"]], moment, utc) + zone)
    elif form is None:
        print(_format("%a, %d %b %Y %H:%M:%S %z" if "R" in values else "%+", moment, utc))
    else:
        print(_format(form, moment, utc))
    return 0


TOOLS = {"date": Tool(_date, None, _DATE)}
