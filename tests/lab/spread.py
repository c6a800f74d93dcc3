# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of tests for several workers: nobody wants to wait for a long one alone in the end."""

from __future__ import annotations

import os
from typing import List

import pytest


def spread(items: List[pytest.Item]) -> None:
    """Let each worker of pytest-xdist begin with its share of the tests that are marked ``early``.

    At first every worker is given a part of the list, all of the same length; what is left of it others take over when
    they are done with theirs. Calling it twice changes nothing more: each folder's conftest.py may.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    early = sorted((item for item in items if item.get_closest_marker("early")), key=lambda item: item.nodeid)
    others = [item for item in items if not item.get_closest_marker("early")]
    ordered: List[pytest.Item] = []
    for worker in range(workers):
        share = early[worker::workers]
        room = (len(items) - len(ordered)) // (workers - worker) - len(share)
        ordered += share + others[: max(0, room)]
        others = others[max(0, room) :]
    items[:] = ordered + others
