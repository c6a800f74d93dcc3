# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zpool(8)."""

from __future__ import annotations

import importlib
from typing import Callable, Dict, Sequence, Tuple

from ...zfs import version
from ...zfs.errors import NotBuilt, UsageError
from ...zfs.session import Session, check_rights, guarded, session

PATHS: Tuple[str, ...] = ("/sbin/zpool",)

_COMMANDS: Dict[str, Tuple[str, str]] = {
    "create": ("making", "create"),
    "destroy": ("making", "destroy"),
    "export": ("making", "export"),
    "import": ("making", "do_import"),
    "add": ("devices", "add"),
    "attach": ("devices", "attach"),
    "detach": ("devices", "detach"),
    "replace": ("devices", "replace"),
    "online": ("devices", "online"),
    "offline": ("devices", "offline"),
    "labelclear": ("devices", "labelclear"),
    "clear": ("devices", "clear"),
    "scrub": ("devices", "scrub"),
    "list": ("listing", "do_list"),
    "get": ("listing", "get"),
    "set": ("listing", "set_property"),
    "status": ("status", "status"),
    "history": ("status", "history"),
    "sync": ("status", "sync"),
}
_READING = ("list", "get", "status", "history")
_NOT_BUILT = (
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
)


def main(argv: Sequence[str]) -> int:
    from . import usage

    if len(argv) < 2:
        usage.show("missing command", usage.of_all())
        return 2
    name = argv[1]
    if name in ("version", "-V", "--version"):
        print(f"zfs-{version()}\nzfs-kmod-{version()}")
        return 0
    if name in ("-?", "--help", "help", "-h"):
        print("\n".join(usage.of_all()))
        return 0
    if name not in _COMMANDS and name not in _NOT_BUILT:
        usage.show(f"unrecognized command '{name}'", usage.of_all())
        return 2
    return guarded(lambda: _run(name, argv), lambda problem: usage.show(problem, usage.of_command(name)))


def _run(name: str, argv: Sequence[str]) -> int:
    if name in _NOT_BUILT:
        raise NotBuilt(f"zpool: {name}")
    check_rights(argv, _READING)
    module, function = _COMMANDS[name]
    command: Callable[[Session, Sequence[str]], int] = getattr(
        importlib.import_module(f"{__name__}.{module}"), function
    )
    problem: UsageError
    with session(argv) as current:
        try:
            return command(current, argv[2:])
        except UsageError as error:
            problem = error
    raise problem
