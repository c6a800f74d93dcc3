# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zpool status, history and sync."""

from __future__ import annotations

import time
from typing import List, Sequence

from ...zfs import options, vdevs
from ...zfs.errors import NotBuilt, ZfsError
from ...zfs.model import Doc
from ...zfs.session import Session
from . import layout
from .listing import chosen_pools

_OFFLINE = (
    "status: One or more devices has been taken offline by the administrator.",
    "\tSufficient replicas exist for the pool to continue functioning in a",
    "\tdegraded state.",
    "action: Online the device using 'zpool online' or replace the device with",
    "\t'zpool replace'.",
)


def status(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "c:DegiLpPstT:vx")
    letters = options.flags(given)
    for letter in "cDeistT":
        if letter in letters:
            raise NotBuilt(f"zpool: status -{letter}")
    pools = chosen_pools(session, operands)
    if not operands and not pools:
        session.complain("no pools available", 0)
        return 0
    if "x" in letters:
        healthy = [pool for pool in pools if vdevs.pool_health(pool) == "ONLINE"]
        if operands:
            for pool in healthy:
                print("pool '{}' is healthy".format(pool["name"]))
        elif len(healthy) == len(pools):
            print("all pools are healthy")
        pools = [pool for pool in pools if pool not in healthy]
    for number, pool in enumerate(pools):
        if number:
            print()
        _show(pool, "P" in letters, "g" in letters)
    return session.status


def _show(pool: Doc, full: bool, guid: bool) -> None:
    health = vdevs.pool_health(pool)
    print("  pool: {}".format(pool["name"]))
    print(f" state: {health}")
    if any(leaf.get("state") == "OFFLINE" for leaf in vdevs.all_leaves(pool)):
        print("\n".join(_OFFLINE))
    if pool.get("scan"):
        kind, when = pool["scan"]
        date = time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(when))
        print(f"  scan: {kind} in 00:00:00 with 0 errors on {date}")
    rows: List[tuple[int, str, Doc]] = layout.rows(pool["vdevs"], full, guid)
    width = max([10, len(pool["name"])] + [2 * depth + len(name) for depth, name, _vdev in rows])
    print("config:\n")
    print("\t{}  {:<8} {:>5} {:>5} {:>5}".format("NAME".ljust(width), "STATE", "READ", "WRITE", "CKSUM"))
    print("\t{}  {:<8} {:5d} {:5d} {:5d}".format(pool["name"].ljust(width), health, 0, 0, 0))
    for depth, name, vdev in rows:
        print("\t{}  {:<8} {:5d} {:5d} {:5d}".format(("  " * depth + name).ljust(width), vdevs.health(vdev), 0, 0, 0))
    print("\nerrors: No known data errors")


def history(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "il")
    if given:
        raise NotBuilt(f"zpool: history -{options.flags(given)}")
    for pool in chosen_pools(session, operands):
        print("History for '{}':".format(pool["name"]))
        for when, text in pool["history"]:
            print("{} {}".format(time.strftime("%Y-%m-%d.%H:%M:%S", time.localtime(when)), text))
        print()
    return session.status


def sync(session: Session, argv: Sequence[str]) -> int:
    for name in argv:
        if session.model.pool(name) is None:
            raise ZfsError(f"cannot open '{name}': no such pool")
    return 0
