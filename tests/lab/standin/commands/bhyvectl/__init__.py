# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bhyvectl(8): looks at and acts on a virtual machine."""

from __future__ import annotations

from typing import Sequence

PATHS = ("/usr/sbin/bhyvectl",)


def main(argv: Sequence[str]) -> int:
    """Do what the options say, in bhyvectl's own order; 255 for a failed request, 1 for a machine that is not there."""
    from .control import run

    return run(list(argv[1:]))
