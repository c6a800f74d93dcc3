# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How all tests wait for what another process is about to do."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

T = TypeVar("T")


def until(what: Callable[[], T], seconds: float = 30.0, pause: float = 0.05) -> T:
    """Poll until something is true, and give that back; what is still false when the time is over is given back too."""
    deadline = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(pause)
