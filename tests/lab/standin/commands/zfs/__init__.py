# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zfs(8)."""

from __future__ import annotations

import importlib
from typing import Callable, Dict, Sequence, Tuple

from ...zfs import version
from ...zfs.errors import NotBuilt, UsageError
from ...zfs.session import check_rights, guarded, session

PATHS: Tuple[str, ...] = ("/sbin/zfs",)

# Sub-command -> module, function, whether the function gets the state loaded and locked (else it does that by itself,
# because it waits for its standard input or output).
_COMMANDS: Dict[str, Tuple[str, str, bool]] = {
    "create": ("create", "create", False),
    "destroy": ("destroy", "destroy", True),
    "list": ("listing", "do_list", True),
    "get": ("listing", "do_get", True),
    "set": ("change", "set_properties", True),
    "inherit": ("change", "inherit", True),
    "snapshot": ("snapshots", "snapshot", True),
    "rollback": ("snapshots", "rollback", True),
    "bookmark": ("snapshots", "bookmark", True),
    "hold": ("snapshots", "hold", True),
    "holds": ("snapshots", "holds", True),
    "release": ("snapshots", "release", True),
    "diff": ("snapshots", "diff", True),
    "clone": ("lineage", "clone", True),
    "promote": ("lineage", "promote", True),
    "rename": ("lineage", "rename", True),
    "mount": ("mounting", "mount", True),
    "unmount": ("mounting", "unmount", True),
    "load-key": ("mounting", "load_key", False),
    "unload-key": ("mounting", "unload_key", True),
    "change-key": ("mounting", "change_key", False),
    "send": ("sending", "send", False),
    "receive": ("receiving", "receive", False),
    "allow": ("delegation", "allow", True),
    "unallow": ("delegation", "unallow", True),
}
_READING = ("list", "get", "holds", "diff")
_ALIASES = {"umount": "unmount", "recv": "receive", "snap": "snapshot"}
_NOT_BUILT = (
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
)


def main(argv: Sequence[str]) -> int:
    from . import usage

    if len(argv) < 2:
        usage.show("missing command", usage.of_all())
        return 2
    name = _ALIASES.get(argv[1], argv[1])
    if name in ("version", "-V", "--version"):
        print(f"zfs-{version()}\nzfs-kmod-{version()}")
        return 0
    if name in ("-?", "--help", "help", "-h"):
        print("\n".join(usage.of_all()))
        return 0
    if name not in _COMMANDS and name not in _NOT_BUILT:
        usage.show(f"unrecognized command '{argv[1]}'", usage.of_all())
        return 2
    return guarded(lambda: _run(name, argv), lambda problem: usage.show(problem, usage.of_command(name)))


def _run(name: str, argv: Sequence[str]) -> int:
    if name in _NOT_BUILT:
        raise NotBuilt(f"zfs: {name}")
    check_rights(argv, _READING)
    module, function, locked = _COMMANDS[name]
    command: Callable[..., int] = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    if not locked:
        return command(argv)
    problem: UsageError
    with session(argv) as current:
        try:
            return command(current, argv[2:])
        except UsageError as error:
            problem = error
    raise problem
