# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A failure at every command of a clone and of a renaming; then the same task again must put it right, data included.

The number of commands is taken from a recorded run, and each fault must have been hit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Tuple

import pytest
from faults import Sweep, sample, tried
from guests import DISKS, record, snapshots, sums, tiny, write
from harness import Modules

WEB1 = tiny("web1", disks=DISKS, nics=[{"name": "lan", "switch": "bridge0"}])
AFTER = tiny("app1", boot={"after": ["web1"]})
CLONE = {"name": "web2", "clone_from": "web1"}
GONE = {"name": "web2", "state": "absent", "destroy": True}


@dataclass(frozen=True)
class Step:
    """A task, the tasks that bring the host to where it begins, and which guests have the data afterwards."""

    task: Dict[str, Any]
    before: Tuple[Dict[str, Any], ...]
    guests: Tuple[str, ...]


STEPS = {
    "clone": Step(CLONE, (GONE,), ("web1", "web2")),
    "copy": Step({**CLONE, "clone_mode": "copy"}, (GONE,), ("web1", "web2")),
    "promote": Step({**CLONE, "promote": True}, ({"name": "web1", "promote": True}, GONE), ("web1", "web2")),
    "rename": Step({"name": "shop1", "rename_from": "web1"}, ({"name": "web1", "rename_from": "shop1"},), ("shop1",)),
}


class StepSweep(Sweep):
    """Faults at the commands of a step."""

    def __init__(self, modules: Modules, step: Step) -> None:
        super().__init__(modules, "bhyve_vm", step.task)
        self.step = step
        modules.good("bhyve_vm", {"vms": [WEB1, AFTER]})
        write(self.host, "old")
        self.old = sums(self.host)
        self.identity = record(self.host)["identity"]

    def begin(self) -> None:
        for task in self.step.before:
            self.modules.good("bhyve_vm", task)

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        found = [f"{guest}: other data" for guest in self.step.guests if sums(self.host, guest) != self.old]
        if "shop1" in self.step.guests:
            return found + self.renamed()
        expected = 0 if self.step.task.get("clone_mode") == "copy" else 2
        return found if len(snapshots(self.host)) == expected else [*found, f"snapshots: {snapshots(self.host)}"]

    def renamed(self) -> List[str]:
        """What is wrong with the guest of another name."""
        found = []
        if record(self.host, "shop1")["identity"] != self.identity:
            found.append("another identity")
        if record(self.host, "app1")["declared"]["boot"]["after"] != ["shop1"]:
            found.append("app1 did not follow")
        left = self.host.sh("ls -A /apiary /var/run/apiary; cat /var/db/apiary/host.json; zfs list -H -o name").stdout
        return [*found, "web1 is left somewhere"] if "web1" in left else found

    def end(self) -> None:
        """Also: nothing is left when the guests go."""
        super().end()
        self.begin()
        self.modules.good("bhyve_vm", {"vms": [{**GONE, "name": name} for name in ("web1", "app1")]})
        assert snapshots(self.host) == []
        assert self.host.sh("zfs list -H -o name -r zroot/apiary").stdout.split() == ["zroot/apiary"]


@pytest.fixture(params=sorted(STEPS))
def sweep(request: pytest.FixtureRequest, modules: Modules) -> StepSweep:
    """A sweep over the commands of one step."""
    made = StepSweep(modules, STEPS[request.param])
    made.record()
    assert len(made.commands) >= 4, made.commands
    return made


def test_a_command_that_fails(sweep: StepSweep) -> None:
    sweep.go("fail", tried(len(sweep.commands)))


def test_a_command_that_did_its_work_and_says_it_failed(sweep: StepSweep) -> None:
    sweep.go("half", tried(len(sweep.commands)))


def test_a_power_cut_at_a_command(sweep: StepSweep) -> None:
    sweep.go("cut", sample(sweep.numbers()))


def test_a_command_that_hangs_and_the_task_is_killed(sweep: StepSweep) -> None:
    sweep.go("hang", sample(sweep.numbers()))
