# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for what nobody tells of: looking again and again, for so long and no longer."""

from __future__ import annotations

import time
from typing import Iterator


def attempts(seconds: float, pause: float = 0.1) -> Iterator[int]:
    """Count the looks that there is time for, with a pause of ``pause`` seconds before each but the first.

    There is one in any case, and a last one when the ``seconds`` are over. Whoever has seen what it waits for leaves
    the loop; what comes after the loop is the failure.
    """
    deadline = time.monotonic() + seconds
    number = 1
    yield number
    while time.monotonic() < deadline:
        time.sleep(pause)
        number += 1
        yield number
