# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failure at every command of an export and of an import; then the same task again must put it right, data included.

A power cut and a kill come at some of the commands.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest
from exports import COPY, EXPORT, FILE, make_web1, residue
from faults import Sweep, sample, tried
from guests import sums
from harness import Modules


class Export(Sweep):
    """Faults while a file is made."""

    # Nodes of volumes are waited for.
    polls = True

    def __init__(self, modules: Modules) -> None:
        super().__init__(modules, "bhyve_export", EXPORT)
        self.data = sums(self.host)

    def begin(self) -> None:
        self.host.sh(f"rm -f {FILE}", check=True)

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        left = residue(self.host)
        return [f"left behind: {left}"] if left else []

    def end(self) -> None:
        """Also: the file still has everything."""
        super().end()
        self.modules.good("bhyve_import", COPY)
        assert sums(self.host, "web2") == self.data


class Import(Sweep):
    """Faults while a guest is made of a file."""

    polls = True

    def __init__(self, modules: Modules) -> None:
        super().__init__(modules, "bhyve_import", COPY)
        modules.good("bhyve_export", EXPORT)
        self.data = sums(self.host)

    def begin(self) -> None:
        self.modules.good("bhyve_vm", {"name": "web2", "state": "absent", "destroy": True})

    def left(self, result: Optional[Dict[str, Any]]) -> List[str]:
        """A guest that is seen is whole, if the task came to its end."""
        there = result is not None and "web2" in self.host.sh("ls /apiary").stdout.split()
        return ["what is seen is not whole"] if there and sums(self.host, "web2") != self.data else []

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        found = [] if sums(self.host, "web2") == self.data else ["the data is not that of the export"]
        left = residue(self.host)
        return [*found, f"left behind: {left}"] if left else found


@pytest.fixture(params=[Export, Import], ids=["bhyve_export", "bhyve_import"])
def sweep(request: pytest.FixtureRequest, modules: Modules) -> Sweep:
    """A sweep over the commands of a module."""
    make_web1(modules)
    made: Sweep = request.param(modules)
    made.record()
    assert len(made.commands) >= 15
    return made


def test_a_command_that_fails(sweep: Sweep) -> None:
    sweep.go("fail", tried(len(sweep.commands)))


def test_a_command_that_did_its_work_and_says_it_failed(sweep: Sweep) -> None:
    sweep.go("half", sample(sweep.numbers(), 6))


def test_a_power_cut_at_a_command(sweep: Sweep) -> None:
    sweep.go("cut", sample(sweep.numbers(), 6))


def test_the_task_is_killed_at_a_command_that_hangs(sweep: Sweep) -> None:
    sweep.go("hang", sample(sweep.numbers(), 6))
