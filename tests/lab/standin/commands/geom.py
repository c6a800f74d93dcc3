# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""geom(8): `geom disk list`, which tells the disks and whether anybody has them open."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, Iterator, List, Sequence, Set

from .. import paths, state
from ..pci import disks as attached
from ..system import cli
from ..zfs import boot
from .df import human

PATHS = ("/sbin/geom",)
_SECTOR = 512
_FREE, _READ, _WRITTEN = "r0w0e0", "r1w0e0", "r1w1e2"


def _usage() -> int:
    print("usage: geom <class> <command> [options]", file=sys.stderr)
    return 1


def _whole(name: str) -> str:
    """The disk of a partition: ada0p2 -> ada0."""
    match = re.match(r"[a-z]+\d+", name)
    return match.group(0) if match else name


def _paths(node: Any) -> Iterator[str]:
    """The devices of a pool, wherever they are in its tree."""
    if isinstance(node, dict):
        if isinstance(node.get("path"), str):
            yield node["path"]
        for value in node.values():
            yield from _paths(value)
    elif isinstance(node, list):
        for value in node:
            yield from _paths(value)


def _of_pools() -> Set[str]:
    imported = state.peek("kernel", "zpool").get("imported", [])
    pools = state.peek("disk", "zpool").get("pools", {})
    vdevs = [
        value for guid, pool in pools.items() if guid in imported for key, value in pool.items() if key != "datasets"
    ]
    return {_whole(path[len("/dev/") :]) for path in _paths(vdevs) if path.startswith("/dev/")}


def _opened() -> Set[str]:
    """The disks that some process has open."""
    top = os.path.realpath(paths.DISK + "/devices")
    found: Set[str] = set()
    for pid in os.listdir(paths.PROC):
        if not pid.isdigit():
            continue
        try:
            links = [os.readlink(f"{paths.PROC}/{pid}/fd/{name}") for name in os.listdir(f"{paths.PROC}/{pid}/fd")]
        except OSError:
            continue
        found |= {_whole(link[len(top) + 1 :]) for link in links if link.startswith(top + "/")}
    return found


def _disk(name: str, mode: str) -> None:
    size = int(boot.disks()[name]["size"])
    print(f"Geom name: {name}\nProviders:\n1. Name: {name}")
    print(f"   Mediasize: {size} ({human(size, 1024)})\n   Sectorsize: {_SECTOR}\n   Mode: {mode}")
    model = boot.disks()[name].get("model", "(null)")
    print(f"   descr: {model}\n   ident: (null)\n   rotationrate: 0\n   fwsectors: 63\n   fwheads: 16\n")


def main(argv: Sequence[str]) -> int:
    words: List[str] = list(argv[1:])
    if not words:
        return _usage()
    if words[:2] != ["disk", "list"] or any(word.startswith("-") for word in words):
        cli.not_built("geom", " ".join(words))
    gone = attached.gone()
    known = [name for name in boot.disks() if _whole(name) == name and name not in gone]
    for name in words[2:]:
        if name not in known:
            cli.fail("geom", f"No such geom: {name}.")
    held = _of_pools() | {_whole(name) for name, facts in boot.disks().items() if facts.get("used")}
    opened = _opened()
    for name in words[2:] or known:
        _disk(name, _WRITTEN if name in held else _READ if name in opened else _FREE)
    return 0
