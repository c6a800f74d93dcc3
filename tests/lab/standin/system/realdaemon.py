# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that are the very same program on FreeBSD: Debian's, under FreeBSD's path and with FreeBSD's places."""

from __future__ import annotations

import os
import sys
from typing import Mapping, NoReturn, Sequence

from .. import launch
from ..bsd.native import program


def become(name: str, words: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Become Debian's program, called by the name it was called by here, so that ps(1) and rc.subr(8) know it."""
    binary = program(name)
    called = os.path.abspath(sys.argv[0]) if "/" in sys.argv[0] else name
    launch.become(binary, [called, *words], {**os.environ, "LC_ALL": "C", **environment})
