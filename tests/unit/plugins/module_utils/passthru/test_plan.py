# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which devices are reserved, given back, or refused, from what is known of a host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host, Result
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru import loader
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import Device
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.options import BOOT, BOTH, NOW, Request, requests_of
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.plan import (
    Kernel,
    Return,
    State,
    Step,
    Take,
    loader_goal,
    plan_device,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.use import Facts
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.mounts import Mount, PoolMember

MSI = ("MSI supports 1 message, 64 bit",)


def device(place: str, driver: str, unit: int = 0, cls: int = 0x020000, **more: Any) -> Device:
    return Device(place, driver, unit, cls, more.pop("header", 0), "0x8086", "0x1528", capabilities=MSI, **more)


DEVICES = {
    one.place: one
    for one in (
        device("0/1/0", "pcib", 1, 0x060400, header=1),
        device("0/31/0", "isab", 0, 0x060100),
        device("0/2/0", "vgapci", 0, 0x030000),
        device("0/20/0", "xhci", 0, 0x0C0330),
        device("0/31/2", "ahci", 0, 0x010601),
        device("2/0/0", "ahci", 1, 0x010601),
        device("3/0/0", "nvme", 0, 0x010802),
        device("4/0/0", "em", 0),
        device("0/9/0", "virtio_pci", 0, 0x010000),
        device("5/0/0", "em", 1),
        replace(device("6/0/0", "", 0, 0x0C0500), capabilities=()),
        device("7/0/0", "ppt", 0, 0x030000),
        device("7/0/1", "hdac", 0, 0x040300),
        device("8/0/0", "", 0, 0x030200),
        device("9/0/0", "vgapci", 1, 0x030000),
    )
}


def facts(**more: Any) -> Facts:
    values: Dict[str, Any] = {
        "below": {"ahci0": ["ahcich0"], "ahci1": ["ahcich4"], "xhci0": ["usbus0", "ukbd0"], "vgapci1": ["drmn0"]},
        "disks": {"ahcich0": ["ada0"], "ahcich4": ["ada1"]},
        "modes": {"ada0": "r1w1e2", "ada1": "r0w0e0"},
        "interfaces": {name: Interface(name, (), 1500) for name in ("em0", "em1")},
        "riders": {},
        "switches": {},
        "mounts": [],
        "members": [],
        "labels": {},
    }
    return Facts(**{**values, **more})


def state(boot: str = "", told: Sequence[str] = (), vmm: bool = True, iommu: str = "DMAR", **more: Any) -> State:
    values = {"pptdevs": boot, "vmm_load": "YES"} if boot else {}
    attached = {one.name for one in DEVICES.values()}
    return State(
        devices=DEVICES,
        loader=loader.Loader("", more.pop("values", values), more.pop("elsewhere", {})),
        kernel=Kernel(vmm, told, attached, more.pop("variables", {}), iommu),
        facts=more.pop("facts", facts()),
        guests=more.pop("guests", {}),
    )


def step(place: str, known: Optional[State] = None, present: bool = True, when: str = BOTH) -> Step:
    return plan_device(Request(place, present, when), known or state(), {place} if present else set())


def test_a_card_that_nobody_uses_is_taken_now_and_at_boot() -> None:
    one = step("4/0/0")
    assert one.change == Take("pci0:4:0:0") and not one.warnings
    assert (one.entry["reserved_now"], one.entry["reserved_at_boot"], one.entry["pending"]) == (True, True, "")
    assert loader_goal([one], state()) == {"pptdevs": "4/0/0", "vmm_load": "YES"}
    done = step("7/0/0", state(boot="7/0/0 7/0/1"))
    assert done.change is None and loader_goal([done], state(boot="7/0/0 7/0/1")) == {}


def test_now_and_boot_are_taken_at_their_word() -> None:
    only_now, only_boot = step("4/0/0", when=NOW), step("4/0/0", when=BOOT)
    assert only_now.change is not None and loader_goal([only_now], state()) == {}
    assert only_now.entry["pending"] == "" and not only_now.entry["reserved_at_boot"]
    assert only_boot.change is None and only_boot.entry["pending"] == "reboot"
    assert loader_goal([only_boot], state())["pptdevs"] == "4/0/0"


@pytest.mark.parametrize(
    ("place", "known", "reason"),
    [
        ("0/20/0", state(), "the keyboard ukbd0 is on it"),
        ("9/0/0", state(), "the display driver drmn0 has it"),
        ("4/0/0", state(vmm=False), "the driver ppt is not in the kernel"),
        ("4/0/0", state(iommu="IVRS", variables={loader.AMD: "0"}), "hw.vmm.amdvi.enable is 0"),
    ],
)
def test_what_cannot_be_taken_now_waits_for_the_boot(place: str, known: State, reason: str) -> None:
    one = step(place, known)
    assert one.change is None and one.entry["pending"] == "reboot" and one.entry["reserved_at_boot"]
    with pytest.raises(BadInput, match=f"when: now cannot be: {reason}"):
        step(place, known, when=NOW)


def test_amd_wants_a_variable_more() -> None:
    known = state(iommu="IVRS", variables={loader.AMD: "1"})
    one = step("4/0/0", known)
    assert one.change is not None and loader_goal([one], known)[loader.AMD] == "1"


BRIDGE = Interface("bridge0", ("UP",), 1500, "apiary:lan", groups=("bridge",), members=("em0",))
IN_USE: List[Any] = [
    ("4/0/0", {"interfaces": {"em0": Interface("em0", (), 1500, inet=("192.0.2.1/24",))}}, "has the address 192.0.2"),
    ("4/0/0", {"interfaces": {"em0": Interface("em0", (), 1500), "bridge0": BRIDGE}}, "member of bridge0 .apiary:lan"),
    ("4/0/0", {"riders": {"em0": ["em0.82"]}}, "em0.82 is on em0"),
    ("4/0/0", {"switches": {"em0": ["lan"]}}, "em0 is the uplink of switch lan"),
    ("0/31/2", {"mounts": [Mount("/dev/gpt/root", "/", "ufs", "rw")], "labels": {"/dev/gpt/root": "/dev/ada0p2"}},
     "/dev/ada0p2 is mounted on /"),
    ("0/9/0", {"below": {"virtio_pci0": ["vtblk0"]}, "modes": {"vtbd0": "r1w0e0"}}, "/dev/vtbd0 is open"),
    ("2/0/0", {"members": [PoolMember("tank", "/dev/ada1")]}, "/dev/ada1 is part of the ZFS pool tank"),
    ("0/31/2", {}, "/dev/ada0 is open"),
    ("3/0/0", {"modes": {"nvd0": "r1w0e0"}}, "/dev/nvd0 is open"),
    ("0/2/0", {"boot_video": "vgapci0"}, "vgapci0 is the display of the console"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "more", "says"), IN_USE)
@pytest.mark.parametrize("when", [BOTH, BOOT, NOW])
def test_what_the_host_uses_is_refused_by_name(place: str, more: Dict[str, Any], says: str, when: str) -> None:
    with pytest.raises(BadInput, match=says):
        step(place, state(facts=facts(**more)), when=when)


def test_a_disk_of_a_longer_name_is_another_disk() -> None:
    more = facts(mounts=[Mount("/dev/ada10p1", "/", "ufs", "rw")], members=[PoolMember("tank", "/dev/ada11")])
    assert step("2/0/0", state(facts=more)).change is not None


@pytest.mark.parametrize(
    ("place", "known", "says"),
    [
        ("0/1/0", state(), "is a bridge"),
        ("0/31/0", state(), "part of the host's own board"),
        ("6/0/0", state(), "neither MSI nor MSI-X"),
        ("9/9/9", state(), "this host has no PCI device pci0:9:9:9"),
        ("4/0/0", state(iommu=""), "this host has no IOMMU"),
        ("4/0/0", state(variables={"hw.vmm.iommu.enable": "0"}), "hw.vmm.iommu.enable is 0"),
    ],
)
def test_what_no_guest_can_have_is_refused(place: str, known: State, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        step(place, known)


def test_the_other_functions_of_a_device_are_named() -> None:
    assert "pci0:7:0:1 (hdac0) is of the same device" in step("7/0/0").warnings[0]
    assert not plan_device(Request("7/0/0"), state(), {"7/0/0", "7/0/1"}).warnings
    assert not step("7/0/1", state(boot="7/0/0")).warnings


def test_a_device_goes_back_to_the_host() -> None:
    known = state(boot="7/0/0 5/0/0")
    one = step("7/0/0", known, present=False)
    assert one.change == Return("pci0:7:0:0") and not one.entry["reserved_at_boot"]
    assert loader_goal([one], known) == {"pptdevs": "5/0/0"}
    # What the loader has told the kernel stays told until the next boot.
    told = state(boot="7/0/0", told=["7/0/0"])
    late = step("7/0/0", told, present=False)
    assert late.change is None and late.entry["pending"] == "reboot"
    assert loader_goal([late], told) == {"pptdevs": None}
    with pytest.raises(BadInput, match="told of it by the loader"):
        step("7/0/0", told, present=False, when=NOW)
    # One that is not there any more can still be taken off the list.
    gone = state(boot="12/0/0")
    assert loader_goal([step("12/0/0", gone, present=False)], gone) == {"pptdevs": None}


def test_a_device_of_a_guest_stays_reserved() -> None:
    with pytest.raises(BadInput, match="pci0:7:0:0 is passed through to guest web1; take it out"):
        step("7/0/0", state(guests={"7/0/0": ["guest web1"]}), present=False)


def test_another_file_that_has_the_say_is_named() -> None:
    known = state(elsewhere={"pptdevs": "/boot/loader.conf.local"})
    with pytest.raises(BadInput, match="pptdevs is set in /boot/loader.conf.local"):
        loader_goal([step("4/0/0", known)], known)


FULL = " ".join(f"10{number}/11/0" for number in range(10, 23))[: loader.LONGEST]


@pytest.mark.parametrize(
    ("values", "add", "remove", "result"),
    [
        ({}, ["4/0/0", "4/0/1"], [], {"pptdevs": "4/0/0 4/0/1"}),
        ({"pptdevs": "1/0/0  bad"}, ["4/0/0"], [], {"pptdevs": "1/0/0 bad 4/0/0"}),
        ({"pptdevs": "4/0/0"}, ["4/0/0"], [], {}),
        ({"pptdevs2": "4/0/0"}, ["4/0/0", "5/0/0"], [], {"pptdevs": "5/0/0"}),
        ({"pptdevs": FULL}, ["4/0/0"], [], {"pptdevs2": "4/0/0"}),
        ({"pptdevs": FULL, "pptdevs2": "14/0/0 4/0/0"}, [], ["4/0/0"], {"pptdevs2": "14/0/0"}),
        ({"pptdevs": "4/0/0", "pptdevs3": "4/0/0"}, [], ["4/0/0"], {"pptdevs": None, "pptdevs3": None}),
    ],
)
def test_pptdevs(values: Dict[str, str], add: List[str], remove: List[str], result: Mapping[str, Any]) -> None:
    assert loader.edited(values, add, remove) == result


def test_pptdevs_that_are_full_are_an_error() -> None:
    full = {name: FULL for name in loader.VARIABLES}
    with pytest.raises(BadInput, match="does not fit into pptdevs, pptdevs2, pptdevs3"):
        loader.edited(full, ["4/0/0"], [])


def test_what_the_kernel_was_told() -> None:
    assert loader.in_kernel('pptdevs="4/0/0 5/0/0"\npptdevs3="6/0/0"\npptdevs4="7/0/0"\n') == [
        "4/0/0",
        "5/0/0",
        "6/0/0",
    ]


class Told(Host):
    """A host whose devctl ends as it is told."""

    def __init__(self, rc: int, stderr: str) -> None:
        super().__init__()
        self.answer = (rc, stderr)

    def run(self, argv: Any, **_options: Any) -> Result:
        return Result(tuple(argv), self.answer[0], "", self.answer[1])


def test_a_device_without_a_driver_is_given_back_all_the_same() -> None:
    Return("pci0:8:0:0").apply(Told(1, "devctl: Failed to clear pci0:8:0:0 driver: Device not configured\n"))
    with pytest.raises(CommandError, match="a guest that runs may have it"):
        Return("pci0:8:0:0").apply(Told(1, "devctl: Failed to clear pci0:8:0:0 driver: Device busy\n"))


def test_a_task_without_a_device_only_asks() -> None:
    assert requests_of({"selector": None, "devices": None}) == []
    assert requests_of({"selector": "4/0/0"}) == [Request("4/0/0")]
    listed = requests_of({"devices": [{"selector": "4/0/0", "state": "absent", "when": "boot"}]})
    assert listed == [Request("4/0/0", False, BOOT)]
    for params, says in (
        ({"state": "absent"}, "state: of which device"),
        ({"devices": [{"selector": "4/0/0"}, {"selector": "pci0:4:0:0"}]}, "pci0:4:0:0 is there twice"),
        ({"devices": [], "selector": "4/0/0"}, "selector beside it"),
    ):
        with pytest.raises(BadInput, match=says):
            requests_of(params)
