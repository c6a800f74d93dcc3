# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What NICs are plugged into: taps, ports of VALE switches, links of netgraph bridges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, Mapping

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.allocations import Allocations, dump, load, moved
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import changes, config, rcfile
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics import moves as nic_moves
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics import plugs
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.planner import GuestPlan

Make = Callable[..., Dict[str, Any]]

SWITCHES: Mapping[str, Mapping[str, Any]] = {
    "tenant": {"type": "vale", "interface": "vale0"},
    "mesh": {"type": "netgraph", "interface": "mesh"},
    "lan": {"type": "bridge", "interface": "bridge0"},
}


@pytest.fixture
def host(fleet: Any) -> Any:
    fleet.observed = replace(fleet.observed, allocations=replace(fleet.observed.allocations, switches=SWITCHES))
    return fleet


def nics(*pairs: str) -> Any:
    parted = (pair.partition("=") for pair in pairs)
    return [{"name": name, "state": "present", "switch": switch} for name, _equals, switch in parted]


def files_of(plan: GuestPlan) -> Any:
    written = [change for change in plan.changes if isinstance(change, changes.WriteGeneration)]
    return config.parse(written[0].conf), rcfile.parse(written[0].rc)


def test_each_kind_has_its_keys_its_lines_and_its_numbers(host: Any, request_of: Make) -> None:
    plan = host.plan(request_of(memory="2G", nics=nics("a=lan", "b=tenant", "c=mesh", "d="))).guests[0]
    keys, variables = files_of(plan)
    below = {key.partition(".")[2].partition(".")[2]: value for key, value in keys.items() if ".0." in key}
    assert {value for key, value in below.items() if key.endswith("backend")} == {
        "tap1000",
        "vale0:1000",
        "netgraph",
        "tap1001",
    }
    node = next(key for key, value in keys.items() if value == "netgraph").rpartition(".")[0]
    assert {key: keys[f"{node}.{key}"] for key in ("path", "peerhook", "hook", "socket")} == {
        "path": "mesh:",
        "peerhook": "link1001",
        "hook": "vmlink",
        "socket": "apiary1001",
    }
    assert variables["nics"] == "tap1000 a bridge0 -\ntap1001 d - -"
    assert variables["switches"] == "vale vale0 tenant\nnetgraph mesh mesh"
    allocated = next(change for change in plan.changes if isinstance(change, changes.Allocate))
    assert allocated.own == Allocations({"web1/a": 1000, "web1/d": 1001}, {}, ports={"web1/b": 1000, "web1/c": 1001})
    assert plan.entry["status"]["taps"] == {"a": "tap1000", "d": "tap1001"}
    assert plan.entry["status"]["ports"] == {"b": "vale0:1000", "c": "mesh:link1001"}


def test_a_guest_on_bridges_alone_is_as_it_always_was(host: Any, request_of: Make) -> None:
    _keys, variables = files_of(host.plan(request_of(memory="2G", nics=nics("a=lan"))).guests[0])
    assert "switches" not in variables
    assert "ports" not in dump(Allocations({"web1/a": 1000}))


def test_a_port_is_kept_and_no_other_guest_gets_it(host: Any, request_of: Make) -> None:
    host.make(request_of(memory="2G", nics=nics("a=tenant")))
    assert not host.plan(request_of(memory="2G", nics=nics("a=tenant"))).changed
    keys, _variables = files_of(host.plan(request_of(memory="2G", name="web10", nics=nics("other=tenant"))).guests[0])
    assert "vale0:1001" in keys.values()
    moved_over, _variables = files_of(host.plan(request_of(memory="2G", nics=nics("a=mesh"))).guests[0])
    assert "link1000" in moved_over.values()


def test_a_nic_that_leaves_the_switch_gives_its_port_back(host: Any, request_of: Make) -> None:
    host.make(request_of(memory="2G", nics=nics("a=tenant")))
    plan = host.plan(request_of(memory="2G", nics=nics("a=lan"))).guests[0]
    assert [change.own for change in plan.changes if isinstance(change, changes.Allocate)] == [
        Allocations({"web1/a": 1000})
    ]


@pytest.mark.parametrize("switch", ["tenant", "mesh"])
def test_a_port_that_a_running_guest_has_is_nobody_elses_before_it_is_off(
    host: Any, request_of: Make, switch: str
) -> None:
    host.make(request_of(memory="2G", nics=nics(f"a={switch}")), running=True)
    host.observed = replace(host.observed, allocations=Allocations({"web1/a": 1000}, {}, SWITCHES))
    plan = host.plan(request_of(memory="2G", name="web2", nics=nics(f"b={switch}"))).guests[0]
    assert [change.own.ports for change in plan.changes if isinstance(change, changes.Allocate)] == [{"web2/b": 1001}]


def test_a_guest_that_goes_gives_its_ports_back(host: Any, request_of: Make) -> None:
    host.make(request_of(memory="2G", nics=nics("a=tenant")))
    plan = host.plan({"name": "web1", "state": "absent"}).guests[0]
    assert changes.Allocate("web1", Allocations()) in plan.changes


def test_a_running_guest_changes_over_to_a_switch_at_its_next_boot(host: Any, request_of: Make) -> None:
    host.make(request_of(memory="2G", nics=nics("a=lan")), running=True)
    plan = host.plan(request_of(memory="2G", nics=nics("a=tenant"))).guests[0]
    assert not [change for change in plan.changes if isinstance(change, nic_moves.MoveTap)]
    pending = plan.entry["status"]["pending"]
    assert [values for key, values in pending.items() if key.endswith("backend")] == [
        {"running": "tap1000", "next": "vale0:1000"}
    ]


def test_a_guest_can_be_kept_off_when_its_switch_is_gone(host: Any, request_of: Make) -> None:
    for switch in ("tenant", "mesh"):
        host.make(request_of(memory="2G", name=f"{switch}1", nics=nics(f"{switch}0={switch}")))
    host.observed = replace(host.observed, allocations=replace(host.observed.allocations, switches={}))
    for switch in ("tenant", "mesh"):
        assert not host.plan({"name": f"{switch}1", "state": "stopped"}).changed
        with pytest.raises(BadInput, match=f"nic {switch}0: switch: .*{switch}"):
            host.plan({"name": f"{switch}1", "state": "started"})


def test_a_switch_whose_kernel_name_nobody_knows_is_an_error() -> None:
    with pytest.raises(UnknownState, match="tenant"):
        plugs.declared_outlet("tenant", {"tenant": {"type": "vale"}})


def test_ports_are_written_down_and_go_with_a_renamed_guest() -> None:
    known = Allocations({"web10/lan": 1000}, {}, SWITCHES, {"web1/a": 1000, "web10/a": 1001})
    assert load(dump(known), "host.json") == known
    renamed = moved(known, "web1", "web2")
    assert renamed.ports == {"web2/a": 1000, "web10/a": 1001}
    assert renamed.switches == SWITCHES
    rest: Dict[str, int] = known.replaced("web1", Allocations()).ports
    assert rest == {"web10/a": 1001}


def test_a_vale_switch_has_254_ports(host: Any, request_of: Make) -> None:
    full = {
        "fast": {"type": "vale", "interface": "vale1", "uplink": "em0", "host_stack": True, "addresses": ["10.0.0.1/8"]}
    }
    host.observed = replace(host.observed, allocations=replace(host.observed.allocations, switches=full))
    for guest in range(50):
        names = nics(*(f"n{guest}x{number}=fast" for number in range(5)))
        host.make(request_of(memory="2G", name=f"many{guest}", nics=names))
    assert host.plan(request_of(memory="2G", nics=nics("a=fast"))).changed
    with pytest.raises(BadInput, match="switch fast: a VALE switch has 254 ports; there would be 252 NICs .* beside 3"):
        host.plan(request_of(memory="2G", nics=nics("a=fast", "b=fast")))
