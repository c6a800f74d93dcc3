# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints, behind the tests, how much of what real FreeBSD printed the stand-in host agrees with, command by command."""

from __future__ import annotations

import os
from typing import Dict, List

import pytest
from replay.__main__ import OUTCOMES, table_of
from spread import spread


@pytest.fixture(scope="session", autouse=True)
def _one_tree_for_all_hosts(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is below the hosts' roots is the same for all of them: made once for a run, not anew in each lab."""
    own = tmp_path_factory.getbasetemp()
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    os.environ["STANDIN_TREES"] = str(common / "trees")


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """The replays are the longest tests by far, and marked so."""
    spread(items)


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
