# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what a task asks for and what the host is to what ifconfig(8) is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.checks import (
    addressed_uplinks,
    check_members_without_addresses,
    check_scripts,
    check_switches,
    silenced,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.desired import (
    Desired,
    after,
    needs_default_route,
    needs_number,
    resolve,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import Lanes
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import Request
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.plan import expected, plan_live
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Port, Switch, on_its_way
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan import Vxlan
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface, Vlan, parse_ifconfig
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Vxlan as Ends
from ansible_collections.apiary.bhyve.plugins.module_utils.network.routes import DefaultRoute, parse_route

UP = ("UP", "BROADCAST")
EM0 = Interface("em0", UP, 1500, ether="00:11:22:33:44:55", options=("TXCSUM", "TSO4"), inet=("192.0.2.10/24",))
EM1 = Interface("em1", ("BROADCAST",), 1500, ether="00:11:22:33:44:66")
LO0 = Interface("lo0", ("UP", "LOOPBACK"), 16384, groups=("lo",), inet=("127.0.0.1/8",))
LAN = Switch("lan", "bridge1000", uplink="em1", mac="5a:00:00:00:00:01")
LIVE = Interface(
    "bridge1000", UP, 1500, "apiary:lan", "5a:00:00:00:00:01", ("bridge",), members=("tap1000", "em1"), options=()
)


def host(*interfaces: Interface) -> Dict[str, Interface]:
    """The interfaces of a host: these, in place of those of the same name that each has."""
    return {one.name: one for one in (EM0, EM1, LO0, *interfaces)}


def words(old: Optional[Switch], new: Optional[Switch], interfaces: Dict[str, Interface]) -> List[str]:
    """What ifconfig(8) is told, in order."""
    steps = plan_live([Desired("lan", old, new)], interfaces)
    return [" ".join(step.words) for step in [*steps.leave, *steps.join]]


def test_what_is_right_is_left_alone() -> None:
    assert words(LAN, LAN, host(LIVE, replace(EM1, flags=UP))) == []
    manual = Switch("lan", "bridge0", manual=True)
    assert words(None, manual, host(replace(LIVE, name="bridge0"))) == words(manual, None, host()) == []


@pytest.mark.parametrize(
    ("switch", "told"),
    [
        (Switch("lan", "bridge7"), ["bridge7 create descr apiary:lan up"]),
        (
            Switch("lan", "bridge7", uplink="em0", mac=LAN.mac, stp=True),
            [
                "em0 -lro -tso -txcsum -txcsum6",
                f"bridge7 create ether {LAN.mac} descr apiary:lan addm em0 stp em0 up",
            ],
        ),
        (
            Switch("lan", "bridge7", uplink="em1", vlan=82, addresses=("10.0.0.1/24", "fd00::1/64")),
            [
                "em1 up",
                "em1.82 create descr apiary:lan up",
                "bridge7 create descr apiary:lan addm em1.82 mtu 1500 up",
                "bridge7 inet 10.0.0.1/24 alias",
                "bridge7 inet6 fd00::1/64 alias",
            ],
        ),
        (Switch("lan", "bridge7", mtu=9000), ["bridge7 create descr apiary:lan mtu 9000 up"]),
    ],
)
def test_a_switch_is_made_as_rc_makes_it(switch: Switch, told: List[str]) -> None:
    assert words(None, switch, host()) == told


@pytest.mark.parametrize(
    ("live", "new", "told"),
    [
        ({"members": ("tap1000",)}, {}, ["bridge1000 addm em1"]),
        ({"stp": ("em1",)}, {}, ["bridge1000 -stp em1"]),
        ({"description": ""}, {}, ["bridge1000 descr apiary:lan"]),
        ({"ether": "58:9c:fc:00:00:01", "flags": ()}, {}, [f"bridge1000 ether {LAN.mac}", "bridge1000 up"]),
        ({"mtu": 1400}, {}, []),
        ({"mtu": 1400}, {"mtu": 1500}, ["bridge1000 mtu 1500"]),
        ({"inet": ("10.0.0.9/24",)}, {}, ["bridge1000 inet 10.0.0.9 -alias"]),
        (
            {"inet": ("10.0.0.1/16",), "inet6": ("fe80::1/64", "fd00::2/64")},
            {"addresses": ("10.0.0.1/24",)},
            ["bridge1000 inet 10.0.0.1 -alias", "bridge1000 inet6 fd00::2 -alias", "bridge1000 inet 10.0.0.1/24 alias"],
        ),
        ({}, {"uplink": ""}, ["bridge1000 deletem em1"]),
        ({}, {"uplink": "em0"}, ["bridge1000 deletem em1", "em0 -lro -tso -txcsum -txcsum6", "bridge1000 addm em0"]),
    ],
)
def test_what_differs_is_told_and_nothing_else(live: Dict[str, Any], new: Dict[str, Any], told: List[str]) -> None:
    interfaces = host(replace(LIVE, **live), replace(EM1, flags=UP))
    assert words(LAN, replace(LAN, **new), interfaces) == told


def test_a_member_that_is_not_the_first_gets_the_mtu_of_the_bridge() -> None:
    crowded = host(replace(LIVE, members=("tap1000",)), replace(EM1, mtu=9000, flags=UP))
    jumbo = replace(LAN, mtu=9000)
    assert words(LAN, jumbo, crowded) == ["bridge1000 mtu 9000", "bridge1000 addm em1"]
    empty = host(replace(LIVE, members=()), replace(EM1, mtu=9000, flags=UP))
    assert words(LAN, jumbo, empty) == ["bridge1000 addm em1"]
    assert expected(Desired("lan", LAN, LAN), empty)["mtu"] == 9000


def test_what_was_on_its_way_out_when_a_run_failed_still_goes() -> None:
    tagged = replace(LAN, vlan=82, mtu=1400)
    new = replace(LAN, uplink="")
    noted = on_its_way(tagged, new)
    assert (noted.former, noted.mtu, noted.uplink) == ((Port("em1", 82),), 1400, "")
    assert on_its_way(noted, new) == noted, "however often it fails"
    vlan = Interface("em1.82", UP, 1500, "apiary:lan", vlan=Vlan(82, "em1"))
    left = host(replace(LIVE, members=("em1.82",), mtu=1400), vlan)
    assert words(noted, new, left) == ["em1.82 destroy", "bridge1000 mtu 1500"]
    assert words(noted, None, left) == ["bridge1000 destroy", "em1.82 destroy"]
    assert on_its_way(noted, replace(tagged, mtu=1400)) == tagged, "and it may come back"
    assert words(replace(noted, former=(Port("em1"),)), new, host(LIVE)) == ["bridge1000 deletem em1"]


FAR = Vxlan(42, "192.0.2.10", "192.0.2.2", interface="vxlan1000", mtu=1450)
TUNNEL = replace(LAN, uplink="", vxlan=FAR)
ENDS = Interface("vxlan1000", ("UP", "RUNNING"), 1450, "apiary:lan", vxlan=Ends(42, "192.0.2.10", "192.0.2.2", 4789))


@pytest.mark.parametrize(
    ("live", "told"),
    [
        (None, ["vxlan1000 create vxlanid 42 vxlanlocal 192.0.2.10 vxlanremote 192.0.2.2 descr apiary:lan up"]),
        (ENDS, []),
        (replace(ENDS, flags=("UP",)), ["vxlan1000 up"]),
        (replace(ENDS, description=""), ["vxlan1000 descr apiary:lan"]),
    ],
)
def test_a_vxlan_is_made_or_set_right(live: Optional[Interface], told: List[str]) -> None:
    bridge = replace(LIVE, members=("vxlan1000",) if live is not None else (), mtu=1450)
    join = ["bridge1000 addm vxlan1000"] if live is None else []
    assert words(TUNNEL, TUNNEL, host(bridge, *([live] if live is not None else []))) == told + join


def test_a_vxlan_with_other_ends_is_made_anew_in_its_bridge() -> None:
    wrong = replace(ENDS, vxlan=Ends(43, "192.0.2.10", "192.0.2.2", 4789))
    bridge = replace(LIVE, members=("vxlan1000", "tap1000"), mtu=1450)
    assert words(TUNNEL, TUNNEL, host(bridge, wrong)) == [
        "vxlan1000 destroy",
        "vxlan1000 create vxlanid 42 vxlanlocal 192.0.2.10 vxlanremote 192.0.2.2 descr apiary:lan up",
        "bridge1000 addm vxlan1000",
    ]


def test_another_vxlan_takes_the_place_of_one_and_then_an_uplink() -> None:
    records, interfaces = {"lan": TUNNEL}, host(replace(LIVE, members=("vxlan1000",), mtu=1450), ENDS)
    asked = Request("lan", vxlan=Vxlan(43, remote="192.0.2.3"))
    assert needs_number([asked], records) and not needs_number([Request("lan", vxlan=replace(FAR, mtu=0))], records)
    one = resolve([asked], records, interfaces)[0]
    assert one.new is not None and one.new.vxlan == Vxlan(43, remote="192.0.2.3", interface="vxlan1001")
    assert words(TUNNEL, one.new, interfaces)[:2] == [
        "vxlan1000 destroy",
        "vxlan1001 create vxlanid 43 vxlanremote 192.0.2.3 descr apiary:lan up",
    ]
    noted = on_its_way(TUNNEL, one.new)
    assert noted.former == (Port("", 0, "vxlan1000"),) and noted.vxlan == one.new.vxlan
    back = resolve([Request("lan", vxlan=Vxlan(), uplink="em1")], records, interfaces)[0]
    assert back.new is not None and (back.new.uplink, back.new.vxlan) == ("em1", Vxlan())
    assert words(TUNNEL, replace(TUNNEL, vxlan=Vxlan()), interfaces) == ["vxlan1000 destroy", "bridge1000 mtu 1500"]


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request("lan", uplink="em1"), "say vxlan: {} too"),
        (Request("lan", vlan=82), "needs an uplink"),
        (Request("lan", uplink_tagged="5"), "without vlan_filter"),
        (Request("lan", vlan_filter=True, addresses=("10.0.0.1/24",)), "filters VLANs has no address"),
    ],
)
def test_what_does_not_go_with_a_vxlan_that_is_there(request_: Request, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        resolve([request_], {"lan": TUNNEL}, host(LIVE, ENDS))


def test_the_uplink_of_a_bridge_that_filters_has_all_vlans_unless_told() -> None:
    def lanes(request: Request, old: Switch = LAN) -> Lanes:
        new = resolve([request], {"lan": old}, host(LIVE))[0].new
        assert new is not None
        return new.lanes

    assert lanes(Request("lan", vlan_filter=True)) == Lanes(0, "1-4094")
    assert lanes(Request("lan", vlan_filter=True, uplink_untagged=1, uplink_tagged="")) == Lanes(1)
    trunk = replace(LAN, vlan_filter=True, lanes=Lanes(1, "5"))
    assert lanes(Request("lan"), trunk) == lanes(Request("lan", uplink="em0"), trunk) == Lanes(1, "5")
    assert lanes(Request("lan", uplink=""), trunk) == lanes(Request("lan", vlan_filter=False), trunk) == Lanes()
    assert lanes(Request("lan", uplink="em1"), replace(trunk, uplink="", lanes=Lanes())) == Lanes(0, "1-4094")


@pytest.mark.parametrize(
    ("live", "new", "told"),
    [
        ({}, {"vlan_filter": True, "lanes": Lanes(1, "5-9")}, ["vlanfilter", "ifuntagged em1 1 iftagged em1 5-9"]),
        ({"filters": True, "lanes": {"em1": Lanes(1, "5")}}, {}, ["-vlanfilter"]),
        (
            {"filters": True, "lanes": {"em1": Lanes(1, "5")}},
            {"vlan_filter": True, "lanes": Lanes(0, "5")},
            ["-ifuntagged em1"],
        ),
        (
            {"filters": True, "members": ("tap1000",)},
            {"vlan_filter": True, "lanes": Lanes(0, "5")},
            ["addm em1 tagged 5"],
        ),
    ],
)
def test_vlans_are_set_where_they_differ(live: Dict[str, Any], new: Dict[str, Any], told: List[str]) -> None:
    interfaces = host(replace(LIVE, **live), replace(EM1, flags=UP))
    assert words(LAN, replace(LAN, **new), interfaces) == [f"bridge1000 {line}" for line in told]


def test_guests_that_a_filter_silences_are_named_once() -> None:
    trunk = replace(LAN, vlan_filter=True)
    one = [Desired("lan", LAN, trunk)]
    assert "tap1000 in bridge1000 will hear nothing" in silenced(one, host(LIVE))[0]
    assert silenced(one, host(replace(LIVE, lanes={"tap1000": Lanes(20)}))) == []
    assert silenced(one, host(replace(LIVE, filters=True))) == silenced([Desired("lan", LAN, LAN)], host(LIVE)) == []


def test_an_uplink_goes_from_one_switch_to_another_in_one_task() -> None:
    other = Switch("b", "bridge1001")
    desired = [Desired("b", other, replace(other, uplink="em1")), Desired("lan", LAN, replace(LAN, uplink=""))]
    interfaces = host(
        LIVE, replace(LIVE, name="bridge1001", description="apiary:b", ether="5a:00:00:00:00:02", members=())
    )
    switches = after({"lan": LAN, "b": other}, desired)
    check_switches(desired, switches, interfaces, {})
    steps = plan_live(desired, interfaces)
    assert [step.words for step in steps.leave] == [("bridge1000", "deletem", "em1")]
    assert ("bridge1001", "addm", "em1") in [step.words for step in steps.join]


def test_what_goes_takes_its_vlan_along_and_not_the_uplink() -> None:
    tagged = replace(LAN, vlan=82)
    vlan = Interface("em1.82", UP, 1500, "apiary:lan", vlan=Vlan(82, "em1"))
    assert words(tagged, None, host(LIVE, vlan)) == ["bridge1000 destroy", "em1.82 destroy"]
    assert words(LAN, None, host()) == []


def test_numbers_are_given_once_and_never_twice() -> None:
    records = {"lan": LAN}
    requests = [Request("a"), Request("lan"), Request("b", interface="bridge1002"), Request("c")]
    live = host(LIVE, replace(LIVE, name="bridge1003", description=""))
    found = resolve(requests, records, live, cloned=["bridge1001"])
    named = {one.name: one.new.interface for one in found if one.new is not None}
    assert named == {"a": "bridge1004", "lan": "bridge1000", "b": "bridge1002", "c": "bridge1005"}
    assert needs_number(requests, records) and not needs_number([Request("lan")], records)


def test_what_is_left_out_stays_and_auto_is_asked_once() -> None:
    assert resolve([Request("lan")], {"lan": LAN}, host(LIVE))[0].new == LAN
    auto = [Request("lan", uplink="auto")]
    assert not needs_default_route(auto, {"lan": LAN}) and needs_default_route(auto, {})
    assert resolve(auto, {"lan": LAN}, host(LIVE), "em0")[0].new == LAN
    with pytest.raises(BadInput, match="uplink: auto, but the host has no default route"):
        resolve(auto, {}, host())


def test_the_mac_address_follows_from_the_card_and_is_kept() -> None:
    def mac(uplink: str, **given: Any) -> str:
        found = resolve([Request("lan", uplink=uplink, **given)], {}, host())[0].new
        assert found is not None
        return found.mac

    assert mac("em0") == mac("") != mac("em1") and mac("em0").startswith("5a:")
    assert mac("em0", mac="5a:00:00:00:00:09") == "5a:00:00:00:00:09"
    kept = resolve([Request("lan", uplink="em0")], {"lan": LAN}, host(LIVE))[0].new
    assert kept is not None and kept.mac == LAN.mac
    anew = resolve([Request("lan", mac="")], {"lan": LAN}, host(LIVE))[0].new
    assert anew is not None and anew.mac == mac("em1")
    other = resolve([Request("b", uplink="em0")], {}, host())[0].new
    assert other is not None and other.mac != mac("em0"), "two switches on one card have two addresses"


@pytest.mark.parametrize(
    ("interfaces", "switch", "says"),
    [
        ([replace(EM1, groups=("wlan",))], LAN, "is wireless"),
        ([replace(EM1, media="IEEE 802.11 Wireless Ethernet autoselect")], LAN, "is wireless"),
        ([replace(LIVE, description="apiary:other")], LAN, "has the description 'apiary:other'"),
        ([replace(LIVE, description="mine")], LAN, "it may be somebody else's"),
        ([Interface("em1.82", UP, 1500, vlan=Vlan(83, "em1"))], replace(LAN, vlan=82), "is not VLAN 82 of em1"),
        ([Interface("v82", UP, 1500, vlan=Vlan(82, "em1"))], replace(LAN, vlan=82), "its VLAN 82 is v82 already"),
        ([replace(LIVE, mtu=9000, members=("tap1000",))], LAN, "give the switch mtu: 1500"),
    ],
)
def test_what_cannot_be(interfaces: List[Interface], switch: Switch, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        check_switches([Desired("lan", LAN, switch)], {"lan": switch}, host(*interfaces), {})


@pytest.mark.parametrize(
    ("release", "allowed", "refused"), [(1403000, False, False), (1500000, False, True), (1500000, True, False)]
)
def test_freebsd_15_takes_no_member_with_an_address(release: int, allowed: bool, refused: bool) -> None:
    try:
        check_members_without_addresses({"lan": "192.0.2.10/24"}, {"lan": LAN}, release, allowed)
    except BadInput:
        assert refused
    else:
        assert not refused


def test_an_address_of_the_link_is_not_moved_but_taken_away() -> None:
    linked = replace(EM1, inet6=("fe80::1/64", "2001:db8::1/64"))
    assert addressed_uplinks([LAN], {"em1": linked}, {}) == {"lan": "2001:db8::1/64"}
    addressed = addressed_uplinks([LAN], {"em1": replace(EM1, inet6=("fe80::1/64",))}, {})
    with pytest.raises(
        BadInput, match=r"take it away \(ifconfig em1 inet6 fe80::1 -alias\), and let rc.conf give it none"
    ):
        check_members_without_addresses(addressed, {"lan": LAN}, 1500068, False)


def test_a_script_of_somebody_else_is_not_overwritten() -> None:
    with pytest.raises(BadInput, match="/etc/start_if.bridge1000 exists and is somebody else's"):
        check_scripts([Desired("lan", None, LAN)], {"bridge1000": "echo mine\n"})


def test_the_default_route() -> None:
    text = "   route to: 0.0.0.0\ndestination: 0.0.0.0\n    gateway: 192.0.2.1\n  interface: em0\n      flags: <UP>\n"
    assert parse_route(text) == DefaultRoute("em0", "192.0.2.1")
    with pytest.raises(UnknownState, match="named no interface"):
        parse_route("   route to: 0.0.0.0\n")


def test_what_ifconfig_says_of_vlans_offloads_and_spanning_tree() -> None:
    text = (
        "em0.82: flags=8842<BROADCAST,RUNNING> metric 0 mtu 1500\n\toptions=102<TXCSUM,TSO4>\n\tgroups: vlan\n"
        "\tvlan: 82 vlanproto: 802.1q vlanpcp: 0 parent interface: em0\n\tmedia: Ethernet autoselect\n"
        "vlan0: flags=8002<BROADCAST> metric 0 mtu 1500\n"
        "\tvlan: 0 vlanproto: 0x0000 vlanpcp: 0 parent interface: <none>\n"
        "bridge0: flags=8802<BROADCAST> metric 0 mtu 1500\n\tgroups: bridge\n"
        "\tinet6 fe80::1%bridge0 prefixlen 64 scopeid 0x4\n\tinet6 fd00::1 prefixlen 64\n"
        "\tmember: em0.82 flags=147<LEARNING,DISCOVER,STP,AUTOEDGE,AUTOPTP>\n"
        "\tmember: tap0 flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>\n"
    )
    found = parse_ifconfig(text)
    assert found["em0.82"].vlan == Vlan(82, "em0") and found["em0.82"].options == ("TXCSUM", "TSO4")
    assert found["vlan0"].vlan == Vlan(0, "")
    assert (found["bridge0"].stp, found["bridge0"].addresses) == (("em0.82",), ("fd00::1/64",))
