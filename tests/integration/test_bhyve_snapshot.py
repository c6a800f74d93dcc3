# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots and rollback on a stand-in host: what was written comes back, and nothing else is lost."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest
from guests import DISKS, place, record, snapshots, sums, tiny, write
from harness import Modules
from standin.host import StandinHost

WEB1 = tiny("web1", disks=DISKS)
BACK = {"vm": "web1", "name": "before", "state": "rolled_back"}


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
    more = [tiny(f"app{number}", disks=[{"name": "root", "size": "1M"}]) for number in range(4)]
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
    write(web1, "new", "web1", "logs")
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
    modules.good("bhyve_vm", tiny("bare"))
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
    other = tiny("other", disks=[{"name": "x", "path": place("data")}])
    modules.good("bhyve_vm", {**other, "state": "started"})
    refused = modules.run("bhyve_snapshot", BACK)
    assert place("data") in refused["msg"] and "is open in process" in refused["msg"]
    assert sums(web1) == new


def test_not_enough_room(web1: StandinHost, modules: Modules) -> None:
    used = int(web1.sh("zfs get -Hpo value used zroot/apiary/web1").stdout)
    web1.sh(f"zfs set quota={used + 65536} zroot/apiary/web1", check=True)
    refused = modules.run("bhyve_snapshot", {"vm": "web1", "name": "before"})
    assert "not enough space" in refused["msg"] and "web1/root" in refused["msg"]
    assert snapshots(web1) == []
