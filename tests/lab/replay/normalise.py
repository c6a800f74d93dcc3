# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one normaliser: what differs from machine to machine and from run to run is made equal, on both sides alike.

A line in which something was replaced also loses the width of its columns, for they follow the values.
"""

from __future__ import annotations

import re
import time
from typing import Pattern, Tuple

_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
#: The recorder's year and this one: other years in an output were asked for.
_YEAR = f"(?:2026|{time.gmtime().tm_year})"

_RULES: Tuple[Tuple[Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.M), replacement)
    for pattern, replacement in (
        # dates
        (rf"\b{_DAY} {_MONTH} [ \d]\d \d\d:\d\d(?::\d\d)?(?: UTC)? {_YEAR}\b", "DATE"),
        (rf"\b{_DAY} {_MONTH} [ \d]\d \d\d:\d\d\b", "DATE"),
        (rf"\b{_DAY} {_MONTH} [ \d]\d [ \d]\d:\d\d {_YEAR}\b", "DATE"),
        (r"\b1[78]\d{8}\b", "EPOCH"),
        (rf"\b{_MONTH} [ \d]\d \d\d:\d\d:\d\d {_YEAR}\b", "DATE"),
        (rf"\b{_MONTH} [ \d]\d (?:\d\d:\d\d(?::\d\d)?| {_YEAR})", "DATE"),
        (rf"\b{_YEAR}-\d\d-\d\d(?:[ T.]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?: ?\+0000)?", "DATE"),
        # processes
        (r"\b(pids?:?) \d+(?: \d+)*", r"\1 PID"),
        (r"\b(PID|process) \d+\b", r"\1 PID"),
        (r"\b(PIDS:) \d+(?: \d+)*|(\(pid=)\d+", r"\1\2PID"),
        (r"^\d+(: exited|: killed|: No such process)", r"PID\1"),
        (r"\[\d{2,}\]", "[PID]"),
        (r"\bngctl\d+\b", "ngctlPID"),
        # the shell's line numbers: FreeBSD's sh has none for -c
        (r"^(\S+): \d+: (?=.*(?:not found|ermission denied|yntax err|ad sub|llegal|arithmetic|cannot open))", r"\1: "),
        # addresses that are made up
        (r"\b58([:-])9c\1fc\1[0-9a-f:-]{8}\b", "MAC"),
        (r"\b02:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}\b", "MAC"),
        (r"\b00:be:[0-9a-f]{2}:[0-9a-f]{2}:ff:[0-9a-f]{2}\b", "MAC"),
        (r"\bfe80::[0-9a-f:]+", "fe80::ADDRESS"),
        (r"\b0xffffffff[0-9a-f]{8}\b", "ADDRESS"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UUID"),
        # duplicate address detection takes a second: whether it is over
        (r"^(\tinet6 \S+(?: prefixlen \d+)?)(?: tentative)?\b", r"\1 DETECTION"),
        # minor numbers of device nodes
        (r"^([bc][-rwx]{9} .*) 0x[0-9a-f]+(?= DATE)", r"\1 0xNUMBER"),
        (r"^(\w+ +\S+) +\d+ +\d+ +(tcp|udp|stream|dgram|seqpac)", r"\1 PID FD \2"),
        (r"^ *\d+ (\S+) +\d+ ([vksp?] [rcds-] )", r"PID \1 FD \2"),
        (r"\brtc time 0x[0-9a-f]+:", "rtc time SECONDS:"),
        # where memory and device nodes come to lie
        (r"(frame buffer base:) 0x[0-9a-f]+", r"\1 ADDRESS"),
        (r"^(c[rwx-]{9} .*) 0x[0-9a-f]+ ", r"\1 DEVICE "),
        # the serial number of a FAT follows from the time, and one of its bytes may be a line end
        (r"(differ: char) 4[0-3], line \d+", r"\1 SERIAL"),
        # identifiers of pools and datasets
        (r"\b\d{17,20}\b", "GUID"),
        # how fast this machine is
        (r"(bytes transferred in) [\d.]+ secs \(\d+ bytes/sec\)", r"\1 TIME"),
        (r"^(real|user|sys) \d+\.\d\d$", r"\1 TIME"),
        (r"(tiny guest: tick) \d+", r"\1 COUNT"),
        # names made up by mktemp
        (r"(failed on /nosuch/t\.)\w{6}", r"\1NAME"),
        # what the shell's builtins say of themselves: dash has its own name in front
        (r"^sh: (?:\d+: )?(?=(?:\[|bg|fc|kill|printf|read|set|test|trap|ulimit|unalias|wait|\.): )", ""),
        (r"\bduring \d+\.\d seconds\b", "during TIME"),
        (r"\bin \d+ms\b|\bin \d+\.\d+ s(?:ec)?\b", "in TIME"),
    )
)


def normalise(text: str) -> str:
    """Text with everything accidental replaced by a word for it."""
    return "\n".join(_line(line) for line in text.split("\n"))


def _line(line: str) -> str:
    changed = line
    for pattern, replacement in _RULES:
        changed = pattern.sub(replacement, changed)
    return line if changed == line else re.sub(r"[ \t]+", " ", changed)
