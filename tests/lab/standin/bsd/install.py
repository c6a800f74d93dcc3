# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""install."""

from __future__ import annotations

import filecmp
import os
import shutil
import stat

from .modes import group_id, parse_mode, user_id
from .options import Options, UsageError, fail, warn
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Dict, List

_INSTALL = """usage: install [-bCcpSsUv] [-f flags] [-g group] [-m mode] [-o owner]
               [-M log] [-D dest] [-h hash] [-T tags]
               [-B suffix] [-l linkflags] [-N dbdir]
               file1 file2
       install [-bCcpSsUv] [-f flags] [-g group] [-m mode] [-o owner]
               [-M log] [-D dest] [-h hash] [-T tags]
               [-B suffix] [-l linkflags] [-N dbdir]
               file1 ... fileN directory
       install -dU [-vU] [-g group] [-m mode] [-N dbdir] [-o owner]
               [-M log] [-D dest] [-h hash] [-T tags]
               directory ..."""
_SOFTWARE = 71


def _install(name: str, options: Options, operands: List[str]) -> int:
    values = dict(options)
    mode = 0o755
    if "m" in values:
        parsed = parse_mode(values["m"], 0, False)
        if parsed is None:
            fail("install", f"invalid file mode: {values['m']}", 64)
        mode = parsed
    owner = (user_id(name, values["o"]) if "o" in values else -1, group_id(name, values["g"]) if "g" in values else -1)
    if "d" in values:
        if not operands:
            raise UsageError(_INSTALL, 64)
        return max([_directory(path, mode, owner, "v" in values) for path in operands])
    into = len(operands) > 1 and os.path.isdir(operands[-1])
    if len(operands) < 2 or (len(operands) > 2 and not into):
        raise UsageError(_INSTALL, 64)
    status = 0
    for source in operands[:-1]:
        target = os.path.join(operands[-1], os.path.basename(source)) if into else operands[-1]
        status = max(status, _file(values, source, target, mode, owner))
    return status


def _directory(path: str, mode: int, owner: tuple[int, int], verbose: bool) -> int:
    missing: List[str] = []
    above = path.rstrip("/") or "/"
    while above and not os.path.isdir(above):
        missing.insert(0, above)
        above = os.path.dirname(above)
    try:
        for step in missing:
            os.mkdir(step, 0o755)
            if verbose:
                print(f"install: mkdir {step}")
        os.chown(path, *owner)
        os.chmod(path, mode)
    except OSError as error:
        warn("install", str(error.filename or path), error)
        return _SOFTWARE
    return 0


def _file(values: Dict[str, str], source: str, target: str, mode: int, owner: tuple[int, int]) -> int:
    try:
        facts = os.stat(source)
    except OSError as error:
        warn("install", source, error)
        return _SOFTWARE
    if not stat.S_ISREG(facts.st_mode) and source != "/dev/null":
        warn("install", f"{source}: Inappropriate file type or format")
        return _SOFTWARE
    if "C" in values and os.path.isfile(target) and source != "/dev/null" and filecmp.cmp(source, target, False):
        os.chown(target, *owner)
        os.chmod(target, mode)
        return 0
    try:
        if "b" in values and os.path.lexists(target):
            os.rename(target, target + values.get("B", ".old"))
        temporary = os.path.join(os.path.dirname(target) or ".", f"INS@{os.getpid()}")
        with open(source, "rb") as reader, open(temporary, "wb") as writer:
            if source != "/dev/null":
                shutil.copyfileobj(reader, writer, 1 << 20)
        os.chown(temporary, *owner)
        os.chmod(temporary, mode)
        if "p" in values:
            os.utime(temporary, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        os.rename(temporary, target)
    except OSError as error:
        warn("install", target, error)
        return _SOFTWARE
    if "v" in values:
        print(f"install: {source} -> {target}")
    return 0


TOOLS = {"install": Tool(_install, "B:bCcD:df:g:h:l:M:m:N:o:pSsT:Uv", _INSTALL, 64, unbuilt="hlMNTUs")}
