# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a switch, before anything on the host counts."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import Lanes
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import Request, parse_request
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import (
    Port,
    Switch,
    switch_to_json,
    switches_from_json,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan import Vxlan


def test_what_is_left_out_is_not_said_and_what_is_empty_unsets() -> None:
    assert parse_request({"name": "lan"}) == Request("lan")
    unset: Dict[str, Any] = {"uplink": "", "vlan": "", "addresses": [], "mtu": 0, "mac": "", "stp": False}
    unset.update({"vlan_filter": False, "uplink_untagged": "", "uplink_tagged": [], "vxlan": {}})
    assert parse_request({"name": "lan", **unset}) == Request(
        *("lan", True, None, None, "", None, 0, (), 0, "", False),
        *(False, 0, "", Vxlan()),
    )


def test_values_are_normalised() -> None:
    given = {"name": "lan", "vlan": "82", "uplink": "em0", "mac": "5A-0-0-0-0-1", "addresses": [" FD00::0:1/64 "]}
    request = parse_request(given)
    assert (request.vlan, request.mac, request.addresses) == (82, "5a:00:00:00:00:01", ("fd00::1/64",))


@pytest.mark.parametrize(
    "options",
    [
        {"name": ""},
        {"name": "a.b"},
        {"name": "a:b"},
        {"name": "x" * 64},
        {"interface": "lan0"},
        {"interface": "bridge01"},
        {"interface": "sixteencharsnot"},
        {"uplink": "em0 -lro"},
        {"vlan": "0"},
        {"vlan": "4095"},
        {"vlan": "-1"},
        {"vlan": "x"},
        {"mtu": 100},
        {"mtu": 65536},
        {"mac": "33:00:00:00:00:01"},
        {"addresses": ["10.0.0.1"]},
        {"addresses": ["10.0.0.0/24"]},
        {"addresses": ["10.0.0.255/24"]},
        {"addresses": ["224.0.0.1/24"]},
        {"addresses": ["::/64"]},
        {"addresses": ["fe80::1/64"]},
        {"addresses": ["10.0.0.1/24", "10.0.0.1/16"]},
        {"uplink_untagged": "4095"},
        {"uplink_tagged": ["0"]},
        {"vxlan": {"id": 42}},
        {"vxlan": {"id": 42, "remote": "192.0.2.2"}, "uplink": "em0"},
        {"vxlan": {"id": 42, "remote": "192.0.2.2"}, "vlan": "82"},
        {"manual": True},
        {"vlan_filter": True, "manual": True, "interface": "bridge0"},
        {"manual": True, "interface": "bridge0", "stp": False},
    ],
)
def test_each_bad_value_names_its_option(options: Dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=list(options)[0]):
        parse_request({"name": "lan", **options})


def test_networks_of_one_or_two_addresses_have_no_broadcast() -> None:
    given = ["10.0.0.0/31", "10.1.0.255/32", "fd00::/127"]
    assert parse_request({"name": "lan", "addresses": given}).addresses == tuple(given)


@pytest.mark.parametrize(
    "switch",
    [
        Switch("lan", "bridge1000"),
        Switch("lan", "bridge0", manual=True),
        Switch("lan", "bridge7", False, "em0", 82, ("10.0.0.1/24", "fd00::1/64"), 1400, "5a:00:00:00:00:01", True),
        Switch("lan", "bridge7", former=(Port("em0", 82), Port("em1"), Port("", 0, "vxlan1000"))),
        Switch("lan", "bridge7", uplink="em0", dhcp_guard=True),
        Switch("lan", "bridge7", vlan_filter=True, lanes=Lanes(20, "1-9")),
        Switch("lan", "bridge7", vxlan=Vxlan(42, "192.0.2.1", "192.0.2.2", interface="vxlan1000", mtu=1450)),
    ],
)
def test_a_record_comes_back_as_it_was_written(switch: Switch) -> None:
    assert switches_from_json({"lan": switch_to_json(switch)}, "host.json") == {"lan": switch}


@pytest.mark.parametrize("fields", [{}, {"type": "vale", "interface": "vale0"}, {"type": "bridge"}, None])
def test_a_record_that_cannot_be_read_is_not_absent(fields: Any) -> None:
    with pytest.raises(UnknownState, match="host.json: the switch lan cannot be read"):
        switches_from_json({"lan": fields}, "host.json")
