# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""showmount(8): what mountd(8) exports, asked of this host."""

from __future__ import annotations

import select
from typing import Sequence

from .. import processes, state
from ..system import cli

PATHS = ("/usr/bin/showmount",)
_LOCAL = ("localhost", "127.0.0.1")
#: Seconds after which the library gives up that asks a port mapper which is not there.
_PATIENCE = 60.0


def _usage() -> int:
    cli.not_built("showmount", "the usage text")


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "ade13E", _usage)
    if {letter for letter, _value in options} - {"e", "3"} or not options:
        cli.not_built("showmount", "anything but -e")
    host = words[0] if words else "localhost"
    if host not in _LOCAL:
        cli.not_built("showmount", "another host")
    running = {process.comm for process in processes.table()}
    if "rpcbind" not in running:
        select.select([], [], [], _PATIENCE)
        cli.warn("showmount", "can't do exports rpc")
        return 1
    if "mountd" not in running:
        cli.flush()
        raise SystemExit(_unregistered())
    print(f"Exports list on {host}:")
    for path, clients in state.peek("kernel", "nfs").get("shown", []):
        print(f"{path:<34} " + ("".join(f"{client} " for client in clients) or "Everyone"))
    return 0


def _unregistered() -> int:
    import sys

    print("RPC: Program not registered", file=sys.stderr)
    cli.warn("showmount", "can't do exports rpc")
    return 1
