# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Netgraph bridges: what ngctl(8) prints, what a task asks for, and what the kernel is told then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import Request
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.checks import check_switch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.desired import resolve
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.nodes import (
    Node,
    Passing,
    Peer,
    parse_answers,
    parse_nodes,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.plan import (
    Ngctl,
    Scene,
    expected,
    join,
    leave,
    missing,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.record import (
    NetgraphSwitch,
    boot_file,
    from_json,
    rc_lines,
    to_json,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own import Desired, needs_default_route

UP = ("UP", "BROADCAST")
EM0 = Interface("em0", UP, 1500, ether="00:11:22:33:44:55", inet=("192.0.2.10/24",))
EM1 = Interface("em1", UP, 9000, ether="00:11:22:33:44:66")
MAC = "5a:00:00:00:00:01"
OWN = Interface("ngeth1000", UP, 1500, "apiary:mesh", MAC, inet=("10.20.0.1/24",))
MESH = NetgraphSwitch("mesh", "mesh", "em0", ("10.20.0.1/24",), mac=MAC, host_interface="ngeth1000")
LIVE = {
    "mesh": Node(
        9,
        "mesh",
        "bridge",
        {
            "link1000": Peer("apiary1000", "socket", "vmlink"),
            "link2": Peer("ngeth1000", "eiface", "ether"),
            "link1": Peer("em0", "ether", "upper"),
            "link0": Peer("em0", "ether", "lower"),
        },
    ),
    "em0": Node(
        1, "em0", "ether", {"upper": Peer("mesh", "bridge", "link1"), "lower": Peer("mesh", "bridge", "link0")}
    ),
    "em1": Node(2, "em1", "ether"),
    "ngeth1000": Node(12, "ngeth1000", "eiface", {"ether": Peer("mesh", "bridge", "link2")}),
}
PASSING = {"em0": Passing(promisc=True, autosrc=False)}


def host(*interfaces: Interface) -> Dict[str, Interface]:
    return {one.name: one for one in (EM0, EM1, *interfaces)}


def scene(nodes: Mapping[str, Node], *interfaces: Interface) -> Scene:
    return Scene(host(*interfaces), nodes, PASSING)


RECORDED = """\
There are 2 total nodes:
  Name: vtnet1          Type: ether           ID: 00000002   Num hooks: 2
  Local hook      Peer name       Peer type    Peer ID         Peer hook
  ----------      ---------       ---------    -------         ---------
  upper           vmbr0           bridge       0000009f        link1
  lower           vmbr0           bridge       0000009f        link0

  Name: ngctl12111      Type: socket          ID: 00000099   Num hooks: 0
"""
ANSWERS = """\
Rec'd response "getpromisc" (5) from "[2]:":
Args:\t1
Rec'd response "getautosrc" (7) from "[2]:":
Args:\t0
"""


def test_what_ngctl_prints_is_read() -> None:
    assert parse_nodes(RECORDED) == [
        Node(
            2, "vtnet1", "ether", {"upper": Peer("vmbr0", "bridge", "link1"), "lower": Peer("vmbr0", "bridge", "link0")}
        ),
        Node(0x99, "ngctl12111", "socket"),
    ]
    odd = "  Name: a b             Type: bridge          ID: 00000114   Num hooks: 0\n"
    unnamed = "  Name: <unnamed>       Type: socket          ID: 000000fa   Num hooks: 1\n"
    found = parse_nodes("There are 2 total nodes:\n" + odd + "\n" + unnamed)
    assert [node.name for node in found] == ["a b", ""]
    assert parse_answers(ANSWERS) == {(2, "getpromisc"): 1, (2, "getautosrc"): 0}


@pytest.mark.parametrize("text", ["", "ngctl: no\n", "There are 1 total nodes:\n  Name: x\n"])
def test_what_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(UnknownState, match="printed a line that cannot be read"):
        parse_nodes(text)


def made(
    request: Request, old: Optional[NetgraphSwitch] = None, nodes: Optional[Mapping[str, Node]] = None
) -> NetgraphSwitch:
    switches = {} if old is None else {old.name: old}
    records = {name: to_json(switch) for name, switch in switches.items()}
    new = resolve([request], switches, records, host(), LIVE if nodes is None else nodes, "em1")[0].new
    assert new is not None
    return new


def test_a_node_has_the_switchs_name_where_that_is_free_and_short() -> None:
    assert made(Request("lab")).interface == "lab"
    for name in ("mesh", "em0", "a" * 32):
        assert made(Request(name)).interface == "ngbridge1000"
    assert made(Request("a" * 31)).interface == "a" * 31
    two = resolve([Request("em0"), Request("em1")], {}, {}, host(), {}, None)
    assert [one.new.interface for one in two if one.new] == ["ngbridge1000", "ngbridge1001"]


def test_what_is_given_once_stays() -> None:
    new = made(Request("lab", uplink="auto", addresses=("10.1.0.1/24",)), nodes={})
    assert (new.uplink, new.host_interface, new.mac[:3]) == ("em1", "ngeth1000", "5a:")
    assert made(Request("lab", uplink="auto"), new) == new == made(Request("lab"), new)
    assert made(Request("lab", mac=""), new).mac == new.mac
    bare = made(Request("lab", addresses=()), new)
    assert (bare.own, bare.host_interface, bare.mac) == ("", "ngeth1000", "")
    assert not needs_default_route([Request("lab", uplink="auto")], {"lab": new})
    with pytest.raises(BadInput, match="switch lab: mtu: of a netgraph bridge only"):
        made(Request("lab", mtu=9000))
    assert from_json({"mesh": to_json(MESH)}, "x") == {"mesh": MESH}
    with pytest.raises(UnknownState, match="the switch mesh cannot be read"):
        from_json({"mesh": {"type": "netgraph"}}, "x")


@pytest.mark.parametrize(
    ("says", "changes"),
    [
        ("uplink: em9 does not exist on this host; it has em0, em1", {"uplink": "em9"}),
        ("uplink: wlan0 is wireless", {"uplink": "wlan0"}),
        ("uplink: lo0 cannot be an uplink", {"uplink": "lo0"}),
        ("uplink: tap1000 cannot be an uplink", {"uplink": "tap1000"}),
        ("uplink: ngeth1000 cannot be an uplink", {"uplink": "ngeth1000"}),
        ("uplink: em2 is in the bridge bridge0 already", {"uplink": "em2"}),
        ("uplink: em3 is the uplink of the switch other", {"uplink": "em3"}),
        ("uplink: em4: its netgraph hook lower is connected to hand", {"uplink": "em4"}),
        ("mtu: 9000, but its uplink em0 has 1500", {"mtu": 9000}),
        ("mtu: 9100; an interface on a netgraph bridge can have 9018", {"mtu": 9100, "uplink": ""}),
        ("mac: 00:11:22:33:44:66 is the address of em1 already", {"mac": "00:11:22:33:44:66"}),
        ("mac: 5a:00:00:00:00:02 is that of the switch other", {"mac": "5a:00:00:00:00:02"}),
        ("10.30.0.1/24 overlaps 10.30.0.0/16 of the switch other", {"addresses": ("10.30.0.1/24",)}),
        ("192.0.2.1/25 overlaps 192.0.2.0/24 of em0", {"addresses": ("192.0.2.1/25",)}),
        ("there is a netgraph node em0 of type ether", {"interface": "em0", "uplink": ""}),
        ("em1 exists and may be somebody else's", {"host_interface": "em1"}),
    ],
)
def test_what_cannot_be_is_refused(says: str, changes: Dict[str, Any]) -> None:
    switch = replace(MESH, **changes)
    other = {"type": "bridge", "interface": "bridge1000", "uplink": "em3", "addresses": ["10.30.0.1/16"]}
    records = {"mesh": to_json(switch), "other": {**other, "mac": "5a:00:00:00:00:02"}}
    cards = [replace(EM1, name=name, ether=f"00:11:22:33:55:{name[-1]:0>2}") for name in ("em2", "em3", "em4")]
    more = [
        replace(EM1, name="wlan0", groups=("wlan",)),
        Interface("lo0", UP, 16384, groups=("lo",)),
        replace(EM1, name="tap1000", groups=("tap",), description="apiary:web1:lan"),
        Interface("bridge0", UP, 1500, ether="58:9c:fc:00:00:01", groups=("bridge",), members=("em2",)),
    ]
    nodes = {**LIVE, "em4": Node(5, "em4", "ether", {"lower": Peer("hand", "bridge", "link5")})}
    listed = says.startswith("uplink: em9")
    with pytest.raises(BadInput, match="^switch mesh: ") as refused:
        check_switch(switch, records, host(OWN) if listed else host(OWN, *cards, *more), nodes)
    assert says in str(refused.value)


def test_what_is_right_passes_and_is_left_alone() -> None:
    check_switch(MESH, {"mesh": to_json(MESH)}, host(OWN), LIVE)
    assert join(MESH, scene(LIVE, OWN)) == leave(Desired("mesh", MESH, MESH), scene(LIVE, OWN)) == []


def test_a_new_one_is_made_by_the_program_that_makes_it_at_boot() -> None:
    told = join(MESH, Scene(host(replace(EM0, options=("LRO",), flags=())), {}))
    assert [change.describe() for change in told] == [
        "switch off LRO, TSO and transmit checksums of em0",
        "bring em0 up",
        "make the netgraph bridge mesh; connect em0 to mesh; make ngeth1000 on mesh with 10.20.0.1/24",
    ]


@pytest.mark.parametrize(
    ("lacking", "nodes", "own", "passing"),
    [
        ("connect em0 to mesh", {**LIVE, "em0": Node(1, "em0", "ether")}, OWN, PASSING),
        ("let em0 pass the frames of guests", LIVE, OWN, {"em0": Passing(promisc=True, autosrc=True)}),
        ("let em0 pass the frames of guests", LIVE, OWN, {"em0": Passing(promisc=False, autosrc=False)}),
        ("make ngeth1000 on mesh with 10.20.0.1/24", {**LIVE, "ngeth1000": Node(1, "x", "eiface")}, OWN, PASSING),
        ("give ngeth1000 the MAC address 5a:00:00:00:00:01", LIVE, replace(OWN, ether="5a:0:0:0:0:9"), PASSING),
        ("describe ngeth1000 as apiary:mesh", LIVE, replace(OWN, description=""), PASSING),
        ("set the MTU of ngeth1000 to 1500", LIVE, replace(OWN, mtu=1400), PASSING),
        ("give ngeth1000 the address 10.20.0.1/24", LIVE, replace(OWN, inet=()), PASSING),
        ("bring ngeth1000 up", LIVE, replace(OWN, flags=()), PASSING),
    ],
)
def test_what_differs_is_missing(
    lacking: str, nodes: Mapping[str, Node], own: Interface, passing: Mapping[str, Passing]
) -> None:
    assert missing(MESH, Scene(host(own), nodes, passing)) == [lacking]


def lines(new: Optional[NetgraphSwitch]) -> List[str]:
    live = replace(OWN, inet=("10.20.0.1/24", "10.29.0.1/24"))
    return [change.describe() for change in leave(Desired("mesh", MESH, new), scene(LIVE, live))]


def test_what_is_not_to_be_any_more_goes_first() -> None:
    assert lines(MESH) == ["take 10.29.0.1/24 off ngeth1000"]
    assert lines(replace(MESH, uplink="em1")) == ["take em0 off mesh", "take 10.29.0.1/24 off ngeth1000"]
    assert lines(replace(MESH, addresses=())) == ["destroy ngeth1000"]
    assert lines(None) == ["destroy ngeth1000", "shut mesh down"]
    told = leave(Desired("mesh", MESH, replace(MESH, uplink="")), scene(LIVE, OWN))
    assert told == [Ngctl("mesh", "take em0 off mesh", ("rmhook mesh: link1", "rmhook mesh: link0"))]


def test_what_will_be_keeps_guests_and_follows_the_uplinks_mtu() -> None:
    seen = expected(Desired("mesh", MESH, replace(MESH, uplink="em1")), scene(LIVE, OWN))
    assert (seen["members"], seen["mtu"]) == (["apiary1000", "em1", "ngeth1000"], 9000)
    bare = expected(Desired("mesh", MESH, replace(MESH, addresses=(), uplink="")), scene(LIVE, OWN))
    assert (bare["members"], bare["addresses"], bare["host_interface"]) == (["apiary1000"], [], "")


def test_what_boot_and_a_restart_of_the_network_read() -> None:
    assert "mac='5a:00:00:00:00:01'\nmtu='9000'\naddresses='10.20.0.1/24'\n" in boot_file(MESH, 9000)
    assert "host_interface=''\ndescription='apiary:mesh'\nmac=''\nmtu=''\n" in boot_file(
        replace(MESH, addresses=()), 1500
    )
    several = replace(MESH, addresses=("10.0.0.1/24", "fd00::1/64", "10.1.0.1/24", "fd01::1/64"))
    assert rc_lines(several) == {
        "ifconfig_ngeth1000": "inet 10.0.0.1/24 up",
        "ifconfig_ngeth1000_ipv6": "inet6 fd00::1/64",
        "ifconfig_ngeth1000_aliases": "inet 10.1.0.1/24 inet6 fd01::1/64",
    }
    assert set(rc_lines(replace(MESH, addresses=())).values()) == {None}
