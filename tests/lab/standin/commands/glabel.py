# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""glabel(8): `glabel status`, which tells the labels of the partitions that the host has."""

from __future__ import annotations

import sys
from typing import Dict, Sequence

from .. import state
from ..system import cli
from ..zfs import boot

PATHS = ("/sbin/glabel",)


def labels() -> Dict[str, str]:
    """Labels and their partitions, without /dev/.

    A label goes when its partition is opened by another name: that of the pool's partition is not there.
    """
    known = {"gpt/efiboot0": "ada0p1", "gpt/gptboot0": "ada0p2", "gpt/swap0": "ada0p3"}
    if not state.peek("disk", "host").get("zfs", True):
        known["gpt/rootfs"] = "ada0p4"
    disks = boot.disks()
    return {label: partition for label, partition in known.items() if partition in disks}


def _usage() -> int:
    print("usage: glabel help", file=sys.stderr)
    print("       glabel list [-agv] [name ...]", file=sys.stderr)
    print("       glabel status [-ags] [name ...]", file=sys.stderr)
    return 1


def main(argv: Sequence[str]) -> int:
    if len(argv) < 2 or argv[1] not in ("status", "list"):
        return _usage()
    if argv[1] == "list":
        cli.not_built("glabel", "list")
    options, names = cli.options_or_usage(argv[1:], "ags", _usage)
    if names:
        cli.not_built("glabel", "status NAME")
    table = labels()
    width = max((len(label) for label in table), default=4)
    if table and ("s", "") not in options:
        print(f"{'Name':>{width}}  Status  Components")
    for label, partition in table.items():
        print(f"{label:>{width}}  {'N/A':>6}  {partition}")
    return 0
