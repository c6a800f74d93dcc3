# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options nat and forward."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Switch, on_its_way
from ansible_collections.apiary.bhyve.plugins.module_utils.network.nat.options import (
    Forward,
    check_lifeline,
    forwards_from_json,
    forwards_to_json,
    parse_forwards,
    parse_nat,
)


def test_values_are_normalised_and_kept() -> None:
    given: List[Dict[str, Any]] = [
        {"port": 2222, "to": " 10.0.0.2:22 "},
        {"port": 53, "to": "10.0.0.2", "proto": "udp"},
    ]
    found = parse_forwards(given, "")
    assert found == (Forward(2222, "10.0.0.2", 22), Forward(53, "10.0.0.2", 53, "udp"))
    assert forwards_from_json(forwards_to_json(found)) == found
    assert parse_forwards([], "") == () and parse_forwards(None, "") is None
    assert (parse_nat(None, ""), parse_nat({}, ""), parse_nat({"interface": "em0"}, "")) == (None, "", "em0")


def test_one_port_of_two_protocols_is_two_ports() -> None:
    both = [{"port": 53, "to": "10.0.0.2", "proto": proto} for proto in ("tcp", "udp")]
    assert len(parse_forwards(both, "") or ()) == 2
    with pytest.raises(BadInput, match="udp port 53 is there twice"):
        parse_forwards([*both, both[1]], "")


@pytest.mark.parametrize(
    "to", ["", ":22", "web1", "10.0.0.2:", "10.0.0.2:x", "10.0.0.2:65536", "10.0.0.2/24", "fd00::1"]
)
def test_a_place_that_is_none_is_refused(to: str) -> None:
    with pytest.raises(BadInput, match="^switch lab: forward: to: "):
        parse_forwards([{"port": 1, "to": to}], "switch lab: ")


def test_the_port_by_which_one_is_connected_is_not_forwarded() -> None:
    check_lifeline("", [Forward(2222, "10.0.0.2", 22), Forward(22, "10.0.0.2", 22, "udp")], {22}, {22})
    check_lifeline("", [Forward(22, "10.0.0.2", 22)], (), ())
    with pytest.raises(BadInput, match="tcp port 22 is that of an ssh connection"):
        check_lifeline("", [Forward(22, "10.0.0.2", 22)], {22}, {22})
    with pytest.raises(BadInput, match="tcp port 22 is where sshd of the host listens"):
        check_lifeline("", [Forward(22, "10.0.0.2", 22)], (), {22})


def test_what_is_on_its_way_out_is_noted_until_it_is_out() -> None:
    by_ipfw = Switch("lab", "bridge7", nat="em0", ipfw=60, forwards=(Forward(2222, "10.0.0.2", 22),))
    private = Switch("lab", "bridge7")
    for old, new in ((by_ipfw, private), (private, by_ipfw), (by_ipfw, by_ipfw)):
        assert on_its_way(old, new) == by_ipfw
    guarded = Switch("lan", "bridge8", uplink="em0", dhcp_guard=True)
    assert guarded.firewall == "pf" and on_its_way(guarded, replace(guarded, dhcp_guard=False)) == guarded
    assert (by_ipfw.firewall, Switch("lab", "bridge7", nat="em0").firewall, private.firewall) == ("ipfw", "pf", "")
