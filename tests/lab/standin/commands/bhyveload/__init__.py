# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bhyveload(8): loads a FreeBSD guest into a virtual machine."""

from __future__ import annotations

from typing import Sequence

PATHS = ("/usr/sbin/bhyveload",)


def main(argv: Sequence[str]) -> int:
    """Make the machine if need be, run the boot loader in it; 0 when a kernel is loaded."""
    from ..bhyve.errors import Exit
    from .loader import run

    try:
        return run(list(argv[1:]))
    except Exit as end:
        return end.status
