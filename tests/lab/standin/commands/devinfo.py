# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""devinfo(8): the tree of attached devices, and the way from one of them to the root (-p)."""

from __future__ import annotations

import sys
from typing import List, Sequence, Tuple

from ..pci import bus
from ..pci.inventory import BRIDGE
from ..system import cli

PATHS = ("/usr/sbin/devinfo",)

#: A device and how deep it is.
Line = Tuple[int, str]


def _usage() -> int:
    print("usage: devinfo [-rv]", file=sys.stderr)
    print("       devinfo -u [-v]", file=sys.stderr)
    print("       devinfo -p dev [-v]", file=sys.stderr)
    return 1


def _below(number: int, depth: int, table: bus.Devices) -> List[Line]:
    """The devices on a bus, each with what is below it."""
    lines: List[Line] = []
    for at, device in table.items():
        if not device["attached"] or int(at.split(":")[0]) != number:
            continue
        one = bus.function(at)
        lines.append((depth, f"{device['driver']}{device['unit']}"))
        if device["driver"] != one.driver:
            continue
        lines += [(depth + 1 + (len(child) - len(child.lstrip())) // 2, child.strip()) for child in one.children]
        if one.hdr == BRIDGE and one.bus:
            lines.append((depth + 1, f"pci{one.bus}"))
            lines += _below(one.bus, depth + 2, table)
    return lines


def tree() -> List[Line]:
    """Every attached device, parents before their children."""
    head: List[Line] = [(0, "nexus0"), (1, "acpi0"), (2, "cpu0"), (2, "pcib0"), (3, "pci0")]
    return [*head, *_below(0, 4, bus.devices())]


def _path(name: str) -> int:
    way: List[str] = []
    for depth, device in tree():
        way = [*way[:depth], device]
        if device == name:
            print(" ".join(reversed(way)))
            return 0
    cli.fail("devinfo", f"{name}: Not found")


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "p:ruv", _usage)
    flags = {letter for letter, _value in options}
    if words:
        return _usage()
    if flags & {"r", "u", "v"}:
        cli.not_built("devinfo", "-" + "".join(sorted(flags & {"r", "u", "v"})))
    if "p" in flags:
        return _path(dict(options)["p"])
    for depth, name in tree():
        print("  " * depth + name)
    return 0
