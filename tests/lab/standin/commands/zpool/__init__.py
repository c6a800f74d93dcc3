# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zpool(8)."""

from __future__ import annotations

from typing import Sequence, Tuple

from ...zfs.program import Command, Program

PATHS: Tuple[str, ...] = ("/sbin/zpool",)

_COMMANDS = {
    "create": Command("making", "create"),
    "destroy": Command("making", "destroy"),
    "export": Command("making", "export"),
    "import": Command("making", "do_import"),
    "add": Command("devices", "add"),
    "attach": Command("devices", "attach"),
    "detach": Command("devices", "detach"),
    "replace": Command("devices", "replace"),
    "online": Command("devices", "online"),
    "offline": Command("devices", "offline"),
    "labelclear": Command("devices", "labelclear"),
    "clear": Command("devices", "clear"),
    "scrub": Command("devices", "scrub"),
    "list": Command("listing", "do_list"),
    "get": Command("listing", "get"),
    "set": Command("listing", "set_property"),
    "status": Command("status", "status"),
    "history": Command("status", "history"),
    "sync": Command("status", "sync"),
}
_PROGRAM = Program(
    package=__name__,
    commands=_COMMANDS,
    reading=("list", "get", "status", "history"),
    unbuilt=(
        "remove",
        "checkpoint",
        "iostat",
        "reopen",
        "split",
        "initialize",
        "resilver",
        "trim",
        "upgrade",
        "reguid",
        "events",
        "wait",
    ),
)


def main(argv: Sequence[str]) -> int:
    return _PROGRAM.main(argv)
