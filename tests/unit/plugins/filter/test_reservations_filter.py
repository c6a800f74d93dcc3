# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter apiary.bhyve.reservations: from guests to what dhcpd_host takes."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.apiary.bhyve.plugins.filter.reservations import FilterModule, reservations
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import (
    Reservation,
    laid_over,
    reservation_options,
)

MAC = "5a:00:00:00:00:01"


def vm(*nics: Dict[str, Any], name: str = "web1", **fields: Any) -> Dict[str, Any]:
    return {"name": name, "state": "started", "nics": list(nics), "status": {"reservations": {}}, **fields}


def nic(**options: Any) -> Dict[str, Any]:
    plain = {"ip": "", "ip6": "", "hostname": "", "dhcp": {}}
    return {"name": "lan", "switch": "lab", "mac": MAC, **plain, **options}


@pytest.mark.parametrize(
    ("guests", "names"),
    [
        ([vm(nic(ip="10.0.0.1"))], ["web1.lan"]),
        ([vm(nic())], []),
        ([vm(nic(ip="auto", name="dmz"), nic(hostname="www"))], ["web1.dmz", "web1.lan"]),
        ([vm(nic(dhcp={"filename": "x"}, switch="dmz"))], ["web1.lan"]),
        ([vm(nic(ip="10.0.0.1", switch=""))], []),
        ([vm(nic(ip="10.0.0.1", mac="to be allocated"))], []),
        ([vm(nic(ip="10.0.0.1"), status={"reservations": {"lan": {}}})], []),
        ([{"name": "web1", "state": "absent"}], []),
        ([{"name": "other", "state": "started", "status": {"foreign": True}}], []),
    ],
)
def test_which_nics_have_one(guests: List[Dict[str, Any]], names: List[str]) -> None:
    assert sorted(one["name"] for one in reservations(guests)) == names


def test_all_is_said_so_that_nothing_of_before_stays() -> None:
    (host,) = reservations([vm(nic(ip="10.0.0.1", dhcp={"options": {"mtu": "9000"}}))])
    assert set(host) == {"name", *reservation_options()}
    old = Reservation("web1.lan", "", MAC, ip6=("fd00::1",), filename="x", statements=("a;",), publish_arp=True)
    after = laid_over(old, "web1.lan", "", host, "")
    assert after == Reservation("web1.lan", "", MAC, ip=("10.0.0.1",), hostname="web1", options=(("mtu", "9000"),)), (
        "as it is made anew"
    )


def test_later_lists_say_better_and_switches_choose() -> None:
    found = FilterModule().filters()["reservations"](
        [
            vm(nic(ip="10.0.0.1")),
            vm(nic(ip="10.0.0.2"), name="web2"),
            vm(nic(ip="10.9.0.3", switch="dmz"), name="web3"),
        ],
        [vm(nic(ip="10.0.0.9")), {"name": "web2", "state": "absent"}],
        switches=["lab"],
    )
    assert [(one["name"], one["ip"]) for one in found] == [("web1.lan", ["10.0.0.9"])]


def test_anything_else_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="no list of guests as bhyve_vm returns them"):
        reservations([{"nics": []}])
