# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""grep, egrep, fgrep: GNU's program behind FreeBSD's options and texts."""

from __future__ import annotations

import re
import sys

from .native import become
from .options import Options, UsageError
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import List

_GREP = """usage: grep [-abcDEFGHhIiLlmnOopqRSsUVvwxz] [-A num] [-B num] [-C num]
\t[-e pattern] [-f file] [--binary-files=value] [--color=when]
\t[--context=num] [--directories=action] [--label] [--line-buffered]
\t[--null] [pattern] [file ...]"""
_LETTERS = "0123456789A:B:C:D:EFGHILORSUVabcd:e:f:hilm:nopqrsuvwxyz"
_LONGS = {
    **{"color?": "!", "colour?": "!", "line-buffered": "_", "null": "Z", "version": "V", "context=": "C"},
    **{"after-context=": "A", "before-context=": "B", "count": "c", "extended-regexp": "E", "fixed-strings": "F"},
    **{"files-with-matches": "l", "ignore-case": "i", "invert-match": "v", "line-number": "n", "quiet": "q"},
    **{"recursive": "r", "regexp=": "e", "word-regexp": "w", "line-regexp": "x", "silent": "q", "text": "a"},
    **{"max-count=": "m", "no-filename": "h", "no-messages": "s", "only-matching": "o", "file=": "f"},
}


def _grep(name: str, options: Options, operands: List[str]) -> int:
    if any(letter == "V" for letter, _unused in options):
        print("grep (BSD grep, GNU compatible) 2.6.0-FreeBSD")
        return 0
    letters = {letter for letter, _unused in options}
    patterns = [value for letter, value in options if letter == "e"]
    if not patterns and "f" not in letters:
        if not operands:
            raise UsageError(_GREP, 2)
        patterns = operands[:1]
    if "F" not in letters and name != "fgrep":
        for pattern in patterns:
            _check(pattern)
    words = {"egrep": ["-E"], "fgrep": ["-F"]}.get(name, [])
    for letter, value in options:
        if letter == "_":
            words.append("--line-buffered")
        elif letter in "rR":
            # FreeBSD's -r follows what a directory's links lead to; GNU's -R does.
            words.append("-R")
        elif letter not in "!OSp":
            words.append(f"-{letter}{value}")
    sys.stdout.flush()
    become("grep", [*words, "--", *operands])


def _check(pattern: str) -> None:
    """FreeBSD's regex(3) knows no \\d: an ordinary letter behind a backslash is an error."""
    if re.search(r"(?<!\\)(?:\\\\)*\\[acdefghijklmopqtuvxyzACDEFGHIJKLMNOPQRTUVXYZ]", pattern):
        sys.stderr.write("grep: trailing backslash (\\)\n")
        raise SystemExit(2)


TOOLS = {name: Tool(_grep, _LETTERS, _GREP, 2, unbuilt="DdU", longs=_LONGS) for name in ("grep", "egrep", "fgrep")}
