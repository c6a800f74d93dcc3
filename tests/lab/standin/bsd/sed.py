# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sed: GNU's program behind FreeBSD's options and language."""

from __future__ import annotations

import os
import stat
import sys

from .native import become, program
from .options import UsageError, getopt
from .sedscript import translate
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import List

    from .options import Options

_SED = """usage: sed script [-Ealnru] [-i extension] [file ...]
\tsed [-Ealnu] [-i extension] [-e script] ... [-f script_file] ... [file ...]"""


def _sed(name: str, options: Options, words: List[str]) -> int:
    given, operands = getopt(name, words, "EI:ae:f:i:lnru", _SED)
    scripts = [(letter, value) for letter, value in given if letter in "ef"]
    if not scripts:
        if not operands:
            raise UsageError(_SED, 1)
        scripts = [("e", operands.pop(0))]
    extended = any(letter in "Er" for letter, _unused in given)
    in_place = [value for letter, value in given if letter in "iI"]
    expressions = [word for letter, value in scripts for word in ("-e", _script(letter, value, extended))]
    flags = ["-E"] if extended else []
    flags += ["-n"] if any(letter == "n" for letter, _unused in given) else []
    flags += ["-u"] if any(letter in "lu" for letter, _unused in given) else []
    # -i begins anew in each file, -I goes on from one to the next: for one file they are the same.
    flags += [f"-i{in_place[-1]}"] if in_place else []
    files, status = _present(operands, bool(in_place))
    if operands and not files:
        return status
    if status == 0:
        become("sed", [*flags, *expressions, "--", *files])
    import subprocess

    environment = {**os.environ, "LC_ALL": "C"}
    subprocess.run([program("sed"), *flags, *expressions, "--", *files], check=False, env=environment)
    return status


def _script(letter: str, value: str, extended: bool) -> str:
    if letter == "e":
        return translate(value, extended)
    try:
        with sys.stdin if value == "-" else open(value, encoding="utf-8", errors="surrogateescape") as stream:
            return translate(stream.read(), extended)
    except OSError as error:
        sys.stderr.write(f"sed: {value}: {error.strerror}\n")
        raise SystemExit(1) from None


def _present(operands: List[str], in_place: bool) -> tuple[List[str], int]:
    """The operands that are there; the first that is not ends an in-place run."""
    found: List[str] = []
    status = 0
    for path in operands:
        try:
            facts = os.lstat(path)
        except OSError as error:
            sys.stderr.write(f"sed: {path}: {error.strerror}\n")
            status = 1
            if in_place:
                return [], 1
            continue
        if in_place and not stat.S_ISREG(facts.st_mode):
            sys.stderr.write(f"sed: {path}: in-place editing only works for regular files\n")
            return [], 1
        found.append(path)
    return found, status


TOOLS = {"sed": Tool(_sed, None, _SED)}
