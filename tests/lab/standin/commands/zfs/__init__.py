# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zfs(8)."""

from __future__ import annotations

from typing import Sequence, Tuple

from ...zfs.program import Command, Program

PATHS: Tuple[str, ...] = ("/sbin/zfs",)

_COMMANDS = {
    "create": Command("create", "create", locked=False),
    "destroy": Command("destroy", "destroy"),
    "list": Command("listing", "do_list"),
    "get": Command("listing", "do_get"),
    "set": Command("change", "set_properties"),
    "inherit": Command("change", "inherit"),
    "snapshot": Command("snapshots", "snapshot"),
    "rollback": Command("snapshots", "rollback"),
    "bookmark": Command("snapshots", "bookmark"),
    "hold": Command("snapshots", "hold"),
    "holds": Command("snapshots", "holds"),
    "release": Command("snapshots", "release"),
    "diff": Command("snapshots", "diff"),
    "clone": Command("lineage", "clone"),
    "promote": Command("lineage", "promote"),
    "rename": Command("lineage", "rename"),
    "mount": Command("mounting", "mount"),
    "unmount": Command("mounting", "unmount"),
    "load-key": Command("mounting", "load_key", locked=False),
    "unload-key": Command("mounting", "unload_key"),
    "change-key": Command("mounting", "change_key", locked=False),
    "send": Command("sending", "send", locked=False),
    "receive": Command("receiving", "receive", locked=False),
    "allow": Command("delegation", "allow"),
    "unallow": Command("delegation", "unallow"),
}
_PROGRAM = Program(
    package=__name__,
    commands=_COMMANDS,
    reading=("list", "get", "holds", "diff"),
    unbuilt=(
        "program",
        "upgrade",
        "userspace",
        "groupspace",
        "projectspace",
        "project",
        "share",
        "unshare",
        "redact",
        "wait",
        "jail",
        "unjail",
    ),
    aliases={"umount": "unmount", "recv": "receive", "snap": "snapshot"},
)


def main(argv: Sequence[str]) -> int:
    return _PROGRAM.main(argv)
