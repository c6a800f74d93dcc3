# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mkdir, mkfifo, mktemp."""

from __future__ import annotations

import os
import sys

from .options import Options, fail, has, say, warn
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import List

_MKTEMP = """usage: mktemp [-d] [-q] [-t prefix] [-u] template ...
       mktemp [-d] [-q] [-u] -t prefix """


def _mkdir(name: str, options: Options, operands: List[str]) -> int:
    from .modes import parse_mode

    status = 0
    given = [value for letter, value in options if letter == "m"]
    for path in operands:
        mode = 0o777
        if given:
            parsed = parse_mode(given[-1], 0o777, directory=True)
            if parsed is None:
                fail("mkdir", f"invalid file mode: {given[-1]}")
            mode = parsed
        status |= _make_directory(options, path, mode, bool(given))
    return status


def _make_directory(options: Options, path: str, mode: int, exact: bool) -> int:
    missing = [path]
    if has(options, "p"):
        missing = []
        above = path.rstrip("/") or "/"
        while above and not os.path.isdir(above):
            missing.insert(0, above)
            above = os.path.dirname(above)
    for step in missing:
        try:
            os.mkdir(step, mode if step == missing[-1] else 0o777)
        except OSError as error:
            # The name that is in the way is what FreeBSD complains about; for a missing parent, the parent.
            subject = os.path.dirname(step) if error.errno == 2 and os.path.dirname(step) else step
            return warn("mkdir", subject, error)
        if exact and step == missing[-1]:
            os.chmod(step, mode)
        say(options, step)
    return 0


def _mkfifo(name: str, options: Options, operands: List[str]) -> int:
    status = 0
    for path in operands:
        try:
            os.mkfifo(path)
        except OSError as error:
            status |= warn("mkfifo", path, error)
    return status


def _mktemp(name: str, options: Options, operands: List[str]) -> int:
    prefixes = [value for letter, value in options if letter == "t"]
    templates = list(operands)
    if prefixes or not operands:
        templates.insert(0, os.path.join(os.environ.get("TMPDIR") or "/tmp", (prefixes or ["tmp"])[-1]) + ".XXXXXXXXXX")
    for template in templates:
        try:
            print(_temporary(template, has(options, "d"), has(options, "u")))
        except OSError as error:
            if not has(options, "q"):
                what = "mkdtemp" if has(options, "d") else "mkstemp"
                sys.stdout.flush()
                sys.stderr.write(f"mktemp: {what} failed on {error.filename}: {error.strerror}\n")
            return 1
    return 0


def _temporary(template: str, directory: bool, unlink: bool) -> str:
    """mkstemp(3): trailing X are replaced; without any, the name itself must be free."""
    import random
    import string

    stem = template.rstrip("X")
    letters = string.ascii_letters + string.digits
    while True:
        path = stem + "".join(random.choice(letters) for _unused in template[len(stem) :])
        try:
            if directory:
                os.mkdir(path, 0o700)
            else:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            if path == template:
                raise
            continue
        if unlink:
            os.rmdir(path) if directory else os.unlink(path)
        return path


TOOLS = {
    "mkdir": Tool(_mkdir, "m:pv", "usage: mkdir [-pv] [-m mode] directory_name ...", 64, operands=1),
    "mkfifo": Tool(_mkfifo, "m:", "usage: mkfifo [-m mode] fifo_name ...", unbuilt="m", operands=1),
    "mktemp": Tool(_mktemp, "dqt:u", _MKTEMP),
}
