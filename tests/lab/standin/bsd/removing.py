# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rm, rmdir, unlink."""

from __future__ import annotations

import os
import stat

from .options import Options, UsageError, has, say, warn
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import List

_RM = """usage: rm [-f | -i] [-dIPRrvWx] file ...
       unlink [--] file"""


def _rm(name: str, options: Options, operands: List[str]) -> int:
    if not operands:
        if has(options, "f"):
            return 0
        raise UsageError(_RM, 64)
    return max([_remove(options, path) for path in operands])


def _remove(options: Options, path: str) -> int:
    quiet = has(options, "f")
    last = path.rstrip("/").rsplit("/", 1)[-1]
    if last in (".", ".."):
        return warn("rm", '"." and ".." may not be removed')
    if path and not path.rstrip("/"):
        return warn("rm", '"/" may not be removed')
    try:
        facts = os.lstat(path)
        if not stat.S_ISDIR(facts.st_mode):
            os.unlink(path)
        elif has(options, "Rr"):
            return _remove_tree(options, path)
        elif has(options, "d"):
            os.rmdir(path)
        else:
            return warn("rm", f"{path}: is a directory")
    except FileNotFoundError as error:
        return 0 if quiet else warn("rm", path, error)
    except NotADirectoryError as error:
        return 0 if quiet else warn("rm", path, error)
    except OSError as error:
        return warn("rm", path, error)
    say(options, path)
    return 0


def _remove_tree(options: Options, path: str) -> int:
    status = 0
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        status |= _remove([*options, ("f", "")], os.path.join(path, name))
    try:
        os.rmdir(path)
    except OSError as error:
        return status | warn("rm", path, error)
    say(options, path)
    return status


def _unlink(name: str, options: Options, operands: List[str]) -> int:
    if len(operands) != 1:
        raise UsageError(_RM, 64)
    try:
        os.unlink(operands[0])
    except IsADirectoryError:
        return warn("unlink", f"{operands[0]}: is a directory")
    except OSError as error:
        return warn("unlink", operands[0], error)
    return 0


def _rmdir(name: str, options: Options, operands: List[str]) -> int:
    status = 0
    for path in operands:
        step = path
        while step:
            try:
                os.rmdir(step)
            except OSError as error:
                status |= warn("rmdir", step, error)
                break
            say(options, step)
            step = os.path.dirname(step.rstrip("/")) if has(options, "p") else ""
            if step == "/":
                break
    return status


TOOLS = {
    "rm": Tool(_rm, "dfiIPRrvWx", _RM, 64, unbuilt="iW"),
    "rmdir": Tool(_rmdir, "pv", "usage: rmdir [-pv] directory ...", operands=1),
    "unlink": Tool(_unlink, "", _RM, 64),
}
