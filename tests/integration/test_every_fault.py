# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failure at every command of create, start, stop and absent; then the same task again must put it right.

The number of commands is taken from a recorded run, and each fault must have been hit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, List, Tuple

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
    """A task of a guest's life: what it asks for, and what must have happened before it."""

    name: str
    task: Dict[str, Any]
    before: Tuple[str, ...]


STEPS = {
    "create": Step("create", dict(GUEST, state="present"), ()),
    "start": Step("start", dict(GUEST, state="started"), ("create",)),
    "stop": Step("stop", {"name": "web1", "state": "stopped"}, ("create", "start")),
    "absent": Step("absent", {"name": "web1", "state": "absent", "destroy": True}, ("create", "start")),
}
GONE = {"name": "web1", "state": "absent", "destroy": True}


def reach(modules: Modules, step: Step) -> None:
    """Bring the host to where the step begins."""
    modules.good("bhyve_vm", GONE)
    for name in step.before:
        modules.good("bhyve_vm", STEPS[name].task)


def recorded(host: StandinHost, modules: Modules, step: Step) -> List[str]:
    """The commands that the step starts when all goes well; at its end the host is settled."""
    reach(modules, step)
    host.clear_commands()
    modules.good("bhyve_vm", step.task)
    return [" ".join(call.argv) for call in host.commands()]


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


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_command_that_fails(host: StandinHost, modules: Modules, name: str) -> None:
    step = STEPS[name]
    commands = recorded(host, modules, step)
    assert len(commands) >= 4, commands
    wrong = []
    for k, command in enumerate(commands, start=1):
        reach(modules, step)
        host.set_faults([{"match": ["*"], "kth": k, "mode": "fail", "exit": 1, "stderr": "it failed"}])
        modules.run("bhyve_vm", step.task)
        hit = host.fired_faults()
        host.set_faults([])
        wrong += [f"{k}: the fault was not hit ({command})"] if not hit else []
        wrong += [f"{k} ({' '.join(hit[0]['argv']) if hit else command}): {text}" for text in converge(modules, step)]
    assert not wrong, "\n".join(wrong)
    modules.good("bhyve_vm", GONE)
    assert residue(host) == []


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_power_cut_at_a_command(host: StandinHost, modules: Modules, name: str) -> None:
    step = STEPS[name]
    commands = recorded(host, modules, step)
    wrong = []
    for k in range(1, len(commands) + 1, max(1, len(commands) // 12)):
        reach(modules, step)
        host.set_faults([{"match": ["*"], "kth": k, "mode": "cut"}])
        process = modules.start("bhyve_vm", step.task)
        process.communicate(timeout=120)
        host.wait_off()
        hit = host.fired_faults()
        host.set_faults([])
        host.boot()
        wrong += [f"{k}: the power was not cut ({commands[k - 1]})"] if not hit else []
        wrong += [f"{k} ({' '.join(hit[0]['argv']) if hit else ''}): {text}" for text in converge(modules, step)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_command_that_did_its_work_and_says_it_failed(host: StandinHost, modules: Modules, name: str) -> None:
    step = STEPS[name]
    commands = recorded(host, modules, step)
    wrong = []
    for k, command in enumerate(commands, start=1):
        reach(modules, step)
        host.set_faults([{"match": ["*"], "kth": k, "mode": "half"}])
        modules.run("bhyve_vm", step.task)
        hit = host.fired_faults()
        host.set_faults([])
        wrong += [f"{k}: the fault was not hit ({command})"] if not hit else []
        wrong += [f"{k} ({' '.join(hit[0]['argv']) if hit else command}): {text}" for text in converge(modules, step)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_command_that_hangs_and_the_task_is_killed(host: StandinHost, modules: Modules, name: str) -> None:
    step = STEPS[name]
    commands = recorded(host, modules, step)
    wrong = []
    for k in range(1, len(commands) + 1, max(1, len(commands) // 10)):
        reach(modules, step)
        host.set_faults([{"match": ["*"], "kth": k, "mode": "hang"}])
        process = modules.start("bhyve_vm", step.task)
        hit = wait_for_fault(host)
        host.sh("pkill -9 -f runner.py; true")
        process.communicate(timeout=60)
        host.set_faults([])
        host.sh("pkill -9 -f 'standin-hang'; true")
        wrong += [f"{k}: the fault was not hit ({commands[k - 1]})"] if not hit else []
        wrong += [f"{k} ({' '.join(hit[0]['argv']) if hit else ''}): {text}" for text in converge(modules, step)]
    assert not wrong, "\n".join(wrong)


def wait_for_fault(host: StandinHost, seconds: float = 30.0) -> List[Dict[str, Any]]:
    """The faults that fired, as soon as there is one."""
    import time

    deadline = time.monotonic() + seconds
    while not host.fired_faults() and time.monotonic() < deadline:
        time.sleep(0.1)
    return host.fired_faults()
