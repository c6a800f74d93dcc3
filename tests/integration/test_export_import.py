# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exports and imports on a stand-in host: what goes into the file comes out of it, whatever breaks in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict

import pytest
from compare import comparable, differences, fingerprint
from exports import COPY, EXPORT, FILE, WEB1, make_web1, residue
from guests import checksums, record, sums, tiny, write
from harness import PYTHON, ROOT, Modules, Playbooks
from polls import until
from standin.host import StandinHost


def refusal(modules: Modules, module: str, task: Dict[str, Any], check: bool = False) -> str:
    """The error of a task that must fail, and must not change anything."""
    before = fingerprint(modules.host)
    result = modules.run(module, task, check=check)
    assert result.get("failed") and not result["changed"], result
    assert fingerprint(modules.host) == before
    assert residue(modules.host) == []
    return str(result["msg"])


@pytest.fixture
def web1(host: StandinHost, modules: Modules) -> StandinHost:
    """A host with a guest to be exported."""
    make_web1(modules)
    return host


def test_check_apply_again_modify_force(web1: StandinHost, modules: Modules) -> None:
    untouched = fingerprint(web1)
    told = modules.good("bhyve_export", EXPORT, check=True)
    assert told["changed"] and fingerprint(web1) == untouched and not web1.exists_in(FILE)
    done = modules.good("bhyve_export", EXPORT)
    assert differences(comparable({**told, "exports": []}), comparable({**done, "exports": []})) == []
    assert done["exports"][0]["changes"] == told["exports"][0]["changes"]
    assert done["exports"][0]["disks"] == told["exports"][0]["disks"]
    assert done["exports"][0]["consistency"] == "stopped"
    assert web1.sh(f"stat -f %Lp {FILE}").stdout == "600\n"
    assert residue(web1) == []
    for check in (True, False):
        again = modules.good("bhyve_export", EXPORT, check=check)
        assert not again["changed"] and again["diff"] == []
        assert again["exports"][0]["id"] == done["exports"][0]["id"]
    write(web1, "new", "web1", "data")
    assert "with other content" in refusal(modules, "bhyve_export", EXPORT)
    forced = modules.good("bhyve_export", {**EXPORT, "force": True})
    assert forced["changed"] and forced["exports"][0]["id"] != done["exports"][0]["id"]
    assert not modules.good("bhyve_export", {**EXPORT, "force": True})["changed"]
    modules.good("bhyve_vm", {"name": "web1", "description": "another"})
    assert "with other content" in refusal(modules, "bhyve_export", EXPORT)


def test_a_copy_has_the_data_and_runs_beside_the_guest(web1: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_export", EXPORT)
    untouched = fingerprint(web1)
    told = modules.good("bhyve_import", COPY, check=True)
    assert told["changed"] and fingerprint(web1) == untouched
    done = modules.good("bhyve_import", COPY)
    assert done["imports"][0]["changes"] == told["imports"][0]["changes"]
    assert done["imports"][0]["disks"] == told["imports"][0]["disks"]
    assert residue(web1) == []
    assert sums(web1, "web2") == sums(web1)
    old, new = record(web1), record(web1, "web2")
    assert new["identity"]["uuid"] != old["identity"]["uuid"] and new["identity"]["macs"] != old["identity"]["macs"]
    for key in ("serials", "slots"):
        assert new["identity"][key] == old["identity"][key]
    assert new["declared"]["vnc"]["password"] == "secret"
    assert web1.read_bytes("/apiary/web2/uefi-vars.fd") == bytes(range(256)) * 4
    assert web1.sh("stat -f %Lp /apiary/web2/hooks/prestart /apiary/web2/logs.img").stdout == "755\n600\n"
    assert not web1.exists_in("/apiary/web2/firstboot")
    for prop, disk in (
        ("refreservation", "root"),
        ("volblocksize", "data"),
        ("compression", "root"),
        ("copies", "root"),
    ):
        values = web1.sh(f"zfs get -Hpo value {prop} zroot/apiary/web1/{disk} zroot/apiary/web2/{disk}").stdout.split()
        assert values[0] == values[1], (prop, values)
    for check in (True, False):
        again = modules.good("bhyve_import", COPY, check=check)
        assert not again["changed"] and again["diff"] == []
    # The declaration holds for the copy too: nothing is left to do but its name.
    wanted = {key: value for key, value in WEB1.items() if key != "vnc"}
    assert not modules.good("bhyve_vm", {**wanted, "name": "web2"})["changed"]
    started = modules.good("bhyve_vm", {"vms": [{"name": name, "state": "started"} for name in ("web1", "web2")]})
    assert [vm["status"]["run_state"] for vm in started["vms"]] == ["running", "running"]
    assert not modules.good("bhyve_import", COPY)["changed"]


def test_a_guest_that_was_lost_comes_back_as_it_was(web1: StandinHost, modules: Modules) -> None:
    before, data = record(web1), sums(web1)
    modules.good("bhyve_export", {**EXPORT, "format": "image"})
    assert residue(web1) == []
    assert "which did not come from" in refusal(modules, "bhyve_import", {"path": FILE})
    assert "keep_identity: false" in refusal(modules, "bhyve_import", {"path": FILE, "name": "web2"})
    modules.good("bhyve_vm", {"name": "web1", "state": "absent", "destroy": True})
    done = modules.good("bhyve_import", {"path": FILE})
    assert done["imports"][0]["name"] == "web1"
    assert record(web1) == before
    assert sums(web1) == data
    assert not modules.good("bhyve_vm", WEB1)["changed"]


def test_under_another_name_everything_that_a_firmware_knows_stays(web1: StandinHost, modules: Modules) -> None:
    before = record(web1)["identity"]
    modules.good("bhyve_export", EXPORT)
    modules.good("bhyve_vm", {"name": "web1", "state": "absent", "destroy": True})
    modules.good("bhyve_import", {"path": FILE, "name": "db1", "backing": "sparse-zvol"})
    after = record(web1, "db1")["identity"]
    assert {key: after[key] for key in before} == before
    assert "data" in after["eui64"]
    assert sums(web1, "db1", "sparse-zvol")
    assert web1.sh("zfs list -Ho name -t volume -r zroot/apiary/db1").stdout.split() == [
        f"zroot/apiary/db1/{disk}" for disk in ("data", "logs", "root")
    ]


def test_an_administrator_unpacks_it_by_hand(web1: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_export", EXPORT)
    data = sums(web1)
    web1.sh(f"mkdir /hand && tar -xf {FILE} -C /hand", check=True)
    listing = web1.sh("cd /hand && find . -type f").stdout.split()
    assert sorted(listing) == [
        "./SHA256SUMS",
        "./disks/data.zfs.zst",
        "./disks/logs.img.zst",
        "./disks/root.zfs.zst",
        "./files/hooks/prestart",
        "./files/uefi-vars.fd",
        "./guest.json",
        "./manifest.json",
    ]
    web1.sh("zstd -d -c /hand/disks/root.zfs.zst | zfs receive zroot/apiary/hand", check=True)
    web1.sh("zstd -q -d /hand/disks/logs.img.zst -o /hand/logs.img", check=True)
    # The node of a volume comes a moment after the command that made it.
    assert until(lambda: web1.exists_in("/dev/zvol/zroot/apiary/hand"))
    assert checksums(web1, ["/dev/zvol/zroot/apiary/hand", "/hand/logs.img"]) == [data[0], data[2]]


def test_a_running_guest_and_a_snapshot(web1: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "daily"})
    data = sums(web1)
    modules.good("bhyve_vm", {"name": "web1", "state": "started"})
    assert modules.good("bhyve_export", EXPORT)["exports"][0]["consistency"] == "crash_consistent"
    assert "which runs and may have written since" in refusal(modules, "bhyve_export", EXPORT)
    daily = {"vm": "web1", "path": "/backup/daily.apiary", "snapshot": "daily"}
    assert modules.good("bhyve_export", daily)["exports"][0]["consistency"] == "stopped"
    modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})
    write(web1, "new")
    assert not modules.good("bhyve_export", daily)["changed"]
    assert "there is no snapshot zroot/apiary/web1@weekly" in str(
        modules.run("bhyve_export", {**EXPORT, "snapshot": "weekly"})["msg"]
    )
    modules.good("bhyve_import", {**COPY, "path": "/backup/daily.apiary"})
    assert sums(web1, "web2") == data
    # The bookmarks of an export are in nobody's way.
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "daily", "state": "absent"})
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "later"})
    modules.good("bhyve_export", {**EXPORT, "force": True})
    write(web1, "newer")
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "later", "state": "rolled_back"})


def test_two_tasks_at_once_do_it_once(web1: StandinHost, modules: Modules) -> None:
    for module, task in (("bhyve_export", EXPORT), ("bhyve_import", COPY)):
        both = [modules.finish(process) for process in [modules.start(module, task), modules.start(module, task)]]
        assert not any(result.get("failed") for result in both), both
        assert sorted(result["changed"] for result in both) == [False, True]
    assert sums(web1, "web2") == sums(web1)
    assert residue(web1) == []


def test_one_that_fails_does_not_keep_the_others(web1: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_vm", tiny("app1", disks=[{"name": "root", "size": "1M"}]))
    other = {"vm": "app1", "path": "/backup/app1.apiary"}
    copies = [COPY, {"path": other["path"], "name": "app2", "keep_identity": False}]
    for module, task, key, names in (
        ("bhyve_export", {"exports": [EXPORT, other]}, "exports", [FILE]),
        ("bhyve_import", {"imports": copies}, "imports", ["web2"]),
    ):
        web1.set_faults([{"match": ["zstd"], "kth": 1, "mode": "fail", "stderr": "zstd: no memory"}])
        result = modules.run(module, task)
        web1.set_faults([])
        assert result["failed"] and [one["name"] for one in result["failures"]] == names
        assert "no memory" in result["msg"]
        assert [one["changed"] for one in result[key]] == [False, True]
        assert residue(web1) == []
        again = modules.good(module, task)
        assert [one["changed"] for one in again[key]] == [True, False]


DAMAGES: Dict[str, str] = {
    "cut off": "data = data[: len(data) // 2]",
    "cut off at the end": "data = data[: data.index(b'SHA256SUMS') + 600]",
    "a bit of a disk": "data[data.index(b'disks/root') + 700] ^= 1",
    "a bit of the manifest": "data[data.index(b'stopped') + 2] ^= 1",
    "a bit of the record": "data[data.index(b'\"declared\"') + 20] ^= 1",
    "newer": "data = data.replace(b'\"schema\": 1', b'\"schema\": 7', 1)",
    "empty": "data = b''",
    "another file": "data = b'#!/bin/sh\\n' * 1000",
}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_a_damaged_file_makes_nothing(damage: str, shared: StandinHost) -> None:
    modules = Modules(shared)
    code = f"""
import sys
data = bytearray(open({FILE!r}, "rb").read())
{DAMAGES[damage]}
open("/backup/bad.apiary", "wb").write(data)
"""
    done = shared.run([PYTHON, "-c", code])
    assert done.returncode == 0, done.stderr
    for check in (True, False):
        message = refusal(modules, "bhyve_import", {**COPY, "path": "/backup/bad.apiary"}, check)
        assert "/backup/bad.apiary" in message
        assert any(word in message for word in ("cut off", "damaged", "schema 7", "is not an export")), message


@pytest.fixture(scope="module")
def shared(shared_host: StandinHost) -> StandinHost:
    """A host with an export of web1, for tests that change nothing."""
    modules = Modules(shared_host)
    make_web1(modules)
    modules.good("bhyve_export", EXPORT)
    return shared_host


def test_bad_input(shared: StandinHost) -> None:
    modules = Modules(shared)
    shared.sh("mkdir -p /apiary/.d /backup/dir; echo x > /backup/other", check=True)
    for module, task, message in (
        ("bhyve_export", {"vm": "nobody", "path": "/backup/x"}, "there is no such guest"),
        ("bhyve_export", {"vm": "web1", "path": "/nowhere/x"}, "there is no directory /nowhere"),
        ("bhyve_export", {"vm": "web1", "path": "/backup/dir"}, "is no file"),
        ("bhyve_export", {"vm": "web1", "path": "/backup/other"}, "exists and is no export"),
        ("bhyve_export", {"vm": "web1", "path": "/backup/x", "format": "stream"}, "logs: format: it is a file"),
        ("bhyve_export", {"vm": "web1"}, "path: give one export by vm and path, or many by exports"),
        ("bhyve_import", {"path": "/backup/nothing"}, "cannot read /backup/nothing: No such file"),
        ("bhyve_import", {"imports": [COPY, {**COPY, "name": "web2"}]}, "web2 is there twice"),
        ("bhyve_import", {**COPY, "backing": "file"}, "cannot become a file"),
        ("bhyve_import", {**COPY, "name": "no/name"}, "cannot be a guest's name"),
    ):
        assert message in refusal(modules, module, task)


def test_reads_do_not_grow_with_the_exports(web1: StandinHost, modules: Modules) -> None:
    more = [tiny(f"app{number}", disks=[{"name": "root", "size": "1M"}]) for number in range(4)]
    modules.good("bhyve_vm", {"vms": more})
    tasks = [EXPORT, *({"vm": one["name"], "path": f"/backup/{one['name']}"} for one in more)]
    modules.good("bhyve_export", {"exports": tasks})
    one = modules.good("bhyve_export", {"exports": tasks[:1]})
    many = modules.good("bhyve_export", {"exports": tasks})
    assert not many["changed"] and many["commands_started"] == one["commands_started"]
    imports = [{"path": task["path"], "name": f"{task['vm']}-copy", "keep_identity": False} for task in tasks]
    modules.good("bhyve_import", {"imports": imports})
    one = modules.good("bhyve_import", {"imports": imports[:1]})
    many = modules.good("bhyve_import", {"imports": imports})
    assert not many["changed"] and many["commands_started"] == one["commands_started"]


def test_no_room_is_told_before_anything_is_made(web1: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_export", EXPORT)
    used = int(web1.sh("zfs get -Hpo value used zroot/apiary").stdout)
    web1.sh(f"zfs set quota={used + (12 << 20)} zroot/apiary", check=True)
    assert "not enough space: " in refusal(modules, "bhyve_import", COPY)


def test_a_host_without_zfs_takes_images(
    web1: StandinHost, modules: Modules, bare_host: Callable[..., StandinHost], tmp_path: Path
) -> None:
    modules.good("bhyve_export", {"exports": [EXPORT, {**EXPORT, "path": "/backup/portable", "format": "image"}]})
    bare = bare_host(name="plain1")
    bare.sh("sysrc cloned_interfaces=bridge0 && service netif start bridge0", check=True)
    prepare = str(ROOT / "tests" / "integration" / "prepare.yml")
    run = Playbooks(bare, tmp_path).play(prepare, extra={"bhyve_host_dataset": ""})
    assert run.rc == 0, run.output
    there = Modules(bare).install()
    bare.sh("mkdir /backup /tiny", check=True)
    for path in (FILE, "/backup/portable"):
        bare.write(path, web1.read_bytes(path))
    result = there.run("bhyve_import", {"path": FILE})
    assert "this host has no ZFS; export the guest with format: image" in result["msg"]
    taken = {"path": "/backup/portable"}
    done = there.good("bhyve_import", taken)
    assert [one["backing"] for one in done["imports"][0]["disks"]] == ["file", "sparse-file", "sparse-file"]
    assert sums(bare, "web1", "file") == sums(web1)
    assert not there.good("bhyve_import", taken)["changed"]
    assert bare.sh("ls -A /apiary").stdout.split() == ["web1"]
    # And back: the files' times tell whether anything was written.
    back = {"vm": "web1", "path": "/backup/back"}
    assert there.good("bhyve_export", back)["changed"]
    assert not there.good("bhyve_export", back)["changed"]
    web1.write("/backup/back", bare.read_bytes("/backup/back"))
    modules.good("bhyve_import", {"path": "/backup/back", "name": "web3", "keep_identity": False, "backing": "zvol"})
    assert sums(web1, "web3", "zvol") == sums(web1)
    there.good("bhyve_vm", {"name": "web1", "loader": {"host_path": "/tiny"}, "description": "x"})
    assert "with other content" in str(there.run("bhyve_export", back)["msg"])


def test_the_targets(playbooks: Playbooks, host: StandinHost) -> None:
    target = ROOT / "tests" / "integration" / "targets" / "bhyve_export" / "tasks" / "main.yml"
    run = playbooks.tasks([{"ansible.builtin.include_tasks": str(target)}])
    assert run.rc == 0, run.output
    assert host.sh("zfs list -H -o name | grep apiary-test").stdout == ""
