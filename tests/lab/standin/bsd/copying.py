# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cp and mv."""

from __future__ import annotations

import os
import stat

from .destination import destination
from .options import Options, UsageError, has, say, warn
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import List

_CP = """usage: cp [-R [-H | -L | -P]] [-f | -i | -n] [-alpsvx] source_file target_file
       cp [-R [-H | -L | -P]] [-f | -i | -n] [-alpsvx] source_file ... target_directory"""
_MV = """usage: mv [-f | -i | -n] [-hv] source target
       mv [-f | -i | -n] [-v] source ... directory"""


def _cp(name: str, options: Options, operands: List[str]) -> int:
    if len(operands) > 2 and not os.path.isdir(operands[-1]):
        raise UsageError(f"cp: {operands[-1]} is not a directory\n{_CP}", 64)
    # The recording's -R of "." into a new directory copies what is in it.
    return max([_copy(options, source, destination(options, source, operands)) for source in operands[:-1]])


def _copy(options: Options, source: str, target: str) -> int:
    recursive = has(options, "Rra")
    keep = has(options, "pa")
    as_link = (recursive and not has(options, "L")) or has(options, "P")
    try:
        facts = os.lstat(source) if as_link else os.stat(source)
    except OSError as error:
        return warn("cp", source, error)
    if stat.S_ISDIR(facts.st_mode):
        if not recursive:
            return warn("cp", f"{source} is a directory (not copied).")
        return _copy_tree(options, source, target, facts)
    if os.path.lexists(target):
        if has(options, "n"):
            return 1
        if os.path.exists(target) and os.path.samefile(source, target):
            return warn("cp", f"{source} and {target} are identical (not copied).")
        if has(options, "f") and not os.path.isdir(target):
            os.unlink(target)
    try:
        _copy_one(options, source, target, facts)
        if keep:
            _keep(target, facts)
    except OSError as error:
        return warn("cp", str(error.filename2 or error.filename or target), error)
    say(options, f"{source} -> {target}")
    return 0


def _copy_one(options: Options, source: str, target: str, facts: os.stat_result) -> None:
    if has(options, "l"):
        os.link(source, target)
    elif has(options, "s"):
        os.symlink(source, target)
    elif stat.S_ISLNK(facts.st_mode):
        os.symlink(os.readlink(source), target)
    elif stat.S_ISFIFO(facts.st_mode):
        os.mkfifo(target, stat.S_IMODE(facts.st_mode))
    else:
        is_new = not os.path.exists(target)
        with open(source, "rb") as reader, open(target, "wb") as writer:
            while True:
                data = reader.read(1 << 20)
                if not data:
                    break
                writer.write(data)
        if is_new:
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(target, stat.S_IMODE(facts.st_mode) & ~umask & 0o777)


def _keep(target: str, facts: os.stat_result) -> None:
    """cp -p: times, owner, mode."""
    os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns), follow_symlinks=False)
    os.chown(target, facts.st_uid, facts.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(facts.st_mode):
        os.chmod(target, stat.S_IMODE(facts.st_mode))


def _copy_tree(options: Options, source: str, target: str, facts: os.stat_result) -> int:
    try:
        names = sorted(os.listdir(source))
        if not os.path.isdir(target):
            os.mkdir(target, stat.S_IMODE(facts.st_mode) | stat.S_IRWXU)
    except OSError as error:
        return warn("cp", str(error.filename), error)
    say(options, f"{source} -> {target}")
    status = 0
    for entry in names:
        status |= _copy(options, os.path.join(source, entry), os.path.join(target, entry))
    if has(options, "pa"):
        _keep(target, facts)
    return status


def _mv(name: str, options: Options, operands: List[str]) -> int:
    if len(operands) > 2 and not os.path.isdir(operands[-1]):
        raise UsageError(f"mv: {operands[-1]} is not a directory\n{_MV}", 64)
    status = 0
    for source in operands[:-1]:
        target = destination(options, source, operands, follow=not has(options, "h"))
        if not os.path.lexists(source):
            status |= warn("mv", f"rename {source} to {target}: No such file or directory")
            continue
        if has(options, "n") and os.path.lexists(target):
            continue
        try:
            _move(source, target)
        except OSError as error:
            status |= warn("mv", f"rename {source} to {target}", error)
            continue
        say(options, f"{source} -> {target}")
    return status


def _move(source: str, target: str) -> None:
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != 18:  # EXDEV: from one file system to another mv copies
            raise
        import shutil

        shutil.move(source, target)


TOOLS = {
    "cp": Tool(_cp, "HLPRafilnprsvx", _CP, 64, unbuilt="ix", operands=2),
    "mv": Tool(_mv, "fhinv", _MV, 64, unbuilt="i", operands=2),
}
