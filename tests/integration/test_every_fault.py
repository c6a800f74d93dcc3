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

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Sequence

import pytest
from faults import Sweep, sample
from guests import tiny
from harness import Modules
from standin.host import StandinHost

GUEST: Dict[str, Any] = tiny(
    "web1",
    disks=[
        {"name": "root", "backing": "zvol", "size": "16M"},
        {"name": "data", "backing": "sparse-file", "size": "8M"},
    ],
    nics=[{"name": "lan", "switch": "bridge0"}],
)
#: The sweep over all commands is cut into as many tests, for workers to share.
SHARDS = 8


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


def residue(host: StandinHost) -> List[str]:
    """What is left of web1 when it should be gone."""
    script = (
        "ls -A /apiary | grep web1; ls -A /var/run/apiary | grep '^web1$'; ls /dev/vmm 2> /dev/null | grep web1;"
        " ifconfig -g apiary; zfs list -H -o name | grep web1;"
        " ps -axww -o command | grep '[a]piary:web1\\|[b]hyve: web1'"
    )
    return host.sh(script).stdout.split("\n")[:-1]


class Life:
    """Where the guest is, as far as that is known, for the sweeps that take turns with it."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self.place = ""

    def come_to(self, place: str) -> None:
        """Bring the guest to where a step begins. After that a fault decides where it is."""
        if self.place != place:
            self.modules.good("bhyve_vm", PLACES[place])
        self.place = ""


class StepSweep(Sweep):
    """Faults at the recorded calls of a step, each by the command's name and its number among those of that name."""

    polls = True

    def __init__(self, life: Life, step: Step, calls: List[Call]) -> None:
        super().__init__(life.modules, "bhyve_vm", step.task)
        self.life, self.step, self.calls = life, step, calls
        self.commands = [call.words for call in calls]

    def begin(self) -> None:
        self.life.come_to(self.step.begin)

    def rule(self, number: int) -> Dict[str, Any]:
        call = self.calls[number - 1]
        return {"match": [call.name], "kth": call.nth}

    def missing(self, number: int) -> bool:
        """How often a loop polls varies, so another command than the recorded one may be of that number."""
        return True

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        self.life.place = self.step.end
        return []


def all_well(sweeps: Sequence[StepSweep]) -> None:
    """All is well, nearly all faults were hit, and of the guest nothing is left when it goes."""
    for sweep in sweeps:
        sweep.end()
    tried = sum(sweep.tried for sweep in sweeps)
    missed = [what for sweep in sweeps for what in sweep.missed]
    assert len(missed) <= 1 + tried // 10, f"not hit, of {tried}: {missed}"
    sweeps[0].modules.good("bhyve_vm", GONE)
    assert residue(sweeps[0].host) == []


@pytest.fixture(scope="module")
def calls(shared_host: StandinHost) -> Dict[str, List[Call]]:
    """The calls of each step, as recorded once."""
    Path(shared_host.directory, "disk", "guests.json").write_text('{"guest": "light"}')  # it is off in no time
    modules = Modules(shared_host)
    return {name: recorded(shared_host, modules, step) for name, step in STEPS.items()}


@pytest.fixture
def sweeps(shared_host: StandinHost, calls: Dict[str, List[Call]]) -> Dict[str, StepSweep]:
    """A sweep of each step on the worker's host, whatever the test before has left of it."""
    shared_host.set_faults([])
    shared_host.up()
    life = Life(Modules(shared_host))
    return {name: StepSweep(life, step, calls[name]) for name, step in STEPS.items()}


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_command_that_fails(sweeps: Dict[str, StepSweep], shard: int) -> None:
    circle = [sweeps[name] for name in LIFE]
    for number in range(shard + 1, 1 + max(len(sweep.calls) for sweep in circle), SHARDS):
        for sweep in circle:
            if number <= len(sweep.calls):
                sweep.one("fail", number)
    all_well(circle)


@pytest.mark.parametrize("name", STEPS)
def test_a_command_that_did_its_work_and_says_it_failed(sweeps: Dict[str, StepSweep], name: str) -> None:
    sweep = sweeps[name]
    sweep.go("half", sample(sweep.numbers()))
    all_well([sweep])


@pytest.mark.parametrize("name", STEPS)
def test_a_power_cut_at_a_command(sweeps: Dict[str, StepSweep], name: str) -> None:
    sweep = sweeps[name]
    sweep.go("cut", sample(sweep.numbers()))
    all_well([sweep])


@pytest.mark.parametrize("name", STEPS)
def test_a_command_that_hangs_and_the_task_is_killed(sweeps: Dict[str, StepSweep], name: str) -> None:
    sweep = sweeps[name]
    sweep.go("hang", sample(sweep.numbers()))
    all_well([sweep])
