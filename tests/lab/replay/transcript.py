# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcripts' format: headings, commands, exit statuses, output behind bars."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import List, Optional

#: How a carriage return is written in a transcript, for the project's files end their lines in newlines alone.
CARRIAGE_RETURN = "\u240d"
DIRECTORY = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "transcripts")


@dataclass(frozen=True)
class Entry:
    """One recorded command. ``line``: of its ``$`` in the file. ``exit`` None: it ran into the time limit."""

    line: int
    heading: str
    command: str
    exit: Optional[int]
    stdout: str
    stderr: str


def names() -> List[str]:
    """The transcripts there are, without ``.txt``."""
    return sorted(name[:-4] for name in os.listdir(DIRECTORY) if name.endswith(".txt"))


def load(name: str) -> List[Entry]:
    """The entries of one transcript."""
    with open(
        os.path.join(DIRECTORY, name + ".txt"), encoding="utf-8", errors="surrogateescape", newline="\n"
    ) as stream:
        return parse(stream.read().replace(CARRIAGE_RETURN, "\r"))


def parse(text: str) -> List[Entry]:
    """Read a transcript. ValueError names the line that is in no known form."""
    entries: List[Entry] = []
    heading = ""
    lines = text.split("\n")
    index = 0
    while index < len(lines):
        line = lines[index]
        if line.startswith("======== "):
            heading = line[9:]
        elif line.startswith("$ "):
            entry, index = _entry(lines, index, heading)
            entries.append(entry)
            continue
        index += 1
    return entries


def _entry(lines: List[str], start: int, heading: str) -> tuple[Entry, int]:
    """The entry whose command stands at ``start``, and the index of the line behind it."""
    command = [lines[start][2:]]
    index = start + 1
    while index < len(lines) and not lines[index].startswith("exit: "):
        command.append(lines[index])
        index += 1
    match = re.fullmatch(r"exit: (?:(-?\d+)|timeout after \d+ s)", lines[index] if index < len(lines) else "")
    if match is None:
        raise ValueError(f"line {index + 1}: no exit status for the command of line {start + 1}")
    status = None if match.group(1) is None else int(match.group(1))
    index += 1
    outputs = {"stdout": "", "stderr": ""}
    current = ""
    while index < len(lines) and lines[index]:
        line = lines[index]
        if line in ("stdout:", "stderr:"):
            current = line[:-1]
        elif line.startswith("| ") or line == "|":
            outputs[current] += line[2:] + "\n"
        else:
            raise ValueError(f"line {index + 1}: neither output nor a new command: {line!r}")
        index += 1
    for key, value in outputs.items():
        if value.endswith("|\\\n"):
            outputs[key] = value[:-3]
    return Entry(start + 1, heading, "\n".join(command), status, outputs["stdout"], outputs["stderr"]), index
