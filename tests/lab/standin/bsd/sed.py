# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sed: GNU's program with FreeBSD's options; what only GNU's language has is refused in FreeBSD's words."""

from __future__ import annotations

import os
import re
import stat
import sys

from .native import become
from .options import Options, UsageError, fail, getopt
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import List, Tuple

_SED = """usage: sed script [-Ealnru] [-i extension] [file ...]
	sed [-Ealnu] [-i extension] [-e script] ... [-f script_file] ... [file ...]"""


def _refuse(number: int, text: str, message: str) -> None:
    shown = text if len(text) <= 20 else text[:20] + " ..."
    fail("sed", f'{number}: "{shown}": {message}')


def _check(text: str, number: int = 1) -> None:
    """Refuse what FreeBSD's sed would not compile. A light reading of the script, not a parser of it."""
    if re.match(r"\d+~\d", text):
        _refuse(number, text, "invalid command code ~")
    match = re.match(
        r"(?:(?:\d+|\$|/(?:[^/\\]|\\.)*/)(?:,(?:\d+|\$|\+\d+|/(?:[^/\\]|\\.)*/))?)?\s*([a-zA-Z])(.*)", text, re.S
    )
    if match is None:
        return
    command, rest = match.group(1), match.group(2)
    if command in "aic" and not re.match(r"\s*\\\n", rest):
        _refuse(number, text + "\n", f"command {command} expects \\ followed by text")
    if command not in "aAbBcCdDgGhHiIlLnNpPqQrRsStTwWxXyY" or command in "FzevWRLQ":
        _refuse(number, text, f"invalid command code {command}")
    if command == "s" and rest:
        _check_substitution(text, rest, number)


def _check_substitution(text: str, rest: str, number: int) -> None:
    delimiter = rest[0]
    parts = re.split(rf"(?<!\\){re.escape(delimiter)}", rest[1:])
    if len(parts) < 2:
        _refuse(number, text, "unterminated substitute pattern")
    if len(parts) < 3:
        _refuse(number, text, "unterminated substitute in regular expression")
    if re.search(r"(?<!\\)(?:\\\\)*\\[bBwWsS]", parts[0]):
        _refuse(number, text, "RE error: trailing backslash (\\)")


def _block(text: str) -> None:
    """``1{p;d}``: FreeBSD wants a semicolon or a newline before the brace."""
    match = re.search(r"\{[^{}]*?([a-zA-Z])\}", text)
    if match and match.group(1) in "dDgGhHlnNpPqx=" and not re.match(r"s(.)", text):
        fail("sed", f'1: "{text}": extra characters at the end of {match.group(1)} command')


def _words(words: List[str]) -> Tuple[Options, List[str]]:
    """sed's getopt, permuted by nothing; -i's argument may be empty but must be there."""
    return getopt("sed", words, "EI:ae:f:i:lnru", _SED)


def _sed(name: str, options: Options, words: List[str]) -> int:
    given, operands = _words(words)
    scripts = [(letter, value) for letter, value in given if letter in "ef"]
    if not scripts:
        if not operands:
            raise UsageError(_SED, 1)
        scripts = [("e", operands.pop(0))]
    for letter, value in scripts:
        if letter == "e":
            _block(value)
            for number, line in enumerate(re.split(r"(?<!\\)\n", value), 1):
                _check(line, number)
    files = []
    status = 0
    in_place = [value for letter, value in given if letter in "iI"]
    for path in operands:
        try:
            facts = os.lstat(path)
        except OSError as error:
            sys.stderr.write(f"sed: {path}: {error.strerror}\n")
            status = 1
            if in_place:
                return 1
            continue
        if in_place and not stat.S_ISREG(facts.st_mode):
            sys.stderr.write(f"sed: {path}: in-place editing only works for regular files\n")
            return 1
        files.append(path)
    if operands and not files:
        return status
    return _run(given, scripts, files, in_place, status)


def _run(given: Options, scripts: Options, files: List[str], in_place: List[str], status: int) -> int:
    flags = [
        "-u" if letter in "lu" else "-E" if letter in "Er" else f"-{letter}" for letter, _ in given if letter in "Enlru"
    ]
    flags += [f"-i{in_place[-1]}", "-s"] if in_place else []
    # Case conversion (\\U, \\L …) is GNU's: FreeBSD takes the letter as it is.
    expressions = [(letter, _plain(value) if letter == "e" else value) for letter, value in scripts]
    words = [*flags, *(word for letter, value in expressions for word in (f"-{letter}", value)), "--", *files]
    if status == 0:
        become("sed", words)
    import subprocess

    from .native import program

    subprocess.run([program("sed"), *words], check=False, env={**os.environ, "LC_ALL": "C"})
    return status


def _plain(script: str) -> str:
    """A script with what GNU's sed would read as more than FreeBSD's does written out."""
    match = re.match(r"^(.*?s)([/|,#])((?:[^\\]|\\.)*?)\2((?:[^\\]|\\.)*?)\2(.*)$", script, re.S)
    if match is None:
        return script
    head, mark, pattern, replacement, tail = match.groups()
    replacement = re.sub(r"\\([ULElu])", r"\1", replacement)
    # \\+, \\? and \\| are ordinary characters in FreeBSD's basic expressions here.
    return f"{head}{mark}{pattern}{mark}{replacement}{mark}{tail}"


TOOLS = {"sed": Tool(_sed, None, _SED)}
