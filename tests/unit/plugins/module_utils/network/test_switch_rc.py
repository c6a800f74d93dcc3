# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines of a switch in rc.conf."""

from __future__ import annotations

from typing import Dict, List, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import Lanes
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.rc_lines import (
    address_words,
    clone_list,
    is_sticky,
    lines,
    names,
    uplink_line,
    variable,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Port, Switch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan import Vxlan

MAC = "5a:00:00:00:00:01"
PLAIN = Switch("lan", "bridge1000", uplink="em0", mac=MAC)
TAGGED = Switch("lan", "bridge1000", uplink="em0", vlan=82)
OFF = "-lro -tso -txcsum -txcsum6"


def test_the_form_that_survives_a_restart_of_the_network() -> None:
    addresses = ("10.0.0.1/24", "fd00::1/64", "10.0.0.2/24", "fd01::1/64")
    switch = Switch("lan", "bridge7", False, "em0", 0, addresses, 9000, MAC, True)
    assert lines(switch) == {
        "create_args_bridge7": f"ether {MAC} descr apiary:lan addm em0 stp em0 mtu 9000",
        "ifconfig_bridge7": "inet 10.0.0.1/24 up",
        "ifconfig_bridge7_ipv6": "inet6 fd00::1/64",
        "ifconfig_bridge7_aliases": "inet 10.0.0.2/24 inet6 fd01::1/64",
    }


def test_a_vlan_is_made_with_its_own_lines() -> None:
    assert lines(TAGGED) == {
        "create_args_bridge1000": "descr apiary:lan addm em0.82 mtu 1500",
        "ifconfig_bridge1000": "up",
        "ifconfig_bridge1000_ipv6": None,
        "ifconfig_bridge1000_aliases": None,
        "create_args_em0_82": "descr apiary:lan",
        "ifconfig_em0_82": "up",
    }


def test_a_vxlan_is_made_with_its_own_lines() -> None:
    vxlan = Vxlan(42, "192.0.2.1", "192.0.2.2", interface="vxlan1000", mtu=1450)
    switch = Switch("lan", "bridge1000", vxlan=vxlan)
    assert lines(switch) == {
        "create_args_bridge1000": "descr apiary:lan addm vxlan1000 mtu 1450",
        "ifconfig_bridge1000": "up",
        "ifconfig_bridge1000_ipv6": None,
        "ifconfig_bridge1000_aliases": None,
        "create_args_vxlan1000": "vxlanid 42 vxlanlocal 192.0.2.1 vxlanremote 192.0.2.2 descr apiary:lan",
        "ifconfig_vxlan1000": "up",
    }
    assert clone_list("lo1", [switch], []) == "lo1 vxlan1000:sticky bridge1000:sticky"
    assert set(lines(switch)) <= set(names([switch]))
    former = Switch("lan", "bridge1000", former=(Port("", 0, "vxlan1000"),))
    assert {"create_args_vxlan1000", "ifconfig_vxlan1000"} <= set(names([former]))


def test_a_bridge_that_filters_vlans_has_its_uplink_as_a_trunk() -> None:
    switch = Switch("lan", "bridge7", uplink="em0", stp=True, vlan_filter=True, lanes=Lanes(1, "10-20"))
    args = "descr apiary:lan vlanfilter addm em0 untagged 1 tagged 10-20 stp em0"
    assert lines(switch)["create_args_bridge7"] == args


def test_all_that_is_written_is_read() -> None:
    assert set(lines(TAGGED)) | {"ifconfig_em0", "vlans_em0", "cloned_interfaces"} <= set(names([TAGGED]))
    assert names([Switch("lan", "bridge0", manual=True)]) == names([])


def test_punctuation_of_an_interface() -> None:
    assert variable("ifconfig_IF_ipv6", "em0.82") == "ifconfig_em0_82_ipv6"


@pytest.mark.parametrize(
    ("current", "default", "wanted"),
    [
        (None, None, f"up {OFF}"),
        ("", "DHCP", f"up {OFF}"),
        (None, "DHCP", f"DHCP {OFF}"),
        ("inet 10.0.0.5/24 media 1000baseT", "DHCP", f"inet 10.0.0.5/24 media 1000baseT {OFF}"),
        (f"up {OFF}", None, f"up {OFF}"),
        ("up -tso4 -tso6 -rxcsum", None, "up -tso4 -tso6 -rxcsum -lro -txcsum -txcsum6"),
        ("up -tso tso6", None, "up -tso tso6 -lro -tso -txcsum -txcsum6"),
        (f"  {OFF}  up ", None, f"{OFF}  up"),
    ],
)
def test_an_uplink_keeps_what_the_administrator_wrote(
    current: Optional[str], default: Optional[str], wanted: str
) -> None:
    assert uplink_line(current, default, offloads=False) == wanted
    assert uplink_line(wanted, default, offloads=False) == wanted, "once"


def test_the_parent_of_a_vlan_keeps_its_offloads() -> None:
    assert uplink_line(None, None, offloads=True) == "up"
    assert uplink_line("SYNCDHCP", None, offloads=True) == "SYNCDHCP"


@pytest.mark.parametrize(
    ("current", "switches", "gone", "wanted"),
    [
        (None, [PLAIN], [], "bridge1000:sticky"),
        ("bridge0 tap0", [TAGGED], [], "bridge0 tap0 em0.82:sticky bridge1000:sticky"),
        ("bridge1000:sticky  bridge0", [PLAIN], [], "bridge1000:sticky  bridge0"),
        ("bridge1000 bridge0", [PLAIN], [], "bridge0 bridge1000:sticky"),
        ("bridge1000:sticky em0.82:sticky", [TAGGED], [], "em0.82:sticky bridge1000:sticky"),
        ("bridge1000:sticky bridge1000", [PLAIN], [], "bridge1000:sticky"),
        ("bridge10000 bridge100", [PLAIN], [], "bridge10000 bridge100 bridge1000:sticky"),
        ("bridge1000:sticky em0", [PLAIN], [], "em0 bridge1000:sticky"),
        ("em0.81:sticky bridge1000:sticky", [TAGGED], ["em0.81"], "em0.82:sticky bridge1000:sticky"),
        ("em0.82:sticky  bridge1000:sticky bridge1", [], ["em0.82", "bridge1000"], "bridge1"),
        ("bridge1000:sticky", [], ["bridge1000"], ""),
    ],
)
def test_cloned_interfaces(current: Optional[str], switches: List[Switch], gone: List[str], wanted: str) -> None:
    assert clone_list(current, switches, gone) == wanted
    assert clone_list(wanted, switches, gone) == wanted, "what is right stays as it is spelt"


@pytest.mark.parametrize(
    ("rc", "sticky"),
    [
        ({"cloned_interfaces": "lagg0:sticky"}, True),
        ({"cloned_interfaces": "lagg0"}, False),
        ({"cloned_interfaces": "lagg0", "cloned_interfaces_sticky": "YES"}, True),
        ({"cloned_interfaces": "lagg0:nosticky", "cloned_interfaces_sticky": "YES"}, False),
        ({"cloned_interfaces": "lagg00"}, True),
        ({"cloned_interfaces": None}, True),
    ],
)
def test_what_a_restart_destroys(rc: Dict[str, Optional[str]], sticky: bool) -> None:
    assert is_sticky("lagg0", rc) is sticky


@pytest.mark.parametrize(
    ("rc", "found"),
    [
        ({}, ""),
        ({"ifconfig_em0": "up -lro"}, ""),
        ({"ifconfig_em0": "SYNCDHCP"}, "ifconfig_em0=SYNCDHCP"),
        ({"ifconfig_DEFAULT": "DHCP"}, "ifconfig_DEFAULT=DHCP"),
        ({"ifconfig_em0": "up", "ifconfig_DEFAULT": "DHCP"}, ""),
        ({"ifconfig_em0": "up", "ifconfig_em0_alias0": "inet 10.0.0.1/32"}, "ifconfig_em0_alias0=inet 10.0.0.1/32"),
        ({"ipv4_addrs_em0": "10.0.0.1/24"}, "ipv4_addrs_em0=10.0.0.1/24"),
        ({"ifconfig_em0_ipv6": "inet6 accept_rtadv"}, "ifconfig_em0_ipv6=inet6 accept_rtadv"),
    ],
)
def test_what_gives_an_uplink_an_address_at_boot(rc: Dict[str, Optional[str]], found: str) -> None:
    assert address_words("em0", rc) == found
