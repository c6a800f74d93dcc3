# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""inetd.conf(5) and inetd's flags, as texts: read, checked, edited."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Set, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.inetd.options import Service, normal
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

#: Letters of inetd(8) that take a value.
_WITH_VALUE = "aCcpRs"
_FIELDS = 6
_SAMPLE = re.compile(r"#\s*(\S+)\s+\S+\s+(\S+)\s+\S+\s+\S+\s+/")


@dataclass(frozen=True)
class Entry:
    """A service in the file: its lines (from, up to), whose it is, its words."""

    start: int
    end: int
    key: str
    words: Tuple[str, ...]


def entries(text: str) -> List[Entry]:
    """The services in a file; a line that begins with a blank goes on with the one before."""
    found: List[Entry] = []
    for number, line in enumerate(text.splitlines()):
        if line.startswith("#") or not line.strip():
            continue
        words = tuple(line.split())
        if line[0] in " \t" and found:
            last = found.pop()
            start, words = last.start, (*last.words, *words)
        else:
            start = number
        key = f"{words[0]}/{normal(words[2])}" if len(words) > 2 else words[0]
        found.append(Entry(start, number + 1, key, words))
    return found


def check(text: str, path: str) -> None:
    """BadInput when a line is too short: inetd(8) does not survive a reload with one."""
    for entry in entries(text):
        if len(entry.words) < _FIELDS:
            raise BadInput(
                f"{path} line {entry.start + 1}: {' '.join(entry.words)!r} has {len(entry.words)} fields of {_FIELDS}, "
                "and inetd(8) would not survive a reload with it; mend or remove the line"
            )


def edit(text: str, services: Sequence[Service]) -> str:
    """The text with these services as they should be; everything else stays, samples in comments included.

    A new line comes after its sample in a comment, if there is one, else to the end.
    """
    for service in services:
        text = _edit(text, service)
    return text


def _edit(text: str, service: Service) -> str:
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    mine = [entry for entry in entries(text) if entry.key == service.key]
    if service.present and len(mine) == 1 and mine[0].words == tuple(service.line.split()):
        return text
    if not mine and not service.present:
        return text
    gone: Set[int] = {number for entry in mine for number in range(entry.start, entry.end)}
    at = mine[0].start if mine else _after_sample(lines, service)
    new = [f"{service.line}\n"] if service.present else []
    before = [line for number, line in enumerate(lines[:at]) if number not in gone]
    after = [line for number, line in enumerate(lines[at:], at) if number not in gone]
    return "".join([*before, *new, *after])


def _after_sample(lines: Sequence[str], service: Service) -> int:
    for number, line in enumerate(lines):
        match = _SAMPLE.match(line)
        if match is not None and f"{match[1]}/{normal(match[2])}" == service.key:
            return number + 1
    return len(lines)


def ports(text: str) -> Dict[str, int]:
    """Services(5): the port of each name with its protocol (``tftp/udp``), aliases too."""
    found: Dict[str, int] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) < 2:
            continue
        number, slash, protocol = words[1].partition("/")
        if slash and number.isdigit():
            for name in (words[0], *words[2:]):
                found.setdefault(f"{name}/{protocol}", int(number))
    return found


def port_of(service: Service, known: Dict[str, int]) -> int:
    """The port of a service. BadInput when services(5) has none."""
    port = known.get(f"{service.name}/{service.protocol[:3]}")
    if port is None:
        raise BadInput(f"name: /etc/services has no {service.name}/{service.protocol[:3]}, so inetd(8) knows no port")
    return port


def with_address(flags: str, address: Optional[str]) -> str:
    """inetd_flags with this address to listen at, in place of what it has; '' listens everywhere, None keeps it."""
    if address is None:
        return flags
    words, kept = flags.split(), []
    while words:
        word = words.pop(0)
        letters = word[1:] if word.startswith("-") else ""
        cut = next((place for place, letter in enumerate(letters) if letter in _WITH_VALUE), None)
        if cut is None:
            kept.append(word)
            continue
        value = [letters[cut + 1 :]] if letters[cut + 1 :] else words[:1]
        words = words if letters[cut + 1 :] else words[1:]
        if letters[cut] != "a":
            kept += [word] if letters[cut + 1 :] else [word, *value]
        elif cut:
            kept.append(f"-{letters[:cut]}")
    return " ".join([*kept, "-a", address] if address else kept)
