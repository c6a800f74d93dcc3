# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""df(1). Space is that of the lab's own disk; of datasets zfs(8) tells more."""

from __future__ import annotations

import os
import sys
from typing import List, NamedTuple, Sequence

from .. import paths
from ..system import cli, mounts
from ..system.mounts import Mount

PATHS = ("/bin/df",)


class Space(NamedTuple):
    """Sizes in bytes."""

    total: int
    used: int
    available: int

    @property
    def percent(self) -> int:
        whole = self.used + self.available
        return 100 if not whole else -(-self.used * 100 // whole)


def _usage() -> int:
    print("usage: df [-b | -g | -H | -h | -k | -m | -P] [-acilnT] [-t type] [-,]", file=sys.stderr)
    print("          [file | filesystem ...]", file=sys.stderr)
    return 64


def _space(mount: Mount) -> Space:
    if mount.type == "devfs":
        return Space(1024, 1024, 0)
    found = os.statvfs(paths.root(mount.directory))
    total, free = found.f_blocks * found.f_frsize, found.f_bfree * found.f_frsize
    return Space(total, total - free, found.f_bavail * found.f_frsize)


def human(size: int, base: int) -> str:
    """humanize_number(3): four characters and the unit."""
    value, units = float(size), ["B", "K", "M", "G", "T", "P"]
    while value >= 999.5 and len(units) > 1:
        value, units = value / base, units[1:]
    return f"{value:.1f}{units[0]}" if value < 9.95 and units[0] != "B" else f"{value:.0f}{units[0]}"


def main(argv: Sequence[str]) -> int:
    if "--libxo" in argv:
        cli.not_built("df", "--libxo")
    options, operands = cli.options_or_usage(argv, "abcgHhiklmnPT,t:", _usage)
    flags = {letter for letter, _value in options}
    if flags & set("ci,"):
        cli.not_built("df", "-c, -i, -,")
    kind = dict(options).get("t", "")
    table = mounts.table()
    chosen: List[Mount] = [mount for mount in table if not kind or mount.type in kind.split(",")]
    status = 0
    if operands:
        chosen = []
        for operand in operands:
            try:
                chosen.append(mounts.of_file(operand))
            except OSError as error:
                cli.warn("df", f"{operand}: {cli.strerror(error)}")
                status = 1
        if not chosen:
            return status
    block = 1024 if "k" in flags else 1 << 20 if "m" in flags else 1 << 30 if "g" in flags else 512
    title = {1024: "1K-blocks", 1 << 20: "1M-blocks", 1 << 30: "1G-blocks"}.get(block, "512-blocks")
    readable = flags & {"h", "H"}
    base = 1000 if "H" in flags else 1024
    rows = []
    for mount in chosen:
        space = _space(mount)
        sizes = [space.total, space.used, space.available]
        shown = [human(size, base) if readable else str(size // block) for size in sizes]
        rows.append([mount.source, mount.type, *shown, f"{space.percent:>5}%  ", mount.directory])
    heads = ["Filesystem", "Type", "Size" if readable else title, "Used", "Avail", "Capacity", "Mounted on"]
    widths = [max(len(head), *(len(row[index]) for row in rows)) for index, head in enumerate(heads)]
    if readable:
        widths[2:5] = [max(width, 7) for width in widths[2:5]]
    for row in [heads, *rows]:
        cells = [row[0].ljust(widths[0])]
        if "T" in flags:
            cells.append(" " + row[1].ljust(widths[1]))
        cells += [row[index].rjust(widths[index]) for index in range(2, 6)]
        print(" ".join(cells) + "  " + row[6])
    return status
