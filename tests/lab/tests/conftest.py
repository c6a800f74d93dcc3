# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints, behind the tests, how much of what real FreeBSD printed the stand-in host agrees with, command by command."""

from __future__ import annotations

import os
from typing import Dict, List

import pytest
from replay.__main__ import OUTCOMES, table_of

_LONG = "test_only_known_differences["


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """The replays are the longest tests by far: each worker of pytest-xdist begins with its share of them.

    At first every worker is given a part of the list, all of the same length; what is left of it others take over when
    they are done with theirs.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.name.startswith(_LONG)]
    others = [item for item in items if not item.name.startswith(_LONG)]
    ordered: List[pytest.Item] = []
    for worker in range(workers):
        share = long[worker::workers]
        room = (len(items) - len(ordered)) // (workers - worker) - len(share)
        ordered += share + others[: max(0, room)]
        others = others[max(0, room) :]
    items[:] = ordered + others


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One table over all transcripts that were replayed in this run."""
    counts: Dict[str, Dict[str, int]] = {}
    reports: List[pytest.TestReport] = []
    for category in ("passed", "failed"):
        reports += terminalreporter.stats.get(category, [])
    for report in reports:
        for name, value in getattr(report, "user_properties", []):
            if name == "replay" and report.when == "call":
                for owner, row in value.items():
                    total = counts.setdefault(owner, dict.fromkeys(OUTCOMES, 0))
                    counts[owner] = {key: total[key] + row[key] for key in OUTCOMES}
    if counts:
        terminalreporter.section("replayed transcripts")
        terminalreporter.write_line(table_of(counts))
