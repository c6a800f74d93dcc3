# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of bhyve_nic relies on, on a prepared stand-in host."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Optional

import pytest
from compare import fingerprint, unforetold
from faults import Sweep, tried
from guests import tiny
from harness import Modules, bring_tiny_guest
from polls import until
from standin.guests.control import Guest
from standin.host import StandinHost
from standin.settings import Settings
from test_bhyve_host import WISH


def nic(name: str = "lan", vm: str = "web1", **options: Any) -> Dict[str, Any]:
    """A NIC of a guest."""
    return {"vm": vm, "name": name, **options}


def the(result: Dict[str, Any], name: str = "lan", vm: str = "web1") -> Dict[str, Any]:
    """A NIC out of the module's result."""
    return next(one for one in result["nics"] if (one["vm"], one["name"]) == (vm, name))


def refusal(modules: Modules, task: Dict[str, Any], check: bool = False) -> str:
    """The error of a task that must fail, and must not change anything."""
    result = modules.run("bhyve_nic", task, check=check)
    assert result.get("failed") and not result["changed"], result
    return str(result["msg"])


def heard(guest: Guest, text: str) -> None:
    """Wait until a guest has heard that."""
    until(lambda: text in guest.heard())


def member(host: StandinHost, bridge: str, tap: str) -> str:
    """The bridge's line of a tap, '' if it is not in it."""
    lines = host.sh(f"ifconfig {bridge}", check=True).stdout.splitlines()
    return next((line.strip() for line in lines if line.startswith(f"\tmember: {tap} ")), "")


@pytest.fixture
def web1(host: StandinHost, modules: Modules) -> Guest:
    """A guest that is off, of an OS with virtio NICs, and a second bridge."""
    host.sh("ifconfig bridge1 create up", check=True)
    modules.good("bhyve_vm", tiny("web1", state="present", os="freebsd"))
    return Guest(host.directory, "web1")


STORY: List[Dict[str, Any]] = [
    nic(switch="bridge0"),
    nic("wan", switch="bridge0", model="e1000", mac="5A-00-00-00-00-01", private=True, slot=9),
    nic("p2p", switch="none", host_address="10.1.1.1/30", route=["10.2.0.0/24"], mtu=1400),
    nic("off"),
    {"nics": [nic(switch="bridge1", mtu=9000), nic("p2p", host_address="fd00:1::1/64", route=[])]},
    nic("wan", switch="", private=False, mac="", slot=10),
    nic("p2p", switch="bridge1", host_address="", mtu=0),
    {"nics": [nic("off", state="absent"), nic("wan", state="absent")]},
]


@pytest.mark.usefixtures("web1")
def test_check_mode_changes_nothing_and_predicts_what_apply_does(modules: Modules) -> None:
    wrong = unforetold(modules, "bhyve_nic", STORY)
    assert not wrong, "\n".join(wrong)
    options = {"name": "lan", "switch": "bridge0", "private": True, "slot": 7, "mtu": 0}
    modules.good("bhyve_vm", {"name": "web1", "nics": [options]})
    assert not modules.good("bhyve_nic", {"vm": "web1", **options})["changed"]
    shown = the(modules.good("bhyve_nic", nic()))
    back = {key: value for key, value in shown.items() if key not in ("port", "pci_address", "pending", "reservation")}
    assert not modules.good("bhyve_nic", back)["changed"], "what it returns is valid input and changes nothing"
    assert (shown["port"], shown["pci_address"]) == ("tap1000", "0.7.0") and shown["mac"].startswith("5a:")
    (told,) = modules.good("bhyve_vm_info", {"names": ["web1"]})["vms"]
    assert not modules.good("bhyve_vm", {"name": "web1", "nics": told["nics"]})["changed"]


def test_a_running_guests_nic_moves_at_once_and_what_needs_a_boot_waits(
    host: StandinHost, modules: Modules, web1: Guest
) -> None:
    modules.good("bhyve_nic", nic(switch="bridge0"))
    modules.good("bhyve_vm", {"name": "web1", "state": "started"})
    web1.wait_booted()
    moved = modules.good("bhyve_nic", nic(switch="bridge1", private=True))
    assert not moved["pending"] and "PRIVATE" in member(host, "bridge1", "tap1000")
    assert not member(host, "bridge0", "tap1000")
    host.sh("ifconfig bridge1 -private tap1000", check=True)
    assert modules.good("bhyve_nic", nic())["changes"] == {"web1": ["make tap1000 in bridge1 private"]}
    assert "PRIVATE" in member(host, "bridge1", "tap1000")

    waiting = modules.good("bhyve_nic", {"nics": [nic("new", switch="bridge0"), nic(model="e1000")]})
    assert {key.rpartition(".")[2] for key in waiting["pending"]["web1"]["new"]} == {"device", "backend", "mac"}
    assert list(waiting["pending"]["web1"]["lan"]) == [f"pci.{the(waiting)['pci_address']}.device"]
    done = modules.good("bhyve_nic", {"restart": "if_needed", **nic("p2p", switch="none", host_address="10.1.1.1/30")})
    assert not done["pending"]
    seen = {one["backend"]: one["model"] for one in web1.wait_booted(2)["nics"]}
    assert seen == {"tap1000": "e1000", "tap1001": "virtio-net", "tap1002": "virtio-net"}
    assert "inet 10.1.1.1 netmask 0xfffffffc" in host.sh("ifconfig tap1002").stdout

    gone = modules.good(
        "bhyve_nic", {"restart": "if_needed", "nics": [nic("new", state="absent"), nic("p2p", state="absent")]}
    )
    assert [one["state"] for one in gone["nics"]] == ["absent", "absent"] and not gone["pending"]
    assert [one["backend"] for one in web1.wait_booted(3)["nics"]] == ["tap1000"]
    assert host.sh("ifconfig tap1001; ifconfig tap1002").stdout == ""
    host.sh("service netif restart", check=True)
    assert "PRIVATE" in member(host, "bridge1", "tap1000"), "as before the restart of the network"
    assert "description: apiary:web1:lan" in host.sh("ifconfig tap1000").stdout


def test_a_nic_goes_from_one_type_of_switch_to_another_and_is_the_same_nic(host: StandinHost, modules: Modules) -> None:
    kinds = {"lan": "bridge", "fast": "vale", "mesh": "netgraph"}
    modules.good("bhyve_switch", {"switches": [{"name": name, "type": kind} for name, kind in kinds.items()]})
    nics = [{"name": name, "switch": name} for name in kinds]
    modules.good("bhyve_vm", {"vms": [tiny("web1", state="present"), tiny("web2", state="started", nics=nics)]})
    web1, web2 = Guest(host.directory, "web1"), Guest(host.directory, "web2")
    web2.wait_booted()
    # Of a guest that is off nothing waits; of one that runs another device of bhyve does.
    story = [nic(switch=name) for name in ("mesh", "lan")]
    assert unforetold(modules, "bhyve_nic", story) == []
    modules.good("bhyve_vm", {"name": "web1", "state": "started"})
    seen = [the(modules.good("bhyve_nic", nic()))]
    waiting = the(modules.good("bhyve_nic", nic(switch="fast")))
    assert f"pci.{waiting['pci_address']}.backend" in waiting["pending"]
    for boots, name in enumerate(("fast", "mesh"), start=2):
        done = modules.good("bhyve_nic", {"restart": "if_needed", **nic(switch=name)})
        assert not done["pending"]
        web1.wait_booted(boots)
        web1.call(name)
        heard(web2, name)
        seen.append(the(done))
    assert len({(one["mac"], one["pci_address"]) for one in seen}) == 1
    known = json.loads(str(host.read("/var/db/apiary/host.json")))
    held = [key for kind in ("taps", "ports") for key in known[kind] if key.startswith("web1/")]
    assert held == ["web1/lan"], "the ports that it had are free again"


def test_frames_pass_between_guests_and_not_between_private_ones(host: StandinHost, modules: Modules) -> None:
    names = ("web1", "web10", "web2")
    nics: Dict[str, Dict[str, Any]] = {"web1": {"private": True}, "web10": {"private": True}, "web2": {}}
    vms = [tiny(name, state="started", nics=[{"name": "lan", "switch": "bridge0", **nics[name]}]) for name in names]
    modules.good("bhyve_vm", {"vms": vms})
    guests = {name: Guest(host.directory, name) for name in names}
    for guest in guests.values():
        guest.wait_booted()
    guests["web1"].call("from web1")
    assert until(lambda: "from web1" in guests["web2"].heard())
    assert "from web1" not in guests["web10"].heard()
    modules.good("bhyve_nic", nic(vm="web10", private=False))
    guests["web1"].call("again")
    assert until(lambda: "again" in guests["web10"].heard())
    modules.good("bhyve_nic", nic(vm="web10", switch=""))
    guests["web1"].call("to the rest")
    assert until(lambda: "to the rest" in guests["web2"].heard())
    assert "to the rest" not in guests["web10"].heard()

    modules.good("bhyve_vm", {"name": "web1", "state": "absent"})
    left = sorted(host.sh("ifconfig -g apiary").stdout.split())
    assert left == ["tap1001", "tap1002"], "the taps of web10 stay when web1 goes"
    assert "description: apiary:web10:lan" in host.sh("ifconfig tap1001").stdout


def test_nics_are_in_their_vlans_where_the_bridge_filters_them(bare_host: Callable[..., StandinHost]) -> None:
    host = bare_host(Settings("fifteen1", release="15.0-RELEASE", zfs=False), name="fifteen1")
    bring_tiny_guest(host)
    modules = Modules(host).install()
    modules.good("bhyve_host", {**WISH, "dataset": "", "loader_variables": {}})
    modules.good("bhyve_switch", {"name": "lan", "vlan_filter": True})
    lanes: Dict[str, Dict[str, Any]] = {"a": {"vlan": 20}, "b": {"vlan": 20, "tagged": ["5", 6]}, "c": {"vlan": 30}}
    vms = [tiny(name, state="started", nics=[{"name": "lan", "switch": "auto", **lanes[name]}]) for name in lanes]
    modules.good("bhyve_vm", {"vms": vms})
    assert not modules.good("bhyve_vm", {"vms": vms})["changed"]
    guests = {name: Guest(host.directory, name) for name in lanes}
    for guest in guests.values():
        guest.wait_booted()
    guests["a"].call("to 20")
    assert until(lambda: "to 20" in guests["b"].heard())
    assert "to 20" not in guests["c"].heard()
    moved = modules.good("bhyve_nic", nic(vm="c", vlan=20, tagged=["7-9", "5"]))
    assert moved["changes"]["c"][-1] == "make tap1002 in bridge1000 untagged 20, tagged 5,7-9" and not moved["pending"]
    guests["a"].call("to all")
    assert until(lambda: "to all" in guests["c"].heard())
    guests["c"].reboot()
    guests["c"].wait_booted(2)
    assert not modules.good("bhyve_nic", nic(vm="c"))["changed"], "the runtime leaves the tap in its VLANs"


BAD = [
    (nic(vm="none"), "there is no such guest"),
    (nic(switch="lab"), "switch: lab does not exist on this host"),
    (nic(switch="auto"), "switch: auto is the only switch"),
    (
        {"nics": [nic("a", mac="5a:00:00:00:00:01"), nic("b", mac="5a:00:00:00:00:01")]},
        "is the address of guest web1, nic a",
    ),
    ({"nics": [nic("a"), nic("a")]}, "nic a of guest web1 is there twice"),
    (nic(switch="bridge0", vlan=82), "vlan: bridge0 does not filter VLANs"),
    (nic(switch="bridge0", host_address="10.1.1.1/30"), "host_address: only with switch: none"),
    (nic(slot=31), "would both sit at PCI address 0.31.0"),
    ({**nic(), "nics": [nic()]}, "beside it"),
    ({"vm": "web1"}, "name: give one NIC"),
    (nic("a.b"), "cannot be a name here"),
]


@pytest.mark.usefixtures("web1")
def test_bad_input_is_one_clear_error_and_changes_nothing(host: StandinHost, modules: Modules) -> None:
    untouched = fingerprint(host)
    wrong: List[str] = []
    for task, text in BAD:
        said = refusal(modules, task)
        wrong += [] if text in said else [f"{task}: {said}"]
    assert not wrong, "\n".join(wrong)
    assert fingerprint(host) == untouched


def test_300_nics_are_read_as_one(host: StandinHost, modules: Modules) -> None:
    names = [f"g{number}" for number in range(30)]
    modules.good("bhyve_vm", {"vms": [tiny(name, state="present") for name in names]})
    nics = [nic(f"n{number // 30}", vm=names[number % 30], switch="bridge0") for number in range(300)]
    made = modules.good("bhyve_nic", {"nics": nics})
    assert len({one["port"] for one in made["nics"]}) == len({one["mac"] for one in made["nics"]}) == 300
    host.clear_commands()
    many = modules.good("bhyve_nic", {"nics": nics})
    assert len(host.commands()) == many["commands_started"]
    one = modules.good("bhyve_nic", nics[0])
    assert not many["changed"] and not one["changed"] and len(many["nics"]) == 300
    assert many["commands_started"] == one["commands_started"]


class HalfWay(Sweep):
    """NICs of two guests that run, one of which is moved and one of which comes."""

    def begin(self) -> None:
        self.modules.good(
            "bhyve_nic", {"nics": [nic(switch="bridge0", private=False), nic(vm="web2", switch="bridge0")]}
        )
        self.modules.good("bhyve_nic", nic("new", vm="web2", state="absent"))

    def left(self, result: Optional[Dict[str, Any]]) -> List[str]:
        told = result is not None and result["failed"] and "it failed" in result["msg"]
        return [] if told else [f"the task does not say it: {result}"]

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        seen = ("PRIVATE" in member(self.host, "bridge1", "tap1000"), bool(member(self.host, "bridge1", "tap1001")))
        return [] if seen == (True, True) else [f"the taps are in bridge1: {seen}"]


@pytest.mark.usefixtures("web1")
def test_a_task_that_fails_at_any_command_is_completed_by_the_next(modules: Modules) -> None:
    modules.good("bhyve_vm", {"name": "web1", "state": "started", "nics": [{"name": "lan", "switch": "bridge0"}]})
    modules.good("bhyve_vm", tiny("web2", state="started", nics=[{"name": "lan", "switch": "bridge0"}]))
    task = {"nics": [nic(switch="bridge1", private=True), nic(vm="web2", switch="bridge1"), nic("new", vm="web2")]}
    sweep = HalfWay(modules, "bhyve_nic", task)
    sweep.record()
    assert len(sweep.commands) > 7
    sweep.go("fail", tried(len(sweep.commands)))
