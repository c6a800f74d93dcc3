# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ln, link, readlink, realpath."""

from __future__ import annotations

import os
import sys

from .destination import destination
from .options import Options, UsageError, has, say, warn
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import List

_LN = """usage: ln [-s [-F] | -L | -P] [-f | -i] [-hnv] source_file [target_file]
       ln [-s [-F] | -L | -P] [-f | -i] [-hnv] source_file ... target_dir
       link source_file target_file"""


def _ln(name: str, options: Options, operands: List[str]) -> int:
    if len(operands) == 1:
        operands = [operands[0], os.path.basename(operands[0])]
    if len(operands) > 2 and not os.path.isdir(operands[-1]):
        raise UsageError(f"ln: {operands[-1]}: Not a directory", 1)
    follow = not has(options, "hn")
    return max([_link(options, source, destination(options, source, operands, follow)) for source in operands[:-1]])


def _link(options: Options, source: str, target: str) -> int:
    symbolic = has(options, "s")
    if not symbolic:
        if not os.path.lexists(source):
            return warn("ln", f"{source}: No such file or directory")
        if os.path.isdir(source):
            return warn("ln", f"{source}: Is a directory")
    try:
        if has(options, "fF") and os.path.lexists(target):
            if os.path.isdir(target) and not os.path.islink(target):
                os.rmdir(target)
            else:
                os.unlink(target)
        if symbolic:
            os.symlink(source, target)
        else:
            os.link(source, target, follow_symlinks=not has(options, "P"))
    except OSError as error:
        return warn("ln", target, error)
    say(options, f"{target} {'-' if symbolic else '='}> {source}")
    return 0


def _hard_link(name: str, options: Options, operands: List[str]) -> int:
    if len(operands) != 2:
        raise UsageError("usage: link source_file target_file", 1)
    return _link([], operands[0], operands[1])


def _readlink(name: str, options: Options, operands: List[str]) -> int:
    status = 0
    for path in operands:
        try:
            text = os.path.realpath(path, strict=True) if has(options, "f") else os.readlink(path)
        except OSError:
            status = 1
            continue
        sys.stdout.write(text + ("" if has(options, "n") else "\n"))
    return status


def _realpath(name: str, options: Options, operands: List[str]) -> int:
    status = 0
    for path in operands or ["."]:
        try:
            print(os.path.realpath(path, strict=True))
        except OSError as error:
            status = 1
            if not has(options, "q"):
                warn("realpath", path, error)
    return status


TOOLS = {
    "link": Tool(_hard_link, "", "usage: link source_file target_file"),
    "ln": Tool(_ln, "FLPfhinsvw", _LN, unbuilt="iw", operands=1),
    "readlink": Tool(_readlink, "fn", "usage: readlink [-fn] [file ...]"),
    "realpath": Tool(_realpath, "q", "usage: realpath [-q] [path ...]"),
}
