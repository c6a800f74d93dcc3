# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""shutdown(8), halt(8), poweroff(8): init's orderly end. A host that switches itself on again is not built."""

from __future__ import annotations

import os
import signal
import sys
from typing import Sequence

from ..bsd.options import UsageError, getopt, not_built

PATHS = ("/sbin/halt", "/sbin/poweroff", "/sbin/reboot", "/sbin/shutdown", "/usr/sbin/poweroff")

_SHUTDOWN = """usage: shutdown [-] [-c | -h | -p | -r | -k] [-o [-n]] time [warning-message ...]
       poweroff"""


def main(argv: Sequence[str]) -> int:
    """Signal init as the real ones do (USR2: halt and power off)."""
    name = argv[0]
    if name == "reboot":
        not_built(name, "a host that switches itself on again")
    if name == "shutdown":
        try:
            options, operands = getopt(name, argv[1:], "-chknopr", _SHUTDOWN)
        except UsageError as error:
            sys.stderr.write(error.text + "\n")
            return error.status
        letters = {letter for letter, _unused in options}
        if not operands:
            sys.stderr.write(_SHUTDOWN + "\n")
            return 1
        if letters & {"c", "r"}:
            not_built(name, "a host that switches itself on again")
        if operands[0] not in ("now", "+0"):
            not_built(name, "a time other than now")
        if "k" in letters:
            return 0
        print("Shutdown NOW!")
        sys.stdout.flush()
    os.kill(1, signal.SIGUSR2)
    return 0
