# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What callers of ifconfig(8) rely on: names, errors, order of effects, what a bridge does to its members."""

from __future__ import annotations

import re

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
