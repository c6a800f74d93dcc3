# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What callers of ifconfig(8) rely on: names, errors, order of effects, what a bridge does to its members."""

from __future__ import annotations

import re
from typing import List

import pytest
from networklab import Kernel


def test_the_kernel_names_a_clone_and_says_so_only_when_it_chose(kernel: Kernel) -> None:
    assert kernel.ifconfig("tap", "create") == "tap0\n"
    assert kernel.ifconfig("tap5", "create") == ""
    assert kernel.ifconfig("tap", "create") == "tap1\n"
    assert kernel.ifconfig("epair", "create") == "epair0a\n"
    assert kernel.names() == ["lo0", "tap0", "tap5", "tap1", "epair0a", "epair0b"]


def test_names_are_compared_whole(kernel: Kernel) -> None:
    for name in ("tap1", "tap10", "tap100"):
        kernel.ifconfig(name, "create")
    kernel.ifconfig("tap1", "destroy")
    assert kernel.names() == ["lo0", "tap10", "tap100"]
    assert kernel.refused("tap1") == "ifconfig: interface tap1 does not exist"


def test_a_renamed_tap_keeps_its_unit(kernel: Kernel) -> None:
    kernel.ifconfig("tap5", "create")
    assert kernel.ifconfig("tap5", "name", "guest5") == "guest5\n"
    assert kernel.refused("tap5", "create") == "ifconfig: interface tap5 already exists"
    assert kernel.ifconfig("tap", "create") == "tap0\n"


@pytest.mark.parametrize("name", ["nosuch0", "tap05", "lan", "em7.5"])
def test_a_name_that_no_driver_takes(kernel: Kernel, name: str) -> None:
    assert kernel.refused(name, "create") == "ifconfig: SIOCIFCREATE2: Invalid argument"


def test_generated_addresses_are_stable_and_follow_the_host_uuid(kernel: Kernel) -> None:
    def ether() -> str:
        kernel.ifconfig("bridge7", "create")
        found = re.search(r"ether (\S+)", kernel.ifconfig("bridge7"))
        assert found is not None
        kernel.ifconfig("bridge7", "destroy")
        return found.group(1)

    first = ether()
    assert ether() == first
    kernel.hostid.write_text("11111111-2222-3333-4444-555555555555\n", encoding="ascii")
    assert ether() != first


def test_a_failing_word_leaves_what_stood_before_it_and_the_address_not_given(kernel: Kernel) -> None:
    kernel.ifconfig("bridge0", "create")
    kernel.ifconfig("tap0", "create")
    kernel.ifconfig("bridge0", "addm", "tap0")
    failed = kernel.refused("bridge0", "inet", "10.9.0.1/24", "descr", "apiary:lan", "addm", "tap0", "up")
    assert failed == "ifconfig: BRDGADD tap0: File exists"
    shown = kernel.ifconfig("bridge0")
    assert "description: apiary:lan" in shown
    assert "inet " not in shown
    assert "<UP" not in shown


def test_members_and_their_errors(kernel: Kernel) -> None:
    for name in ("bridge0", "bridge1", "tap0"):
        kernel.ifconfig(name, "create")
    kernel.ifconfig("bridge0", "addm", "tap0")
    assert kernel.refused("bridge0", "addm", "tap0") == "ifconfig: BRDGADD tap0: File exists"
    assert kernel.refused("bridge1", "addm", "tap0") == "ifconfig: BRDGADD tap0: Device busy"
    assert kernel.refused("bridge1", "addm", "tap9") == "ifconfig: BRDGADD tap9: No such file or directory"
    assert kernel.refused("bridge1", "addm", "lo0") == "ifconfig: BRDGADD lo0: Invalid argument"
    assert kernel.refused("bridge1", "deletem", "tap0") == "ifconfig: BRDGDEL tap0: No such file or directory"
    assert kernel.refused("tap0", "addm", "tap0") == "ifconfig: BRDGADD tap0: Invalid argument"
    kernel.ifconfig("tap0", "destroy")
    assert kernel.members("bridge0") == []


def test_a_bridge_forces_its_mtu_on_members(kernel: Kernel) -> None:
    for name in ("bridge0", "tap0", "tap1"):
        kernel.ifconfig(name, "create")
    kernel.ifconfig("tap0", "mtu", "9000")
    kernel.ifconfig("bridge0", "addm", "tap0")
    assert "mtu 9000" in kernel.ifconfig("bridge0")
    kernel.ifconfig("bridge0", "addm", "tap1")
    assert "mtu 9000" in kernel.ifconfig("tap1")
    refusal = "ifconfig: ioctl SIOCSIFMTU (set mtu): Operation not supported"
    assert kernel.refused("tap1", "mtu", "1500") == refusal
    kernel.ifconfig("bridge0", "mtu", "1400")
    assert "mtu 1400" in kernel.ifconfig("tap0")


def test_groups_list_their_members_by_whole_name(kernel: Kernel) -> None:
    for name in ("tap1", "tap2"):
        kernel.ifconfig(name, "create", "group", "apiary")
    kernel.ifconfig("tap3", "create", "group", "apiaryx")
    assert kernel.ifconfig("-g", "apiary") == "tap1\ntap2\n"
    assert kernel.ifconfig("-g", "nobody") == ""
    assert kernel.refused("tap1", "group", "web1") == "ifconfig: setifgroup: group names may not end in a digit"
    assert kernel.refused("tap1", "group", "a" * 15 + "b") == "ifconfig: setifgroup: group name too long"


def test_an_address_without_alias_replaces_the_first(kernel: Kernel) -> None:
    kernel.ifconfig("bridge0", "create")
    kernel.ifconfig("bridge0", "inet", "10.1.0.1/24")
    kernel.ifconfig("bridge0", "inet", "10.1.0.2/24", "alias")
    kernel.ifconfig("bridge0", "inet", "10.1.0.3/24")
    shown = re.findall(r"inet (\S+)", kernel.ifconfig("bridge0"))
    assert shown == ["10.1.0.2", "10.1.0.3"]


def test_destroying_one_side_of_an_epair_destroys_both(kernel: Kernel) -> None:
    kernel.ifconfig("epair3", "create")
    kernel.ifconfig("epair3b", "destroy")
    assert kernel.names() == ["lo0"]


def test_a_vlan_takes_parent_and_tag_once(kernel: Kernel) -> None:
    kernel.ifconfig("epair", "create")
    kernel.ifconfig("epair0a.82", "create")
    assert "vlan: 82 vlanproto: 802.1q vlanpcp: 0 parent interface: epair0a" in kernel.ifconfig("epair0a.82")
    busy = kernel.refused("epair0a.82", "vlan", "83", "vlandev", "epair0a")
    assert busy == "ifconfig: SIOCSETVLAN: Device busy"
    assert kernel.refused("epair0a.4095", "create") == "ifconfig: SIOCIFCREATE2: Invalid argument"
    missing = kernel.refused("vlan", "create", "vlan", "7", "vlandev", "em9")
    assert missing == "ifconfig: SIOCIFCREATE2: Device not configured"


def test_freebsd_15_keeps_addresses_off_members(kernel: Kernel) -> None:
    kernel.release(1500000)
    for name in ("bridge0", "tap0", "tap1"):
        kernel.ifconfig(name, "create")
    kernel.ifconfig("tap0", "inet", "10.1.0.1/24")
    assert kernel.refused("bridge0", "addm", "tap0") == "ifconfig: BRDGADD tap0: Invalid argument"
    kernel.ifconfig("bridge0", "addm", "tap1")
    assert kernel.refused("tap1", "inet", "10.1.0.2/24") == "ifconfig: ioctl (SIOCAIFADDR): Invalid argument"
    kernel.sysctl(net__link__bridge__member_ifaddrs=1)
    kernel.ifconfig("tap1", "inet", "10.1.0.2/24")
    assert "mask" in kernel.refused("bridge0", "inet", "10.2.0.1")


def test_freebsd_14_allows_addresses_on_members(kernel: Kernel) -> None:
    kernel.ifconfig("bridge0", "create")
    kernel.ifconfig("tap0", "create", "inet", "10.1.0.1/24")
    kernel.ifconfig("bridge0", "addm", "tap0")
    assert kernel.members("bridge0") == ["tap0"]


def test_releases_print_carrier_and_addresses_differently(kernel: Kernel) -> None:
    kernel.ifconfig("lo0", "inet", "127.0.0.1/8")
    kernel.ifconfig("lo0", "up")
    shown = kernel.ifconfig("lo0")
    assert "flags=1008049<UP,LOOPBACK,RUNNING,MULTICAST,LOWER_UP>" in shown
    assert re.findall(r"\t(inet6?) ", shown) == ["inet", "inet6", "inet6"]
    kernel.release(1400063)
    assert "flags=8049<UP,LOOPBACK,RUNNING,MULTICAST>" in kernel.ifconfig("lo0")


def test_what_is_not_built_fails_loudly(kernel: Kernel) -> None:
    kernel.ifconfig("tap0", "create")
    done = kernel.run("ifconfig", "tap0", "vnet", "j1")
    assert (done.returncode, done.stderr) == (99, "STANDIN: ifconfig: the keyword vnet is not built\n")
    assert kernel.refused("tap0", "nosuchkeyword") == "ifconfig: nosuchkeyword: bad value"


def test_bridges_load_their_module(kernel: Kernel) -> None:
    assert "bridge" not in kernel.ifconfig("-C").split()
    kernel.ifconfig("bridge", "create")
    assert kernel.ifconfig("-C").split()[0] == "bridge"


def test_freebsd_15_shows_a_bridge_with_its_vlans(kernel: Kernel) -> None:
    kernel.release(1500000)
    kernel.ifconfig("bridge0", "create")
    kernel.ifconfig("tap0", "create")
    kernel.ifconfig("bridge0", "addm", "tap0")
    shown = kernel.ifconfig("bridge0")
    assert "\toptions=10<VLAN_HWTAGGING>\n" in shown
    assert "\tbridge flags=0<>\n\tmember: tap0 flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>\n" in shown
    assert re.search(r"^\t {8}port \d+ priority 128 path cost 2000000 vlan protocol 802.1q$", shown, re.M)


def test_commands_at_the_same_time_get_names_of_their_own(kernel: Kernel) -> None:
    create = "import sys; from standin.commands.ifconfig import main; sys.exit(main(['ifconfig', 'tap', 'create']))"
    running = [kernel.python(create) for _number in range(6)]
    printed = sorted(process.communicate(timeout=30)[0].strip() for process in running)
    assert printed == ["tap0", "tap1", "tap2", "tap3", "tap4", "tap5"]
    assert sorted(kernel.names()) == ["lo0", *printed]


def test_a_bridge_that_filters_vlans(kernel: Kernel) -> None:
    kernel.release(1500000)
    kernel.ifconfig("bridge0", "create", "vlanfilter")
    for name in ("tap0", "tap1", "tap2"):
        kernel.ifconfig(name, "create")
    kernel.ifconfig("bridge0", "addm", "tap0", "untagged", "20", "addm", "tap1", "tagged", "100-149", "addm", "tap2")
    shown = kernel.ifconfig("bridge0")
    assert "\tbridge flags=1<VLANFILTER>\n" in shown
    lanes = re.findall(r"member: (\S+) .*\n.* vlan protocol 802.1q(.*)", shown)
    assert lanes == [("tap2", ""), ("tap1", " tagged 100-149"), ("tap0", " untagged 20")]
    kernel.ifconfig("bridge0", "-ifuntagged", "tap0", "ifuntagged", "tap2", "0x1e", "+iftagged", "tap1", "149-199")
    kernel.ifconfig("bridge0", "-iftagged", "tap1", "104,105,150-159")
    lanes = re.findall(r"member: (\S+) .*\n.* vlan protocol 802.1q(.*)", kernel.ifconfig("bridge0"))
    assert lanes == [("tap2", " untagged 30"), ("tap1", " tagged 100-103,106-149,160-199"), ("tap0", "")]
    kernel.ifconfig("bridge0", "iftagged", "tap1", "all", "iftagged", "tap1", "none", "defuntagged", "7")
    kernel.ifconfig("bridge0", "deletem", "tap0", "addm", "tap0")
    lanes = re.findall(r"member: (\S+) .*\n.* vlan protocol 802.1q(.*)", kernel.ifconfig("bridge0"))
    assert lanes == [("tap0", " untagged 7"), ("tap2", " untagged 30"), ("tap1", "")]
    assert "\tbridge flags=1<VLANFILTER> defuntagged=7\n" in kernel.ifconfig("bridge0")


def test_vlans_that_a_bridge_refuses(kernel: Kernel) -> None:
    kernel.release(1500000)
    kernel.ifconfig("bridge0", "create")
    kernel.ifconfig("tap0", "create")
    kernel.ifconfig("bridge0", "addm", "tap0")
    unfiltered = "Invalid argument (extended error VLAN filtering not enabled)"
    assert kernel.refused("bridge0", "ifuntagged", "tap0", "20") == f"ifconfig: BRDGSIFPVID 20: {unfiltered}"
    assert kernel.refused("bridge0", "iftagged", "tap0", "20") == f"ifconfig: BRDGSIFVLANSET 20: {unfiltered}"
    kernel.ifconfig("bridge0", "vlanfilter")
    assert kernel.refused("bridge0", "ifuntagged", "tap1", "20").endswith("BRDGSIFPVID 20: No such file or directory")
    for wrong in ("0", "4095", "x"):
        expected = f"ifconfig: invalid VLAN identifier: {wrong}"
        assert kernel.refused("bridge0", "ifuntagged", "tap0", wrong) == expected
        assert kernel.refused("bridge0", "addm", "tap0", "untagged", wrong) == expected
        assert kernel.refused("bridge0", "defuntagged", wrong) == f"ifconfig: invalid vlan id: {wrong}"
    for wrong in ("-1", "0", "4095", "foo", "0-10", "4000-5000", "9-3", "1,,2"):
        assert kernel.refused("bridge0", "iftagged", "tap0", wrong) == f"ifconfig: invalid vlan set: {wrong}"
    assert kernel.refused("bridge0", "addm") == "ifconfig: usage: addm <interface> [opts ...]"
    kernel.ifconfig("bridge0.5", "create")
    assert kernel.refused("bridge0", "addm", "bridge0.5") == "ifconfig: BRDGADD bridge0.5: Invalid argument"


@pytest.mark.parametrize("words", [["vlanfilter"], ["addm", "tap0", "untagged", "20"], ["ifuntagged", "tap0", "20"]])
def test_freebsd_14_knows_no_vlans_in_bridges(kernel: Kernel, words: List[str]) -> None:
    kernel.ifconfig("bridge0", "create")
    kernel.ifconfig("tap0", "create")
    word = "untagged" if "untagged" in words else words[0]
    assert kernel.refused("bridge0", *words) == f"ifconfig: {word}: bad value"
    assert kernel.refused("bridge0.5", "create") == "ifconfig: SIOCIFCREATE2: Protocol not supported"


def test_a_vxlan_is_shown_with_its_ends(kernel: Kernel) -> None:
    ends = ("vxlanlocal", "192.0.2.1", "vxlanremote", "192.0.2.2")
    kernel.ifconfig("vxlan7", "create", "vxlanid", "42", *ends, "vxlanlocalport", "8472", "vxlanremoteport", "8472")
    shown = kernel.ifconfig("vxlan7")
    assert "mtu 1450\n" in shown
    assert "\tvxlan vni 42 local 192.0.2.1:8472 remote 192.0.2.2:8472\n" in shown
    kernel.ifconfig("tap0", "create", "inet", "192.0.2.1/24")
    kernel.ifconfig("vxlan7", "up")
    assert "RUNNING" in kernel.ifconfig("vxlan7")
    assert kernel.refused("vxlan7", "vxlanid", "43") == "ifconfig: VXLAN_CMD_SET_VNI: Device busy"
    assert kernel.refused("vxlan7", "vxlanremote", "192.0.2.3") == "ifconfig: VXLAN_CMD_SET_REMOTE_ADDR: Device busy"
    kernel.ifconfig("vxlan7", "down")
    kernel.ifconfig("vxlan7", "vxlanlocal", "2001:db8::1", "vxlangroup", "ff0e::42")
    shown = kernel.ifconfig("vxlan7")
    assert "mtu 1430\n" in shown
    assert "\tvxlan vni 42 local [2001:db8::1]:8472 group [ff0e::42]:8472\n" in shown
    kernel.ifconfig("vxlan7", "mtu", "1400")
    kernel.ifconfig("vxlan7", "vxlanlocal", "192.0.2.1", "vxlanremote", "192.0.2.2")
    assert "mtu 1400\n" in kernel.ifconfig("vxlan7")


def test_a_vxlan_does_not_run_without_the_address_that_it_sends_from(kernel: Kernel) -> None:
    kernel.ifconfig("tap0", "create", "up")
    for ends in (
        ("vxlanlocal", "192.0.2.1", "vxlanremote", "192.0.2.2"),
        ("vxlanlocal", "2001:db8::1", "vxlanremote", "2001:db8::2"),
        ("vxlangroup", "239.0.0.42", "vxlandev", "tap0"),
    ):
        kernel.ifconfig("vxlan7", "create", "vxlanid", "42", *ends, "up")
        assert "RUNNING" not in kernel.ifconfig("vxlan7"), ends
        kernel.ifconfig("vxlan7", "destroy")
    kernel.ifconfig("tap0", "inet6", "2001:db8::1/64")
    kernel.ifconfig(
        "vxlan7", "create", "vxlanid", "42", "vxlanlocal", "2001:db8::1", "vxlanremote", "2001:db8::2", "up"
    )
    assert "tentative" in kernel.ifconfig("tap0") and "RUNNING" not in kernel.ifconfig("vxlan7")


def test_a_vxlan_with_what_cannot_be(kernel: Kernel) -> None:
    for words, message in (
        (["vxlanid", "16777216"], "invalid network identifier: 16777216"),
        (["vxlanremote", "239.0.0.42"], "remote address cannot be multicast"),
        (["vxlanlocal", "239.0.0.42"], "local address cannot be multicast"),
        (["vxlangroup", "192.0.2.2"], "group address must be multicast"),
        (["vxlanlocal", "192.0.2.1", "vxlanremote", "2001:db8::2"], "cannot mix IPv4 and IPv6 addresses"),
        (["vxlanlocalport", "65535"], "invalid local port: 65535"),
        (["vxlanremote", "nowhere"], "error in parsing remote address string: Name does not resolve"),
    ):
        assert kernel.refused("vxlan0", "create", *words) == f"ifconfig: {message}"
    # These are refused on the console only: the interface is up and does not run.
    kernel.ifconfig("vxlan0", "create", "vxlanid", "42", "vxlanremote", "192.0.2.2", "vxlandev", "lo0", "up")
    assert "flags=1008803<UP,BROADCAST,SIMPLEX,MULTICAST,LOWER_UP>" in kernel.ifconfig("vxlan0")
