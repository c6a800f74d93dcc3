# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones and renamings on a stand-in host: the data is where it should be, and the guest is what it should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from conftest import bring_tiny_guest
from harness import PYTHON, ROOT, Modules, Playbooks
from standin.host import StandinHost
from standin.settings import Settings

TINY: Dict[str, Any] = {
    "memory": "64M",
    "firmware": "bhyveload",
    "loader": {"host_path": "/tiny", "env": {"mode": "acpi"}},
    "stop_timeout": 5,
}
WEB1: Dict[str, Any] = {
    **TINY,
    "name": "web1",
    "tags": ["shop"],
    "disks": [
        {"name": "root", "size": "16M"},
        {"name": "data", "size": "8M", "backing": "sparse-zvol"},
        {"name": "logs", "size": "4M", "backing": "sparse-file"},
    ],
    "nics": [{"name": "lan", "switch": "bridge0"}],
}
DISKS = ("root", "data", "logs")
CLONE = {"name": "web2", "clone_from": "web1"}

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
    print(hashlib.sha256(open(path, "rb").read(%d)).hexdigest())
"""


def place(guest: str, disk: str) -> str:
    """Where a disk's data is."""
    return f"/apiary/{guest}/logs.img" if disk == "logs" else f"/dev/zvol/zroot/apiary/{guest}/{disk}"


def write(host: StandinHost, guest: str, pattern: str) -> None:
    """Half a megabyte of a pattern on each disk of a guest."""
    for disk in DISKS:
        done = host.run([PYTHON, "-c", _WRITE, place(guest, disk), f"{pattern}/{disk}"])
        assert done.returncode == 0, done.stderr


def sums(host: StandinHost, guest: str) -> List[str]:
    """The checksum of what the smallest disk is large, of each disk of a guest."""
    done = host.run([PYTHON, "-c", _READ % (4 << 20), *(place(guest, disk) for disk in DISKS)])
    assert done.returncode == 0, done.stderr
    return str(done.stdout).split()


def checksum(host: StandinHost, path: str) -> str:
    """The checksum of a whole file."""
    done = host.run([PYTHON, "-c", _READ % -1, path])
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def record(host: StandinHost, name: str) -> Dict[str, Any]:
    loaded: Dict[str, Any] = json.loads(host.read(f"/apiary/{name}/guest.json"))
    return loaded


def snapshots(host: StandinHost) -> List[str]:
    return sorted(host.sh("zfs list -H -t snapshot -o name -r zroot/apiary", check=True).stdout.split())


def origins(host: StandinHost, guest: str) -> Dict[str, str]:
    text = host.sh(f"zfs get -Hpr -t volume -o name,value origin zroot/apiary/{guest}", check=True).stdout
    return {name.rpartition("/")[2]: origin for name, origin in (line.split("\t") for line in text.splitlines())}


def entry(result: Dict[str, Any], name: str) -> Dict[str, Any]:
    found: Dict[str, Any] = next(one for one in result["vms"] if one["name"] == name)
    return found


def without_chance(value: Any) -> Any:
    """A result without what is random until it is allocated."""
    if isinstance(value, dict):
        return {key: without_chance(one) for key, one in value.items() if key not in ("uuid", "mac", "serial")}
    return [without_chance(one) for one in value] if isinstance(value, list) else value


@pytest.fixture
def web1(host: StandinHost, modules: Modules) -> StandinHost:
    """A guest that is off, with a pattern on its disks."""
    modules.good("bhyve_vm", WEB1)
    write(host, "web1", "old")
    return host


def test_a_clone_has_the_data_and_is_another_guest(web1: StandinHost, modules: Modules) -> None:
    old = sums(web1, "web1")
    told = modules.good("bhyve_vm", CLONE, check=True)
    assert told["changed"] and not web1.exists_in("/apiary/web2") and snapshots(web1) == []
    done = modules.good("bhyve_vm", CLONE)
    assert without_chance(told["vms"]) == without_chance(done["vms"])
    assert sums(web1, "web2") == old
    source, clone = record(web1, "web1"), record(web1, "web2")
    assert clone["identity"]["uuid"] != source["identity"]["uuid"]
    assert clone["identity"]["macs"]["lan"] != source["identity"]["macs"]["lan"]
    assert clone["identity"]["serials"] == source["identity"]["serials"]
    assert clone["identity"]["slots"] == source["identity"]["slots"]
    assert clone["declared"]["tags"] == ["shop"]
    assert entry(done, "web2")["status"]["taps"] != modules.good("bhyve_vm_info", {})["vms"][0]["status"]["taps"]
    volumes = {disk: f"zroot/apiary/web1/{disk}@apiary-clone-web2" for disk in ("root", "data")}
    assert origins(web1, "web2") == volumes
    assert snapshots(web1) == sorted(volumes.values()), "that of the file system is of no more use"
    # A thick disk is thick in the clone as well.
    reserved = web1.sh("zfs get -Hpro value refreservation zroot/apiary/web2").stdout.split()
    assert reserved[:2] == ["0", "0"] and int(reserved[2]) > 16 << 20, "the file system, data, root"
    assert not modules.good("bhyve_vm", CLONE)["changed"]
    assert not modules.good("bhyve_vm", {"name": "web2"})["changed"]
    told = modules.good("bhyve_vm_info", {"names": ["web2"]})
    assert told["vms"][0]["status"]["origin"] == {"clone_from": "web1", "clone_mode": "clone", "complete": True}
    modules.good("bhyve_vm", {"vms": [{"name": name, "state": "started"} for name in ("web1", "web2")]})
    modules.good("bhyve_vm", {"vms": [{"name": name, "state": "stopped"} for name in ("web1", "web2")]})
    write(web1, "web2", "new")
    assert sums(web1, "web1") == old
    refused = modules.run("bhyve_vm", {"name": "web1", "state": "absent", "destroy": True})
    assert "these are clones of it: zroot/apiary/web2/data, zroot/apiary/web2/root" in refused["msg"]
    modules.good("bhyve_vm", {"name": "web2", "state": "absent", "destroy": True})
    assert snapshots(web1) == [], "the snapshot goes with its last clone"
    assert sums(web1, "web1") == old


def test_many_clones_with_options_of_their_own(web1: StandinHost, modules: Modules) -> None:
    old = sums(web1, "web1")
    task = {
        "vms": [
            {**CLONE, "memory": "96M", "disks": [{"name": "root", "size": "24M"}, {"name": "more", "size": "2M"}]},
            {"name": "web3", "clone_from": "web1", "state": "started", "disks": [{"name": "logs", "size": "8M"}]},
        ]
    }
    told = modules.good("bhyve_vm", task, check=True)
    done = modules.good("bhyve_vm", task)
    assert [vm["changes"] for vm in told["vms"]] == [vm["changes"] for vm in done["vms"]]
    assert sums(web1, "web2") == sums(web1, "web3") == old
    assert web1.sh("zfs get -Hpo value volsize zroot/apiary/web2/root").stdout == f"{24 << 20}\n"
    assert web1.sh("stat -f %z /apiary/web3/logs.img").stdout == f"{8 << 20}\n"
    assert entry(done, "web3")["status"]["run_state"] == "running"
    assert not modules.good("bhyve_vm", task)["changed"]


def test_a_promoted_clone_outlives_its_source(web1: StandinHost, modules: Modules) -> None:
    old = sums(web1, "web1")
    modules.good("bhyve_vm", CLONE)
    modules.good("bhyve_vm", {"name": "web2", "state": "started"})
    promote = {**CLONE, "promote": True}
    told = modules.good("bhyve_vm", promote, check=True)
    done = modules.good("bhyve_vm", promote)
    assert entry(told, "web2")["changes"] == entry(done, "web2")["changes"]
    assert len(entry(done, "web2")["changes"]) == 2
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
    old = sums(web1, "web1")
    modules.good("bhyve_vm", {**CLONE, "clone_mode": "copy"})
    assert origins(web1, "web2") == {"root": "-", "data": "-"}
    assert snapshots(web1) == []
    modules.good("bhyve_vm", {"name": "web1", "state": "absent", "destroy": True})
    assert sums(web1, "web2") == old
    modules.good("bhyve_vm", {"name": "web2", "state": "started"})


def test_a_guest_that_runs_is_cloned_by_its_snapshot(web1: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "golden"})
    old = sums(web1, "web1")
    write(web1, "web1", "new")
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
    modules.good("bhyve_vm", {**TINY, "name": "app1", "boot": {"after": ["web1"], "autostart": True}})
    modules.good("bhyve_vm", {**CLONE, "name": "kid"})
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "before"})
    modules.good("bhyve_vm", {"name": "web1", "state": "restarted", "vnc": {}})
    task = {"name": "shop1", "rename_from": "web1"}
    refused = modules.run("bhyve_vm", task)
    assert "guest web1 runs; stop it first" in refused["msg"] and not refused["changed"]
    modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})
    before, old = record(web1, "web1"), sums(web1, "web1")
    status = modules.good("bhyve_vm_info", {"names": ["web1"]})["vms"][0]["status"]
    told = modules.good("bhyve_vm", task, check=True)
    done = modules.good("bhyve_vm", task)
    assert told["vms"] == done["vms"] and told["diff"] == done["diff"]
    after = record(web1, "shop1")
    assert after["identity"] == before["identity"]
    assert sums(web1, "shop1") == old
    now = entry(done, "shop1")["status"]
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
    write(web1, "shop1", "new")
    modules.good("bhyve_snapshot", {"vm": "shop1", "name": "before", "state": "rolled_back"})
    assert sums(web1, "shop1") == old, "its snapshots went with it"
    started = modules.good("bhyve_vm", {"name": "shop1", "state": "started"})
    assert entry(started, "shop1")["status"]["run_state"] == "running"


def test_a_disk_that_somebody_has_open_is_not_renamed(web1: StandinHost, modules: Modules) -> None:
    disk = {"name": "borrowed", "path": place("web1", "root"), "ro": True}
    modules.good("bhyve_vm", {**TINY, "name": "reader", "disks": [disk], "state": "started"})
    refused = modules.run("bhyve_vm", {"name": "shop1", "rename_from": "web1"})
    assert f"{place('web1', 'root')} of guest web1 is in use by bhyve" in refused["msg"]
    assert web1.exists_in("/apiary/web1/guest.json")
    modules.good("bhyve_vm", {"name": "reader", "state": "stopped"})


def test_a_host_without_zfs(bare_host: Callable[..., StandinHost], tmp_path: Path) -> None:
    host = bare_host(Settings("plain1", zfs=False), name="plain1")
    prepared = Playbooks(host, tmp_path).play(
        str(ROOT / "tests" / "integration" / "prepare.yml"), extra={"bhyve_host_dataset": ""}
    )
    assert prepared.rc == 0, prepared.output
    bring_tiny_guest(host)
    modules = Modules(host).install()
    modules.good("bhyve_vm", {**TINY, "name": "web1", "disks": [{"name": "logs", "size": "64M"}], "state": "started"})
    assert "guest web1 runs; stop it first" in modules.run("bhyve_vm", CLONE)["msg"]
    assert "web1 runs" in modules.run("bhyve_vm", {"name": "shop1", "rename_from": "web1"})["msg"]
    modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})
    pattern = host.run([PYTHON, "-c", _WRITE, place("web1", "logs"), "plain"])
    assert pattern.returncode == 0, pattern.stderr
    old = checksum(host, place("web1", "logs"))
    told = modules.good("bhyve_vm", CLONE, check=True)
    done = modules.good("bhyve_vm", CLONE)
    assert without_chance(told["vms"]) == without_chance(done["vms"])
    assert checksum(host, place("web2", "logs")) == old
    assert int(host.sh("stat -f %b /apiary/web2/logs.img").stdout) * 512 < 16 << 20, "holes are kept"
    assert not modules.good("bhyve_vm", CLONE)["changed"]
    modules.good("bhyve_vm", {"name": "shop1", "rename_from": "web1"})
    assert checksum(host, place("shop1", "logs")) == old
    assert not host.exists_in("/apiary/web1")
    modules.good("bhyve_vm", {"vms": [{"name": name, "state": "started"} for name in ("shop1", "web2")]})
