# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of ppt_device and of a guest's passthru relies on, on a stand-in host with network and graphics cards."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

import pytest
from compare import fingerprint, unforetold
from faults import Sweep, sample
from guests import state_of, the, tiny
from harness import Modules
from standin.host import StandinHost
from standin.settings import Settings

#: The card behind em2, the second disk controller, and a graphics card with its audio, on the stand-in host.
CARD, AHCI, VIDEO, AUDIO = "pci0:0:8:0", "2/0/0", "1/0/0", "1/0/1"


@pytest.fixture
def host(cards_host: StandinHost) -> StandinHost:
    """A host that its administrator reaches by em0; em2 is up, and nobody's."""
    cards_host.sh("ifconfig em0 inet 192.0.2.10/24", check=True)
    return cards_host


def drivers(host: StandinHost) -> Dict[str, str]:
    """The devices by selector, with what the kernel calls them."""
    lines = (line.split(":\t")[0].split("@") for line in host.run(["pciconf", "-l"], check=True).stdout.splitlines())
    return {selector: name for name, selector in lines}


def loader(host: StandinHost) -> List[str]:
    return str(host.read("/boot/loader.conf")).splitlines()


def boot(host: StandinHost) -> None:
    host.power_cut()
    host.boot()


STORY: List[Dict[str, Any]] = [
    {"devices": [{"selector": CARD, "when": "boot"}, {"selector": AUDIO}, {"selector": AHCI, "when": "now"}]},
    {
        "devices": [
            {"selector": AHCI, "state": "absent", "when": "now"},
            {"selector": CARD, "state": "absent"},
            {"selector": AUDIO, "state": "absent"},
        ]
    },
]


def test_check_mode_changes_nothing_and_predicts_what_apply_does(host: StandinHost, modules: Modules) -> None:
    before, devices = loader(host), drivers(host)
    # What the kernel will call it, and which driver of its own takes it back, is known afterwards.
    wrong = [
        line for line in unforetold(modules, "ppt_device", STORY) if ".name:" not in line and ".driver:" not in line
    ]
    assert not wrong, "\n".join(wrong)
    assert loader(host) == [*before, 'vmm_load="YES"'] and drivers(host) == devices


def test_reserved_now_and_after_a_boot_and_given_back(host: StandinHost, modules: Modules) -> None:
    host.sh("echo 'pptdevs=\"0/20/0\"  # the administrator' >> /boot/loader.conf")
    result = modules.good("ppt_device", {"devices": [{"selector": CARD}, {"selector": AUDIO}, {"selector": VIDEO}]})
    assert 'pptdevs="0/20/0 0/8/0 1/0/1 1/0/0"  # the administrator' in loader(host) and 'vmm_load="YES"' in loader(
        host
    )
    assert [one["name"] for one in result["devices"]] == ["ppt0", "ppt1", "ppt2"] and result["pending"] == []
    assert drivers(host)["pci0:0:8:0"] == "ppt0" and "em2" not in host.sh("ifconfig -l").stdout
    boot(host)
    found = drivers(host)
    assert [found[f"pci0:{at}"] for at in ("0:8:0", "0:20:0", "1:0:0", "1:0:1")] == ["ppt0", "ppt1", "ppt2", "ppt3"]
    assert "em2" not in host.sh("ifconfig -l").stdout
    assert not modules.good("ppt_device", {"devices": [{"selector": CARD}, {"selector": VIDEO}]})["changed"]
    gone = modules.good("ppt_device", {"selector": CARD, "state": "absent"})
    assert gone["pending"] == ["pci0:0:8:0"] and drivers(host)["pci0:0:8:0"] == "ppt0"
    assert 'pptdevs="0/20/0 1/0/1 1/0/0"  # the administrator' in loader(host)
    boot(host)
    assert drivers(host)["pci0:0:8:0"] == "em2" and "em2" in host.sh("ifconfig -l").stdout
    assert not modules.good("ppt_device", {"selector": CARD, "state": "absent"})["changed"]


def test_the_list_of_all_devices(host: StandinHost, modules: Modules) -> None:
    before = fingerprint(host)
    result = modules.good("ppt_device", {})
    assert not result["changed"] and fingerprint(host) == before
    listed = {one["selector"]: one for one in result["devices"]}
    assert listed["pci0:0:6:0"]["used_by"] == ["em0 has the address 192.0.2.10/24"]
    assert listed["pci0:0:31:2"]["used_by"] == ["/dev/ada0p4 is part of the ZFS pool zroot"]
    assert (listed[CARD]["vendor"], listed[CARD]["name"]) == ("Intel Corporation", "em2")
    again = modules.good(
        "ppt_device", {"devices": [{"selector": one, "when": "boot"} for one in (CARD, AUDIO, VIDEO)]}, True
    )
    # Besides what was read before, nothing for any number of devices.
    assert again["commands_started"] == result["commands_started"]


BAD: List[Tuple[Dict[str, Any], str]] = [
    ({"selector": "pci0:0:6:0"}, "em0 has the address 192.0.2.10/24"),
    ({"selector": "0/31/2"}, "/dev/ada0p4 is part of the ZFS pool zroot"),
    ({"selector": "0/2/0"}, "vgapci0 is the display of the console"),
    ({"selector": "0/7/0"}, "em1 is a member of bridge7"),
    ({"selector": "0/31/3"}, "neither MSI nor MSI-X"),
    ({"devices": [{"selector": CARD}, {"selector": "0/20/0", "when": "now"}]}, "the keyboard ukbd0 is on it"),
]


def test_bad_input_changes_nothing(host: StandinHost, modules: Modules) -> None:
    host.sh("ifconfig bridge7 create addm em1", check=True)
    before = fingerprint(host), drivers(host)
    for task, says in BAD:
        result = modules.run("ppt_device", task)
        assert result.get("failed") and not result["changed"] and says in result["msg"], result["msg"]
    assert (fingerprint(host), drivers(host)) == before


def test_a_disk_that_somebody_has_open_is_in_use(host: StandinHost, modules: Modules) -> None:
    host.sh("zpool create tank ada1", check=True)
    assert "/dev/ada1 is part of the ZFS pool tank" in modules.run("ppt_device", {"selector": AHCI})["msg"]
    host.sh("zpool destroy tank", check=True)
    result = modules.good("ppt_device", {"selector": AHCI})
    assert result["devices"][0]["name"] == "ppt0" and "ada1" not in host.sh("camcontrol devlist; geom disk list").stdout


class PptSweep(Sweep):
    """A network card and a disk controller, reserved now and at boot."""

    def begin(self) -> None:
        gone = [{"selector": one, "state": "absent"} for one in (CARD, AHCI)]
        if self.modules.good("ppt_device", {"devices": gone})["pending"]:
            # The power was cut: the loader has told the kernel of them.
            boot(self.host)

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        found = drivers(self.host)
        good = found[CARD][:3] == found["pci0:2:0:0"][:3] == "ppt" and 'pptdevs="0/8/0 2/0/0"' in loader(self.host)
        return [] if good else [f"{found}, {loader(self.host)}"]


def test_a_task_that_fails_or_is_cut_at_any_command_is_completed_by_the_next(
    host: StandinHost, modules: Modules
) -> None:
    sweep = PptSweep(modules, "ppt_device", {"devices": [{"selector": CARD}, {"selector": AHCI}]})
    sweep.record()
    changing = sweep.numbers()[sweep.commands.index(f"devctl set driver -f {CARD} ppt") :]
    for mode in ("fail", "half", "cut", "hang"):
        sweep.go(mode, sample(changing, 2))


@pytest.mark.parametrize("mode", ["fail", "half"])
def test_what_fails_half_way_is_completed(host: StandinHost, modules: Modules, mode: str) -> None:
    task = {"devices": [{"selector": CARD}, {"selector": AHCI}]}
    host.set_faults([{"match": ["devctl"], "kth": 1, "mode": mode, "exit": 1, "stderr": "devctl: Device busy\n"}])
    result = modules.run("ppt_device", task)
    assert host.fired_faults() and result["failed"] and [one["name"] for one in result["failures"]] == [CARD]
    assert result["changed"] and 'pptdevs="0/8/0 2/0/0"' in loader(host)
    assert result["devices"][1]["reserved_now"] and "with when: boot it is reserved" in result["msg"]
    assert modules.good("ppt_device", task)["changed"] is (mode == "fail")
    assert not modules.good("ppt_device", task)["changed"]
    found = drivers(host)
    assert {found[CARD], found["pci0:2:0:0"]} == {"ppt0", "ppt1"}


def test_a_guest_has_a_device(host: StandinHost, modules: Modules) -> None:
    guest = tiny("web1", passthru=[{"name": "wan", "selector": CARD}])
    refused = modules.run("bhyve_vm", guest)
    assert "passthru wan: selector: pci0:0:8:0" in refused["msg"] and "reserve it first (ppt_device)" in refused["msg"]
    modules.good("ppt_device", {"selector": CARD})
    assert unforetold(modules, "bhyve_vm", [dict(guest, state="started")]) == []
    assert "pci.0.2.0.bus=0\npci.0.2.0.slot=8\n" in str(host.read("/apiary/web1/boot/bhyve.conf"))
    assert host.sh("bhyvectl --vm=web1 --get-stats | grep -i wired").stdout.split()[-1] == str(64 << 20)
    # Nobody else gets it: no other guest, not the host.
    other = modules.run("bhyve_vm", tiny("web2", passthru=[{"name": "x", "selector": "0/8/0"}]))
    assert "is passed through to guest web1 already" in other["msg"]
    assert "passed through to guest web1" in modules.run("ppt_device", {"selector": CARD, "state": "absent"})["msg"]
    assert modules.good("ppt_device", {"selector": CARD})["devices"][0]["vms"] == ["guest web1"]
    assert host.sh(f"devctl clear driver -f {CARD}").returncode == 1
    # It goes at the next boot of the guest, is the host's again then, and the guest is what it was.
    without = {"name": "web1", "passthru": [{"name": "wan", "state": "absent"}]}
    result = modules.good("bhyve_vm", without)
    assert "pci.0.2.0.device" in result["pending"]["web1"] and "memory.wired" in result["pending"]["web1"]
    modules.good("bhyve_vm", dict(without, state="stopped"))
    assert modules.good("ppt_device", {"selector": CARD, "state": "absent"})["changed"]
    assert drivers(host)[CARD] == "em2"
    assert modules.good("bhyve_vm", {"name": "web1", "state": "started"})["changed"]


def test_a_guest_starts_with_the_host_and_its_device(host: StandinHost, modules: Modules) -> None:
    modules.good("ppt_device", {"devices": [{"selector": VIDEO, "when": "boot"}, {"selector": AUDIO, "when": "boot"}]})
    both = [
        {"name": "video", "selector": VIDEO, "slot": "6"},
        {"name": "audio", "selector": AUDIO, "slot": "6:1"},
    ]
    guest = tiny("web1", passthru=both, boot={"autostart": True})
    modules.good("bhyve_vm", guest)
    refused = modules.run("bhyve_vm", {"name": "web1", "state": "started"})
    assert "is reserved from the host's next boot on; until then vgapci1 has it" in refused["msg"]
    boot(host)
    modules.good("bhyve_vm", dict(guest, state="started"))
    assert state_of(modules, "web1")["run_state"] == "running"
    shown = the(modules.good("bhyve_vm_info", {}), "web1")["passthru"]
    assert [(one["selector"], one["slot"]) for one in shown] == [("pci0:1:0:0", "0:6:0"), ("pci0:1:0:1", "0:6:1")]
    # What it is told by its runtime where the host's device is another's meanwhile.
    modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})
    host.sh("devctl set driver -f pci0:1:0:0 vgapci", check=True)
    done = host.sh("apiary start web1")
    assert done.returncode == 1
    assert "PCI device at 1/0/0 is not using the ppt(4) driver" in state_of(modules, "web1")["message"]


def test_a_host_without_an_iommu(bare_host: Callable[..., StandinHost]) -> None:
    host = bare_host(Settings("bare1", iommu=False, zfs=False, uplinks={"em0": "lan"}))
    refused = Modules(host).install().run("ppt_device", {"selector": "0/6/0"})
    assert "this host has no IOMMU" in refused["msg"] and not refused["changed"]
