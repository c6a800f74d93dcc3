# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rpcbind(8): Debian's own, which is the same program, with Debian's tree as its root."""

from __future__ import annotations

import os
from typing import NoReturn, Sequence

from .. import paths
from ..system import cli

PATHS = ("/usr/sbin/rpcbind",)


def _usage() -> int:
    cli.not_built("rpcbind", "the usage text")


def main(argv: Sequence[str]) -> NoReturn:
    options, words = cli.options_or_usage(argv, "6adh:ILlsWw", _usage)
    if options or words:
        cli.not_built("rpcbind", "options")
    os.makedirs(paths.LINUX + "/run/rpcbind", exist_ok=True)
    os.chroot(paths.LINUX)
    os.chdir("/")
    cli.become("rpcbind", ["/usr/sbin/rpcbind", "-i"])
