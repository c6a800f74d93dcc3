# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest's taps: made, tagged, plugged in before bhyve starts; gone when the guest is off."""

from __future__ import annotations

from typing import Dict

from runtimelab import BRIDGE, Box, Hive


def nic(slot: int, tap: str) -> Dict[str, str]:
    return {
        f"pci.0.{slot}.0.device": "virtio-net",
        f"pci.0.{slot}.0.backend": tap,
        f"pci.0.{slot}.0.mac": f"5a:00:00:00:00:{slot:02x}",
    }


def with_nic(box: Box, line: str = f"tap1000 lan {BRIDGE} -") -> Box:
    return box.configure(nics=line, keys=nic(5, line.split()[0]))


def ifconfig(hive: Hive, name: str) -> str:
    """What ifconfig says of an interface; empty when there is none."""
    return hive.host.sh(f"ifconfig {name} 2>/dev/null").stdout


def test_a_tap_is_made_tagged_and_plugged_in_and_goes_with_the_guest(hive: Hive) -> None:
    box = with_nic(hive.box("web1"))
    assert box.start() == "web1: running"
    text = ifconfig(hive, "tap1000")
    assert "\tdescription: apiary:web1:lan\n" in text
    assert "groups: tap apiary\n" in text
    assert f"Opened by PID {box.pid('bhyve')}" in text
    assert "<UP," in text.splitlines()[0]
    assert "\tmember: tap1000 " in ifconfig(hive, BRIDGE)
    box.stop()
    assert ifconfig(hive, "tap1000") == ""


def test_at_a_reboot_of_the_guest_its_taps_stay(hive: Hive) -> None:
    box = with_nic(hive.box("web1"))
    box.start()
    box.guest.wait_booted()
    hive.sh("ifconfig tap1000 group mine")
    box.guest.reboot()
    box.guest.wait_booted(2)
    assert "groups: tap apiary mine" in ifconfig(hive, "tap1000")


def test_a_tap_out_of_its_bridge_is_back_after_a_reboot(hive: Hive) -> None:
    box = with_nic(hive.box("web1"))
    box.start()
    box.guest.wait_booted()
    hive.sh(f"ifconfig {BRIDGE} deletem tap1000")
    box.guest.reboot()
    box.guest.wait_booted(2)
    assert "\tmember: tap1000 " in ifconfig(hive, BRIDGE)


def test_nics_that_were_moved_or_taken_away_meanwhile(hive: Hive) -> None:
    hive.sh("ifconfig bridge1001 create up")
    box = hive.box("web1").configure(
        nics=f"tap1000 lan {BRIDGE} -\ntap1001 dmz {BRIDGE} -", keys={**nic(5, "tap1000"), **nic(6, "tap1001")}
    )
    box.start()
    box.guest.wait_booted()
    box.configure(nics="tap1000 lan bridge1001 -", keys=nic(5, "tap1000"))
    box.guest.reboot()
    seen = box.guest.wait_booted(2)
    assert [item["backend"] for item in seen["nics"]] == ["tap1000"]
    assert "\tmember: tap1000 " in ifconfig(hive, "bridge1001")
    assert "\tmember: tap1000 " not in ifconfig(hive, BRIDGE)
    assert ifconfig(hive, "tap1001") == ""
    box.stop()
    hive.sh("ifconfig bridge1001 destroy")


def test_a_switch_that_changed_without_a_new_generation(hive: Hive) -> None:
    hive.sh("ifconfig bridge1001 create up")
    box = with_nic(hive.box("web1"))
    box.start()
    box.guest.wait_booted()
    hive.sh(f"ifconfig {BRIDGE} deletem tap1000; ifconfig bridge1001 addm tap1000")
    box.guest.reboot()
    box.guest.wait_booted(2)
    assert "\tmember: tap1000 " in ifconfig(hive, BRIDGE)
    box.stop()
    hive.sh("ifconfig bridge1001 destroy")


def test_the_mtu(hive: Hive) -> None:
    box = with_nic(hive.box("web1"), "tap1000 lan - 9000")
    box.start()
    assert " mtu 9000" in ifconfig(hive, "tap1000").splitlines()[0]


def test_a_tap_that_an_opening_made_gets_its_tag(hive: Hive) -> None:
    hive.sh("ifconfig tap1000 create")
    box = with_nic(hive.box("web1"))
    assert box.start() == "web1: running"
    assert "\tdescription: apiary:web1:lan\n" in ifconfig(hive, "tap1000")


def test_a_tap_with_another_tag_is_left_alone(hive: Hive) -> None:
    hive.sh("ifconfig tap1000 create; ifconfig tap1000 description apiary:web10:lan")
    box = with_nic(hive.box("web1"))
    assert box.start() == "web1: failed: NIC lan: tap1000 is there and is not tagged apiary:web1:lan"
    assert "description: apiary:web10:lan" in ifconfig(hive, "tap1000")
    hive.sh("ifconfig tap1000 destroy")


def test_a_tap_in_use_is_refused(hive: Hive) -> None:
    one, two = with_nic(hive.box("one")), with_nic(hive.box("two"))
    one.start()
    assert two.start() == f"two: failed: NIC lan: tap1000 is in use: Opened by PID {one.pid('bhyve')}"
    assert "description: apiary:one:lan" in ifconfig(hive, "tap1000")


def test_without_its_bridge_a_guest_does_not_start(hive: Hive) -> None:
    box = with_nic(hive.box("web1"), "tap1000 lan bridge7 -")
    answer = box.start()
    assert answer.startswith("web1: failed: NIC lan: its bridge cannot be read: ")
    assert "interface bridge7 does not exist" in answer
    assert ifconfig(hive, "tap1000") == ""
