# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where cp, mv and ln put a file."""

from __future__ import annotations

import os

from .options import Options

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import List


def destination(options: Options, source: str, operands: List[str], follow: bool = True) -> str:
    """Where ``source`` goes: into the last operand if that is a directory, else to its name."""
    last = operands[-1]
    into = os.path.isdir(last) if follow else os.path.isdir(last) and not os.path.islink(last)
    return os.path.join(last, os.path.basename(source.rstrip("/"))) if into else last
