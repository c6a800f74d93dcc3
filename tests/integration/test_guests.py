# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of bhyve_vm relies on, on a prepared stand-in host."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest
from compare import unforetold
from guests import state_of, the, tiny
from harness import Modules
from polls import until
from standin.guests.control import Guest
from standin.host import StandinHost

STORY: List[Dict[str, Any]] = [
    tiny("web1", state="present", disks=[{"name": "root", "size": "16M"}], nics=[{"name": "lan", "switch": "bridge0"}]),
    {"name": "web1", "description": "a web server", "tags": ["web"], "boot": {"autostart": True, "order": 5}},
    {"name": "web1", "disks": [{"name": "data", "backing": "sparse-file", "size": "8M", "controller": "nvme"}]},
    {"name": "web1", "disks": [{"name": "root", "size": "32M"}]},
    {"name": "web1", "vnc": {"port": "auto"}, "console": {"com2": "nmdm"}},
    {"name": "web1", "state": "started"},
    {"name": "web1", "memory": "96M"},
    {"name": "web1", "restart": "if_needed"},
    {"name": "web1", "options": {"bios.vendor": "Apiary"}},
    {"name": "web1", "state": "stopped"},
    {"name": "web1", "disks": [{"name": "data", "state": "detached"}]},
    {"name": "web1", "nics": [{"name": "lan", "state": "absent"}]},
    {"name": "web1", "description": "", "tags": []},
    {"name": "web1", "state": "absent"},
    tiny("web1", state="present", disks=[{"name": "root", "size": "32M"}]),
    {"name": "web1", "state": "absent", "destroy": True},
]


def test_check_mode_changes_nothing_and_predicts_what_apply_does(modules: Modules) -> None:
    wrong = unforetold(modules, "bhyve_vm", STORY)
    assert not wrong, "\n".join(wrong)


@pytest.mark.early
def test_a_run_that_changes_nothing_starts_as_many_commands_for_500_guests_as_for_one(
    host: StandinHost, modules: Modules
) -> None:
    def guests(count: int) -> List[Dict[str, Any]]:
        nic = {"name": "lan", "switch": "bridge0"}
        disk = {"name": "root", "backing": "sparse-file", "size": "1M"}
        return [tiny(f"g{number}", state="present", disks=[disk], nics=[nic]) for number in range(count)]

    modules.good("bhyve_vm", {"vms": guests(1)})
    one = modules.good("bhyve_vm", {"vms": guests(1)})
    modules.good("bhyve_vm", {"vms": guests(500)})
    host.clear_commands()
    many = modules.good("bhyve_vm", {"vms": guests(500)})
    assert not one["changed"] and not many["changed"]
    assert many["commands_started"] == one["commands_started"]
    # What the module counts is what the host saw.
    assert len(host.commands()) == many["commands_started"]
    info = modules.good("bhyve_vm_info", {})
    assert len(info["vms"]) == 500 and info["commands_started"] <= one["commands_started"]


def test_names_that_begin_alike_are_different_guests(host: StandinHost, modules: Modules) -> None:
    names = ["web1", "web10", "web.1"]
    nic = {"name": "lan", "switch": "bridge0"}
    modules.good("bhyve_vm", {"vms": [tiny(name, state="started", nics=[nic]) for name in names]})
    pids = {name: state_of(modules, name)["pid"] for name in names}
    assert len(set(pids.values())) == 3

    modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})
    assert state_of(modules, "web10")["pid"] == pids["web10"]
    assert state_of(modules, "web.1")["pid"] == pids["web.1"]

    modules.good("bhyve_vm", {"name": "web.1", "state": "absent", "destroy": True})
    modules.good("bhyve_vm", {"name": "web1", "state": "absent", "destroy": True})
    assert state_of(modules, "web10")["pid"] == pids["web10"]
    assert host.sh("ifconfig -g apiary").stdout.split() == [state_of(modules, "web10")["taps"]["lan"]]


def test_adding_a_disk_moves_no_slot_and_no_mac(host: StandinHost, modules: Modules) -> None:
    def devices() -> Dict[str, str]:
        lines = host.read("/apiary/web1/boot/bhyve.conf").splitlines()
        return dict(line.split("=", 1) for line in lines if line.startswith("pci."))

    disks = [{"name": "b", "size": "8M", "backing": "sparse-file"}]
    modules.good("bhyve_vm", tiny("web1", state="present", disks=disks, nics=[{"name": "lan", "switch": "bridge0"}]))
    before = devices()
    added = [{"name": "a", "size": "8M", "backing": "sparse-file", "controller": "nvme"}]
    modules.good("bhyve_vm", {"name": "web1", "disks": added, "nics": [{"name": "dmz", "switch": "bridge0"}]})
    after = devices()
    assert {key: after.get(key) for key in before} == before
    modules.good("bhyve_vm", {"name": "web1", "disks": [{"name": "a", "state": "absent", "destroy": True}]})
    modules.good("bhyve_vm", {"name": "web1", "disks": added})
    assert {key: devices().get(key) for key in before} == before


def test_a_guest_that_comes_back_to_its_disks_is_who_it_was(host: StandinHost, modules: Modules) -> None:
    disks = [{"name": "root", "size": "16M"}, {"name": "data", "size": "8M", "backing": "sparse-file"}]
    task = tiny("web1", state="present", disks=disks, nics=[{"name": "lan", "switch": "bridge0"}])
    made = the(modules.good("bhyve_vm", task), "web1")
    conf = host.read("/apiary/web1/boot/bhyve.conf")
    gone = {"name": "web1", "state": "absent"}
    assert modules.good("bhyve_vm", gone)["changed"] and not modules.good("bhyve_vm", gone)["changed"]
    assert modules.good("bhyve_vm_info", {})["vms"] == []
    back = the(modules.good("bhyve_vm", task), "web1")
    assert (back["uuid"], back["nics"]) == (made["uuid"], made["nics"])
    assert host.read("/apiary/web1/boot/bhyve.conf") == conf
    assert not modules.good("bhyve_vm", task)["changed"]
    # With its data goes all that it was.
    modules.good("bhyve_vm", dict(gone, destroy=True))
    assert host.sh("ls /apiary").stdout == ""
    assert the(modules.good("bhyve_vm", task), "web1")["uuid"] != made["uuid"]


def test_the_sizes_of_given_disks_are_told(host: StandinHost, modules: Modules) -> None:
    host.sh("truncate -s 4M /var/tmp/given.img && zfs create -V 8M zroot/given", check=True)
    paths = {"file": "/var/tmp/given.img", "device": "/dev/zvol/zroot/given"}
    task = tiny("web1", state="present", disks=[{"name": name, "path": path} for name, path in paths.items()])
    told = the(modules.good("bhyve_vm", task, check=True), "web1")
    made = the(modules.good("bhyve_vm", task), "web1")
    info = the(modules.good("bhyve_vm_info", {}), "web1")
    for entry in (told, made, info):
        assert entry["status"]["disk_sizes"] == {"file": "4M", "device": "8M"}
    assert not modules.good("bhyve_vm", {"vms": [info]})["changed"]


def test_the_vnc_password_is_where_only_root_can_read_it(host: StandinHost, modules: Modules) -> None:
    result = modules.good("bhyve_vm", tiny("web1", state="started", vnc={"password": "s3cr3t!"}))
    told = json.dumps(modules.good("bhyve_vm_info", {}))
    processes = host.sh("ps -axww -o command").stdout
    assert "s3cr3t!" not in json.dumps({**result, "invocation": None}) + told + processes
    places = "/apiary /var/db/apiary /var/run/apiary /var/log/apiary"
    found = host.sh(f"find {places} -type f -exec grep -l 's3cr3t!' {{}} +").stdout.split()
    assert "/apiary/web1/guest.json" in found and "/apiary/web1/boot.1/bhyve.conf" in found
    assert host.sh(f"stat -f %Lp {' '.join(found)}").stdout.split() == ["600"] * len(found)


def test_new_memory_counts_when_the_guest_reboots_from_inside(host: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_vm", tiny("web1", state="started"))
    result = modules.good("bhyve_vm", {"name": "web1", "memory": "128M"})
    assert result["pending"]["web1"]["memory.size"] == {"running": "64M", "next": "128M"}
    first = state_of(modules, "web1")["pid"]
    guest = Guest(host.directory, "web1")
    assert guest.wait_booted()["memory"] == 64 << 20
    guest.reboot()
    assert guest.wait_booted(boots=2)["memory"] == 128 << 20
    status = until(lambda: (s := state_of(modules, "web1"))["run_state"] == "running" and s)
    assert status["pid"] != first and not status["pending"]


def test_two_starts_at_once_make_one_guest(host: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_vm", tiny("web1", state="present"))
    started = [modules.start("bhyve_vm", {"name": "web1", "state": "started"}) for _number in range(4)]
    results = [modules.finish(process) for process in started]
    assert not [result for result in results if result.get("failed")], json.dumps(results)[:3000]
    assert sum(result["changed"] for result in results) >= 1
    assert host.sh("ps -axww -o command | grep -c '[b]hyve: web1 (bhyve)'").stdout.strip() == "1"


def test_a_power_cut_brings_the_autostart_guests_back(host: StandinHost, modules: Modules) -> None:
    vms = [
        tiny("db1", state="started", boot={"autostart": True, "order": 1}),
        tiny("app1", state="started", boot={"autostart": True, "order": 2, "after": ["db1"]}),
        tiny("lab1", state="started"),
    ]
    modules.good("bhyve_vm", {"vms": vms})
    host.power_cut()
    host.boot()
    assert until(lambda: state_of(modules, "app1")["run_state"] == "running")
    assert state_of(modules, "db1")["run_state"] == "running"
    assert state_of(modules, "lab1")["run_state"] == "stopped"
    assert not modules.good("bhyve_vm", {"vms": vms[:2]})["changed"]


def test_a_storm_of_reboots_ends_in_failed(host: StandinHost, modules: Modules) -> None:
    loader = {"host_path": "/tiny", "env": {"mode": "reboot"}}
    task = dict(tiny("web1", state="started", restart_limit=3), loader=loader)
    modules.run("bhyve_vm", task)
    status = until(lambda: (s := state_of(modules, "web1"))["run_state"] == "failed" and s)
    assert status and "restart" in status["message"], state_of(modules, "web1")


def test_a_guest_that_ignores_acpi_is_powered_off_after_its_timeout(host: StandinHost, modules: Modules) -> None:
    Guest(host.directory, "web1").behave(acpi="ignore")
    modules.good("bhyve_vm", tiny("web1", state="started", stop_timeout=2))
    Guest(host.directory, "web1").wait_booted()
    result = modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})
    assert the(result, "web1")["stopped_by"] in ("poweroff", "kill")
    assert host.sh("ls /dev/vmm").stdout == ""


def test_a_guest_that_takes_its_time_to_stop_is_shown_as_stopping(host: StandinHost, modules: Modules) -> None:
    Guest(host.directory, "web1").behave(acpi="ignore")
    modules.good("bhyve_vm", tiny("web1", state="started", stop_timeout=8))
    Guest(host.directory, "web1").wait_booted()
    stopping = modules.start("bhyve_vm", {"name": "web1", "state": "stopped"})
    assert until(lambda: state_of(modules, "web1")["run_state"] == "stopping")
    assert not modules.finish(stopping).get("failed")
    assert state_of(modules, "web1")["run_state"] == "stopped"


def test_a_guest_is_stopped_while_its_boot_loader_runs(host: StandinHost, modules: Modules) -> None:
    Guest(host.directory, "web1").behave(loader="hang")
    modules.good("bhyve_vm", tiny("web1", state="present"))
    starting = modules.start("bhyve_vm", {"name": "web1", "state": "started"})
    assert until(lambda: "bhyveload" in host.sh("ps -axww -o command").stdout)
    result = modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})
    modules.finish(starting)
    assert the(result, "web1")["stopped_by"] == "loader"
    assert "bhyveload" not in host.sh("ps -axww -o command").stdout


def kill(host: StandinHost, victims: List[str]) -> None:
    """Kill -9 those that look after web1."""
    run = "/var/run/apiary/web1"
    pids = {
        "daemon": f"cat {run}/daemon.pid",
        "lockf": f"ps -o ppid= -p $(cut -d ' ' -f 1 {run}/supervisor)",
        "supervisor": f"cut -d ' ' -f 1 {run}/supervisor",
    }
    found = [host.sh(pids[victim], check=True).stdout.strip() for victim in victims]
    host.sh(f"kill -9 {' '.join(found)}", check=True)


@pytest.mark.parametrize("victim", ["supervisor", "lockf", "daemon", "all"])
def test_a_guest_outlives_its_supervision_and_reboots(host: StandinHost, modules: Modules, victim: str) -> None:
    modules.good("bhyve_vm", tiny("web1", state="started"))
    guest = Guest(host.directory, "web1")
    guest.wait_booted()
    first = state_of(modules, "web1")["pid"]
    kill(host, ["daemon", "lockf", "supervisor"] if victim == "all" else [victim])
    assert state_of(modules, "web1")["pid"] == first

    if victim == "all":
        # Nobody is left to notice: the task finds the guest running and puts it under supervision again.
        assert modules.good("bhyve_vm", {"name": "web1", "state": "started"})["changed"]
    if victim != "daemon":
        assert until(lambda: host.waited_for(first))
    guest.reboot()
    guest.wait_booted(boots=2)
    assert until(lambda: state_of(modules, "web1")["run_state"] == "running")
    result = modules.good("bhyve_vm", {"name": "web1", "state": "started"})
    assert the(result, "web1")["state"] == "started"
    modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})
    assert until(lambda: "web1" not in host.sh("ps -axww -o command | grep -v grep").stdout)
