# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A failure at every command of a clone and of a renaming; then the same task again must put it right, data included.

The number of commands is taken from a recorded run, and each fault must have been hit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, List, Tuple

import pytest
from harness import Modules, tried
from standin.host import StandinHost
from test_clone_rename import CLONE, TINY, WEB1, record, snapshots, sums, write
from test_every_fault import sample, wait_for_fault

GONE = {"name": "web2", "state": "absent", "destroy": True}
AFTER = {**TINY, "name": "app1", "boot": {"after": ["web1"]}}


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


class Sweep:
    """Faults at the k-th command of a step, each followed by the same task without one."""

    def __init__(self, host: StandinHost, modules: Modules, step: Step) -> None:
        self.host, self.modules, self.step = host, modules, step
        modules.good("bhyve_vm", {"vms": [WEB1, AFTER]})
        write(host, "web1", "old")
        self.old = sums(host, "web1")
        self.identity = record(host, "web1")["identity"]
        host.clear_commands()
        modules.good("bhyve_vm", step.task)
        self.commands = [" ".join(call.argv) for call in host.commands()]
        self.wrong: List[str] = []

    def set_fault(self, k: int, **rule: Any) -> None:
        """Come to where the step begins, and let its k-th command go wrong."""
        for task in self.step.before:
            self.modules.good("bhyve_vm", task)
        self.host.clear_commands()
        self.host.set_faults([dict(rule, match=["*"], kth=k)])

    def judge(self, k: int) -> None:
        """Take the fault away and look whether the same task puts things right."""
        hit = self.host.fired_faults()
        self.host.set_faults([])
        if not hit:
            self.wrong.append(f"{k}: the fault was not hit ({self.commands[k - 1]})")
            return
        name = " ".join(hit[0]["argv"])
        self.wrong += [f"{k} ({name}): {text}" for text in self.converge()]

    def converge(self) -> List[str]:
        """Run the task again, then once more; what is wrong with that, if anything."""
        again = self.modules.run("bhyve_vm", self.step.task)
        if again.get("failed"):
            return ["converge failed: " + json.dumps(again)[:600]]
        settled = self.modules.run("bhyve_vm", self.step.task)
        if settled.get("failed") or settled["changed"]:
            return ["the second run is not unchanged: " + json.dumps(settled)[:600]]
        found = [f"{guest}: other data" for guest in self.step.guests if sums(self.host, guest) != self.old]
        if "shop1" in self.step.guests:
            if record(self.host, "shop1")["identity"] != self.identity:
                found.append("another identity")
            if record(self.host, "app1")["declared"]["boot"]["after"] != ["shop1"]:
                found.append("app1 did not follow")
            left = self.host.sh(
                "ls -A /apiary /var/run/apiary; cat /var/db/apiary/host.json; zfs list -H -o name"
            ).stdout
            found += ["web1 is left somewhere"] if "web1" in left else []
        elif len(snapshots(self.host)) != (0 if self.step.task.get("clone_mode") == "copy" else 2):
            found.append(f"snapshots: {snapshots(self.host)}")
        return found

    def end(self) -> None:
        """All is well, and nothing is left when the guests go."""
        assert not self.wrong, "\n".join(self.wrong)
        for task in self.step.before:
            self.modules.good("bhyve_vm", task)
        self.modules.good("bhyve_vm", {"vms": [{**GONE, "name": name} for name in ("web1", "app1")]})
        assert snapshots(self.host) == []
        assert self.host.sh("zfs list -H -o name -r zroot/apiary").stdout.split() == ["zroot/apiary"]


@pytest.fixture(params=sorted(STEPS))
def sweep(request: pytest.FixtureRequest, host: StandinHost, modules: Modules) -> Sweep:
    """A sweep over the commands of one step."""
    made = Sweep(host, modules, STEPS[request.param])
    assert len(made.commands) >= 4, made.commands
    return made


def test_a_command_that_fails(sweep: Sweep) -> None:
    for k in tried(len(sweep.commands)):
        sweep.set_fault(k, mode="fail", exit=1, stderr="it failed")
        sweep.modules.run("bhyve_vm", sweep.step.task)
        sweep.judge(k)
    sweep.end()


def test_a_command_that_did_its_work_and_says_it_failed(sweep: Sweep) -> None:
    for k in tried(len(sweep.commands)):
        sweep.set_fault(k, mode="half")
        sweep.modules.run("bhyve_vm", sweep.step.task)
        sweep.judge(k)
    sweep.end()


def test_a_power_cut_at_a_command(sweep: Sweep) -> None:
    for k in sample(range(1, len(sweep.commands) + 1)):
        sweep.set_fault(k, mode="cut")
        process = sweep.modules.start("bhyve_vm", sweep.step.task)
        process.communicate(timeout=120)
        if sweep.host.fired_faults():
            sweep.host.wait_off()
            sweep.host.boot()
        sweep.judge(k)
    sweep.end()


def test_a_command_that_hangs_and_the_task_is_killed(sweep: Sweep) -> None:
    for k in sample(range(1, len(sweep.commands) + 1)):
        sweep.set_fault(k, mode="hang")
        process = sweep.modules.start("bhyve_vm", sweep.step.task)
        wait_for_fault(sweep.host, process)
        sweep.host.sh("pkill -9 -f runner.py")
        process.communicate(timeout=60)
        for hit in sweep.host.fired_faults():
            sweep.host.sh(f"kill -9 {hit['pid']}")
        sweep.judge(k)
    sweep.end()
