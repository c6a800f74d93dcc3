# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""makefs(8): ffs and cd9660 by Debian's makefs (NetBSD's of 2019), msdos by mkfs.fat and mtools.

The superblock of UFS2 lies where NetBSD's program puts it, at 8 KiB and not at 64 KiB.
"""

from __future__ import annotations

import os
import sys
from typing import Callable, Dict, Sequence

from ... import paths
from ...system import cli
from . import debian, manifest, msdos
from .options import USAGE, Request, UsageError, number

PATHS = ("/usr/sbin/makefs",)
_LETTERS = "B:b:Dd:f:F:M:m:N:O:o:pR:s:S:t:T:xZ"
_NOT_BUILT = "DdFNORSx"
_WORK: Dict[str, Callable[[Request], int]] = {"ffs": debian.ffs, "cd9660": debian.cd9660, "msdos": msdos.make}


def _usage() -> int:
    cli.flush()
    print(USAGE, end="", file=sys.stderr)
    return 1


def _parsed(argv: Sequence[str]) -> Request:
    """The command line; options count in their order, as those of ``-o`` are of the type that ``-t`` gave before."""
    options, words = cli.options_or_usage(argv, _LETTERS, _usage)
    request = Request()
    for letter, value in options:
        if letter in _NOT_BUILT:
            cli.not_built("makefs", f"-{letter}")
        if letter == "t":
            if value == "zfs":
                cli.not_built("makefs", "-t zfs")
            if value not in _WORK:
                cli.fail("makefs", f"Unknown fs type `{value}'.")
            request.type = value
            request.options = []
        elif letter == "o":
            request.options += value.split(",")
        elif letter == "s":
            request.minimum = request.maximum = number(value)
        elif letter in "Mm":
            size = number(value)
            request.minimum, request.maximum = (size, request.maximum) if letter == "M" else (request.minimum, size)
        elif letter == "B":
            if value not in ("le", "1234", "little", "be", "4321", "big"):
                cli.warn("makefs", f"Invalid endian `{value}'.")
                raise UsageError()
            request.words += ["-B", value]
        elif letter in "bf":
            request.words += [f"-{letter}", value]
        elif letter == "T":
            request.time = number(value)
        else:
            request.sparse = True
    if len(words) != 2:
        raise UsageError()
    request.image, request.tree = words
    return request


def main(argv: Sequence[str]) -> int:
    try:
        request = _parsed(argv)
        try:
            os.lstat(paths.root(request.tree))
        except OSError as error:
            cli.fail("makefs", f"Can't stat `{request.tree}': {cli.strerror(error)}")
        if not os.path.isdir(paths.root(request.tree)):
            if request.type != "msdos":
                cli.not_built("makefs", f"a manifest with -t {request.type}")
            request.nodes = manifest.read(request.tree)
        return _WORK[request.type](request)
    except UsageError:
        return _usage()
