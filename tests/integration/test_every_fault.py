# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failure at every command of create, start, stop and absent; then the same task again must put it right.

The commands are taken from a recorded run. A fault is set at the n-th call of a command of that name, for every call in
the recording, with one exception: of calls with the very same arguments, which are a loop that polls (``sleep 0.2``) or
a read before and after the change, the first and the last stand for those between them. Each fault must have been hit;
how often a loop polls varies from run to run, so a few may not come to pass: those are counted, and bounded.

A guest's life is one circle, so the sweep goes round: each step begins where the one before it has converged.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple, TypeVar

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
T = TypeVar("T")
#: The sweep over all commands is cut into as many tests, for workers to share.
SHARDS = 8
#: No task of these takes longer, whatever fails in it: seconds.
PATIENCE = 90.0


@dataclass(frozen=True)
class Step:
    """A task of a guest's life, and the task that brings the guest to where it begins."""

    task: Dict[str, Any]
    begin: str
    end: str


GONE = {"name": "web1", "state": "absent", "destroy": True}
#: Where a guest can be, and the task that brings it there.
PLACES: Dict[str, Dict[str, Any]] = {
    "gone": GONE,
    "stopped": dict(GUEST, state="stopped"),
    "started": dict(GUEST, state="started"),
}
LIFE = {
    "create": Step(dict(GUEST, state="present"), "gone", "stopped"),
    "start": Step(PLACES["started"], "stopped", "started"),
    "stop": Step({"name": "web1", "state": "stopped"}, "started", "stopped"),
    "absent": Step(GONE, "stopped", "gone"),
}
STEPS = {**LIFE, "absent of a running guest": Step(GONE, "started", "gone")}


@dataclass(frozen=True)
class Call:
    """The n-th call of the command of that name in a step; ``words`` are those of the recorded run."""

    name: str
    nth: int
    words: str


def recorded(host: StandinHost, modules: Modules, step: Step) -> List[Call]:
    """The calls of the step when all goes well, without those between the first and the last of the very same."""
    modules.good("bhyve_vm", PLACES[step.begin])
    host.clear_commands()
    modules.good("bhyve_vm", step.task)
    seen: Counter[str] = Counter()
    calls: Dict[str, List[Call]] = {}
    for argv in (call.argv for call in host.commands()):
        seen[argv[0]] += 1
        words = " ".join(argv)
        calls.setdefault(words, []).append(Call(argv[0], seen[argv[0]], words))
    return [call for same in calls.values() for call in dict.fromkeys((same[0], same[-1]))]


def sample(calls: Sequence[T]) -> List[T]:
    """Some of the calls, the first and the last among them."""
    return [calls[index] for index in sorted({number * (len(calls) - 1) // 3 for number in range(4)})]


def residue(host: StandinHost) -> List[str]:
    """What is left of web1 when it should be gone."""
    script = (
        "ls -A /apiary | grep web1; ls -A /var/run/apiary | grep '^web1$'; ls /dev/vmm 2> /dev/null | grep web1;"
        " ifconfig -g apiary; zfs list -H -o name | grep web1;"
        " ps -axww -o command | grep '[a]piary:web1\\|[b]hyve: web1'"
    )
    return host.sh(script).stdout.split("\n")[:-1]


class Sweep:
    """Faults at calls of steps, each followed by the same task without one."""

    def __init__(self, host: StandinHost, modules: Modules, calls: Dict[str, List[Call]]) -> None:
        self.host = host
        self.modules = modules
        self.calls = calls
        self.place = ""
        self.tried = 0
        self.missed: List[str] = []
        self.wrong: List[str] = []

    def run(self, step: Step) -> Dict[str, Any]:
        return self.modules.finish(self.modules.start("bhyve_vm", step.task), PATIENCE)

    def fault(self, step: Step, call: Call, **rule: Any) -> None:
        """Come to where the step begins, and let that call go wrong."""
        if self.place != step.begin:
            self.modules.good("bhyve_vm", PLACES[step.begin])
        self.place = ""
        self.host.set_faults([dict(rule, match=[call.name], kth=call.nth)])

    def judge(self, step: Step, call: Call) -> None:
        """Take the fault away and look whether the same task puts things right."""
        hit = self.host.fired_faults()
        self.host.set_faults([])
        self.tried += 1
        what = f"{call.nth}. {call.name} ({' '.join(hit[0]['argv']) if hit else call.words})"
        if not hit:
            self.missed.append(what)
            return
        again = self.run(step)
        if again.get("failed"):
            self.wrong.append(f"{what}: converge failed: {json.dumps(again)[:600]}")
            return
        settled = self.run(step)
        if settled.get("failed") or settled["changed"]:
            self.wrong.append(f"{what}: the second run is not unchanged: {json.dumps(settled)[:600]}")
            return
        self.place = step.end

    def end(self) -> None:
        """All is well, nearly all faults were hit, and of the guest nothing is left when it goes."""
        assert not self.wrong, "\n".join(self.wrong)
        assert len(self.missed) <= 1 + self.tried // 10, f"not hit, of {self.tried}: {self.missed}"
        self.modules.good("bhyve_vm", GONE)
        assert residue(self.host) == []


@pytest.fixture(scope="module")
def calls(shared_host: StandinHost) -> Dict[str, List[Call]]:
    """The calls of each step, as recorded once."""
    Path(shared_host.directory, "disk", "guests.json").write_text('{"guest": "light"}')  # it is off in no time
    modules = Modules(shared_host)
    return {name: recorded(shared_host, modules, step) for name, step in STEPS.items()}


@pytest.fixture
def sweep(shared_host: StandinHost, calls: Dict[str, List[Call]]) -> Sweep:
    """A sweep on the worker's host, whatever the test before has left of it."""
    shared_host.set_faults([])
    shared_host.up()
    modules = Modules(shared_host)
    return Sweep(shared_host, modules, calls)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_command_that_fails(sweep: Sweep, shard: int) -> None:
    longest = max(len(sweep.calls[name]) for name in LIFE)
    for k in range(shard, longest, SHARDS):
        for name, step in LIFE.items():
            if k >= len(sweep.calls[name]):
                continue
            call = sweep.calls[name][k]
            began = time.monotonic()
            sweep.fault(step, call, mode="fail", exit=1, stderr="it failed")
            sweep.run(step)
            sweep.judge(step, call)
            print(f"{time.monotonic() - began:.1f} s: {name} {k}: {call.words}")
    sweep.end()


def steps_and_samples(sweep: Sweep, name: str) -> List[Tuple[Step, Call]]:
    return [(STEPS[name], call) for call in sample(sweep.calls[name])]


@pytest.mark.parametrize("name", STEPS)
def test_a_command_that_did_its_work_and_says_it_failed(sweep: Sweep, name: str) -> None:
    for step, call in steps_and_samples(sweep, name):
        sweep.fault(step, call, mode="half")
        sweep.run(step)
        sweep.judge(step, call)
    sweep.end()


@pytest.mark.parametrize("name", STEPS)
def test_a_power_cut_at_a_command(sweep: Sweep, name: str) -> None:
    for step, call in steps_and_samples(sweep, name):
        sweep.fault(step, call, mode="cut")
        process = sweep.modules.start("bhyve_vm", step.task)
        process.communicate(timeout=PATIENCE)
        if sweep.host.fired_faults():
            sweep.host.wait_off()
            sweep.host.boot()
        sweep.judge(step, call)
    sweep.end()


@pytest.mark.parametrize("name", STEPS)
def test_a_command_that_hangs_and_the_task_is_killed(sweep: Sweep, name: str) -> None:
    for step, call in steps_and_samples(sweep, name):
        sweep.fault(step, call, mode="hang")
        process = sweep.modules.start("bhyve_vm", step.task)
        wait_for_fault(sweep.host, process)
        sweep.host.sh("pkill -9 -f runner.py")
        process.communicate(timeout=PATIENCE)
        # What hangs is killed as an administrator would do it, by its pid.
        for hit in sweep.host.fired_faults():
            sweep.host.sh(f"kill -9 {hit['pid']}")
        sweep.judge(step, call)
    sweep.end()


def wait_for_fault(host: StandinHost, process: subprocess.Popen[str]) -> None:
    """Wait until a fault fired, or the task has ended without one."""
    deadline = time.monotonic() + PATIENCE
    while not host.fired_faults() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
