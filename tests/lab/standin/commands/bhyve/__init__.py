# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bhyve(8): runs a guest."""

from __future__ import annotations

from typing import Sequence

PATHS = ("/usr/sbin/bhyve",)


def main(argv: Sequence[str]) -> int:
    """Run a guest until it ends; the exit status says how (bhyve(8), EXIT STATUS)."""
    import signal

    from ... import vmm
    from . import options
    from .errors import Exit

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    host = vmm.hardware()
    try:
        line = options.parse(argv[1:], host)
        if line.config.boolean("config.dump"):
            print("".join(f"{name}={value}\n" for name, value in line.config.items()), end="")
            return 1
        from .run import run

        return run(line, host)
    except Exit as end:
        return end.status
