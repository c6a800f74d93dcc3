# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failure at every command of create, start, stop and absent; then the same task again must put it right.

The number of commands is taken from a recorded run, and each fault must have been hit. How often a wait polls varies
from run to run, so the last few commands of a run that waits may not come to pass: those are counted, and bounded.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from typing import Any, Dict, List

import pytest
from harness import Modules
from standin.host import StandinHost

GUEST: Dict[str, Any] = {
    "name": "web1",
    "memory": "64M",
    "cpus": 1,
    "firmware": "bhyveload",
    "loader": {"host_path": "/tiny", "env": {"mode": "acpi"}},
    "disks": [
        {"name": "root", "backing": "zvol", "size": "16M"},
        {"name": "data", "backing": "sparse-file", "size": "8M"},
    ],
    "nics": [{"name": "lan", "switch": "bridge0"}],
    "stop_timeout": 5,
}


@dataclass(frozen=True)
class Step:
    """A task of a guest's life, and the task that brings the guest to where it begins."""

    name: str
    task: Dict[str, Any]
    before: Dict[str, Any]


GONE = {"name": "web1", "state": "absent", "destroy": True}
STARTED = dict(GUEST, state="started")
STEPS = {
    "create": Step("create", dict(GUEST, state="present"), GONE),
    "start": Step("start", STARTED, dict(GUEST, state="stopped")),
    "stop": Step("stop", {"name": "web1", "state": "stopped"}, STARTED),
    "absent": Step("absent", GONE, STARTED),
}


def reach(modules: Modules, step: Step) -> None:
    """Bring the host to where the step begins."""
    modules.good("bhyve_vm", step.before)


def recorded(host: StandinHost, modules: Modules, step: Step) -> List[str]:
    """The commands that the step starts when all goes well; at its end the host is settled."""
    reach(modules, step)
    host.clear_commands()
    modules.good("bhyve_vm", step.task)
    return [" ".join(call.argv) for call in host.commands()]


def sample(commands: List[str]) -> List[int]:
    """Some of the commands by number, the first and the last among them: a power cut costs a boot each time."""
    count = len(commands)
    return sorted({1 + index * (count - 1) // 4 for index in range(5)})


def converge(modules: Modules, step: Step) -> List[str]:
    """Run the task again, then once more; what is wrong with that, if anything."""
    again = modules.run("bhyve_vm", step.task)
    if again.get("failed"):
        return ["converge failed: " + json.dumps(again)[:600]]
    settled = modules.run("bhyve_vm", step.task)
    if settled.get("failed") or settled["changed"]:
        return ["the second run is not unchanged: " + json.dumps(settled)[:600]]
    return []


def residue(host: StandinHost) -> List[str]:
    """What is left of web1 when it should be gone."""
    script = (
        "ls -A /apiary | grep web1; ls -A /var/run/apiary | grep '^web1$'; ls /dev/vmm 2> /dev/null | grep web1;"
        " ifconfig -g apiary; zfs list -H -o name | grep web1;"
        " ps -axww -o command | grep '[a]piary:web1\\|[b]hyve: web1'"
    )
    return host.sh(script).stdout.split("\n")[:-1]


class Sweep:
    """Faults at the k-th command of a step, each followed by the same task without one."""

    def __init__(self, host: StandinHost, modules: Modules, step: Step) -> None:
        self.host = host
        self.modules = modules
        self.step = step
        self.commands = recorded(host, modules, step)
        self.missed = 0
        self.wrong: List[str] = []

    def set_fault(self, k: int, **rule: Any) -> None:
        """Come to where the step begins, and let its k-th command go wrong."""
        reach(self.modules, self.step)
        self.host.clear_commands()
        self.host.set_faults([dict(rule, match=["*"], kth=k)])

    def judge(self, k: int) -> None:
        """Take the fault away and look whether the same task puts things right."""
        hit = self.host.fired_faults()
        self.host.set_faults([])
        if not hit:
            self.missed += 1
            if len(self.host.commands()) >= k:
                self.wrong.append(f"{k}: the fault was not hit ({self.commands[k - 1]})")
            return
        name = " ".join(hit[0]["argv"])
        self.wrong += [f"{k} ({name}): {text}" for text in converge(self.modules, self.step)]

    def end(self) -> None:
        """All is well, nearly all faults were hit, and of the guest nothing is left when it goes."""
        assert not self.wrong, "\n".join(self.wrong)
        assert self.missed <= len(self.commands) // 5, f"{self.missed} of {len(self.commands)} faults were not hit"
        self.modules.good("bhyve_vm", GONE)
        assert residue(self.host) == []


@pytest.fixture(params=sorted(STEPS))
def sweep(request: pytest.FixtureRequest, host: StandinHost, modules: Modules) -> Sweep:
    """A sweep over the commands of one step."""
    made = Sweep(host, modules, STEPS[request.param])
    assert len(made.commands) >= 4, made.commands
    return made


def test_a_command_that_fails(sweep: Sweep) -> None:
    for k in range(1, len(sweep.commands) + 1):
        sweep.set_fault(k, mode="fail", exit=1, stderr="it failed")
        sweep.modules.run("bhyve_vm", sweep.step.task)
        sweep.judge(k)
    sweep.end()


def test_a_command_that_did_its_work_and_says_it_failed(sweep: Sweep) -> None:
    for k in sample(sweep.commands):
        sweep.set_fault(k, mode="half")
        sweep.modules.run("bhyve_vm", sweep.step.task)
        sweep.judge(k)
    sweep.end()


def test_a_power_cut_at_a_command(sweep: Sweep) -> None:
    for k in sample(sweep.commands):
        sweep.set_fault(k, mode="cut")
        process = sweep.modules.start("bhyve_vm", sweep.step.task)
        process.communicate(timeout=120)
        if sweep.host.fired_faults():
            sweep.host.wait_off()
            sweep.host.boot()
        sweep.judge(k)
    sweep.end()


def test_a_command_that_hangs_and_the_task_is_killed(sweep: Sweep) -> None:
    for k in sample(sweep.commands):
        sweep.set_fault(k, mode="hang")
        process = sweep.modules.start("bhyve_vm", sweep.step.task)
        wait_for_fault(sweep.host, process)
        sweep.host.sh("pkill -9 -f runner.py")
        process.communicate(timeout=60)
        # What hangs is killed as an administrator would do it, by its pid.
        for hit in sweep.host.fired_faults():
            sweep.host.sh(f"kill -9 {hit['pid']}")
        sweep.judge(k)
    sweep.end()


def wait_for_fault(host: StandinHost, process: subprocess.Popen[str], seconds: float = 60.0) -> None:
    """Wait until a fault fired, or the task has ended without one."""
    deadline = time.monotonic() + seconds
    while not host.fired_faults() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
