# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""test and [ as programs."""

from __future__ import annotations

import os
import sys

from .. import launch
from .options import Options
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import List


def _test(name: str, options: Options, words: List[str]) -> int:
    """/bin/sh's own test does the work: it is the same program in FreeBSD's sh and in /bin/test."""
    if name == "[" and words[-1:] != ["]"]:
        sys.stderr.write("[: missing ]\n")
        return 2
    launch.become("/bin/sh", [name, "-c", f'{name} "$@"', name, *words], dict(os.environ))


TOOLS = {"test": Tool(_test, None, ""), "[": Tool(_test, None, "")}
