# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of ``name=value`` lines that are no shell: sysctl.conf(5) and loader.conf(5)."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Optional

_LINE = re.compile(
    r'(?P<name>[A-Za-z0-9_][^\s=#"]*)(?P<equals>\s*=\s*)(?P<value>"[^"]*"|[^#"]*?)(?P<rest>\s*(?:#.*)?)', re.DOTALL
)


def values(text: str) -> Dict[str, str]:
    """The values of all names, without their quotes; of several lines for one name the last counts."""
    result: Dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is not None:
            result[match["name"]] = match["value"].strip('"')
    return result


def edit(text: str, wanted: Mapping[str, Optional[str]], quoted: bool) -> str:
    """The text with these values; None removes a name's lines. Everything else, comments included, stays.

    Of several lines for one name the last is changed. A new name goes to the end. ``quoted`` says whether the file
    has its values in double quotes, as loader.conf(5) wants them.
    """
    current = values(text)
    lines = text.splitlines(keepends=True)
    added: List[str] = []
    for name, value in wanted.items():
        if current.get(name) == value:
            continue
        at = [number for number, line in enumerate(lines) if _name(line) == name]
        if value is None:
            lines = [line for number, line in enumerate(lines) if number not in at]
            continue
        written = f'{name}="{value}"' if quoted else f"{name}={value}"
        if at:
            match = _LINE.fullmatch(lines[at[-1]].strip())
            lines[at[-1]] = f"{written}{match['rest'] if match is not None else ''}\n"
        else:
            added.append(f"{written}\n")
    if added and lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    return "".join([*lines, *added])


def differences(text: str, wanted: Mapping[str, Optional[str]]) -> str:
    """What :func:`edit` would do, for humans: "set a.b=1, remove c.d"."""
    current = values(text)
    done = [(name, value) for name, value in wanted.items() if current.get(name) != value]
    return ", ".join(f"remove {name}" if value is None else f"set {name}={value}" for name, value in done)


def _name(line: str) -> Optional[str]:
    match = _LINE.fullmatch(line.strip())
    return None if match is None else match["name"]
