# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""camcontrol(8): devlist, which tells the disks and the controllers that they are on."""

from __future__ import annotations

import sys
from typing import List, Sequence, Tuple

from ..pci import bus
from ..system import cli
from ..zfs import boot

PATHS = ("/sbin/camcontrol",)
_NOTHING = "<>"


def _usage() -> int:
    print("usage:  camcontrol <command>  [device id][generic args][command args]", file=sys.stderr)
    return 1


def _channels() -> List[Tuple[str, str]]:
    """The channels of the attached controllers with the disk on each, '' for none."""
    table = bus.devices()
    found: List[Tuple[str, str]] = []
    for at, device in table.items():
        one = bus.function(at)
        if not (device["attached"] and device["driver"] == one.driver):
            continue
        disks = dict(one.disks)
        sims = [child.strip() for child in one.children if child.startswith("ahcich")]
        sims += [sim for sim in disks if sim not in sims]
        found += [(sim, disks.get(sim, "")) for sim in sims]
    return found


def _line(model: str, scbus: str, target: str, lun: str, names: str) -> str:
    return f"{model:<33}  at {scbus} target {target} lun {lun} ({names})"


def main(argv: Sequence[str]) -> int:
    if len(argv) < 2:
        return _usage()
    if argv[1] != "devlist":
        cli.not_built("camcontrol", argv[1])
    options, words = cli.options_or_usage(argv[1:], "bv", _usage)
    if ("b", "") in options or words:
        cli.not_built("camcontrol", "devlist -b")
    verbose = ("v", "") in options
    known, number = boot.disks(), 0
    for index, (sim, disk) in enumerate(_channels()):
        if verbose:
            print(f"scbus{index} on {sim} bus 0:")
        if disk in known:
            model = f"<{known[disk].get('model', 'Generic Disk')} HXT7904Q>"
            print(_line(model, f"scbus{index}", "0", "0", f"{disk},pass{number}"))
            number += 1
        if verbose:
            print(_line(_NOTHING, f"scbus{index}", "-1", "ffffffff", ""))
    if verbose:
        print("scbus-1 on xpt0 bus 0:")
        print(_line(_NOTHING, "scbus-1", "-1", "ffffffff", "xpt0"))
    return 0
