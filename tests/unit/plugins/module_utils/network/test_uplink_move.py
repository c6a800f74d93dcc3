# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which addresses have to move, what the host is like then, and the program that does it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Dict, List, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import Request
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.plan import plan_live
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Moved, Switch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan import Vxlan
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks import rc_lines as uplink_lines
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.checks import check_others
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.moves import (
    after_moves,
    check_gateway,
    due,
    with_moved,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.program import Gateways, program

UP = ("UP", "BROADCAST")
MAC = "00:11:22:33:44:55"
EM0 = Interface("em0", UP, 1500, ether=MAC, options=("TXCSUM", "TSO4"), inet=("192.0.2.10/24",))
BARE = replace(EM0, inet=(), options=())
MOVED = Moved(("192.0.2.10/24",), lines=(("ifconfig_IF", "inet 192.0.2.10/24"),))
LAN = Switch("lan", "bridge1000", uplink="em0", mac="5a:00:00:00:00:01", addresses=("10.0.0.1/24",))
HAS = replace(LAN, mac=MAC, moved=MOVED)
BOTH = ("192.0.2.10/24", "10.0.0.1/24")
BRIDGE = Interface("bridge1000", UP, 1500, "apiary:lan", MAC, ("bridge",), ("em0",), inet=BOTH)


def host(*interfaces: Interface) -> Dict[str, Interface]:
    """The interfaces of a host."""
    return {one.name: one for one in (EM0, *interfaces)}


def resolved(
    old: Optional[Switch], interfaces: Dict[str, Interface], asked: Optional[str], main: str = "inet 192.0.2.10/24"
) -> Desired:
    """The switch as it is to be when a task asks for that."""
    rc: Dict[str, Optional[str]] = dict.fromkeys([*uplink_lines.names("em0"), switch_rc.DEFAULT])
    rc["ifconfig_em0"] = main
    request = Request("lan", uplink="em0", uplink_address=asked)
    return with_moved([Desired("lan", old, old or LAN)], [request], interfaces, rc)[0]


def told(moves: str) -> List[str]:
    """The steps of one function of the program, without how they are done."""
    steps = (line.strip().partition(" ")[2] for line in moves.splitlines() if line[:1] == "\t")
    return [step.replace(" || return 1", "") for step in steps]


def functions(text: str) -> Dict[str, List[str]]:
    """The steps forth, and those that put the old state back."""
    parts = {name: text.partition(f"\n{name}()\n{{\n")[2].partition("\n}")[0] for name in ("move", "put_back")}
    return {name: told(part) for name, part in parts.items()}


def test_a_new_bridge_gets_the_address_and_the_mac_of_its_uplink() -> None:
    one = resolved(None, host(), "move")
    assert one.new is not None and (one.new.mac, one.new.moved) == (MAC, MOVED)
    moves = due([one], host())
    assert [move.describe() for move in moves] == ["move 192.0.2.10/24 from em0 to bridge1000"]
    later = after_moves(host(), moves)
    assert later["em0"].addresses == () and later["em0"].options == ()
    assert later["bridge1000"].members == ("em0",) and later["bridge1000"].ether == MAC
    # What is left to do are the bridge's own addresses.
    steps = plan_live([one], later)
    assert [step.words for step in [*steps.leave, *steps.join]] == [("bridge1000", "inet", "10.0.0.1/24", "alias")]
    assert due([one], later) == []
    steps_of = functions(program(moves, Gateways("192.0.2.1", "2001:db8::1"), "/var/run/x", 7, 60))
    assert steps_of["move"] == [
        "ifconfig em0 -lro -tso -txcsum -txcsum6",
        "settle em0",
        f"ifconfig bridge1000 create ether {MAC} descr apiary:lan",
        "strip em0 yes",
        "ifconfig em0 inet6 ifdisabled",
        "ifconfig bridge1000 addm em0",
        "ifconfig em0 up",
        "ifconfig bridge1000 up",
        "ifconfig bridge1000 inet 192.0.2.10/24 alias",
        "default -inet 192.0.2.1",
        "default -inet6 2001:db8::1",
        "service routing static",
    ]
    assert steps_of["put_back"] == [
        "ifconfig bridge1000 destroy",
        "ifconfig em0 txcsum tso4",
        "ifconfig em0 up",
        "ifconfig em0 inet 192.0.2.10/24 alias",
        "default -inet 192.0.2.1",
        "default -inet6 2001:db8::1",
        "service routing static",
    ]


def test_a_bridge_that_is_there_keeps_its_own() -> None:
    live = replace(BRIDGE, ether="5a:00:00:00:00:01", members=("tap1000",), inet=("10.0.0.1/24",))
    moves = due([resolved(LAN, host(live), "move")], host(live))
    steps = functions(program(moves, Gateways(), "/x", 7, 60))
    assert f"ifconfig bridge1000 ether {MAC}" in steps["move"]
    back = steps["put_back"]
    assert "ifconfig bridge1000 destroy" not in back and "strip bridge1000 no 10.0.0.1" in back
    assert "ifconfig bridge1000 deletem em0" in back and "ifconfig bridge1000 ether 5a:00:00:00:00:01" in back


def test_addresses_go_back_when_the_switch_goes_or_the_uplink_is_to_keep_them() -> None:
    seen = host(BRIDGE, BARE)
    kept = resolved(HAS, seen, "keep", "up")
    assert kept.new is not None and kept.new.moved is None and kept.new.mac.startswith("5a:")
    for one, leaves in ((kept, False), (Desired("lan", HAS, None), True)):
        moves = due([one], seen)
        assert [move.describe() for move in moves] == ["move 192.0.2.10/24 from bridge1000 to em0"]
        later = after_moves(seen, moves)
        assert later["em0"].inet == ("192.0.2.10/24",) and later["bridge1000"].inet == ("10.0.0.1/24",)
        assert ("em0" in later["bridge1000"].members) is not leaves
        steps = functions(program(moves, Gateways("192.0.2.1"), "/x", 7, 60))
        assert steps["move"][0] == "strip bridge1000 no 10.0.0.1"
        assert ("ifconfig bridge1000 deletem em0" in steps["move"]) is leaves
        assert "ifconfig bridge1000 inet 192.0.2.10/24 alias" in steps["put_back"]
        assert due([one], later) == []


def test_dhcp_takes_its_lease_along() -> None:
    one = resolved(None, host(), "move", "DHCP")
    moves = due([one], host())
    assert "(DHCP)" in moves[0].describe() and moves[0].moved.addresses == ()
    steps = functions(program(moves, Gateways("192.0.2.1"), "/x", 7, 60))
    order = ["service dhclient forcestop em0", "strip em0 yes", "ifconfig bridge1000 addm em0"]
    order += ["lease em0 bridge1000", "service dhclient forcestart bridge1000", "leased bridge1000 10.0.0.1"]
    assert [step for step in steps["move"] if step in order] == order
    assert "default -inet 192.0.2.1" not in steps["move"], "dhclient sets the default route"
    assert "leased em0 || may ifconfig em0 inet 192.0.2.10/24\n" in program(moves, Gateways(), "/x", 7, 60)
    # Whatever address the server gives stays.
    later = after_moves(host(), moves)
    assert plan_live([one], {**later, "bridge1000": replace(later["bridge1000"], inet=("192.0.2.99/24",))}).losses == {}


def test_what_is_left_out_stays_as_it_is() -> None:
    seen = host(BRIDGE, BARE)
    one = resolved(HAS, seen, None, "up")
    assert one.new == HAS and due([one], seen) == []
    assert resolved(LAN, host(), None) == Desired("lan", LAN, LAN)
    nothing = resolved(LAN, host(BARE), "move", "up")
    assert nothing.new is not None and nothing.new.moved is None, "there is nothing that could move"


@pytest.mark.parametrize(
    ("old", "uplink", "main", "says"),
    [
        (
            None,
            replace(EM0, inet=(*EM0.inet, "192.0.2.12/24")),
            "inet 192.0.2.10/24",
            "has the address 192.0.2.12/24",
        ),
        (None, replace(EM0, inet6=("2001:db8::1/64",)), "DHCP", "has the address 2001:db8::1/64"),
        (HAS, BARE, "inet 192.0.2.13/32", "gives em0 192.0.2.13/32 besides"),
        (HAS, BARE, "DHCP", "gives em0 DHCP besides"),
    ],
)
def test_what_is_not_clear_is_refused(old: Optional[Switch], uplink: Interface, main: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        resolved(old, host(uplink), "move", main)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (None, replace(LAN, uplink=""), "move needs an uplink that is in the bridge itself"),
        (None, replace(LAN, vlan=82), "move needs an uplink that is in the bridge itself"),
        (None, replace(LAN, vlan_filter=True), "move is not for a bridge that filters VLANs"),
        (replace(LAN, vlan_filter=True), LAN, "move is not for a bridge that filters VLANs"),
    ],
)
def test_a_bridge_that_cannot_take_them_is_refused(old: Optional[Switch], new: Switch, says: str) -> None:
    request = Request("lan", uplink_address="move")
    with pytest.raises(BadInput, match=f"switch lan: uplink_address: {says}"):
        with_moved([Desired("lan", old, new)], [request], host(), dict.fromkeys(uplink_lines.names("em0")))


def test_other_switches_that_need_the_addresses_where_they_are() -> None:
    forth, back = due([resolved(None, host(), "move")], host()), due([Desired("lan", HAS, None)], host(BRIDGE, BARE))
    out = replace(Switch("lab", "bridge1001"), nat="em0")
    tunnel = Vxlan(42, local="192.0.2.10", remote="192.0.2.2", interface="vxlan1000")
    far, made = Switch("far", "bridge1002", vxlan=tunnel), Interface("vxlan1000", UP, 1450)
    translates = "the switch lab translates addresses to that of {}, which is on {} then; .* first, and give it {}"
    with pytest.raises(BadInput, match=translates.format("em0", "bridge1000", "bridge1000")):
        check_others(forth, {"lan": HAS, "lab": out}, host())
    with pytest.raises(BadInput, match=translates.format("em0", "bridge1000", "bridge1000")):
        check_others([], {"lan": HAS, "lab": out}, host(BRIDGE, BARE))
    with pytest.raises(BadInput, match=translates.format("bridge1000", "em0", "em0")):
        check_others(back, {"lab": replace(out, nat="bridge1000")}, host(BRIDGE, BARE))
    with pytest.raises(BadInput, match="the vxlan of the switch far goes by the address of em0"):
        check_others(forth, {"lan": HAS, "far": far}, host(made))
    # One that is made after the bridge comes after it at boot too.
    check_others(forth, {"lan": HAS, "far": far, "lab": replace(out, nat="em1")}, host())


def test_a_gateway_of_the_link_alone_is_refused() -> None:
    moves = due([resolved(None, host(), "move")], host())
    check_gateway(moves, "2001:db8::1")
    with pytest.raises(BadInput, match="an address of the link alone"):
        check_gateway(moves, "fe80::1%em0")


def test_the_program_is_sh() -> None:
    moves = due([resolved(None, host(), "move", "DHCP")], host())
    text = program([*moves, *due([Desired("lan", HAS, None)], host(BRIDGE))], Gateways("192.0.2.1"), "/a b", 7, 60)
    done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not [word for word in ("@DIRECTORY@", "@PID@", "@TIMEOUT@", "@INTERFACES@") if word in text]
    assert "cd '/a b' || exit 1" in text
