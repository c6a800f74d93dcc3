# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of disks, as both bhyve_vm and bhyve_disk have them: from what is declared to the steps and keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.changes import WriteGeneration
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks import tasks as disk_tasks
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.properties import SetProperties, names_to_read
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Dataset

Make = Callable[..., Dict[str, Any]]
DATA = {"name": "data", "size": "1G"}
VOLUME = "zroot/apiary/web1/data"


def steps(plan: Any) -> List[str]:
    return [step for one in plan.guests for step in one.describe()]


def keys(plan: Any) -> Dict[str, str]:
    conf = next(change.conf for change in plan.plan().changes if isinstance(change, WriteGeneration))
    return dict(line.split("=", 1) for line in conf.splitlines() if "=" in line and not line.startswith("#"))


def give(fleet: Any, **values: str) -> None:
    """Let a volume have properties of its own."""
    volume: Dataset = fleet.observed.datasets[VOLUME]
    props = {**volume.props, **{name: (value, "local") for name, value in values.items()}}
    datasets = {**fleet.observed.datasets, VOLUME: replace(volume, props=props)}
    fleet.observed = replace(fleet.observed, datasets=datasets)


def test_properties_that_differ_are_set_with_one_command(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G", disks=[DATA])
    give(fleet, compression="lz4", copies="1", logbias="latency")
    wanted = {"compression": "zstd", "copies": 2, "logbias": "latency"}
    plan = fleet.plan(request_of(disks=[{**DATA, "properties": wanted}]))
    (change,) = [change for change in plan.plan().changes if isinstance(change, SetProperties)]
    assert change.values == (("compression", "zstd"), ("copies", "2")) and change.inherited == ()


def test_a_property_that_is_given_up_is_inherited_once(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G", disks=[{**DATA, "properties": {"compression": "zstd"}}])
    give(fleet, compression="zstd")
    request = request_of(disks=[{**DATA, "properties": {"compression": ""}}])
    assert f"inherit compression on volume {VOLUME}" in steps(fleet.plan(request))
    fleet.make(memory="1G", disks=[{**DATA, "properties": {"compression": ""}}])
    volume = fleet.observed.datasets[VOLUME]
    volume.props["compression"] = ("lz4", "inherited from zroot")
    assert not steps(fleet.plan(request))


def test_a_property_that_is_fixed_at_creation_and_differs_is_an_error(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G", disks=[DATA])
    give(fleet, encryption="off")
    with pytest.raises(BadInput, match="encryption is off and cannot become on, it is fixed at creation"):
        fleet.plan(request_of(disks=[{**DATA, "properties": {"encryption": "on"}}]))


def test_the_properties_to_read_are_those_that_the_task_and_the_record_name(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G", disks=[{**DATA, "properties": {"copies": 2}}])
    request = request_of(disks=[{"name": "data", "properties": {"compression": ""}}])
    assert names_to_read(fleet.desired(request)) == ["compression", "copies"]
    assert names_to_read(fleet.desired(request_of(name="web2", memory="1G"))) == []


def test_a_given_block_size_is_compared_with_the_volumes_own(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G", disks=[DATA])
    give(fleet, volblocksize="8192")
    assert not steps(fleet.plan(request_of(disks=[{"name": "data", "volblocksize": "8K"}])))
    with pytest.raises(BadInput, match="volblocksize is 8K and cannot become 16K"):
        fleet.plan(request_of(disks=[{"name": "data", "volblocksize": "16K"}]))
    # 8K more is a multiple of the block size that it has.
    assert any("to 1048584K" in step for step in steps(fleet.plan(request_of(disks=[{"name": "data", "size": "+8K"}]))))


def test_what_was_never_made_can_still_be_another(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G", disks=[DATA])
    datasets = {name: one for name, one in fleet.observed.datasets.items() if name != VOLUME}
    fleet.observed = replace(fleet.observed, datasets=datasets)
    plan = fleet.plan(request_of(disks=[{**DATA, "volblocksize": "64K", "backing": "sparse-zvol"}]))
    assert f"create sparse volume {VOLUME} of 1G" in steps(plan)


def test_a_detached_disk_whose_data_is_gone_is_not_made_anew_in_silence(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G", disks=[DATA])
    fleet.make(memory="1G", disks=[{**DATA, "state": "detached"}])
    datasets = {name: one for name, one in fleet.observed.datasets.items() if name != VOLUME}
    fleet.observed = replace(fleet.observed, datasets=datasets)
    with pytest.raises(BadInput, match="it was detached, and its data is not there any more"):
        fleet.plan(request_of(disks=[{"name": "data"}]))


def test_the_boot_order_needs_the_firmware_interface_that_tells_it(fleet: Any, request_of: Make) -> None:
    disks = [{**DATA, "boot_order": 2}, {"name": "cd", "controller": "ahci-cd", "path": "/a.iso", "boot_order": 1}]
    wanted = keys(fleet.plan(request_of(memory="1G", os="freebsd", disks=disks)))
    assert wanted["lpc.fwcfg"] == "qemu"
    assert {key: value for key, value in wanted.items() if key.endswith("bootindex")} == {
        "pci.0.2.0.bootindex": "2",
        "pci.0.3.0.port.0.bootindex": "1",
    }
    assert "lpc.fwcfg" not in keys(fleet.plan(request_of(memory="1G", disks=[DATA])))


@pytest.mark.parametrize(
    "disks, text",
    [
        (
            [{**DATA, "boot_order": 1}, {"name": "b", "size": "1G", "boot_order": 1}],
            "the place of disk data already",
        ),
        ([{**DATA, "boot_order": -1}], "allowed are 1 to 999, 0 for none"),
        ([{**DATA, "controller": "virtio-scsi"}], "takes a port of the CAM target layer and nothing else"),
        ([{"name": "s", "controller": "virtio-scsi", "path": "/dev/cam/ctl"}], "not path: /dev/cam/ctl"),
        (
            [{"name": "s", "controller": "virtio-scsi", "path": "/dev/cam/ctl1.0", "ro": True}],
            "that is a matter of the unit",
        ),
        ([{**DATA, "image": "../x"}], "is not the name of an image"),
        ([{"name": "p", "path": "/x", "image": "golden"}], "a given path is used as it is"),
        ([{"name": "p", "path": "/x", "properties": {"copies": 2}}], "a given path is used as it is"),
        ([{"name": "data", "path": ""}], "size is needed"),
        ([{"name": "data", "size": "+1G"}], "grows a disk that exists, and this one does not"),
    ],
)
def test_disks_that_cannot_be(fleet: Any, request_of: Make, disks: List[Dict[str, Any]], text: str) -> None:
    with pytest.raises(BadInput) as caught:
        fleet.plan(request_of(memory="1G", disks=disks))
    assert text in str(caught.value)


def test_a_scsi_controller_has_its_port_for_old_and_new_bhyve(fleet: Any, request_of: Make) -> None:
    san = {"name": "san", "controller": "virtio-scsi", "path": "/dev/cam/ctl1.0"}
    plan = fleet.plan(request_of(memory="1G", disks=[san]))
    wanted = keys(plan)
    assert {key: value for key, value in wanted.items() if key.startswith("pci.0.2.0")} == {
        "pci.0.2.0.device": "virtio-scsi",
        "pci.0.2.0.dev": "/dev/cam/ctl1.0",
        "pci.0.2.0.target.0": "/dev/cam/ctl1.0",
    }


def test_an_empty_drive_is_out_of_sight_and_keeps_its_place(fleet: Any, request_of: Make) -> None:
    cd = {"name": "cd", "controller": "ahci-cd", "path": "/a.iso"}
    fleet.make(memory="1G", disks=[cd, DATA])
    wanted = keys(fleet.plan(request_of(disks=[{"name": "cd", "path": ""}])))
    assert not [key for key in wanted if key.startswith("pci.0.2.")]
    assert [key for key in wanted if key.startswith("pci.0.3.")]
    fleet.make(memory="1G", disks=[{**cd, "path": ""}, DATA])
    assert keys(fleet.plan(request_of(disks=[{"name": "cd", "path": "/b.iso"}])))["pci.0.2.0.port.0.path"] == "/b.iso"


def test_a_guests_own_quota_counts(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G")
    dataset = fleet.observed.datasets["zroot/apiary/web1"]
    dataset.props["available"] = (str(2 << 30), "-")
    fleet.plan(request_of(disks=[{"name": "a", "size": "1G"}]))
    with pytest.raises(BadInput, match=r"2\.0 GiB together, and zroot/apiary/web1 has 2\.0 GiB free"):
        fleet.plan(request_of(disks=[{"name": "a", "size": "1G"}, {"name": "b", "size": "1G"}]))
    fleet.plan(request_of(disks=[{"name": "a", "size": "10G", "backing": "sparse-zvol"}]))


@pytest.mark.parametrize(
    "params, text",
    [
        ({"vm": "web1"}, "name: give one disk by vm and name"),
        ({}, "vm and name: give one disk"),
        ({"vm": "web1", "disks": []}, "disks: vm beside it"),
        ({"size": "1G", "disks": []}, "disks: size beside it"),
        (
            {"disks": [{"vm": "a", "name": "x"}, {"vm": "b", "name": "x"}, {"vm": "a", "name": "x"}]},
            "disk x of guest a is there twice, as element 1 and as element 3",
        ),
    ],
)
def test_forms_that_are_neither_one_nor_the_other(params: Dict[str, Any], text: str) -> None:
    with pytest.raises(BadInput) as caught:
        disk_tasks.DISKS.tasks_of(params)
    assert text in str(caught.value)


def test_disks_become_one_request_for_each_guest() -> None:
    elements = [{"vm": "a", "name": "x"}, {"vm": "b", "name": "x"}, {"vm": "a", "name": "y"}]
    requests = disk_tasks.DISKS.requests_of(disk_tasks.DISKS.tasks_of({"disks": elements}), "if_needed")
    assert [(one["name"], [disk["name"] for disk in one["disks"]]) for one in requests] == [
        ("a", ["x", "y"]),
        ("b", ["x"]),
    ]
    assert all(one["must_exist"] and one["restart"] == "if_needed" and one["state"] is None for one in requests)


def test_a_guest_that_is_not_there_is_not_made(fleet: Any) -> None:
    requests = disk_tasks.DISKS.requests_of(disk_tasks.DISKS.tasks_of({"vm": "web9", "name": "x", "size": "1G"}), None)
    with pytest.raises(BadInput, match="guest web9: there is no such guest on this host"):
        fleet.desired(*requests)


def there(fleet: Any, **values: str) -> None:
    """Let something of the disk's name be there already, which no record knows."""
    datasets = dict(fleet.observed.datasets)
    kind = values.get("type", "volume")
    given = {"type": kind, "volsize": str(1 << 30), "volblocksize": "8192", "refreservation": "0", "origin": "-"}
    props = {name: (value, "-") for name, value in {**given, "referenced": "0", **values}.items()}
    datasets[VOLUME] = Dataset(VOLUME, kind, props)
    fleet.observed = replace(fleet.observed, datasets=datasets)


@pytest.mark.parametrize(
    "values, options, text",
    [
        ({"type": "filesystem"}, {}, "exists and is a file system, not a volume"),
        ({}, {"volblocksize": "16K"}, "exists with 8K and cannot have 16K"),
        ({}, {"image": "golden"}, "is no clone of image golden"),
        ({"origin": "zroot/apiary/.images/golden2@golden"}, {"image": "golden"}, "is no clone of image golden"),
    ],
)
def test_what_is_there_by_a_disks_name_has_to_be_what_it_is_to_be(
    fleet: Any, request_of: Make, values: Dict[str, str], options: Dict[str, Any], text: str
) -> None:
    fleet.make(memory="1G")
    there(fleet, **values)
    with pytest.raises(BadInput) as caught:
        fleet.plan(request_of(disks=[{**DATA, **options}]))
    assert text in str(caught.value)


def test_an_image_is_not_copied_over_a_file_that_is_there(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G")
    seen = replace(fleet.observed.guests["web1"], file_sizes={"data": 1 << 30})
    fleet.observed = replace(fleet.observed, guests={"web1": seen})
    with pytest.raises(BadInput, match="the file /apiary/web1/data.img exists already"):
        fleet.plan(request_of(disks=[{**DATA, "backing": "sparse-file", "image": "golden"}]))


def test_data_of_a_disk_that_was_forgotten_is_found_again(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G")
    there(fleet)
    assert not [step for step in steps(fleet.plan(request_of(disks=[DATA]))) if VOLUME in step]


def test_the_boot_order_is_for_the_first_bus(fleet: Any, request_of: Make) -> None:
    many = [{"name": f"d{number}", "size": "1G", "backing": "sparse-zvol"} for number in range(50)]
    fleet.plan(request_of(memory="1G", disks=many))
    with pytest.raises(BadInput, match="the firmware is told of devices on bus 0 only"):
        fleet.plan(request_of(memory="1G", disks=[*many[:-1], {**many[-1], "boot_order": 1}]))
