# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checkpoints on a stand-in host: memory and disks of one moment come back, or nothing has happened."""

from __future__ import annotations

from typing import Any, Iterator

import pytest
from guests import snapshots, state_of, sums, the, write
from harness import Modules
from polls import until
from saved import TOP, gone, ready
from standin.guests.control import Guest
from standin.host import StandinHost


@pytest.fixture(scope="module")
def modules(saving_host: StandinHost) -> Iterator[Modules]:
    made = Modules(saving_host)
    yield made
    gone(made)


@pytest.fixture
def web1(modules: Modules) -> Guest:
    """A guest that runs and remembers a word, with a pattern on its disks."""
    return ready(modules)


def test_memory_and_disks_come_back(saving_host: StandinHost, web1: Guest, modules: Modules) -> None:
    old = sums(saving_host)
    task = {"vm": "web1", "name": "before"}
    told = modules.good("checkpoint", task, check=True)
    assert told["changed"] and not saving_host.exists_in(TOP) and snapshots(saving_host) == []
    done = modules.good("checkpoint", task)
    assert [done[key] for key in ("changed", "checkpoints", "diff")] == [
        told[key] for key in ("changed", "checkpoints", "diff")
    ]
    assert not modules.good("checkpoint", task)["changed"]
    words, count = web1.recall()
    assert words == ["old"] and count > 0
    web1.keep("new")
    write(saving_host, "new")
    back = {**task, "state": "restored", "restart": "if_needed"}
    told = modules.good("checkpoint", back, check=True)
    done = modules.good("checkpoint", back)
    assert [done[key] for key in ("changed", "checkpoints", "diff")] == [
        told[key] for key in ("changed", "checkpoints", "diff")
    ]
    web1.restored(1)
    assert web1.recall()[0] == ["old"]
    assert sums(saving_host) == old


def test_a_suspended_guest_goes_on_where_it_was(saving_host: StandinHost, web1: Guest, modules: Modules) -> None:
    task = {"vm": "web1", "name": "night", "state": "suspended"}
    told = modules.good("checkpoint", task, check=True)
    done = modules.good("checkpoint", task)
    assert [done[key] for key in ("changed", "checkpoints", "diff")] == [
        told[key] for key in ("changed", "checkpoints", "diff")
    ]
    assert not modules.good("checkpoint", task)["changed"]
    info = the(modules.good("bhyve_vm_info", {"names": ["web1"], "checkpoints": True}), "web1")
    assert (info["state"], info["status"]["run_state"]) == ("stopped", "suspended")
    [night] = info["checkpoints"]
    assert night["fits"] and night["resumes"] and not night["void"] and night["size"] > 64 << 20
    for module, args, text in (
        ("bhyve_snapshot", {"vm": "web1", "name": "checkpoint-night", "state": "rolled_back"}, "suspended to the"),
        ("bhyve_vm", {"name": "web2", "rename_from": "web1"}, "has checkpoints, in which it has its name: night"),
        ("checkpoint", {"vm": "web1", "name": "x"}, "does not run (it is suspended)"),
        ("checkpoint", {"vm": "web1", "name": "x", "state": "suspended"}, "is suspended already, to checkpoint night"),
    ):
        refused = modules.run(module, args)
        assert refused["failed"] and not refused["changed"] and text in refused["msg"], refused["msg"]
    assert not modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})["changed"]
    assert modules.good("bhyve_vm", {"name": "web1", "state": "started"})["changed"]
    web1.restored(1)
    assert web1.recall()[0] == ["old"]
    assert "hooks/prestop" in modules.run("bhyve_vm", {"name": "web1", "state": "stopped"})["msg"]
    # That one was used, and the next one of its name takes its place.
    web1.keep("more")
    again = modules.good("checkpoint", task)
    assert len(again["checkpoints"][0]["changes"]) == 3
    datasets = ("web1", "web1/data", "web1/root")
    assert snapshots(saving_host) == [f"zroot/apiary/{name}@checkpoint-night" for name in datasets]
    modules.good("bhyve_vm", {"name": "web1", "state": "started"})
    web1.restored(2)
    assert web1.recall()[0] == ["old", "more"]


def test_what_is_not_what_was_saved_is_not_restored(saving_host: StandinHost, web1: Guest, modules: Modules) -> None:
    modules.good("checkpoint", {"vm": "web1", "name": "a", "disks": False})
    modules.good("checkpoint", {"vm": "web1", "name": "b"})
    modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})
    back = {"vm": "web1", "name": "b", "state": "restored"}

    def refused(text: str, **more: Any) -> None:
        result = modules.run("checkpoint", {**back, **more})
        assert result["failed"] and not result["changed"] and text in result["msg"], result["msg"]
        assert not saving_host.exists_in(f"{TOP}/resume")

    refused("made without its disks", name="a")
    modules.good("bhyve_vm", {"name": "web1", "memory": "96M", "cpus": 2})
    refused("cpus: 1 in the checkpoint, 2 today; memory.size: 64M in the checkpoint, 96M today")
    modules.good("bhyve_vm", {"name": "web1", "memory": "64M", "cpus": 1})
    for file, break_it, text in (
        ("ram", "dd if=/dev/random of=F bs=1 count=16 conv=notrunc", "not what was saved: its SHA-256"),
        ("ram.meta", "echo '{bad' > F", "has 5 bytes and should have"),
        ("manifest", "sed -i '' s/^bhyve=./bhyve=x/ F", "bhyve: another build"),
    ):
        path = f"{TOP}/b/{file}"
        saving_host.sh(f"cp -p {path} {path}.old && {break_it.replace('F', path)}", check=True)
        refused(text)
        saving_host.sh(f"mv {path}.old {path}", check=True)
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "later"})
    refused("would destroy what is newer: zroot/apiary/web1/data@later")
    for name in ("later", "checkpoint-b"):
        modules.good("bhyve_snapshot", {"vm": "web1", "name": name, "state": "absent"})
    refused("its disks' snapshot zroot/apiary/web1@checkpoint-b is gone; force: true restores")
    done = modules.good("checkpoint", {**back, "force": True})
    assert done["checkpoints"][0]["changes"] == [f"let the next boot resume from {TOP}/b", "start"]
    web1.restored(1)


def test_a_guest_that_cannot_be_saved_runs_on(saving_host: StandinHost, modules: Modules) -> None:
    web1 = ready(modules, save=2.0)
    task = {"vm": "web1", "name": "a"}
    saving_host.set_faults([{"match": ["bhyvectl"], "mode": "fail", "exit": 61, "stderr": "connect() failed"}])
    result = modules.run("checkpoint", task)
    assert result["failed"] and not result["changed"] and "connect() failed" in result["msg"]
    assert saving_host.sh(f"ls -A {TOP} 2> /dev/null").stdout == "" and snapshots(saving_host) == []
    saving_host.set_faults([])
    # This process is killed while bhyve writes: bhyve comes to its end, and the next task clears up after both.
    process = modules.start("checkpoint", task)
    assert until(lambda: saving_host.exists_in(f"{TOP}/.partial-a/ram"))
    saving_host.run(["pkill", "-9", "-f", r"runner(\.py)? checkpoint"])
    process.communicate()
    assert web1.recall()[1] >= 0, "it stands still"
    done = modules.good("checkpoint", task)
    assert ".partial-a" in done["checkpoints"][0]["changes"][0], done["checkpoints"]
    assert len(snapshots(saving_host)) == 3
    modules.good("checkpoint", {"vm": "web1", "name": "all", "state": "absent"})
    # bhyve is killed.
    process = modules.start("checkpoint", task)
    assert until(lambda: saving_host.exists_in(f"{TOP}/.partial-a/ram"))
    saving_host.sh(f"kill -9 {state_of(modules, 'web1')['pid']}", check=True)
    result = modules.finish(process)
    assert result["failed"] and "ended while it was being saved" in result["msg"], result["msg"]
    assert saving_host.sh(f"ls -A {TOP} 2> /dev/null").stdout == "" and snapshots(saving_host) == []
