# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failure at the commands of a checkpoint and of a restore; then the same task again must come to its end."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest
from faults import Sweep, sample, tried
from guests import snapshots, sums, write
from harness import Modules
from saved import NONE, TOP, gone, ready
from standin.guests.control import Guest
from standin.host import StandinHost

BACK = {"vm": "web1", "name": "a", "state": "restored", "restart": "if_needed"}


@pytest.fixture(scope="module")
def modules(saving_host: StandinHost) -> Iterator[Modules]:
    made = Modules(saving_host)
    yield made
    gone(made)


@pytest.fixture
def web1(modules: Modules) -> Guest:
    """A guest that runs and has a word in its memory, and a pattern on its disks."""
    modules.host.set_faults([])
    return ready(modules)


class Checkpointing(Sweep):
    """A task of which some commands fail, those of these names: what the runtime does beside it is another matter."""

    polls = True

    def __init__(self, modules: Modules, guest: Guest, task: Dict[str, Any], match: Tuple[str, ...]) -> None:
        super().__init__(modules, "checkpoint", task)
        self.guest, self.match = guest, match
        self.record()
        self.commands = [command for command in self.commands if command.split()[0] in match]

    def rule(self, number: int) -> Dict[str, Any]:
        return {"match": [*self.match], "kth": number}

    def missing(self, number: int) -> bool:
        return sum(call.argv[0] in self.match for call in self.host.commands()) < number

    def left(self, result: Optional[Dict[str, Any]]) -> List[str]:
        """Whatever there is under a checkpoint's name is whole, and nobody stands still."""
        found = []
        for name in self.host.sh(f"ls {TOP} 2> /dev/null").stdout.split():
            if self.host.sh(f"ls {TOP}/{name}/manifest").returncode:
                found.append(f"{name} is half a checkpoint")
        if "T" in [line[:1] for line in self.host.sh("ps -axo stat").stdout.split()]:
            found.append("a process stands still")
        if not result or not result.get("failed"):
            found.append(f"it did not fail: {result}")
        return found


class Taking(Checkpointing):
    """The checkpoint of a guest that runs on."""

    def begin(self) -> None:
        self.modules.good("checkpoint", NONE)

    def left(self, result: Optional[Dict[str, Any]]) -> List[str]:
        if snapshots(self.host):
            return [*super().left(result), f"{snapshots(self.host)} are left"]
        return super().left(result)

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        words, _count = self.guest.recall()
        found = [] if words == ["old"] else [f"the guest remembers {words}"]
        return found if len(snapshots(self.host)) == 3 else [*found, f"the snapshots are {snapshots(self.host)}"]


@pytest.mark.parametrize("mode", ["fail", "half"])
def test_a_command_of_a_checkpoint_that_fails(modules: Modules, web1: Guest, mode: str) -> None:
    sweep = Taking(modules, web1, {"vm": "web1", "name": "a"}, ("bhyvectl", "ps", "sysctl", "zfs"))
    assert any(command.startswith("zfs snapshot") for command in sweep.commands), sweep.commands
    numbers = tried(len(sweep.commands))
    if mode == "half":
        changing = ("bhyvectl", "zfs snapshot")
        numbers = [number for number, one in enumerate(sweep.commands, 1) if one.startswith(changing)]
    sweep.go(mode, numbers)


class Suspending(Checkpointing):
    """A guest that is suspended, and its disks' snapshot after that."""

    def begin(self) -> None:
        self.modules.good("bhyve_vm", {"name": "web1", "state": "started"})
        self.modules.good("checkpoint", NONE)

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        return [] if len(snapshots(self.host)) == 3 else [f"the snapshots are {snapshots(self.host)}"]


def test_a_snapshot_after_suspending_that_fails(modules: Modules, web1: Guest) -> None:
    sweep = Suspending(modules, web1, {"vm": "web1", "name": "a", "state": "suspended"}, ("zfs",))
    sweep.go("half", [len(sweep.commands)])
    modules.good("bhyve_vm", {"name": "web1", "state": "started"})
    assert web1.recall()[0] == ["old"]


class Restoring(Checkpointing):
    """A guest that goes back, from other words in its memory and other data on its disks."""

    settles = False

    def __init__(self, modules: Modules, guest: Guest) -> None:
        modules.good("checkpoint", {"vm": "web1", "name": "a"})
        self.old = sums(modules.host)
        super().__init__(modules, guest, BACK, ("zfs",))

    def begin(self) -> None:
        self.modules.good("bhyve_vm", {"name": "web1", "state": "started"})
        self.guest.keep("new")
        write(self.host, "new")

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        words, _count = self.guest.recall()
        found = [] if words == ["old"] else [f"the guest remembers {words}"]
        return found if sums(self.host) == self.old else [*found, "the data is not that of the checkpoint"]


def test_a_command_of_a_restore_that_fails(modules: Modules, web1: Guest) -> None:
    sweep = Restoring(modules, web1)
    numbers = [number for number, one in enumerate(sweep.commands, 1) if one.startswith("zfs rollback")]
    assert len(numbers) == 3, sweep.commands
    sweep.go("fail", sample(numbers, 2))


def test_a_guest_that_cannot_be_started_again_is_not_taken_for_suspended(modules: Modules, web1: Guest) -> None:
    modules.good("checkpoint", {"vm": "web1", "name": "a"})
    modules.host.set_faults([{"match": ["bhyve"], "mode": "fail", "exit": 4, "stderr": "no such device"}])
    result = modules.run("checkpoint", BACK)
    assert result["failed"] and "its next boot is an ordinary one" in result["msg"], result["msg"]
    assert not modules.host.exists_in(f"{TOP}/resume") and not modules.host.exists_in(f"{TOP}/resuming")
    modules.host.set_faults([])
    modules.good("checkpoint", BACK)
    assert web1.recall()[0] == ["old"]


def test_checkpoints_and_restores_in_a_row(modules: Modules, web1: Guest) -> None:
    for number in sample(range(20), 2):
        name = f"row-{number}"
        modules.good("checkpoint", {"vm": "web1", "name": name, "keep": 2})
        words, count = web1.recall()
        web1.keep("lost")
        write(modules.host, name)
        modules.good("checkpoint", {**BACK, "name": name})
        again, since = web1.recall()
        assert again == words and since <= count + 50, "it counts on from there"
        web1.keep(name)
    assert len(snapshots(modules.host)) == 6
