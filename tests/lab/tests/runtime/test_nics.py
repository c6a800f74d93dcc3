# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest's taps: made, tagged, plugged in before bhyve starts; gone when the guest is off."""

from __future__ import annotations

from typing import Dict

from runtimelab import BRIDGE, Box, Hive

NETWORK = "/usr/local/libexec/apiary.network"


def nic(slot: int, tap: str) -> Dict[str, str]:
    return {
        f"pci.0.{slot}.0.device": "virtio-net",
        f"pci.0.{slot}.0.backend": tap,
        f"pci.0.{slot}.0.mac": f"5a:00:00:00:00:{slot:02x}",
    }


def with_nic(box: Box, line: str = f"tap1000 lan {BRIDGE} -") -> Box:
    return box.configure(nics=line, keys=nic(5, line.split()[0]))


def member(hive: Hive, tap: str) -> str:
    """The bridge's line of a tap."""
    lines = [line for line in ifconfig(hive, BRIDGE).splitlines() if line.startswith(f"\tmember: {tap} ")]
    return lines[0] if lines else ""


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


def test_a_private_member_stays_one_and_becomes_an_ordinary_one(hive: Hive) -> None:
    box = with_nic(hive.box("web1"), f"tap1000 lan {BRIDGE} - private")
    assert box.start() == "web1: running"
    assert "PRIVATE" in member(hive, "tap1000")
    box.guest.wait_booted()
    hive.sh(f"ifconfig {BRIDGE} -private tap1000")
    box.guest.reboot()
    box.guest.wait_booted(2)
    assert "PRIVATE" in member(hive, "tap1000")
    with_nic(box)
    box.guest.reboot()
    box.guest.wait_booted(3)
    assert "PRIVATE" not in member(hive, "tap1000")


def test_the_host_at_the_other_end_has_its_address_and_its_routes_as_long_as_the_guest_runs(hive: Hive) -> None:
    options = "address:10.1.1.1/30,route:10.2.0.0/24@10.1.1.2"
    box = with_nic(hive.box("web1"), f"tap1000 p2p - 1400 {options}")
    assert box.start() == "web1: running"
    text = ifconfig(hive, "tap1000")
    assert "inet 10.1.1.1 netmask 0xfffffffc" in text and " mtu 1400" in text.splitlines()[0]
    assert "interface: tap1000" in hive.sh("route -n get 10.2.0.9")
    box.guest.wait_booted()
    box.configure(nics="tap1000 p2p - 1400 address:fd00:1::1/64,route:fd00:2::/48@fd00:1::2", keys=nic(5, "tap1000"))
    box.guest.reboot()
    box.guest.wait_booted(2)
    text = ifconfig(hive, "tap1000")
    assert "inet6 fd00:1::1 prefixlen 64" in text and "inet 10." not in text
    assert "interface: tap1000" in hive.sh("route -n get -inet6 fd00:2::9")
    assert hive.host.sh("route -n get 10.2.0.9").returncode == 1
    box.stop()
    assert ifconfig(hive, "tap1000") == ""
    assert hive.host.sh("route -n get -inet6 fd00:2::9").returncode == 1


def test_a_route_that_cannot_be_made_keeps_the_guest_from_starting_and_leaves_no_tap(hive: Hive) -> None:
    box = with_nic(hive.box("web1"), "tap1000 p2p - - address:10.1.1.1/30,route:10.2.0.0/24@10.9.9.9")
    answer = box.start()
    assert answer.startswith("web1: failed: NIC p2p: `route add -inet -net 10.2.0.0/24 10.9.9.9` exited 1: ")
    assert ifconfig(hive, "tap1000") == ""


def test_switches_that_rc_conf_cannot_make_are_made_sure_of_before_the_start(hive: Hive) -> None:
    box = hive.box("web1").configure(switches="vale vale0 tenant\nnetgraph mesh mesh")
    hive.sh(f"rm -f {NETWORK}")
    assert box.start().startswith(
        "web1: failed: switch tenant (vale vale0): there is no /usr/local/libexec/apiary.network"
    )
    hive.host.write(
        NETWORK, '#!/bin/sh\necho "$@" >> /tmp/asked; [ "$2" != mesh ] || { echo "no netgraph" >&2; exit 1; }\n', 0o755
    )
    assert box.start() == f"web1: failed: switch mesh: `{NETWORK} start mesh` exited 1: no netgraph"
    assert hive.sh("cat /tmp/asked; rm /tmp/asked").splitlines() == ["start tenant", "start mesh"]
    box.configure(switches="vale vale0 tenant")
    assert box.start() == "web1: running"
    box.configure()
    box.stop()
    hive.sh(f"rm -f {NETWORK} /tmp/asked")
    assert box.start() == "web1: running", "a guest without such NICs needs no such file"
