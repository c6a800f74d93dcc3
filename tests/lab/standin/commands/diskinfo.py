# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""diskinfo(8), for volumes and for files that stand for disks."""

from __future__ import annotations

import os
import stat
import sys
from typing import Sequence

from .. import paths
from ..system import cli
from .df import human

PATHS = ("/usr/sbin/diskinfo",)
_SECTOR = 512


def _usage() -> int:
    print("usage: diskinfo [-cipSstvw] disk ...", file=sys.stderr)
    print("       diskinfo [-l] -s disk ...", file=sys.stderr)
    return 1


def main(argv: Sequence[str]) -> int:
    options, names = cli.options_or_usage(argv, "cilpsStvw", _usage)
    flags = {letter for letter, _value in options}
    for letter in sorted(flags - set("v")):
        cli.not_built("diskinfo", f"-{letter}")
    if not names:
        return _usage()
    status = 0
    for name in names:
        path = paths.root(name if name.startswith("/") else f"/dev/{name}")
        try:
            found = os.stat(path)
        except OSError as error:
            cli.warn("diskinfo", f"{name}: {cli.strerror(error)}")
            status = 1
            continue
        if not stat.S_ISREG(found.st_mode):
            cli.warn("diskinfo", f"{name}: ioctl(DIOCGMEDIASIZE) failed, probably not a disk.")
            status = 1
            continue
        size, stripe = found.st_size, 16384 if "/dev/zvol/" in path else 0
        if "v" not in flags:
            print(f"{name}\t{_SECTOR}\t{size}\t{size // _SECTOR}\t{stripe}\t0")
            continue
        print(name)
        for value, text in (
            (str(_SECTOR), "sectorsize"),
            (str(size), f"mediasize in bytes ({human(size, 1024)})"),
            (str(size // _SECTOR), "mediasize in sectors"),
            (str(stripe), "stripesize"),
            ("0", "stripeoffset"),
            ("", "Disk descr."),
            ("", "Disk ident."),
            ("", "Attachment"),
            ("Yes", "TRIM/UNMAP support"),
            ("Unknown", "Rotation rate in RPM"),
        ):
            print(f"\t{value:<12}\t# {text}")
        print()
    return status
