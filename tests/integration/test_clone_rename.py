# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones and renamings on a stand-in host: the data is where it should be, and the guest is what it should be."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from guests import DISKS, checksums, place, record, snapshots, sums, the, tiny, write
from harness import Modules
from standin.host import StandinHost

WEB1 = tiny("web1", tags=["shop"], disks=DISKS, nics=[{"name": "lan", "switch": "bridge0"}])
CLONE = {"name": "web2", "clone_from": "web1"}
#: The size of the smallest disk, in bytes.
SMALLEST = 4 << 20


def origins(host: StandinHost, guest: str) -> Dict[str, str]:
    text = host.sh(f"zfs get -Hpr -t volume -o name,value origin zroot/apiary/{guest}", check=True).stdout
    return {name.rpartition("/")[2]: origin for name, origin in (line.split("\t") for line in text.splitlines())}


def without_chance(value: Any) -> Any:
    """A result without what is random until it is allocated."""
    if isinstance(value, dict):
        return {key: without_chance(one) for key, one in value.items() if key not in ("uuid", "mac", "serial")}
    return [without_chance(one) for one in value] if isinstance(value, list) else value


@pytest.fixture
def web1(host: StandinHost, modules: Modules) -> StandinHost:
    """A guest that is off, with a pattern on its disks."""
    modules.good("bhyve_vm", WEB1)
    write(host, "old")
    return host


def test_a_clone_has_the_data_and_is_another_guest(web1: StandinHost, modules: Modules) -> None:
    old = sums(web1)
    told = modules.good("bhyve_vm", CLONE, check=True)
    assert told["changed"] and not web1.exists_in("/apiary/web2") and snapshots(web1) == []
    done = modules.good("bhyve_vm", CLONE)
    assert without_chance(told["vms"]) == without_chance(done["vms"])
    assert sums(web1, "web2") == old
    source, clone = record(web1), record(web1, "web2")
    assert clone["identity"]["uuid"] != source["identity"]["uuid"]
    assert clone["identity"]["macs"]["lan"] != source["identity"]["macs"]["lan"]
    assert clone["identity"]["serials"] == source["identity"]["serials"]
    assert clone["identity"]["slots"] == source["identity"]["slots"]
    assert clone["declared"]["tags"] == ["shop"]
    assert the(done, "web2")["status"]["taps"] != modules.good("bhyve_vm_info", {})["vms"][0]["status"]["taps"]
    volumes = {disk: f"zroot/apiary/web1/{disk}@apiary-clone-web2" for disk in ("root", "data")}
    assert origins(web1, "web2") == volumes
    assert sorted(snapshots(web1)) == sorted(volumes.values()), "that of the file system is of no more use"
    # A thick disk is thick in the clone as well.
    reserved = web1.sh("zfs get -Hpro value refreservation zroot/apiary/web2").stdout.split()
    assert reserved[:2] == ["0", "0"] and int(reserved[2]) > 16 << 20, "the file system, data, root"
    assert not modules.good("bhyve_vm", CLONE)["changed"]
    assert not modules.good("bhyve_vm", {"name": "web2"})["changed"]
    told = modules.good("bhyve_vm_info", {"names": ["web2"]})
    assert told["vms"][0]["status"]["origin"] == {"clone_from": "web1", "clone_mode": "clone", "complete": True}
    modules.good("bhyve_vm", {"vms": [{"name": name, "state": "started"} for name in ("web1", "web2")]})
    modules.good("bhyve_vm", {"vms": [{"name": name, "state": "stopped"} for name in ("web1", "web2")]})
    write(web1, "new", "web2")
    assert sums(web1) == old
    refused = modules.run("bhyve_vm", {"name": "web1", "state": "absent", "destroy": True})
    assert "these are clones of it: zroot/apiary/web2/data, zroot/apiary/web2/root" in refused["msg"]
    modules.good("bhyve_vm", {"name": "web2", "state": "absent", "destroy": True})
    assert snapshots(web1) == [], "the snapshot goes with its last clone"
    assert sums(web1) == old


def test_many_clones_with_options_of_their_own(web1: StandinHost, modules: Modules) -> None:
    old = sums(web1, size=SMALLEST)
    task = {
        "vms": [
            {**CLONE, "memory": "96M", "disks": [{"name": "root", "size": "24M"}, {"name": "more", "size": "2M"}]},
            {"name": "web3", "clone_from": "web1", "state": "started", "disks": [{"name": "logs", "size": "8M"}]},
        ]
    }
    told = modules.good("bhyve_vm", task, check=True)
    done = modules.good("bhyve_vm", task)
    assert [vm["changes"] for vm in told["vms"]] == [vm["changes"] for vm in done["vms"]]
    # Some have grown: the beginning is what was cloned.
    assert [sums(web1, name, size=SMALLEST) for name in ("web2", "web3")] == [old, old]
    assert web1.sh("zfs get -Hpo value volsize zroot/apiary/web2/root").stdout == f"{24 << 20}\n"
    assert web1.sh("stat -f %z /apiary/web3/logs.img").stdout == f"{8 << 20}\n"
    assert the(done, "web3")["status"]["run_state"] == "running"
    assert not modules.good("bhyve_vm", task)["changed"]


def test_a_promoted_clone_outlives_its_source(web1: StandinHost, modules: Modules) -> None:
    old = sums(web1)
    modules.good("bhyve_vm", CLONE)
    modules.good("bhyve_vm", {"name": "web2", "state": "started"})
    promote = {**CLONE, "promote": True}
    told = modules.good("bhyve_vm", promote, check=True)
    done = modules.good("bhyve_vm", promote)
    assert the(told, "web2")["changes"] == the(done, "web2")["changes"]
    assert len(the(done, "web2")["changes"]) == 2
    assert not modules.good("bhyve_vm", promote)["changed"]
    assert origins(web1, "web2") == {"root": "-", "data": "-"}
    assert origins(web1, "web1")["root"] == "zroot/apiary/web2/root@apiary-clone-web2"
    refused = modules.run("bhyve_vm", {"name": "web2", "state": "absent", "destroy": True})
    assert "these are clones of it" in refused["msg"]
    modules.good("bhyve_vm", {"name": "web2", "state": "stopped"})
    modules.good("bhyve_vm", {"name": "web1", "state": "absent", "destroy": True})
    assert sums(web1, "web2") == old
    assert snapshots(web1) == []
    assert not modules.good("bhyve_vm", promote)["changed"], "the source is not needed any more"


def test_a_full_copy_depends_on_nothing(web1: StandinHost, modules: Modules) -> None:
    old = sums(web1)
    modules.good("bhyve_vm", {**CLONE, "clone_mode": "copy"})
    assert origins(web1, "web2") == {"root": "-", "data": "-"}
    assert snapshots(web1) == []
    modules.good("bhyve_vm", {"name": "web1", "state": "absent", "destroy": True})
    assert sums(web1, "web2") == old
    modules.good("bhyve_vm", {"name": "web2", "state": "started"})


def test_a_guest_that_runs_is_cloned_by_its_snapshot(web1: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "golden"})
    old = sums(web1)
    write(web1, "new")
    modules.good("bhyve_vm", {"name": "web1", "state": "started", "memory": "96M"})
    refused = modules.run("bhyve_vm", CLONE)
    assert "guest web1 runs; stop it first" in refused["msg"] and not refused["changed"]
    refused = modules.run("bhyve_vm", {**CLONE, "clone_from": "web1@silver"})
    assert "there is no such snapshot; there are: golden" in refused["msg"]
    for name, mode in (("web2", "clone"), ("web3", "copy")):
        task = {"name": name, "clone_from": "web1@golden", "clone_mode": mode}
        modules.good("bhyve_vm", task)
        assert sums(web1, name) == old
        assert record(web1, name)["declared"]["memory"] == 64 << 20, "it is what it was then"
        assert not modules.good("bhyve_vm", task)["changed"]
    assert {name.partition("@")[2] for name in snapshots(web1)} == {"golden"}
    done = modules.good("bhyve_vm", {"name": "web2", "promote": True})
    assert "cannot be rolled back to it any more" in str(done["warnings"])
    assert sums(web1, "web2") == old


def test_older_snapshots_are_not_taken_away_by_a_promotion(web1: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "nightly"})
    refused = modules.run("bhyve_vm", {**CLONE, "promote": True})
    assert "the snapshots nightly of zroot/apiary/web1" in refused["msg"] and not refused["changed"]
    assert not web1.exists_in("/apiary/web2")


def test_a_guest_with_another_name_is_the_same_guest(web1: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_vm", tiny("app1", boot={"after": ["web1"], "autostart": True}))
    modules.good("bhyve_vm", {**CLONE, "name": "kid"})
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "before"})
    modules.good("bhyve_vm", {"name": "web1", "state": "restarted", "vnc": {}})
    task = {"name": "shop1", "rename_from": "web1"}
    refused = modules.run("bhyve_vm", task)
    assert "guest web1 runs; stop it first" in refused["msg"] and not refused["changed"]
    modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})
    before, old = record(web1), sums(web1)
    status = modules.good("bhyve_vm_info", {"names": ["web1"]})["vms"][0]["status"]
    told = modules.good("bhyve_vm", task, check=True)
    done = modules.good("bhyve_vm", task)
    assert told["vms"] == done["vms"] and told["diff"] == done["diff"]
    after = record(web1, "shop1")
    assert after["identity"] == before["identity"]
    assert sums(web1, "shop1") == old
    now = the(done, "shop1")["status"]
    assert (now["taps"], now["vnc"]) == (status["taps"], status["vnc"])
    assert record(web1, "app1")["declared"]["boot"]["after"] == ["shop1"]
    assert "after='shop1'" in web1.read("/apiary/app1/boot/guest.rc")
    assert record(web1, "kid")["origin"]["guest"] == "shop1"
    script = (
        "ls -A /apiary /var/run/apiary /var/log/apiary; zfs list -H -o name -t all; ifconfig -a; ls /dev/vmm;"
        " cat /var/db/apiary/host.json"
    )
    assert "web1" not in web1.sh(script).stdout
    assert web1.exists_in("/var/log/apiary/shop1.log")
    assert not modules.good("bhyve_vm", task)["changed"]
    assert not modules.good("bhyve_vm", {"vms": [{"name": "app1"}, {"name": "kid"}]})["changed"]
    write(web1, "new", "shop1")
    modules.good("bhyve_snapshot", {"vm": "shop1", "name": "before", "state": "rolled_back"})
    assert sums(web1, "shop1") == old, "its snapshots went with it"
    started = modules.good("bhyve_vm", {"name": "shop1", "state": "started"})
    assert the(started, "shop1")["status"]["run_state"] == "running"


def test_a_disk_that_somebody_has_open_is_not_renamed(web1: StandinHost, modules: Modules) -> None:
    disk = {"name": "borrowed", "path": place("root"), "ro": True}
    modules.good("bhyve_vm", tiny("reader", disks=[disk], state="started"))
    refused = modules.run("bhyve_vm", {"name": "shop1", "rename_from": "web1"})
    assert f"{place('root')} of guest web1 is in use by bhyve" in refused["msg"]
    assert web1.exists_in("/apiary/web1/guest.json")
    modules.good("bhyve_vm", {"name": "reader", "state": "stopped"})


def test_a_host_without_zfs(plain_host: StandinHost) -> None:
    host, modules = plain_host, Modules(plain_host)
    modules.good("bhyve_vm", tiny("web1", disks=[{"name": "logs", "size": "64M"}], state="started"))
    assert "guest web1 runs; stop it first" in modules.run("bhyve_vm", CLONE)["msg"]
    assert "web1 runs" in modules.run("bhyve_vm", {"name": "shop1", "rename_from": "web1"})["msg"]
    modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})
    write(host, "plain", "web1", "logs")
    old = checksums(host, [place("logs")])
    told = modules.good("bhyve_vm", CLONE, check=True)
    done = modules.good("bhyve_vm", CLONE)
    assert without_chance(told["vms"]) == without_chance(done["vms"])
    assert checksums(host, [place("logs", "web2")]) == old
    assert int(host.sh("stat -f %b /apiary/web2/logs.img").stdout) * 512 < 16 << 20, "holes are kept"
    assert not modules.good("bhyve_vm", CLONE)["changed"]
    modules.good("bhyve_vm", {"name": "shop1", "rename_from": "web1"})
    assert checksums(host, [place("logs", "shop1")]) == old
    assert not host.exists_in("/apiary/web1")
    modules.good("bhyve_vm", {"vms": [{"name": name, "state": "started"} for name in ("shop1", "web2")]})
