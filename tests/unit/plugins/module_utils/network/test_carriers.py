# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Vxlans that are carried by bridges of the module's own: their order, and what cannot be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Tuple

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.boot import goals
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.carriers import (
    carried,
    carriers_first,
    foreseen,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.desired import Desired, after
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.rc_lines import CLONES, names
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Moved, Switch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan import Vxlan, parse_vxlan
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan_checks import check_vxlans
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface

UP = ("UP", "RUNNING", "BROADCAST", "MULTICAST")
EM0 = Interface("em0", UP, 1500, ether="00:11:22:33:44:55", inet=("192.0.2.10/24",))
EM1 = Interface("em1", UP, 9000, ether="00:11:22:33:44:66")
HOST = {"em0": EM0, "em1": EM1}
BACK = Switch("back", "bridge1001", addresses=("10.5.0.1/24",))
OVER = Switch("over", "bridge1000", vxlan=Vxlan(42, local="10.5.0.1", remote="10.5.0.2", interface="vxlan1000"))
GROUP = Switch("over", "bridge1000", vxlan=Vxlan(43, group="239.0.0.43", dev="em0", interface="vxlan1000"))


def task(*switches: Switch, old: Tuple[Switch, ...] = ()) -> List[Desired]:
    """A task about these switches, of which some are recorded."""
    known = {switch.name: switch for switch in old}
    return [Desired(switch.name, known.get(switch.name), switch) for switch in switches]


def judged(
    desired: List[Desired],
    records: Optional[Mapping[str, Switch]] = None,
    interfaces: Optional[Mapping[str, Interface]] = None,
    rc: Optional[Dict[str, str]] = None,
) -> List[Desired]:
    """The switches of a task that can be, with what is given out."""
    live = HOST if interfaces is None else interfaces
    found, planned = foreseen(desired, after(records or {}, desired), live)
    check_vxlans(found, after(records or {}, found), live, planned, rc or {})
    return found


def clones(current: str, desired: List[Desired], records: Optional[Mapping[str, Switch]] = None) -> str:
    """What becomes of cloned_interfaces."""
    switches = after(records or {}, desired)
    over = Interface("bridge1000", UP, 1450, groups=("bridge",), inet=("10.6.0.1/24",))
    _found, planned = foreseen(desired, switches, {**HOST, "bridge1000": over})
    values = {**dict.fromkeys(names([one.new or BACK for one in desired])), "ifconfig_em1": None, CLONES: current}
    return str(goals(desired, values, switches, carried(desired, switches, planned))[CLONES])


def test_a_bridge_comes_before_the_vxlan_that_it_carries() -> None:
    desired = judged(task(OVER, BACK))
    assert [one.name for one in carriers_first(desired, after({}, desired))] == ["back", "over"]
    wanted = "bridge1001:sticky vxlan1000:sticky bridge1000:sticky"
    assert clones("", desired) == wanted == clones(wanted, desired)


def test_a_vxlan_stays_behind_a_bridge_that_gets_another_place() -> None:
    vlan = replace(BACK, uplink="em1", vlan=82)
    third = Switch("third", "bridge1002", vxlan=Vxlan(44, group="239.0.0.44", dev="bridge1000", interface="vxlan1001"))
    now = "bridge1001:sticky vxlan1000:sticky bridge1000:sticky vxlan1001:sticky bridge1002:sticky lo1"
    records = {"third": third, "over": OVER, "back": BACK}
    assert clones(now, task(vlan, old=(BACK,)), records) == (
        "lo1 em1.82:sticky bridge1001:sticky vxlan1000:sticky bridge1000:sticky vxlan1001:sticky bridge1002:sticky"
    )
    assert clones(now, task(BACK, old=(BACK,)), records) == now


def test_what_somebody_else_has_cloned_carries_it_too() -> None:
    bridge0 = Interface("bridge0", UP, 1500, groups=("bridge",), inet=("10.5.0.1/24",))
    desired = task(OVER)
    _found, planned = foreseen(desired, after({}, desired), {**HOST, "bridge0": bridge0})
    below = carried(desired, after({}, desired), planned)
    assert below == {"over": "bridge0"}
    values = {**dict.fromkeys(names([OVER])), CLONES: "vxlan1000:sticky bridge1000:sticky bridge0"}
    line = goals(desired, values, {"over": OVER}, below)[CLONES]
    assert line == "bridge0 vxlan1000:sticky bridge1000:sticky"


def test_its_mtu_fits_into_the_bridge_as_it_will_be() -> None:
    for mtu, fits in ((1400, 1350), (9000, 1450), (0, 1450)):
        new = judged(task(OVER, replace(BACK, mtu=mtu)))[0].new
        assert new is not None and new.vxlan.mtu == fits


def test_an_ipv4_group_is_joined_by_the_address_of_the_interface_that_is_named() -> None:
    new = judged(task(GROUP))[0].new
    assert new is not None
    assert " ".join(new.vxlan.create_args) == "vxlanid 43 vxlanlocal 192.0.2.10 vxlangroup 239.0.0.43 vxlandev em0"
    assert "local" not in new.vxlan.options, "nobody has declared it"
    six = judged(task(replace(GROUP, vxlan=replace(GROUP.vxlan, group="ff0e::43"))))[0].new
    assert six is not None and "vxlanlocal" not in six.vxlan.create_args


@pytest.mark.parametrize(
    ("changed", "rc", "says"),
    [
        ({"local": "10.9.0.1", "remote": "10.9.0.2"}, {}, "local: 10.9.0.1 is not an address of this host"),
        ({"local": "2001:db8::1", "remote": "2001:db8::2"}, {}, "duplicate address detection"),
        ({"local": "192.0.2.10", "remote": "192.0.2.2"}, {"ifconfig_em0": "SYNCDHCP"}, "of em0 comes by DHCP"),
        ({"local": "10.7.0.1", "remote": "10.7.0.2"}, {}, "of ngeth1000 is there only at boot after the vxlan"),
        (
            {"group": "239.0.0.4", "dev": "em0"},
            {"ifconfig_em0": "DHCP"},
            "dev: the address of em0 comes by DHCP",
        ),
        ({"group": "239.0.0.4", "dev": "em1"}, {}, "dev: em1 has no IPv4 address, by which it could join 239.0.0.4"),
        ({"group": "239.0.0.4", "dev": "em1", "local": "192.0.2.10"}, {}, "192.0.2.10 is not an address of em1"),
    ],
)
def test_an_address_that_is_not_there_in_time_is_refused(
    changed: Dict[str, Any], rc: Dict[str, str], says: str
) -> None:
    interfaces = {
        **HOST,
        "em0": replace(EM0, inet6=("2001:db8::1/64",)),
        "ngeth1000": Interface("ngeth1000", UP, 1500, inet=("10.7.0.1/24",)),
    }
    vxlan = parse_vxlan({"id": 42, **changed}, "switch over: ")
    assert vxlan is not None
    switch = replace(OVER, vxlan=replace(vxlan, interface="vxlan1000"))
    with pytest.raises(BadInput, match=f"^switch over: vxlan: .*{says}"):
        judged(task(switch), interfaces=interfaces, rc=rc)


def test_a_lease_that_has_moved_to_a_bridge_is_still_one() -> None:
    lan = Switch("lan", "bridge1002", uplink="em0", moved=Moved((), True, ()))
    leased = Interface("bridge1002", UP, 1500, "apiary:lan", groups=("bridge",), inet=("10.5.0.1/24",))
    with pytest.raises(BadInput, match="10.5.0.1 of bridge1002 comes by DHCP"):
        judged(task(OVER), {"lan": lan}, {**HOST, "bridge1002": leased})


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (None, "state: absent, and the vxlan of the switch over goes by bridge1001"),
        (replace(BACK, addresses=()), "addresses: 10.5.0.1 would be gone, and the vxlan of the switch over"),
    ],
)
def test_what_carries_a_vxlan_stays(new: Optional[Switch], says: str) -> None:
    live = Interface("bridge1001", UP, 1500, "apiary:back", groups=("bridge",), inet=BACK.addresses)
    records, interfaces = {"back": BACK, "over": OVER}, {**HOST, "bridge1001": live}
    with pytest.raises(BadInput, match=f"^switch back: {says}"):
        judged([Desired("back", BACK, new)], records, interfaces)
    judged([Desired("back", BACK, new), Desired("over", OVER, None)], records, interfaces)


def test_bridges_that_carry_each_other_are_refused() -> None:
    other = replace(BACK, vxlan=Vxlan(5, local="10.6.0.1", remote="10.6.0.2", interface="vxlan1001"))
    with pytest.raises(BadInput, match="carried by the bridge of the switch over, which is carried by it"):
        judged(task(replace(OVER, addresses=("10.6.0.1/24",)), other))
