# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""newsyslog.conf(5)."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from typing import List, Optional, Tuple


class ConfError(Exception):
    """A line that newsyslog(8) does not take."""


@dataclass(frozen=True)
class Entry:
    """A line: size in KiB and interval in hours, None for ``*``."""

    path: str
    owner: str
    group: str
    mode: int
    count: int
    size: Optional[int]
    when: str
    flags: str
    pidfile: str
    signal: int

    @property
    def hours(self) -> Optional[int]:
        return int(self.when) if self.when.isdigit() else None


def parse_line(line: str) -> Entry:
    """One entry. ConfError says what is wrong."""
    words = line.split()
    owner = group = ""
    if len(words) > 1 and ":" in words[1]:
        owner, _unused, group = words.pop(1).partition(":")
    if len(words) < 5:
        raise ConfError(f"malformed line (missing fields):\n{line}")
    path, mode, count, size, when, *rest = words
    if not re.fullmatch(r"[0-7]{1,4}", mode):
        raise ConfError(f"error in config file; bad permissions:\n{line}")
    if not count.isdigit():
        raise ConfError(f"error in config file; bad value for count of logs to save:\n{line}")
    flags = pidfile = ""
    number = 1
    for word in rest:
        if word.startswith("/"):
            pidfile = word
        elif word.isdigit():
            number = int(word)
        elif word != "-":
            flags = word.upper()
    unknown = flags.translate({ord(letter): None for letter in "BCDEGJNPRTUWXYZ-"})
    if unknown:
        raise ConfError(f"illegal flag in config file -- {unknown[0]}")
    if not re.fullmatch(r"\*|\d+|(\d+)?[@$]\S+", when):
        raise ConfError(f"malformed interval is '{when}':\n{line}")
    limit = int(size) if size.isdigit() else None
    return Entry(path, owner, group, int(mode, 8), int(count), limit, when, flags, pidfile, number)


def read(path: str, verbose: List[str]) -> List[Tuple[Entry, str]]:
    """The entries of a file and of those it includes, each with its text; G entries are spread over their files.

    ``verbose`` takes what newsyslog -v says about the files. OSError, ConfError.
    """
    verbose.append(f"Processing {path}")
    found: List[Tuple[Entry, str]] = []
    included: List[str] = []
    with open(path, encoding="utf-8") as stream:
        for line in stream.read().splitlines():
            text = re.sub(r"(?<!\\)#.*", "", line).replace("\\#", "#").strip()
            if not text:
                continue
            if text.startswith("<include>"):
                pattern = text.split(None, 1)[1]
                verbose.append(f"Found: <include> {pattern}")
                included += sorted(glob.glob(pattern))
                continue
            entry = parse_line(text)
            if "G" in entry.flags:
                for name in sorted(glob.glob(entry.path)):
                    spread = Entry(**{**entry.__dict__, "path": name, "flags": entry.flags.replace("G", "")})
                    found.append((spread, text))
            else:
                found.append((entry, text))
    for name in included:
        found += read(name, verbose)
    return found
