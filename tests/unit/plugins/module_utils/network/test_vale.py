# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VALE switches: what valectl prints, what is given to new ones, what a switch needs."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plugs import Outlet, Plug
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface, Vlan
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.kinds import Asked, check_uplinks_apart
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale import plan as vale_plan
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.checks import check_switch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.desired import Around, parse, resolve
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.plan import Scene, join, leave, missing
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.ports import Ports, parse_ports
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.record import (
    ValeSwitch,
    boot_file,
    clone_list,
    from_json,
    on_its_way,
    rc_lines,
    to_json,
)

CARD = Interface("em1", ("UP", "BROADCAST", "PPROMISC"), 1500, ether="52:54:00:00:00:01")
PLUG = Interface("epair1000a", ("UP",), 1500, description="apiary:fast", groups=("epair",))
OWN = Interface(
    "epair1000b",
    ("UP",),
    1500,
    description="apiary:fast",
    ether="5a:00:00:00:00:01",
    groups=("epair",),
    inet=("10.0.0.1/24",),
)
FULL = ValeSwitch("fast", "vale0", "em1", ("10.0.0.1/24",), "5a:00:00:00:00:01", "epair1000b")
PORTS: Ports = {"vale0": ("em1", "em1^", "epair1000a")}
CARDS = {one.name: one for one in (CARD, PLUG, OWN)}


def test_the_list_is_read_whole_or_not_at_all() -> None:
    text = (
        "vale0:em1 bridge_idx 0 port_idx 0\nvale0:em1^ bridge_idx 0 port_idx 1\nvale_x:1000 bridge_idx 1 port_idx 0\n"
    )
    assert parse_ports(text) == {"vale0": ("em1", "em1^"), "vale_x": ("1000",)}
    assert parse_ports("") == {}
    with pytest.raises(UnknownState, match="cannot be read: 'Usage:'"):
        parse_ports("Usage:\n")


@pytest.mark.parametrize(
    "switch",
    [FULL, ValeSwitch("a", "vale7"), replace(FULL, uplink="", host_stack=False, addresses=(), former=("em2", "em3"))],
)
def test_a_record_comes_back_as_it_was_written(switch: ValeSwitch) -> None:
    assert from_json({switch.name: to_json(switch), "lan": {"type": "bridge"}}, "host.json") == {switch.name: switch}


def test_a_record_that_cannot_be_read_is_not_absent() -> None:
    with pytest.raises(UnknownState, match="host.json: the switch lan cannot be read"):
        from_json({"lan": {"type": "vale", "interface": "vale0"}}, "host.json")


def resolved(options: Dict[str, Any], around: Around, name: str = "fast", **switches: ValeSwitch) -> ValeSwitch:
    """What becomes of one switch of a task."""
    new = resolve([parse(Asked(name, True, "vale", options))], switches, around)[0].new
    assert new is not None
    return new


AROUND = Around({}, {"em1": CARD}, {}, (), None, 8)


def test_names_and_numbers_are_those_that_nobody_has() -> None:
    record = {"lan": {"type": "vale", "interface": "vale0", "host_interface": "epair1001b"}}
    around = replace(AROUND, records=record, ports={"vale1": ("em2",)}, cloned=("epair1000",))
    around = replace(around, interfaces={**CARDS, "epair1002a": replace(PLUG, name="epair1002a")})
    new = resolved({"addresses": ["10.0.0.1/24"]}, around)
    assert (new.interface, new.host_interface) == ("vale2", "epair1003b")
    assert new.mac.startswith("5a:")


def test_what_is_left_out_stays_and_what_was_given_once_is_kept() -> None:
    assert resolved({}, AROUND, fast=FULL) == FULL
    without = resolved({"addresses": [], "uplink": ""}, AROUND, fast=FULL)
    assert without == ValeSwitch("fast", "vale0", host_interface="epair1000b")
    assert resolved({"addresses": ["10.0.0.9/24"]}, AROUND, fast=without).own == "epair1000b"


@pytest.mark.parametrize(
    "options,told",
    [
        ({"interface": "em0"}, "interface"),
        ({"interface": "vale01"}, "interface"),
        ({"uplink": "", "host_stack": True}, "host_stack"),
        ({"host_stack": False}, "host_stack"),
        ({"uplink": "auto"}, "uplink: auto, but the host has no default route"),
        ({"addresses": ["10.0.0.1"]}, "addresses"),
        ({"mac": "5a:00:00:00:00:01"}, "mac"),
    ],
)
def test_each_bad_value_names_its_option(options: Dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        resolved(options, AROUND)


def test_there_is_room_for_so_many() -> None:
    with pytest.raises(BadInput, match="the kernel has no more than 1 VALE switches, and all are in use"):
        resolved({}, replace(AROUND, limit=1, ports={"vale0": ("em2",)}))
    with pytest.raises(BadInput, match="there would be 2 VALE switches, and the kernel has no more than 1"):
        resolved({"interface": "vale3"}, replace(AROUND, limit=1), a=ValeSwitch("a", "vale0"))
    with pytest.raises(BadInput, match="there would be 2 VALE switches with valeXY of somebody else, and the kernel"):
        resolved({}, replace(AROUND, limit=1, ports={"valeXY": ("em2",)}))


def test_names_stay_within_the_15_characters_that_bhyve_does_not_cut() -> None:
    longest = resolved({"interface": "vale999"}, AROUND).interface
    assert len(Plug(Outlet("vale", longest, "fast"), 32767).name) <= 15
    with pytest.raises(BadInput, match="interface: 'vale1000'; the kernel's name of a VALE switch is vale"):
        resolved({"interface": "vale1000"}, AROUND)


@pytest.mark.parametrize(
    "uplink,told",
    [
        (
            "vether0",
            "uplink: vether0 cannot be an uplink: vether\\(4\\) passes frames between the host and a bridge",
        ),
        ("epair1000a", "uplink: epair1000a cannot be an uplink: by it the host itself is on the switch fast"),
        ("epair1000b", "uplink: epair1000b cannot be an uplink: by it the host itself is on the switch fast"),
        ("em1.5", "netmap\\(4\\) takes neither a VLAN nor a tap"),
        ("tap5", "netmap\\(4\\) takes neither a VLAN nor a tap"),
        ("em9", "does not exist on this host; it has em1, vether0, epair5a, em1.5, tap5$"),
    ],
)
def test_what_cannot_be_an_uplink(uplink: str, told: str) -> None:
    more = [
        replace(CARD, name="vether0", groups=("vether",)),
        replace(CARD, name="epair5a", groups=("epair",)),
        replace(CARD, name="em1.5", groups=("vlan",), vlan=Vlan(5, "em1")),
        replace(CARD, name="tap5", groups=("tap",)),
    ]
    interfaces = {**{name: replace(one, ether=CARD.ether) for name, one in CARDS.items()}, **{o.name: o for o in more}}
    switch = ValeSwitch("other", "vale1", uplink)
    records = {"fast": to_json(FULL), "other": to_json(switch)}
    with pytest.raises(BadInput, match=f"^switch other: .*{told}"):
        check_switch(Desired("other", None, switch), records, interfaces, PORTS, {})
    with pytest.raises(BadInput, match=f"^switch other: .*{told}") if "switch fast" in told else nullcontext():
        check_uplinks_apart({**records, "other": {**to_json(switch), "type": "bridge"}}, ["other"])


def test_what_is_as_declared_lacks_nothing() -> None:
    assert missing(FULL, Scene(CARDS, PORTS)) == [] and join(FULL, Scene(CARDS, PORTS)) == []
    assert leave(Desired("fast", FULL, FULL), Scene(CARDS, PORTS)) == []


@pytest.mark.parametrize(
    "ports,changed,told",
    [
        (("em1", "epair1000a"), {}, "attach em1 to vale0 with the host's stack"),
        (("em1", "em1^"), {}, "attach epair1000a to vale0"),
        (PORTS["vale0"], {"em1": replace(CARD, flags=("UP",))}, "let em1 take the frames of guests"),
        (
            PORTS["vale0"],
            {"em1": replace(CARD, options=("RXCSUM",))},
            "switch off LRO, TSO, checksums and VLAN tagging of em1",
        ),
        (PORTS["vale0"], {"em1": replace(CARD, flags=("PPROMISC",))}, "bring em1 up"),
        (PORTS["vale0"], {"epair1000b": replace(OWN, inet=())}, "give epair1000b the address 10.0.0.1/24"),
        (
            PORTS["vale0"],
            {"epair1000b": replace(OWN, options=("TXCSUM",))},
            "switch off transmit checksums of epair1000b",
        ),
        (PORTS["vale0"], {"epair1000b": replace(OWN, ether="02:0")}, "give epair1000b the MAC address"),
        (PORTS["vale0"], {"epair1000a": replace(PLUG, description="")}, "describe epair1000a"),
    ],
)
def test_what_differs_is_what_is_missing(ports: Any, changed: Dict[str, Interface], told: str) -> None:
    lacking = missing(FULL, Scene({**CARDS, **changed}, {"vale0": ports}))
    assert len(lacking) == 1 and lacking[0].startswith(told)


def steps(old: ValeSwitch, new: Any, ports: Optional[Ports] = None) -> List[str]:
    scene = Scene(CARDS, PORTS if ports is None else ports)
    return [change.describe() for change in leave(Desired("fast", old, new), scene)]


def test_what_goes_lets_go_also_of_what_an_earlier_task_left_half_done() -> None:
    assert steps(FULL, None) == [
        "take em1 off vale0",
        "let em1 take its own frames only",
        "take epair1000a off vale0",
        "destroy epair1000a and epair1000b",
    ]
    moved = on_its_way(FULL, replace(FULL, uplink="em2"))
    assert moved.former == ("em1",)
    assert steps(moved, replace(FULL, uplink="em2")) == ["take em1 off vale0", "let em1 take its own frames only"]
    assert steps(FULL, replace(FULL, addresses=("10.0.0.2/24",))) == ["take 10.0.0.1/24 off epair1000b"]


def test_strangers_are_the_ports_that_are_not_its_own() -> None:
    ports = {"vale0": (*PORTS["vale0"], "1000", "em2", "em2^")}
    assert vale_plan.strangers(FULL, ports) == ["port vale0:1000", "port vale0:em2", "port vale0:em2^"]


def test_rc_conf_makes_the_epair_and_its_addresses() -> None:
    switch = replace(FULL, addresses=("10.0.0.1/24", "fd00::1/64", "10.0.0.2/24"))
    assert rc_lines(switch) == {
        "ifconfig_epair1000a": "up",
        "ifconfig_epair1000b": "ether 5a:00:00:00:00:01 up",
        "ifconfig_epair1000b_ipv6": "inet6 fd00::1/64",
        "ifconfig_epair1000b_aliases": "inet 10.0.0.1/24 inet 10.0.0.2/24",
    }
    assert set(rc_lines(replace(switch, addresses=())).values()) == {None}
    assert "host_stack='YES'\nhost_interface='epair1000b'\n" in boot_file(switch)


@pytest.mark.parametrize(
    "current,wanted,after",
    [
        (None, True, "epair7:sticky"),
        ("bridge0", True, "bridge0 epair7:sticky"),
        ("epair7:sticky  bridge0", True, "epair7:sticky  bridge0"),
        ("epair7 bridge0", True, "bridge0 epair7:sticky"),
        ("bridge0 epair7:sticky epair70", False, "bridge0 epair70"),
        ("bridge0", False, "bridge0"),
    ],
)
def test_the_list_of_clones(current: Any, wanted: bool, after: str) -> None:
    assert clone_list(current, "epair7", wanted) == after
