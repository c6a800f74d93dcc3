# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots and rollback on a stand-in host: what was written comes back, and nothing else is lost."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest
from harness import PYTHON, ROOT, Modules, Playbooks, tried
from standin.host import StandinHost

TINY: Dict[str, Any] = {
    "memory": "64M",
    "firmware": "bhyveload",
    "loader": {"host_path": "/tiny", "env": {"mode": "acpi"}},
    "stop_timeout": 5,
}
WEB1: Dict[str, Any] = {
    **TINY,
    "name": "web1",
    "disks": [
        {"name": "root", "size": "16M"},
        {"name": "data", "size": "8M", "backing": "sparse-zvol"},
        {"name": "logs", "size": "4M", "backing": "sparse-file"},
    ],
}
PLACES = {
    "root": "/dev/zvol/zroot/apiary/web1/root",
    "data": "/dev/zvol/zroot/apiary/web1/data",
    "logs": "/apiary/web1/logs.img",
}
BACK = {"vm": "web1", "name": "before", "state": "rolled_back"}

_WRITE = """\
import hashlib, os, sys
descriptor = os.open(sys.argv[1], os.O_WRONLY)
block = sys.argv[2].encode()
data = b"".join(hashlib.sha256(block + b"/%d" % n).digest() * 2048 for n in range(8))
assert os.pwrite(descriptor, data, 1 << 20) == len(data)
os.fsync(descriptor)
"""
_READ = """\
import hashlib, sys
for path in sys.argv[1:]:
    print(hashlib.sha256(open(path, "rb").read()).hexdigest())
"""


def write(host: StandinHost, pattern: str, *disks: str) -> None:
    """Half a megabyte of a pattern on each disk."""
    for disk in disks or tuple(PLACES):
        done = host.run([PYTHON, "-c", _WRITE, PLACES[disk], f"{pattern}/{disk}"])
        assert done.returncode == 0, done.stderr


def sums(host: StandinHost, *disks: str) -> List[str]:
    """The checksum of each disk."""
    done = host.run([PYTHON, "-c", _READ, *(PLACES[disk] for disk in disks or tuple(PLACES))])
    assert done.returncode == 0, done.stderr
    return str(done.stdout).split()


def snapshots(host: StandinHost) -> List[str]:
    return host.sh("zfs list -H -t snapshot -o name -r zroot/apiary", check=True).stdout.split()


def record(host: StandinHost, name: str = "web1") -> Dict[str, Any]:
    loaded: Dict[str, Any] = json.loads(host.read(f"/apiary/{name}/guest.json") or "")
    return loaded


@pytest.fixture
def web1(host: StandinHost, modules: Modules) -> StandinHost:
    """A guest with a pattern on its disks, a snapshot of it, and other patterns since."""
    modules.good("bhyve_vm", WEB1)
    write(host, "old")
    return host


def test_check_apply_again_absent(web1: StandinHost, modules: Modules) -> None:
    task = {"vm": "web1", "name": "before"}
    told = modules.good("bhyve_snapshot", task, check=True)
    assert told["changed"] and snapshots(web1) == []
    taken = modules.good("bhyve_snapshot", task)
    assert [taken[key] for key in ("changed", "snapshots", "diff")] == [
        told[key] for key in ("changed", "snapshots", "diff")
    ]
    assert taken["snapshots"][0]["consistency"] == "stopped"
    assert taken["snapshots"][0]["disks"] == ["data", "root"]
    assert snapshots(web1) == [f"zroot/apiary/{name}@before" for name in ("web1", "web1/data", "web1/root")]
    values = web1.sh("zfs get -H -o value,source apiary:state zroot/apiary/web1@before").stdout
    assert values == "stopped\tlocal\n"
    again = modules.good("bhyve_snapshot", task)
    assert not again["changed"] and again["diff"] == []
    gone = {**task, "state": "absent"}
    told = modules.good("bhyve_snapshot", gone, check=True)
    assert told["changed"] and len(snapshots(web1)) == 3
    assert modules.good("bhyve_snapshot", gone)["diff"] == told["diff"]
    assert snapshots(web1) == []
    assert not modules.good("bhyve_snapshot", gone)["changed"]


def test_a_running_guest_and_one_that_is_off_in_a_constant_number_of_commands(
    web1: StandinHost, modules: Modules
) -> None:
    more = [{**TINY, "name": f"app{number}", "disks": [{"name": "root", "size": "1M"}]} for number in range(4)]
    modules.good("bhyve_vm", {"vms": [*more, {"name": "web1", "state": "started"}]})
    one = modules.good("bhyve_snapshot", {"vm": "app0", "name": "alone"})
    many = [{"vm": vm, "name": "x"} for vm in ("web1", "app0", "app1", "app2", "app3")]
    all_five = modules.good("bhyve_snapshot", {"snapshots": many})
    assert [entry["consistency"] for entry in all_five["snapshots"]] == ["crash_consistent"] + ["stopped"] * 4
    # One command more: what runs is taken by one, what is off by another.
    assert all_five["commands_started"] == one["commands_started"] + 1
    again = modules.good("bhyve_snapshot", {"snapshots": many})
    assert not again["changed"]
    assert again["commands_started"] == one["commands_started"] - 1
    told = modules.good("bhyve_vm_info", {"names": ["web1", "app0"], "snapshots": True})
    plain = modules.good("bhyve_vm_info", {"names": ["web1", "app0"]})
    assert told["commands_started"] == plain["commands_started"] + 1
    assert "snapshots" not in plain["vms"][0]
    found = {vm["name"]: [(one["name"], one["consistency"]) for one in vm["snapshots"]] for vm in told["vms"]}
    assert found == {"app0": [("alone", "stopped"), ("x", "stopped")], "web1": [("x", "crash_consistent")]}
    assert modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})["changed"]


def test_what_was_written_goes_and_what_was_there_comes_back(web1: StandinHost, modules: Modules) -> None:
    old = sums(web1)
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "before"})
    assert not modules.good("bhyve_snapshot", BACK)["changed"], "nothing was written since"
    write(web1, "new")
    assert sums(web1) != old
    told = modules.good("bhyve_snapshot", BACK, check=True)
    done = modules.good("bhyve_snapshot", BACK)
    assert told["snapshots"] == done["snapshots"]
    assert told["diff"] == done["diff"]
    assert sums(web1) == old
    again = modules.good("bhyve_snapshot", BACK)
    assert not again["changed"], json.dumps(again, indent=1)
    assert web1.sh("ls -A /apiary/.rollback").stdout == ""
    write(web1, "new", "logs")
    assert modules.good("bhyve_snapshot", BACK)["changed"], "a disk in a file was written to"
    assert sums(web1) == old


def test_what_was_declared_goes_back_and_identity_stays(web1: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_vm", {"name": "web1", "nics": [{"name": "lan", "switch": "bridge0"}]})
    before = record(web1)
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "before"})
    modules.good(
        "bhyve_vm",
        {
            "name": "web1",
            "memory": "96M",
            "nics": [{"name": "wan", "switch": "bridge0"}],
            "disks": [{"name": "later", "size": "2M"}, {"name": "root", "size": "24M"}],
        },
    )
    since = record(web1)
    web1.sh("printf kept | dd of=/dev/zvol/zroot/apiary/web1/later conv=notrunc", check=True)
    done = modules.good("bhyve_snapshot", BACK)
    assert done["snapshots"][0]["detached"] == ["later"]
    now = record(web1)
    assert now["declared"]["memory"] == before["declared"]["memory"]
    assert [nic["name"] for nic in now["declared"]["nics"]] == ["lan"]
    disks = {disk["name"]: disk for disk in now["declared"]["disks"]}
    assert {name: disk["detached"] for name, disk in disks.items()} == {
        "root": False,
        "data": False,
        "logs": False,
        "later": True,
    }
    assert disks["root"]["size"] == 16 << 20
    assert web1.sh("zfs get -Hpo value volsize zroot/apiary/web1/root").stdout == f"{16 << 20}\n"
    assert now["identity"]["uuid"] == before["identity"]["uuid"]
    assert now["identity"]["macs"] == before["identity"]["macs"]
    assert {**since["identity"]["serials"], **before["identity"]["serials"]} == now["identity"]["serials"]
    assert now["identity"]["slots"]["disk/later"] == since["identity"]["slots"]["disk/later"]
    assert web1.sh("head -c 4 /dev/zvol/zroot/apiary/web1/later").stdout == "kept"
    assert not modules.good("bhyve_snapshot", BACK)["changed"]
    settled = modules.good("bhyve_vm", {"name": "web1"})
    assert not settled["changed"]
    modules.good("bhyve_vm", {"name": "web1", "state": "started"})


def test_newer_snapshots_and_their_clones(web1: StandinHost, modules: Modules) -> None:
    old = sums(web1)
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "before"})
    write(web1, "middle")
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "middle"})
    web1.sh("zfs snapshot zroot/apiary/web1/data@replica", check=True)
    web1.sh("zfs bookmark zroot/apiary/web1/data@replica zroot/apiary/web1/data#mark", check=True)
    middle = sums(web1)
    refused = modules.run("bhyve_snapshot", BACK)
    assert "data#mark, zroot/apiary/web1/data@middle, zroot/apiary/web1/data@replica" in refused["msg"]
    web1.sh("zfs clone zroot/apiary/web1/root@middle zroot/clone", check=True)
    refused = modules.run("bhyve_snapshot", {**BACK, "destroy_newer": True})
    assert "zroot/clone (of zroot/apiary/web1/root@middle)" in refused["msg"]
    assert sums(web1) == middle
    web1.sh("zfs destroy zroot/clone && zfs hold keep zroot/apiary/web1@middle", check=True)
    refused = modules.run("bhyve_snapshot", {**BACK, "destroy_newer": True})
    assert "held: zroot/apiary/web1@middle by keep" in refused["msg"]
    refused = modules.run("bhyve_snapshot", {"vm": "web1", "name": "middle", "state": "absent"})
    assert "held: zroot/apiary/web1@middle by keep" in refused["msg"]
    web1.sh("zfs release keep zroot/apiary/web1@middle", check=True)
    done = modules.good("bhyve_snapshot", {**BACK, "destroy_newer": True})
    assert len(done["snapshots"][0]["destroyed"]) == 5
    assert sums(web1) == old
    assert {name.partition("@")[2] for name in snapshots(web1)} == {"before"}
    assert not modules.good("bhyve_snapshot", {**BACK, "destroy_newer": True})["changed"]


def test_a_clone_keeps_its_snapshot(web1: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "daily-1"})
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "daily-2"})
    web1.sh("zfs clone zroot/apiary/web1/root@daily-1 zroot/clone", check=True)
    refused = modules.run("bhyve_snapshot", {"vm": "web1", "name": "daily-1", "state": "absent"})
    assert "zroot/clone" in refused["msg"] and not refused["changed"]
    pruned = modules.good("bhyve_snapshot", {"vm": "web1", "match": "daily-*", "state": "absent"})
    entry = pruned["snapshots"][0]
    assert entry["pruned"] == ["daily-2"] and "zroot/clone" in entry["not_pruned"]["daily-1"]
    assert len(snapshots(web1)) == 3


def test_pruning_leaves_what_is_not_ours(web1: StandinHost, modules: Modules) -> None:
    web1.sh("zfs snapshot -r zroot/apiary/web1@daily-0", check=True)
    for day in range(1, 4):
        modules.good("bhyve_snapshot", {"vm": "web1", "name": f"daily-{day}"})
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "other"})
    task = {"vm": "web1", "name": "daily-4", "match": "daily-*", "keep": 2}
    told = modules.good("bhyve_snapshot", task, check=True)
    done = modules.good("bhyve_snapshot", task)
    assert told["snapshots"] == done["snapshots"] and told["diff"] == done["diff"]
    assert done["snapshots"][0]["pruned"] == ["daily-1", "daily-2"]
    names = [name.partition("@")[2] for name in snapshots(web1) if name.startswith("zroot/apiary/web1@")]
    assert names == ["daily-0", "daily-3", "other", "daily-4"]
    assert not modules.good("bhyve_snapshot", task)["changed"]
    young = {"vm": "web1", "match": "daily-*", "state": "absent", "older_than": "1h"}
    assert not modules.good("bhyve_snapshot", young)["changed"]


def test_a_running_guest_is_rolled_back_only_if_told(web1: StandinHost, modules: Modules) -> None:
    old = sums(web1)
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "before"})
    write(web1, "new")
    modules.good("bhyve_vm", {"name": "web1", "state": "started"})
    refused = modules.run("bhyve_snapshot", BACK)
    assert "it runs" in refused["msg"] and not refused["changed"]
    done = modules.good("bhyve_snapshot", {**BACK, "restart": "if_needed"})
    steps = done["snapshots"][0]["changes"]
    assert (steps[0], steps[-1]) == ("stop", "start")
    assert sums(web1) == old
    status = modules.good("bhyve_vm_info", {"names": ["web1"]})["vms"][0]["status"]
    assert status["run_state"] == "running"


def test_bad_input_changes_nothing(web1: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "before"})
    modules.good("bhyve_vm", {**WEB1, "name": "safe", "protected": True, "disks": []})
    modules.good("bhyve_snapshot", {"vm": "safe", "name": "before"})
    write(web1, "new")
    held = sums(web1), snapshots(web1)
    cases: List[Any] = [
        ({"vm": "web1", "name": "bad name"}, "cannot be a snapshot's name"),
        ({"vm": "nobody", "name": "x"}, "there is no such guest"),
        ({"vm": "web1", "name": "missing", "state": "rolled_back"}, "there is no snapshot missing; there are: before"),
        ({"vm": "safe", "name": "before", "state": "rolled_back"}, "it is protected"),
        ({"vm": "web1"}, "needs the name"),
        ({"vm": "web1", "name": "x", "keep": 3}, "it needs match"),
        ({"vm": "web1", "name": "x", "match": "*", "keep": 0}, "allowed are 1 and more"),
        ({"vm": "web1", "name": "x", "match": "*", "older_than": "7"}, "is not an age"),
        ({"vm": "web1", "name": "x" * 129}, "cannot be a snapshot's name"),
        ({"snapshots": [{"vm": "web1", "name": "ok"}, {"vm": "nobody", "name": "x"}]}, "there is no such guest"),
        ({"vm": "web1", "snapshots": [{"vm": "web1", "name": "ok"}]}, "beside it"),
    ]
    for task, text in cases:
        refused = modules.run("bhyve_snapshot", task)
        assert text in refused["msg"], refused["msg"]
        assert not refused["changed"]
    web1.sh("zfs unmount zroot/apiary/web1", check=True)
    assert "is not mounted" in modules.run("bhyve_snapshot", {"vm": "web1", "name": "x"})["msg"]
    web1.sh("zfs mount zroot/apiary/web1", check=True)
    assert (sums(web1), snapshots(web1)) == held


def test_an_interrupted_rollback_keeps_the_guest_off_until_it_is_done_or_gone(
    web1: StandinHost, modules: Modules
) -> None:
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "before"})
    write(web1, "new")
    # The first volume goes back, the second does not.
    modules.good("bhyve_vm", {"name": "web1", "boot": {"autostart": True}})
    zfs = [call.argv for call in _calls(web1, modules, {**BACK})]
    kth = [argv[1] for argv in zfs if argv[0] == "zfs"].index("rollback") + 2
    web1.set_faults([{"match": ["zfs"], "kth": kth, "mode": "fail", "exit": 1, "stderr": "it failed"}])
    failed = modules.run("bhyve_snapshot", BACK)
    assert web1.fired_faults()[0]["argv"][1] == "rollback"
    assert failed["failed"] and failed["changed"]
    assert "web1/root@before" in failed["failures"][0]["not_done"][0]
    web1.set_faults([])
    said = web1.sh("/usr/local/libexec/apiary start web1").stdout
    assert said == (
        "web1: failed: a rollback to the snapshot before was interrupted: run that task of bhyve_snapshot again\n"
    )
    for module, task in (
        ("bhyve_vm", {"name": "web1", "memory": "128M"}),
        ("bhyve_snapshot", {"vm": "web1", "name": "another"}),
        ("bhyve_snapshot", {"vm": "web1", "name": "before", "state": "absent"}),
    ):
        refused = modules.run(module, task)
        assert "a rollback to" in refused["msg"] and "was interrupted" in refused["msg"] and not refused["changed"]
    modules.good("bhyve_vm", {"name": "web1", "state": "absent", "destroy": True})
    assert web1.sh("ls -A /apiary | grep rollback").stdout == ""
    modules.good("bhyve_vm", {**WEB1, "state": "started"})
    modules.good("bhyve_vm", {"name": "web1", "state": "absent", "destroy": True})


def _calls(host: StandinHost, modules: Modules, task: Dict[str, Any]) -> List[Any]:
    """The commands of a task that is done for good; then the disks are written to again."""
    host.clear_commands()
    modules.good("bhyve_snapshot", task)
    calls = list(host.commands())
    write(host, "new")
    return calls


def test_a_guest_that_is_forgotten_keeps_its_snapshots(host: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_vm", {**TINY, "name": "bare"})
    modules.good("bhyve_snapshot", {"vm": "bare", "name": "a"})
    modules.good("bhyve_vm", {"name": "bare", "state": "absent"})
    assert snapshots(host) == ["zroot/apiary/bare@a"]
    assert not modules.good("bhyve_vm", {"name": "bare", "state": "absent"})["changed"]
    assert modules.good("bhyve_snapshot", {"vm": "bare", "name": "a", "state": "absent"})["changed"]
    modules.good("bhyve_vm", {"name": "bare", "state": "absent"})
    assert host.sh("zfs list -H -o name zroot/apiary/bare").returncode != 0


def test_somebody_else_has_a_volume_open(web1: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "before"})
    write(web1, "new")
    new = sums(web1)
    other = {**TINY, "name": "other", "disks": [{"name": "x", "path": PLACES["data"]}]}
    modules.good("bhyve_vm", {**other, "state": "started"})
    refused = modules.run("bhyve_snapshot", BACK)
    assert PLACES["data"] in refused["msg"] and "is open in process" in refused["msg"]
    assert sums(web1) == new


def test_not_enough_room(web1: StandinHost, modules: Modules) -> None:
    used = int(web1.sh("zfs get -Hpo value used zroot/apiary/web1").stdout)
    web1.sh(f"zfs set quota={used + 65536} zroot/apiary/web1", check=True)
    refused = modules.run("bhyve_snapshot", {"vm": "web1", "name": "before"})
    assert "not enough space" in refused["msg"] and "web1/root" in refused["msg"]
    assert snapshots(web1) == []


def test_the_target_through_real_ansible(playbooks: Playbooks) -> None:
    target = ROOT / "tests/integration/targets/bhyve_snapshot/tasks/main.yml"
    run = playbooks.tasks([{"ansible.builtin.include_tasks": str(target)}])
    assert run.rc == 0, run.output


class Sweep:
    """A fault at the k-th command of a rollback, then the same task again: the data must be the snapshot's."""

    def __init__(self, host: StandinHost, modules: Modules, running: bool) -> None:
        self.host = host
        self.modules = modules
        self.running = running
        self.old = sums(host)
        modules.good("bhyve_snapshot", {"vm": "web1", "name": "before"})
        self.task: Dict[str, Any] = {**BACK, "destroy_newer": True, "restart": "if_needed"}
        self.uuid = record(host)["identity"]["uuid"]

    def spoil(self) -> None:
        """Other data, another declaration, a newer snapshot, and perhaps the guest runs."""
        self.modules.good("bhyve_vm", {"name": "web1", "state": "stopped", "memory": "96M"})
        write(self.host, "new")
        self.modules.good("bhyve_snapshot", {"vm": "web1", "name": "newer"})
        if self.running:
            self.modules.good("bhyve_vm", {"name": "web1", "state": "started"})

    def recorded(self) -> List[str]:
        self.spoil()
        self.host.clear_commands()
        self.modules.good("bhyve_snapshot", self.task)
        return [" ".join(call.argv) for call in self.host.commands()]

    def wrong(self, k: int) -> List[str]:
        """What is not as it should be after the fault was taken away."""
        hit = self.host.fired_faults()
        self.host.set_faults([])
        if not hit:
            return []
        name = f"{k} ({' '.join(hit[0]['argv'])}): "
        found: List[str] = []
        if self.host.sh("ls /apiary/.rollback/web1 2> /dev/null").stdout:
            refused = self.host.sh("/usr/local/libexec/apiary start web1").stdout
            if "a rollback to the snapshot before was interrupted" not in refused:
                found.append(f"{name}half-way, and the runtime says {refused}")
            changed = self.modules.run("bhyve_vm", {"name": "web1", "memory": "128M"})
            if "was interrupted" not in changed.get("msg", ""):
                found.append(f"{name}half-way, and bhyve_vm says {changed}")
        again = self.modules.run("bhyve_snapshot", self.task)
        if again.get("failed"):
            return [*found, f"{name}converge failed: {again['msg']}"]
        self.modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})
        if sums(self.host) != self.old:
            found.append(f"{name}the data is not the snapshot's")
        now = record(self.host)
        if now["identity"]["uuid"] != self.uuid or now["declared"]["memory"] != 64 << 20:
            found.append(f"{name}the record is {now}")
        # A guest that was started again has done something since, if only to see its first boot end.
        if not self.running and self.modules.good("bhyve_snapshot", self.task)["changed"]:
            found.append(f"{name}a second run is not unchanged")
        if self.host.sh("ls -A /apiary/.rollback").stdout:
            found.append(f"{name}the note is still there")
        return found


@pytest.mark.parametrize("mode", ["fail", "half"])
def test_a_command_of_a_rollback_that_fails(web1: StandinHost, modules: Modules, mode: str) -> None:
    sweep = Sweep(web1, modules, running=False)
    commands = sweep.recorded()
    assert any(command.startswith("zfs rollback") for command in commands), commands
    wrong: List[str] = []
    numbers = tried(len(commands))
    if mode == "half":
        numbers = [k for k in numbers if commands[k - 1].startswith("zfs ")]
    for k in numbers:
        sweep.spoil()
        web1.clear_commands()
        web1.set_faults([{"match": ["*"], "kth": k, "mode": mode, "exit": 1, "stderr": "it failed"}])
        modules.run("bhyve_snapshot", sweep.task)
        assert web1.fired_faults(), f"{k} was not hit: {commands[k - 1]}"
        wrong += sweep.wrong(k)
    assert not wrong, "\n".join(wrong)


def test_a_power_cut_in_the_middle_of_a_rollback(web1: StandinHost, modules: Modules) -> None:
    sweep = Sweep(web1, modules, running=True)
    commands = sweep.recorded()
    numbers = [k for k, command in enumerate(commands, 1) if command.startswith("zfs rollback")]
    assert len(numbers) == 3
    wrong: List[str] = []
    for k in numbers:
        sweep.spoil()
        web1.clear_commands()
        web1.set_faults([{"match": ["*"], "kth": k, "mode": "cut"}])
        modules.start("bhyve_snapshot", sweep.task).communicate(timeout=120)
        assert web1.fired_faults(), commands[k - 1]
        web1.wait_off()
        web1.boot()
        wrong += sweep.wrong(k)
    assert not wrong, "\n".join(wrong)
