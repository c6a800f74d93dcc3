# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""find: GNU's program with FreeBSD's options; a path must be given, and GNU's own primaries are refused."""

from __future__ import annotations

import os
import re
import sys

from .native import become
from .options import Options, UsageError, fail
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import List

_FIND = """usage: find [-H | -L | -P] [-EXdsx] [-f path] path ... [expression]
       find [-H | -L | -P] [-EXdsx] -f path [path ...] [expression]"""
#: Primaries of FreeBSD's find that GNU's has with the same meaning, with the number of their arguments.
_ONE = (
    "amin anewer atime cmin cnewer ctime fstype group iname inum ilname links lname maxdepth mindepth mmin mtime name "
    "newer newermt newerat newerct path ipath perm regex iregex samefile size type user wholename iwholename uid gid"
)
_NONE = (
    "delete depth empty false ls mount nogroup nouser not o or a and print print0 prune quit true xdev daystart noleaf"
)
_PRIMARIES = {**{name: 1 for name in _ONE.split()}, **{name: 0 for name in _NONE.split()}}
_COMMANDS = ("exec", "execdir", "ok", "okdir")


def _expression(words: List[str]) -> List[str]:
    """The expression in GNU's words. Unknown primaries are refused as FreeBSD does."""
    result: List[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word in ("(", ")", "!"):
            result.append(word)
            continue
        name = word[1:]
        if name in _COMMANDS:
            end = index
            while end < len(words) and words[end] != ";" and not (words[end] == "+" and words[end - 1] == "{}"):
                end += 1
            if end == len(words):
                fail("find", f'{word}: no terminating ";" or "+"')
            result += [word, *words[index : end + 1]]
            index = end + 1
        elif name == "depth" and index < len(words) and re.fullmatch(r"[-+]?\d+", words[index]):
            result += _exact_depth(words[index])
            index += 1
        elif word.startswith("-") and name in _PRIMARIES:
            values = words[index : index + _PRIMARIES[name]]
            if len(values) < _PRIMARIES[name]:
                fail("find", f"{word}: requires additional arguments")
            index += len(values)
            result += [word, *_value(name, values)]
        else:
            fail("find", f"{word}: unknown primary or operator")
    return result


def _value(name: str, values: List[str]) -> List[str]:
    if name == "perm" and values[0].startswith("/"):
        fail("find", f"-perm: {values[0]}: illegal mode string")
    if name == "size":
        # Other than GNU's, a size with a unit is compared in bytes, not rounded up to the unit.
        match = re.fullmatch(r"([-+]?)(\d+)([kMGTP])", values[0])
        if match:
            factor = 1 << (10 * ("kMGTP".index(match.group(3)) + 1))
            return [f"{match.group(1)}{int(match.group(2)) * factor}c"]
    if name == "perm" and values[0].startswith("+"):
        return ["/" + values[0][1:]]
    return values


def _exact_depth(text: str) -> List[str]:
    """``-depth n`` (FreeBSD's: just at that depth) has no GNU word: it is two limits."""
    number = int(text.lstrip("+-"))
    if text.startswith("+"):
        return ["-mindepth", str(number + 1)]
    if text.startswith("-"):
        return ["-maxdepth", str(number - 1)]
    return ["-mindepth", str(number), "-maxdepth", str(number)]


def _find(name: str, options: Options, words: List[str]) -> int:
    flags: List[str] = []
    paths: List[str] = []
    extended = False
    index = 0
    while index < len(words) and re.match(r"-[A-Za-z]", words[index]) and not paths:
        for position, letter in enumerate(words[index][1:], 1):
            if letter not in "HLPEXdsxf":
                raise UsageError(f"find: illegal option -- {letter}\n{_FIND}", 1)
            if letter in "HLP":
                flags.append(f"-{letter}")
            extended = extended or letter == "E"
            if letter == "f":
                paths.append(words[index][position + 1 :] or words[index + 1])
                index += not words[index][position + 1 :]
                break
        index += 1
    letters = "".join(words[:index])
    while index < len(words) and not words[index].startswith("-") and words[index] not in ("(", "!"):
        paths.append(words[index])
        index += 1
    if not paths:
        raise UsageError(_FIND, 1)
    return _run(flags, paths, letters, extended, _expression(words[index:]))


def _run(flags: List[str], paths: List[str], letters: str, extended: bool, expression: List[str]) -> int:
    present = []
    for path in paths:
        if os.path.lexists(path):
            present.append(path)
        else:
            sys.stderr.write(f"find: {path}: No such file or directory\n")
    if not present:
        return 1
    options = ["-regextype", "posix-extended" if extended else "posix-basic"]
    options += ["-depth"] if "d" in letters.replace("-d", "d") and "d" in letters else []
    options += ["-xdev"] if "x" in letters else []
    limits = [word for pair in _limits(expression) for word in pair]
    become("find", [*flags, *present, *limits, *options, *expression])


def _limits(expression: List[str]) -> List[List[str]]:
    """GNU wants depth limits before everything else; out of place they only warn. Taken out of the expression."""
    found = []
    for name in ("-maxdepth", "-mindepth"):
        while name in expression:
            at = expression.index(name)
            found.append(expression[at : at + 2])
            del expression[at : at + 2]
    return found


TOOLS = {"find": Tool(_find, None, _FIND)}
