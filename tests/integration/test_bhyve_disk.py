# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of bhyve_disk relies on, on a prepared stand-in host."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest
from compare import fingerprint, unforetold
from faults import Sweep, tried
from guests import tiny
from harness import Modules
from standin.guests.control import Guest
from standin.host import StandinHost

NODE = "/dev/zvol/zroot/apiary"


def disk(name: str = "data", vm: str = "web1", **options: Any) -> Dict[str, Any]:
    """A disk of a guest."""
    return {"vm": vm, "name": name, **options}


def the(result: Dict[str, Any], name: str = "data", vm: str = "web1") -> Dict[str, Any]:
    """A disk out of the module's result."""
    return next(one for one in result["disks"] if (one["vm"], one["name"]) == (vm, name))


def prop(host: StandinHost, volume: str, name: str) -> str:
    """A property of a volume below the root dataset."""
    return host.sh(f"zfs get -Hpo value {name} zroot/apiary/{volume}", check=True).stdout.strip()


def refusal(modules: Modules, task: Dict[str, Any], check: bool = False) -> str:
    """The error of a task that must fail, and must not change anything."""
    result = modules.run("bhyve_disk", task, check=check)
    assert result.get("failed") and not result["changed"], result
    return str(result["msg"])


@pytest.fixture
def web1(modules: Modules) -> None:
    """A guest that is off, of an OS with virtio disks."""
    modules.good("bhyve_vm", tiny("web1", state="present", os="freebsd"))


STORY: List[Dict[str, Any]] = [
    disk(size="16M"),
    disk("scratch", size="8M", backing="sparse-file", controller="nvme", sector_size="512"),
    disk("thin", size="16M", backing="sparse-zvol", properties={"compression": "zstd", "org.example:tier": 1}),
    disk("fixed", size="16M", volblocksize="8K", serial="ABC-1", nocache=True),
    {"disks": [disk(size="32M"), disk("scratch", size="16M")]},
    disk("thin", properties={"compression": "lz4", "primarycache": "metadata", "copies": 2}),
    disk("thin", properties={"compression": "", "copies": ""}),
    disk("cd", controller="ahci-cd", path="/iso/a.iso"),
    disk("cd", path="/iso/b.iso"),
    disk("cd", path=""),
    disk(controller="ahci-hd", ro=True),
    disk(state="detached"),
    disk(state="present", ro=False),
    disk("fixed", state="absent"),
    {"disks": [disk("thin", state="absent", destroy=True), disk("scratch", state="absent", destroy=True)]},
]


@pytest.mark.usefixtures("web1")
def test_check_mode_changes_nothing_and_predicts_what_apply_does(host: StandinHost, modules: Modules) -> None:
    host.sh("mkdir /iso && echo a > /iso/a.iso && echo b > /iso/b.iso", check=True)
    wrong = unforetold(modules, "bhyve_disk", STORY)
    assert not wrong, "\n".join(wrong)
    # Forgotten, not destroyed; what was to be destroyed is.
    assert host.sh("zfs list -Ho name -r -t volume zroot/apiary/web1").stdout.split() == [
        "zroot/apiary/web1/data",
        "zroot/apiary/web1/fixed",
    ]
    assert not host.exists_in("/apiary/web1/scratch.img")


@pytest.mark.usefixtures("web1")
def test_bhyve_vm_and_bhyve_disk_are_one(modules: Modules) -> None:
    options = {"name": "data", "size": "16M", "controller": "nvme", "properties": {"compression": "zstd"}}
    modules.good("bhyve_vm", {"name": "web1", "disks": [options]})
    assert not modules.good("bhyve_disk", {"vm": "web1", **options})["changed"]
    shown = the(modules.good("bhyve_disk", disk()))
    back = {key: value for key, value in shown.items() if key not in ("host_path", "pending")}
    assert not modules.good("bhyve_disk", back)["changed"], "what it returns is valid input and changes nothing"
    assert shown["host_path"] == f"{NODE}/web1/data" and shown["size"] == "16M" and len(shown["serial"]) == 16


@pytest.mark.usefixtures("web1")
def test_data_size_serial_and_slot_outlive_detach_and_attach(host: StandinHost, modules: Modules) -> None:
    both = [disk(size="16M"), disk("logs", size="16M", backing="sparse-file", controller="nvme")]
    first = modules.good("bhyve_disk", {"disks": both})
    modules.good("bhyve_vm", {"name": "web1", "state": "started"})
    guest = Guest(host.directory, "web1")
    slots = {seen["path"]: seen["slot"] for seen in guest.wait_booted()["disks"]}
    guest.write_pattern("seed")

    detach = {"restart": "if_needed", "disks": [disk(state="detached"), disk("logs", state="detached")]}
    modules.good("bhyve_disk", detach)
    assert guest.wait_booted(boots=2)["disks"] == []

    # Another disk comes in between and must not take the place of those.
    modules.good("bhyve_disk", disk("new", size="16M"))
    modules.good("bhyve_disk", disk(size="24M", state="detached"))
    again = modules.good("bhyve_disk", {"restart": "if_needed", "disks": [disk(), disk("logs")]})
    seen = {one["path"]: one for one in guest.wait_booted(boots=3)["disks"]}
    assert {path: seen[path]["slot"] for path in slots} == slots
    assert seen[f"{NODE}/web1/data"]["size"] == 24 << 20
    for name in ("data", "logs"):
        assert the(again, name)["serial"] == the(first, name)["serial"]
        assert guest.check_pattern("seed")[the(first, name)["serial"]]


@pytest.mark.usefixtures("web1")
def test_a_disk_grows_under_a_running_guest_and_never_shrinks(host: StandinHost, modules: Modules) -> None:
    kinds = {"a": "virtio-blk", "b": "nvme", "c": "ahci-hd"}
    disks = [disk(name, size="16M", controller=kind) for name, kind in kinds.items()]
    disks.append(disk("d", size="16M", backing="sparse-file", controller="nvme"))
    made = modules.good("bhyve_disk", {"disks": disks})
    modules.good("bhyve_vm", {"name": "web1", "state": "started"})
    guest = Guest(host.directory, "web1")
    guest.wait_booted()
    guest.write_pattern("seed")

    grown = modules.good("bhyve_disk", {"disks": [disk(name, size="+16M") for name in "abcd"]})
    assert [the(grown, name)["size"] for name in "abcd"] == ["32M"] * 4
    assert grown["pending"] == {"web1": {"c": {"size": {"running": "16M", "next": "32M"}}}}
    sizes = {one["path"].rpartition("/")[2]: one["size"] >> 20 for one in guest.look_at_disks()}
    assert sizes == {"a": 32, "b": 32, "c": 16, "d.img": 32}
    assert guest.check_pattern("seed") == {the(made, name)["serial"]: True for name in "abcd"}

    for name in "ad":
        assert "would shrink to 16M" in refusal(modules, disk(name, size="16M"))
    restarted = modules.good("bhyve_disk", {"restart": "if_needed", **disk("c", size="32M")})
    assert restarted["pending"] == {}
    assert {one["size"] >> 20 for one in guest.wait_booted(boots=2)["disks"]} == {32}
    assert all(guest.check_pattern("seed").values())


@pytest.mark.usefixtures("web1")
def test_what_is_fixed_at_creation_is_an_error_and_the_rest_is_set_at_once(host: StandinHost, modules: Modules) -> None:
    host.write("/key", b"0" * 32)
    secret = {"encryption": "on", "keyformat": "raw", "keylocation": "file:///key"}
    modules.good("bhyve_disk", disk(size="16M", volblocksize="8K", properties={**secret, "compression": "gzip-6"}))
    assert prop(host, "web1/data", "encryption") == "aes-256-gcm"
    for options, text in (
        ({"volblocksize": "16K"}, "volblocksize is 8K and cannot become 16K"),
        ({"backing": "sparse-zvol"}, "backing is zvol and cannot become sparse-zvol"),
        ({"image": "golden"}, "image: the disk is not made from an image"),
        ({"properties": {"encryption": "aes-128-ccm"}}, "encryption is aes-256-gcm and cannot become aes-128-ccm"),
    ):
        assert text in refusal(modules, disk(**options)), options
    host.clear_commands()
    values = {"compression": "zstd", "primarycache": "metadata", "refreservation": "none", "logbias": "throughput"}
    modules.good("bhyve_disk", disk(properties=values))
    assert len([call for call in host.commands() if list(call.argv[:2]) == ["zfs", "set"]]) == 1
    assert [prop(host, "web1/data", name) for name in values] == ["zstd", "metadata", "0", "throughput"]
    assert not modules.good("bhyve_disk", disk(properties={**secret, **values}))["changed"]


BAD: List[Any] = [
    ({"vm": "web1"}, "name: give one disk by vm and name"),
    ({"name": "data"}, "vm: give one disk by vm and name"),
    (disk(vm="nobody", size="1G"), "guest nobody: there is no such guest on this host"),
    ({"disks": [disk(size="1G"), disk("x", size="1G"), disk(size="2G")]}, "twice, as element 1 and as element 3"),
    ({"vm": "web1", "disks": []}, "disks: vm beside it"),
    (disk(), "size is needed to make the disk"),
    (disk(size="+1G"), "+1G grows a disk that exists"),
    (disk(size="10"), "has no unit"),
    (disk(size="20000K", volblocksize="64K"), "the nearest that are: 19968K and 20032K"),
    (disk(size="1G", destroy=True), "destroy: true goes with state: absent only"),
    (disk(state="detached"), "cannot be detached, the guest has no such disk"),
    (disk(path="/nowhere.iso", controller="ahci-cd"), "the ISO image /nowhere.iso does not exist"),
    (
        disk(size="1G", controller="virtio-scsi"),
        "and nothing else, not backing: zvol",
    ),
    (disk(path="/dev/cam/ctl1.0", controller="virtio-scsi"), "there is no port /dev/cam/ctl1.0"),
    (disk(size="1G", boot_order=1), "boot_order is for the UEFI firmware"),
    (disk(size="1G", properties={"volmode": "dev"}), "properties: volmode cannot be given here"),
    (disk(size="1G", properties={"used": "1"}), "properties: used is read-only"),
    (disk(size="1G", properties={"atime": "off"}), "atime is a property of file systems"),
    (disk(size="1G", properties={"compresion": "lz4"}), "this host's ZFS has no property compresion"),
    (disk(size="1G", backing="file", properties={"compression": "lz4"}), "properties are those of a volume"),
    (disk(size="1G", sector_size="512/4096", controller="nvme"), "nvme takes 512, 4096 or 8192"),
    (disk(size="900T"), "not enough space: guest web1: disk data"),
    ({"disks": [disk(f"d{n}", size="400G") for n in range(4)]}, "together, and zroot/apiary/web1 has"),
]


@pytest.mark.usefixtures("web1")
def test_bad_input_is_one_error_and_changes_nothing(host: StandinHost, modules: Modules) -> None:
    untouched = fingerprint(host)
    wrong = []
    for task, text in BAD:
        for check in (True, False):
            said = refusal(modules, task, check)
            wrong += [] if text in said else [f"{task}: {said}"]
    assert not wrong, "\n".join(wrong)
    assert fingerprint(host) == untouched


@pytest.mark.usefixtures("web1")
def test_a_disk_that_somebody_has_open_is_not_taken_from_under_him(host: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_disk", {"disks": [disk(size="16M"), disk("img", size="16M", backing="file")]})
    modules.good("bhyve_vm", tiny("web2", state="started"))
    modules.good("bhyve_vm", {"name": "web1", "state": "started"})
    Guest(host.directory, "web1").wait_booted()
    for name in ("data", "img"):
        gone = disk(name, state="absent", destroy=True)
        assert "has it open" in refusal(modules, gone)
        # Not in the record any more, but bhyve has it all the same: the kernel knows.
        modules.good("bhyve_disk", disk(name, state="absent"))
        assert "is in use by guest web1" in refusal(modules, gone) or "has it open" in refusal(modules, gone)
    for path in (f"{NODE}/web1/data", "/apiary/web1/img.img"):
        assert "is in use by guest web1" in refusal(modules, disk("stolen", vm="web2", path=path))
    modules.good("bhyve_disk", disk("data"))
    assert "would fail" in refusal(modules, disk("data", properties={"readonly": True}))
    assert modules.run("bhyve_vm", {"name": "web1", "state": "absent", "destroy": True}).get("failed") is None


@pytest.mark.usefixtures("web1")
def test_a_restart_lets_a_disk_be_destroyed_and_a_medium_be_changed(host: StandinHost, modules: Modules) -> None:
    host.sh("mkdir /iso && echo a > /iso/a.iso && echo b > /iso/b.iso", check=True)
    cd = disk("cd", controller="ahci-cd", path="/iso/a.iso")
    modules.good("bhyve_disk", {"disks": [disk(size="16M"), cd]})
    modules.good("bhyve_vm", {"name": "web1", "state": "started"})
    guest = Guest(host.directory, "web1")
    guest.wait_booted()
    waiting = modules.good("bhyve_disk", disk("cd", path="/iso/b.iso"))
    (key,) = waiting["pending"]["web1"]["cd"]
    assert waiting["pending"]["web1"]["cd"][key] == {"running": "/iso/a.iso", "next": "/iso/b.iso"}
    modules.good("bhyve_disk", {"restart": "if_needed", "vm": "web1", "name": "cd", "path": ""})
    assert [one["path"] for one in guest.wait_booted(boots=2)["disks"]] == [f"{NODE}/web1/data"]
    gone = modules.good("bhyve_disk", {"restart": "if_needed", **disk(state="absent", destroy=True)})
    assert the(gone)["state"] == "absent" and not gone["pending"]
    assert guest.wait_booted(boots=3)["disks"] == []
    assert not host.exists_in(f"{NODE}/web1/data")


def test_firmware_is_told_the_boot_order_and_scsi_its_port(host: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_vm", {"name": "uefi1", "memory": "256M", "os": "freebsd", "stop_timeout": 5})
    host.sh("mkdir -p /dev/cam && ln -s /dev/zero /dev/cam/ctl1.0", check=True)
    disks = [
        disk("a", vm="uefi1", size="16M", boot_order=2),
        disk("b", vm="uefi1", size="16M", controller="ahci-hd", boot_order=1),
        disk("san", vm="uefi1", controller="virtio-scsi", path="/dev/cam/ctl1.0"),
    ]
    modules.good("bhyve_disk", {"disks": disks})
    taken = disk("san", vm="uefi1", boot_order=1)
    assert "boot_order: 1 is the place of disk b already" in refusal(modules, taken)
    modules.good("bhyve_vm", {"name": "uefi1", "state": "started"})
    seen = Guest(host.directory, "uefi1").wait_booted()
    slots = {one["path"]: one["slot"] for one in seen["disks"]}
    first, second = slots[f"{NODE}/uefi1/b"].partition(".port")[0], slots[f"{NODE}/uefi1/a"]
    assert seen["boot_order"] == [first, second]
    assert "virtio-scsi" in seen["devices"].values()
    in_use = disk("san", vm="web1", controller="virtio-scsi", path="/dev/cam/ctl1.0")
    modules.good("bhyve_vm", tiny("web1", state="present"))
    assert "is in use by guest uefi1" in refusal(modules, in_use)
    modules.good("bhyve_vm", {"name": "uefi1", "state": "absent", "destroy": True})


def test_200_disks_are_read_as_one(host: StandinHost, modules: Modules) -> None:
    names = [f"g{number}" for number in range(10)]
    modules.good("bhyve_vm", {"vms": [tiny(name, state="present", os="freebsd") for name in names]})

    def disks(count: int) -> List[Dict[str, Any]]:
        return [
            disk(f"d{number // 10}", vm=names[number % 10], size="16M", backing="sparse-zvol", properties={"copies": 2})
            for number in range(count)
        ]

    modules.good("bhyve_disk", {"disks": disks(200)})
    host.clear_commands()
    many = modules.good("bhyve_disk", {"disks": disks(200)})
    assert len(host.commands()) == many["commands_started"]
    one = modules.good("bhyve_disk", disks(1)[0])
    assert not many["changed"] and not one["changed"] and len(many["disks"]) == 200
    assert many["commands_started"] == one["commands_started"]


HALF_WAY = {
    "disks": [
        disk(size="16M"),
        disk("old", size="32M", properties={"compression": "zstd"}),
        disk("thin", size="16M", backing="sparse-zvol"),
        disk("gone", state="absent", destroy=True),
        disk("other", vm="web2", size="16M"),
    ]
}


class HalfWay(Sweep):
    """A task over many disks, one of which holds something."""

    def begin(self) -> None:
        every = [disk(name, state="absent", destroy=True) for name in ("data", "old", "thin", "gone")]
        self.modules.good("bhyve_disk", {"disks": [*every, disk("other", vm="web2", state="absent", destroy=True)]})
        self.modules.good("bhyve_disk", {"disks": [disk("old", size="16M"), disk("gone", size="16M")]})
        self.host.sh(f"printf kept | dd of={NODE}/web1/old bs=512 seek=9 conv=notrunc,sync", check=True)

    def left(self, result: Optional[Dict[str, Any]]) -> List[str]:
        told = result is not None and result["failed"] and "it failed" in result["msg"]
        return [] if told else [f"the task does not say it: {result}"]

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        kept = self.host.sh(f"dd if={NODE}/web1/old bs=512 skip=9 count=1").stdout
        seen = (
            kept.startswith("kept"),
            prop(self.host, "web1/old", "volsize"),
            prop(self.host, "web1/old", "compression"),
            self.host.exists_in(f"{NODE}/web1/gone"),
            self.host.exists_in(f"{NODE}/web2/other"),
        )
        return [] if seen == (True, str(32 << 20), "zstd", False, True) else [f"the disks are {seen}"]


@pytest.mark.usefixtures("web1")
def test_a_task_that_fails_at_any_command_is_completed_by_the_next(modules: Modules) -> None:
    modules.good("bhyve_vm", tiny("web2", state="present", os="freebsd"))
    sweep = HalfWay(modules, "bhyve_disk", HALF_WAY)
    sweep.record()
    assert len(sweep.commands) > 8
    sweep.go("fail", tried(len(sweep.commands)))
