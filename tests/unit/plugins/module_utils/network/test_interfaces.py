# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ifconfig -a as FreeBSD prints it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import Lanes
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.members import bridge_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Vxlan, parse_ifconfig

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"


def text(name: str) -> str:
    return (FIXTURES / name).read_text()


def test_the_interfaces_of_the_recorded_host() -> None:
    interfaces = parse_ifconfig(text("ifconfig-all.txt"))
    assert list(interfaces) == ["vtnet0", "vtnet1", "lo0"]
    assert interfaces["vtnet0"].inet == ("10.0.2.15/24",)
    assert interfaces["vtnet0"].up
    assert not interfaces["vtnet1"].up
    assert interfaces["lo0"].inet == ("127.0.0.1/8",)
    assert interfaces["lo0"].inet6 == ("::1/128", "fe80::1/64")
    assert interfaces["lo0"].mtu == 16384


def test_a_tap_and_its_bridge_while_a_guest_runs() -> None:
    interfaces = parse_ifconfig(text("ifconfig-running.txt"))
    tap, bridge = interfaces["tap1000"], interfaces["bridge1000"]
    assert tap.is_tap
    assert tap.description == "apiary:guest0:lan"
    assert tap.groups == ("tap", "apiary")
    assert tap.ether == "58:9c:fc:10:ff:8d"
    assert tap.opened_by == 4340
    assert bridge.is_bridge
    assert bridge.members == ("tap1000",)
    assert bridge_of(interfaces, "tap1000") == "bridge1000"


LANES = """\
bridge7: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 1500
\toptions=10<VLAN_HWTAGGING>
\tether 58:9c:fc:10:ff:9a
\tid 00:00:00:00:00:00 priority 32768 hellotime 2 fwddelay 15
\tmaxage 20 holdcnt 6 proto rstp maxaddr 2000 timeout 1200
\troot id 00:00:00:00:00:00 priority 32768 ifcost 0 port 0
\tbridge flags=1<VLANFILTER> defuntagged=5
\tmember: tap4 flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>
\t        port 8 priority 128 path cost 2000000 vlan protocol 802.1q untagged 99 tagged 10-25,30
\tmember: tap3 flags=543<LEARNING,DISCOVER,PRIVATE,AUTOEDGE,AUTOPTP>
\t        port 7 priority 128 path cost 2000000 vlan protocol 802.1q untagged 30
\tmember: tap2 flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>
\t        port 6 priority 128 path cost 2000000 vlan protocol 802.1q
\tgroups: bridge
\tnd6 options=9<PERFORMNUD,IFDISABLED>
"""


def test_the_members_of_a_bridge_that_filters() -> None:
    bridge = parse_ifconfig(LANES)["bridge7"]
    assert bridge.filters and bridge.default_vlan == 5
    assert bridge.lanes == {"tap4": Lanes(99, "10-25,30"), "tap3": Lanes(30), "tap2": Lanes()}
    assert bridge.private == ("tap3",)
    plain = parse_ifconfig(LANES.replace("flags=1<VLANFILTER> defuntagged=5", "flags=0<>"))["bridge7"]
    assert not plain.filters and plain.default_vlan == 0


def test_names_are_compared_whole() -> None:
    interfaces = parse_ifconfig(text("ifconfig-running.txt"))
    assert bridge_of(interfaces, "tap100") is None
    assert bridge_of(interfaces, "tap10000") is None


def test_a_renamed_bridge_and_a_description_with_anything_in_it() -> None:
    block = (
        "a b: flags=8802<BROADCAST,SIMPLEX,MULTICAST> metric 0 mtu 1400\n"
        "\tdescription: quotes ' and \" and a | b: flags=1<UP>\n"
        "\tgroups: bridge g3x\n"
        "\tmember: tap0 flags=8<SPAN>\n"
        "\tbits of a later release: unknown\n"
    )
    interface = parse_ifconfig(block)["a b"]
    assert interface.description == "quotes ' and \" and a | b: flags=1<UP>"
    assert interface.is_bridge
    assert interface.members == ("tap0",)
    assert interface.mtu == 1400


@pytest.mark.parametrize(
    "broken",
    [
        "\tether 58:9c:fc:10:ff:8d\n",
        "tap0 is broken\n",
        "tap0: flags=8802<BROADCAST> metric 0\n",
        "bridge0: flags=8802<UP> metric 0 mtu 1500\n\tmember: tap0\n",
        "em0: flags=8802<UP> metric 0 mtu 1500\n\tinet 10.0.0.1 netmask 0xff00ff00\n",
        "em0: flags=8802<UP> metric 0 mtu 1500\n\tinet 10.0.0.1\n",
    ],
)
def test_what_cannot_be_read_is_unknown_and_shows_the_line(broken: str) -> None:
    with pytest.raises(UnknownState, match="ifconfig -a") as error:
        parse_ifconfig(broken)
    assert repr(broken.splitlines()[-1]) in str(error.value)


def test_a_bridge_of_freebsd_15_and_the_vlans_of_its_members() -> None:
    shown = """\
bridge0: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 1500
\tether 58:9c:fc:10:ff:b0
\tid 00:00:00:00:00:00 priority 32768 hellotime 2 fwddelay 15
\tmaxage 20 holdcnt 6 proto rstp maxaddr 2000 timeout 1200
\troot id 00:00:00:00:00:00 priority 32768 ifcost 0 port 0
\tbridge flags=1<VLANFILTER> defuntagged=7
\tmember: tap1 flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>
\t        port 9 priority 128 path cost 2000000 vlan protocol 802.1q untagged 20
\tmember: em1 flags=147<LEARNING,DISCOVER,STP,AUTOEDGE,AUTOPTP>
\t        port 2 priority 128 path cost 20000 proto rstp
\t        role disabled state discarding vlan protocol 802.1q untagged 1 tagged 10-20,30
\tmember: tap2 flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>
\t        ifmaxaddr 3 port 10 priority 128 path cost 2000000 vlan protocol 802.1q
\tgroups: bridge
\tnd6 options=9<PERFORMNUD,IFDISABLED>
"""
    bridge = parse_ifconfig(shown)["bridge0"]
    assert bridge.filters and bridge.stp == ("em1",)
    assert bridge.lanes == {"tap1": Lanes(20), "em1": Lanes(1, "10-20,30"), "tap2": Lanes()}
    assert not parse_ifconfig(shown.replace("1<VLANFILTER>", "0<>"))["bridge0"].filters


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ("vxlan vni 42 local 10.0.2.15:4789 group 239.0.0.42:4789", Vxlan(42, "10.0.2.15", "239.0.0.42", 4789)),
        ("vxlan vni 44 local : remote 10.0.2.2:8472", Vxlan(44, "", "10.0.2.2", 8472)),
        ("vxlan vni 1 local [fd00::1]:4789 remote [fd00::2]:4789", Vxlan(1, "fd00::1", "fd00::2", 4789)),
        ("vxlan vni 5 local : remote :", Vxlan(5, "", "", 0)),
    ],
)
def test_the_ends_of_a_vxlan(line: str, ends: Vxlan) -> None:
    shown = f"vxlan0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1450\n\t{line}\n"
    vxlan = parse_ifconfig(shown)["vxlan0"]
    assert vxlan.vxlan == ends and vxlan.running
