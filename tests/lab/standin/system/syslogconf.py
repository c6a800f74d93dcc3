# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""syslog.conf(5): which messages go to which file."""

from __future__ import annotations

import os
from typing import Dict, List, NamedTuple

from . import syslog

_DEBUG = 7


class Rule(NamedTuple):
    """A line: for each facility the mask of priorities (bit 0: emerg), the programs it is for, the file."""

    masks: Dict[int, int]
    programs: List[str]  # empty: all
    path: str

    def takes(self, facility: int, priority: int, program: str) -> bool:
        if self.programs and program not in self.programs:
            return False
        return bool(self.masks.get(facility, 0) >> priority & 1)


def _mask(text: str) -> int:
    if text == "none":
        return 0
    if text == "*":
        return (1 << (_DEBUG + 1)) - 1
    if text.startswith("="):
        return 1 << syslog.PRIORITIES[text[1:]]
    return (1 << (syslog.PRIORITIES[text] + 1)) - 1


def _selector(text: str) -> Dict[int, int]:
    masks: Dict[int, int] = {}
    for part in text.split(";"):
        names, _unused, level = part.rpartition(".")
        numbers = syslog.FACILITIES.values() if names == "*" else [syslog.FACILITIES[name] for name in names.split(",")]
        for number in numbers:
            masks[number] = _mask(level)
    return masks


def parse(text: str) -> List[Rule]:
    """The rules of a file's text that write to a file; KeyError for a facility or priority that there is not."""
    rules: List[Rule] = []
    programs: List[str] = []
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("!"):
            programs = [] if line[1:].strip() == "*" else line[1:].strip().split(",")
            continue
        if not line or line.startswith(("#", "+", "-")):
            continue
        words = line.split(None, 1)
        if words[0] == "include":
            for name in sorted(os.listdir(words[1])) if os.path.isdir(words[1]) else []:
                if name.endswith(".conf"):
                    rules += read(f"{words[1]}/{name}")
        elif len(words) == 2 and words[1].lstrip("-").startswith("/"):
            rules.append(Rule(_selector(words[0]), list(programs), words[1].lstrip("-")))
    return rules


def read(path: str) -> List[Rule]:
    with open(path, encoding="utf-8") as stream:
        return parse(stream.read())
