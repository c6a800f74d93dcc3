# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""rc.conf(5) variables with the semantics of sysrc(8).

Values are what sh(1) reads: one shell sources the defaults and the files as rc(8) does. A change goes to the last file
that assigns the variable, else to the first of ``rc_conf_files``; it is made in the text, tried in a shell, and only
then written. Other than with sysrc(8) a value is literal: ``$``, quotes and backslashes are written so that sh reads
them back.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, CommandError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.system.files import plan_edit
from ansible_collections.apiary.bhyve.plugins.module_utils.system.shell import (
    append_assignment,
    assignments,
    delete_assignment,
    set_assignment,
)

DEFAULTS = "/etc/defaults/rc.conf"
STATES: Tuple[str, ...] = ("present", "absent", "append", "remove")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TIMEOUT = 60.0


@dataclass(frozen=True)
class Wanted:
    """What one variable should be: equal to ``value``, absent, or a list with or without the items of ``value``."""

    name: str
    value: str = ""
    state: str = "present"


@dataclass(frozen=True)
class Values:
    """What a shell read: the files it took, and each variable's value (None: not set) without and with them."""

    files: Tuple[str, ...]
    defaults: Dict[str, Optional[str]]
    values: Dict[str, Optional[str]]


@dataclass(frozen=True)
class Variable:
    """A variable after the plan: its value (None: not set) and the last file that assigns it (None: none does)."""

    name: str
    value: Optional[str]
    path: Optional[str]


def check(wanted: Sequence[Wanted], path: Optional[str] = None) -> None:
    """BadInput for names that sh does not take, values that do not fit in a line, and contradictions."""
    if path is not None and not re.fullmatch(r"/\S+", path):
        raise BadInput(f"path: {path!r} is not an absolute path without blanks")
    states: Dict[str, List[str]] = {}
    for item in wanted:
        if not _NAME.fullmatch(item.name):
            raise BadInput(f"{item.name!r} is not a variable's name: only letters, digits and _ are, no digit first")
        if item.state not in STATES:
            raise BadInput(f"{item.name}: unknown state {item.state!r}; allowed are {', '.join(STATES)}")
        if any(character in item.value for character in "\n\r\0"):
            raise BadInput(f"{item.name}: the value {item.value!r} does not fit in one line")
        states.setdefault(item.name, []).append(item.state)
    for name, given in states.items():
        if len(given) > 1 and not {"append", "remove"}.issuperset(given):
            raise BadInput(f"{name} is given {len(given)} times ({', '.join(given)}); give it once")


def read_values(
    host: Host, names: Sequence[str], path: Optional[str] = None, instead: Optional[Mapping[str, str]] = None
) -> Values:
    """Have sh read the files once; ``path`` alone if given, ``instead`` maps a file to the text to take in its place.

    UnknownState when sh cannot parse a file.
    """
    what = f"cannot read the variables of {path or 'rc.conf'}"
    try:
        result = host.run(["sh", "-s"], what=what, stdin=_program(names, path, instead or {}), timeout=_TIMEOUT)
    except CommandError as error:
        said = error.stderr.strip() or f"exit status {error.rc}"
        raise UnknownState(f"{what}: sh cannot parse it: {said}; mend the file first, nothing was changed") from error
    fields = result.stdout.split("\0")
    if len(fields) != 2 * 2 * len(names) + 2 or fields.pop():
        raise UnknownState(f"{what}: a shell that reads it ends before its end; nothing was changed")
    files = tuple(fields.pop().split())
    half = 2 * len(names)
    return Values(files, _pairs(names, fields[:half]), _pairs(names, fields[half:]))


def plan_variables(host: Host, plan: Plan, wanted: Sequence[Wanted], path: Optional[str] = None) -> List[Variable]:
    """Add to the plan one write for each file that has to change; returns the variables as they will be.

    With ``path`` only that file counts, neither defaults nor other files. BadInput, UnknownState.
    """
    check(wanted, path)
    names = list(dict.fromkeys(item.name for item in wanted))
    return plan_read(host, plan, wanted, read_values(host, names, path), path)


def plan_read(
    host: Host, plan: Plan, wanted: Sequence[Wanted], current: Values, path: Optional[str] = None
) -> List[Variable]:
    """The same from what was read before, of at least these variables; of other files than ``path`` nothing was."""
    names = list(dict.fromkeys(item.name for item in wanted))
    files = list(dict.fromkeys(current.files))
    if not files:
        raise UnknownState(f"{DEFAULTS} names no rc_conf_files: this is no FreeBSD host as we know it; give a path")
    old = {file: host.read(file) for file in files}
    new = {file: text or "" for file, text in old.items()}
    places = _places(new)
    goals: Dict[str, Optional[str]] = {}
    told: Dict[str, List[str]] = {}
    items: Dict[str, List[Wanted]] = {}
    for item in wanted:
        items.setdefault(item.name, []).append(item)
    for name in names:
        before = current.values[name]
        goal = _goal(items[name], before, current.defaults[name])
        goals[name] = goal
        removed = any(item.state == "absent" for item in items[name])
        for file in _delete(new, places, name) if removed else _set(new, places, name, before, goal):
            told.setdefault(file, []).append(f"remove {name}" if removed else f"set {name} to {goal!r}")
    changed = {file: text for file, text in new.items() if text != (old[file] or "")}
    if changed:
        _try(host, names, goals, path, changed)
    for file, text in changed.items():
        plan_edit(host, plan, file, old[file], text, "; ".join(told[file]))
    return [Variable(name, goals[name], places.get(name)) for name in names]


def edit_list(before: str, items: str, remove: bool) -> str:
    """``name+=items`` and ``name-=items`` of sysrc(8).

    The first character of ``items`` separates them if it is neither blank, letter, digit, dot nor slash; otherwise
    blanks do. What is there already is not added again; a list that needs no change keeps its spelling.
    """
    first = items[:1]
    delimiter = " " if not first or first.isspace() or re.fullmatch(r"[A-Za-z0-9./]", first) else first
    present, given = _split(before, delimiter), _split(items, delimiter)
    if remove:
        kept = [item for item in present if item not in given]
        return before if kept == present else delimiter.join(kept)
    added = [item for item in dict.fromkeys(given) if item not in present]
    if not added:
        return before
    return delimiter.join([before, *added]) if before else delimiter.join(added)


def _split(text: str, delimiter: str) -> List[str]:
    return text.split() if delimiter == " " else [item for item in text.split(delimiter) if item]


def _goal(items: Sequence[Wanted], before: Optional[str], default: Optional[str]) -> Optional[str]:
    value = before
    for item in items:
        if item.state == "present":
            value = item.value
        elif item.state == "absent":
            value = default
        else:
            edited = edit_list(value or "", item.value, remove=item.state == "remove")
            # Nothing added to or taken from a variable that is not set leaves it so.
            value = edited if value is not None or edited else None
    return value


def _places(texts: Mapping[str, str]) -> Dict[str, str]:
    """The last file that assigns each variable. Looked up once: there may be hundreds of variables."""
    return {item.name: file for file, text in texts.items() for item in assignments(text, file)}


def _set(
    texts: Dict[str, str], places: Dict[str, str], name: str, before: Optional[str], goal: Optional[str]
) -> List[str]:
    """Edit the text that decides; returns the files edited. What has the value already stays as it is spelt."""
    if goal is None or goal == before:
        return []
    file = places.get(name) or next(iter(texts))
    text = texts[file]
    found = [item for item in assignments(text, file) if item.name == name] if name in places else []
    # As sysrc(8) does: what a substitution computes is somebody's code, it stays and is overruled below.
    if found and not found[-1].word(text).startswith(("`", "$", "\\")):
        texts[file] = set_assignment(text, found[-1], goal)
    else:
        texts[file] = append_assignment(text, name, goal)
    places[name] = file
    return [file]


def _delete(texts: Dict[str, str], places: Dict[str, str], name: str) -> List[str]:
    """Remove all assignments from all texts; returns the files edited."""
    edited: List[str] = []
    for file, text in texts.items() if name in places else ():
        found = [item for item in assignments(text, file) if item.name == name]
        for assignment in reversed(found):
            text = delete_assignment(text, assignment, file)
        if found:
            texts[file] = text
            edited.append(file)
    places.pop(name, None)
    return edited


def _try(
    host: Host, names: Sequence[str], goals: Mapping[str, Optional[str]], path: Optional[str], texts: Mapping[str, str]
) -> None:
    """UnknownState unless a shell that reads the edited texts finds what was wanted."""
    values = read_values(host, names, path, texts).values
    for name in names:
        if values[name] != goals[name]:
            wanted = "not set" if goals[name] is None else repr(goals[name])
            got = "not set" if values[name] is None else repr(values[name])
            raise UnknownState(
                f"cannot change {name} to {wanted} in {', '.join(texts)}: sh would still read {got}, since shell code "
                "in these files sets it in a way that only a human can change; nothing was changed"
            )


def _program(names: Sequence[str], path: Optional[str], instead: Mapping[str, str]) -> str:
    """A shell program that prints each variable, with the defaults and with the files, and the files; NUL ends all."""
    cases = "".join(f"{shlex.quote(file)}) eval {shlex.quote(text)} ;;\n" for file, text in instead.items())
    show = "".join(f'printf "%s\\0%s\\0" "${{{name}+set}}" "${{{name}-}}"\n' for name in names)
    start = f"rc_conf_files={shlex.quote(path)}" if path is not None else f"__apiary_source {DEFAULTS}"
    return f"""\
unset LC_ALL {" ".join(names)}
HOME=/ PATH=/sbin:/bin:/usr/sbin:/usr/bin
__apiary_source() {{
case "$1" in
{cases}*) if [ -r "$1" ]; then . "$1"; fi ;;
esac </dev/null >/dev/null
}}
__apiary_show() {{
:
{show}}}
__apiary_files() {{
for __apiary_file in $rc_conf_files; do
case " $__apiary_seen " in
*" $__apiary_file "*) ;;
*) __apiary_seen="$__apiary_seen $__apiary_file"; __apiary_source "$__apiary_file" ;;
esac
done
}}
{start}
__apiary_show
__apiary_files
__apiary_files
__apiary_show
printf '%s\\0' "$__apiary_seen"
"""


def _pairs(names: Sequence[str], fields: Sequence[str]) -> Dict[str, Optional[str]]:
    return {name: fields[2 * at + 1] if fields[2 * at] else None for at, name in enumerate(names)}
