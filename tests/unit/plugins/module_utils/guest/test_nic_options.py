# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of NICs, as both bhyve_vm and bhyve_nic have them: from what is declared to keys, lines and steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, List, Sequence

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.allocations import Allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import config, rcfile
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.changes import WriteGeneration
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics import tasks as nic_tasks
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import guest_from_json, guest_to_json
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import Lanes
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface

Make = Callable[..., Dict[str, Any]]


def steps(plan: Any) -> List[str]:
    return [step for one in plan.guests for step in one.describe()]


def lines(plan: Any) -> List[str]:
    """The variable nics of the generation that a plan writes."""
    texts = [change.rc for change in plan.plan().changes if isinstance(change, WriteGeneration)]
    return rcfile.parse(texts[0])["nics"].splitlines()


def keys(plan: Any) -> Dict[str, str]:
    return config.parse(next(one.conf for one in plan.plan().changes if isinstance(one, WriteGeneration)))


def interface(fleet: Any, name: str, **fields: Any) -> None:
    """Let the host have an interface, or let one be otherwise."""
    known = fleet.observed.interfaces.get(name, Interface(name, ("UP",), 1500))
    interfaces = {**fleet.observed.interfaces, name: replace(known, **fields)}
    fleet.observed = replace(fleet.observed, interfaces=interfaces)


def declare(fleet: Any, **switches: Dict[str, Any]) -> None:
    fleet.observed = replace(fleet.observed, allocations=replace(fleet.observed.allocations, switches=switches))


def tap(fleet: Any, name: str, nic: str, *bridge: str, **membership: Any) -> None:
    """Let a tap of guest web1 be there, perhaps in a bridge."""
    interface(fleet, name, groups=("tap", "apiary"), description=f"apiary:web1:{nic}")
    for member_of in bridge:
        known = fleet.observed.interfaces[member_of].members
        interface(fleet, member_of, members=(*known, name), **membership)


def nic(**options: Any) -> List[Dict[str, Any]]:
    return [{"name": "lan", **options}]


def test_what_the_runtime_is_told_of_each_option(fleet: Any, request_of: Make) -> None:
    interface(fleet, "bridge0", filters=True)
    nics = [
        {"name": "plain", "switch": "bridge0"},
        {"name": "priv", "switch": "bridge0", "private": True, "mtu": 9000},
        {"name": "access", "switch": "bridge0", "vlan": 82},
        {"name": "trunk", "switch": "bridge0", "tagged": ["20", "1-9", "10"], "vlan": 99},
        {"name": "p2p", "switch": "none", "host_address": "10.1.1.1/30", "route": ["10.2.0.0/24", "10.3.0.0/24"]},
        {"name": "off", "private": True, "vlan": 7},
    ]
    assert lines(fleet.plan(request_of(memory="1G", nics=nics))) == [
        "tap1000 plain bridge0 -",
        "tap1001 priv bridge0 9000 private",
        "tap1002 access bridge0 - untagged:82",
        "tap1003 trunk bridge0 - untagged:99,tagged:1-10+20",
        "tap1004 p2p - - address:10.1.1.1/30,route:10.2.0.0/24@10.1.1.2,route:10.3.0.0/24@10.1.1.2",
        "tap1005 off - -",
    ]


def test_the_record_has_all_of_it_and_one_of_before_has_the_defaults(fleet: Any) -> None:
    made = fleet.make(memory="1G", nics=nic(switch="none", host_address="fd00::1/64", route=["fd01::/48 via fd00::2"]))
    assert guest_from_json(guest_to_json(made.guest)) == made.guest
    old = guest_to_json(made.guest)
    old["nics"] = [{"name": "lan", "model": "e1000", "switch": "", "mac": "", "mtu": 0}]
    assert guest_from_json(old).nics[0].route == ()


BAD = [
    (nic(switch="bridge7"), "switch: bridge7 does not exist on this host"),
    (nic(switch="em0"), "switch: em0 is not a bridge"),
    (nic(switch="no such"), "switch: 'no such' is not the name"),
    (nic(switch="auto"), "switch: auto is the only switch that is declared on the host, and it has none"),
    (nic(mac="5a:00:00:00:00"), "mac: '5a:00:00:00:00' is not a MAC address"),
    (nic(mac="01:00:00:00:00:01"), "is a multicast address"),
    ([*nic(mac="5a:00:00:00:00:01"), {"name": "dmz", "mac": "5A-00-00-00-00-01"}], "is the address of guest web1"),
    (nic(mac="5a:00:00:00:00:ee"), "is the address of the host's interface em0 already"),
    (nic(mtu=100), "mtu: 100; allowed are 576 to 9216"),
    (nic(switch="bridge1", mtu=9000), "mtu: 9000 is not that of bridge1, 1500"),
    (nic(switch="tenant", mtu=9000, model="e1000"), "only virtio-net can tell the guest"),
    (nic(switch="none", private=True), "private: is said of a member of a bridge"),
    (nic(switch="tenant", private=True), "private: .* tenant is of type vale"),
    (nic(switch="none", vlan=7), "vlan: is said of a member of a bridge"),
    (nic(switch="bridge0", vlan=7), "vlan: bridge0 does not filter VLANs"),
    (nic(switch="bridge0", tagged=["7"]), "tagged: bridge0 does not filter VLANs"),
    (nic(switch="tenant", tagged=["7"]), "tagged: .* of type vale"),
    (nic(switch="bridge0", vlan=4095), "vlan: 4095; a VLAN has a number from 1 to 4094"),
    (nic(switch="bridge0", tagged=["0"]), "tagged: '0'; VLANs are numbers from 1 to 4094"),
    (nic(switch="bridge0", tagged=["20-10"]), "tagged: '20-10'; VLANs are numbers"),
    (nic(switch="bridge0", tagged=["some"]), "tagged: 'some'; VLANs are numbers"),
    (nic(switch="bridge0", vlan=12, tagged=["10-20"]), "tagged: 12 is that of frames without a tag"),
    (nic(slot=32), "slot: 32; allowed are 1 to 31"),
    (nic(slot=29), "slot: 29 is kept for the frame buffer"),
    (nic(slot=31), "would both sit at PCI address 0.31.0"),
    ([*nic(slot=5), {"name": "dmz", "slot": 5}], "nic/dmz and nic/lan would both sit at PCI address 0.5.0"),
    (nic(host_address="10.1.1.1/30"), "host_address: only with switch: none"),
    (nic(switch="bridge0", route=["10.2.0.0/24"]), "route: only with switch: none"),
    (nic(switch="none", route=["10.2.0.0/24"]), "route: .* needs a host_address"),
    (nic(switch="none", host_address="10.1.1.1"), "has no prefix length"),
    (nic(switch="none", host_address="10.1.1.1/32"), "no room for the guest"),
    (nic(switch="none", host_address="10.1.1.0/30"), "the network's own"),
    (nic(switch="none", host_address="lan/30"), "is not an address with a prefix length"),
    (nic(switch="none", host_address="fe80::1/64"), "not an address that a host can be given"),
    (nic(switch="none", host_address="192.0.2.77/30"), "overlaps 192.0.2.0/24 of em0"),
    (
        [
            *nic(switch="none", host_address="10.1.1.1/30"),
            {"name": "b", "switch": "none", "host_address": "10.1.1.2/29"},
        ],
        "overlaps 10.1.1.0/2",
    ),
    (nic(switch="none", host_address="10.1.1.1/24", route=["10.2.0.0/24"]), "write 10.2.0.0/24 via ADDRESS"),
    (nic(switch="none", host_address="10.1.1.1/30", route=["10.2.0.1/24"]), "is not a route such as"),
    (nic(switch="none", host_address="10.1.1.1/30", route=["10.2.0.0/24 via 10.9.9.9"]), "not the guest's side"),
    (nic(switch="none", host_address="10.1.1.1/30", route=["fd00::/48"]), "of different kinds"),
    (nic(switch="none", host_address="10.1.1.1/30", route=["0.0.0.0/0"]), "the host's default route"),
]


@pytest.mark.parametrize("nics, error", BAD)
def test_bad_input_is_one_error_that_names_guest_nic_and_option(
    fleet: Any, request_of: Make, nics: Sequence[Dict[str, Any]], error: str
) -> None:
    interface(fleet, "em0", ether="5a:00:00:00:00:ee", inet=("192.0.2.10/24",))
    interface(fleet, "bridge1", members=("em0",))
    if "tenant" in str(nics):
        declare(fleet, tenant={"type": "vale", "interface": "vale0"})
    with pytest.raises(BadInput, match=f"guest web1: .*{error}"):
        fleet.plan(request_of(memory="1G", nics=nics))


def test_auto_is_the_only_switch_and_stays_it(fleet: Any, request_of: Make) -> None:
    declare(fleet, lan={"type": "bridge", "interface": "bridge1"})
    request = request_of(memory="1G", nics=nic(switch="auto"))
    assert lines(fleet.plan(request)) == ["tap1000 lan bridge1 -"]
    fleet.make(request)
    declare(fleet, lan={"type": "bridge", "interface": "bridge1"}, dmz={"type": "bridge", "interface": "bridge0"})
    assert not fleet.plan(request).changed
    with pytest.raises(BadInput, match=r"switch: auto .* has 2 \(dmz, lan\)"):
        fleet.plan(request_of(memory="1G", nics=[{"name": "new", "switch": "auto"}]))


def test_a_slot_that_is_asked_for_moves_no_other_device(fleet: Any, request_of: Make) -> None:
    nics = [{"name": "a", "switch": "bridge0"}, {"name": "b", "switch": "bridge0"}]
    before = fleet.make(memory="1G", nics=nics).identity.slots
    plan = fleet.plan(request_of(nics=[{"name": "b", "slot": 9}]))
    assert {key for key in keys(plan) if key.endswith(".backend")} == {
        f"pci.{before['nic/a']}.backend",
        "pci.0.9.0.backend",
    }
    fleet.make(memory="1G", nics=[nics[0], {**nics[1], "slot": 9}])
    assert not fleet.plan(request_of(nics=[{"name": "b", "slot": 0}])).plan().changes[1:-3], "it keeps what it has"
    assert fleet.desired(request_of(nics=[{"name": "b", "slot": 0}]))[0].identity.slots["nic/b"] == "0.9.0"


def test_the_mtu_may_be_another_one_where_the_guest_is_alone_in_the_bridge(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G", nics=nic(switch="bridge0"))
    tap(fleet, "tap1000", "lan", "bridge0")
    request = request_of(nics=nic(mtu=9000))
    assert lines(fleet.plan(request)) == ["tap1000 lan bridge0 9000"]
    interface(fleet, "bridge0", members=("tap1000", "em0"))
    with pytest.raises(BadInput, match="is not that of bridge0, 1500"):
        fleet.plan(request)


def test_a_running_guests_tap_is_changed_at_once(fleet: Any, request_of: Make) -> None:
    interface(fleet, "bridge1", filters=True)
    fleet.make(memory="1G", nics=nic(switch="bridge0"), running=True)
    tap(fleet, "tap1000", "lan", "bridge0")
    for options, step in (
        ({"private": True}, "make tap1000 in bridge0 private"),
        ({"switch": "bridge1", "private": True}, "move tap1000 from bridge0 to bridge1, private"),
        ({"switch": "bridge1", "vlan": 7}, "move tap1000 from bridge0 to bridge1, untagged 7"),
        ({"switch": ""}, "move tap1000 from bridge0 to no bridge"),
        ({"switch": "none"}, "move tap1000 from bridge0 to no bridge"),
    ):
        plan = fleet.plan(request_of(nics=nic(**options)))
        assert steps(plan)[-1] == step
        assert not plan.guests[0].entry["status"]["pending"]


def test_how_a_tap_is_a_member_is_compared_with_the_kernel(fleet: Any, request_of: Make) -> None:
    interface(fleet, "bridge0", filters=True, default_vlan=1)
    request = request_of(memory="1G", nics=nic(switch="bridge0", vlan=7, private=True))
    fleet.make(request, running=True)
    tap(fleet, "tap1000", "lan", "bridge0", private=("tap1000",), lanes={"tap1000": Lanes(7)})
    assert not fleet.plan(request).changed
    for options, step in (
        ({"vlan": 0}, "make tap1000 in bridge0 untagged 1"),
        ({"tagged": ["8", "9"]}, "make tap1000 in bridge0 untagged 7, tagged 8-9"),
        ({"private": False}, "make tap1000 in bridge0 not private"),
    ):
        assert steps(fleet.plan(request_of(nics=nic(**options))))[-1] == step
    interface(fleet, "bridge0", private=(), lanes={})
    assert steps(fleet.plan(request)) == ["make tap1000 in bridge0 private, untagged 7"], "somebody has undone it"


def test_the_hosts_side_waits_for_the_boot(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G", nics=nic(switch="none", host_address="10.1.1.1/30"), running=True)
    tap(fleet, "tap1000", "lan")
    plan = fleet.plan(request_of(nics=nic(host_address="10.1.2.1/30", route=["10.2.0.0/24"])))
    assert plan.guests[0].entry["status"]["pending"] == {
        "nic.lan.host_address": {"running": "10.1.1.1/30", "next": "10.1.2.1/30"},
        "nic.lan.route": {"running": "", "next": "10.2.0.0/24@10.1.2.2"},
    }
    # The tap has an address, which a member of a bridge must not have.
    bridged = fleet.plan(request_of(nics=nic(switch="bridge0", host_address="")))
    assert not [step for step in steps(bridged) if step.startswith("move")]
    assert list(bridged.guests[0].entry["status"]["pending"]) == ["nic.lan.host_address"]
    restarted = fleet.plan(request_of(nics=nic(host_address="10.1.2.1/30"), restart="if_needed"))
    assert restarted.guests[0].stop and restarted.guests[0].start


def test_a_nic_that_stays_can_be_kept_off_whatever_has_changed_around_it(fleet: Any, request_of: Make) -> None:
    interface(fleet, "bridge0", filters=True)
    fleet.make(
        memory="1G",
        nics=[
            *nic(switch="bridge0", vlan=7, mtu=1500),
            {"name": "p2p", "switch": "none", "host_address": "10.1.1.1/30"},
        ],
    )
    interface(fleet, "bridge0", filters=False, members=("em0",), mtu=9000)
    interface(fleet, "em0", inet=("10.1.0.1/16",))
    assert not fleet.plan({"name": "web1", "state": "stopped"}).changed
    with pytest.raises(BadInput, match="nic p2p: host_address: 10.1.1.1/30 overlaps 10.1.0.0/16"):
        fleet.plan({"name": "web1", "state": "started", "nics": None})


def test_both_forms_are_one_request_for_each_guest() -> None:
    tasks = nic_tasks.NICS.tasks_of(
        {"nics": [{"vm": "a", "name": "x"}, {"vm": "b", "name": "x"}, {"vm": "a", "name": "y", "state": "absent"}]}
    )
    requests = nic_tasks.NICS.requests_of(tasks, "if_needed")
    assert [(one["name"], [nic["name"] for nic in one["nics"]]) for one in requests] == [
        ("a", ["x", "y"]),
        ("b", ["x"]),
    ]
    assert all(one["must_exist"] and one["restart"] == "if_needed" for one in requests)
    with pytest.raises(BadInput, match="nics: nic x of guest a is there twice"):
        nic_tasks.NICS.tasks_of({"nics": [{"vm": "a", "name": "x"}, {"vm": "a", "name": "x"}]})


def test_web1_leaves_the_taps_of_web10_alone(fleet: Any, request_of: Make) -> None:
    for name in ("web1", "web10"):
        fleet.make(request_of(name=name, memory="1G", nics=[{"name": f"{name}lan", "switch": "bridge0"}]))
    for number, name in enumerate(("web1", "web10")):
        interface(fleet, f"tap{1000 + number}", groups=("tap", "apiary"), description=f"apiary:{name}:{name}lan")
    done = steps(fleet.plan({"name": "web1", "state": "absent"}))
    assert "destroy interface tap1000" in done and not [step for step in done if "tap1001" in step]
    assert fleet.observed.allocations.replaced("web1", Allocations()).taps == {"web10/web10lan": 1001}
