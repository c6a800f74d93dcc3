# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no server says against a reservation, and addresses for those that ask for any."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.allocation import allocate
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import Known, KnownHost
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.checks import check
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon, Range, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import DHCPD_HOST, Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

KNOWN = Known(
    Daemon("/etc/dhcpd.conf", "/etc/ours", "isc-dhcpd"),
    "",
    None,
    False,
    True,
    subnets=(
        Subnet("10.0.0.0/24", "", (Range("10.0.0.100", "10.0.0.199"),), (), ("10.0.0.1",)),
        Subnet("10.9.0.0/31"),
    ),
    hosts=(KnownHost("printer", ("5a:00:00:00:00:99",), ("10.0.0.9",), "/etc/dhcpd.conf"),),
)


def reservation(name: str, number: int, *ip: str, ip6: Tuple[str, ...] = ()) -> Reservation:
    return Reservation(name, DHCPD_HOST, f"5a:00:00:00:00:{number:02x}", ip=ip, ip6=ip6)


def checked(*wanted: Reservation) -> None:
    check(wanted, {one.name: one for one in wanted}, [KNOWN])


def test_good_ones_pass() -> None:
    checked(reservation("a", 1, "10.0.0.5"), reservation("b", 2, "10.0.0.6", "10.9.0.0"), reservation("c", 3))


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ([reservation("a", 1), reservation("b", 1)], "reservation a: mac: 5a:00:00:00:00:01 is that of reservation b"),
        (
            [reservation("a", 1, "10.0.0.5"), reservation("b", 2, "10.0.0.5")],
            "a: ip: 10.0.0.5 is that of reservation b",
        ),
        ([reservation("a", 0x99)], "is that of host printer in /etc/dhcpd.conf"),
        ([reservation("a", 1, "10.0.0.9")], "10.0.0.9 is that of host printer in /etc/dhcpd.conf"),
        (
            [reservation("a", 1, "10.1.0.9")],
            "is in no subnet of the server, so nobody would get it; it has 10.0.0.0/24",
        ),
        ([reservation("a", 1, "10.0.0.100")], "is in the range 10.0.0.100 - 10.0.0.199 of 10.0.0.0/24"),
        ([reservation("a", 1, "10.0.0.0")], "is the address of the network 10.0.0.0/24"),
        ([reservation("a", 1, "10.0.0.255")], "or of its broadcasts"),
        ([reservation("a", 1, "10.0.0.1")], "is the router of 10.0.0.0/24"),
        ([reservation("a", 1, ip6=("fd00::1",))], "ip6: fd00::1 is in no subnet of the server"),
    ],
)
def test_what_is_in_the_way_is_named(wanted: Sequence[Reservation], says: str) -> None:
    with pytest.raises(BadInput) as caught:
        checked(*wanted)
    assert says in str(caught.value)


def allocated(wanted: List[Reservation], *before: Reservation, ranges: Tuple[Range, ...]) -> List[Tuple[str, ...]]:
    names = {one.name for one in wanted}
    others = [one for one in before if one.name not in names]
    found = allocate(wanted, {one.name: one for one in before}, others, [KNOWN], lambda _one: ranges)
    return [one.addresses for one in found]


def test_auto_takes_what_is_free_and_keeps_what_it_has() -> None:
    ranges = (Range("10.0.0.0", "10.0.0.3"), Range("10.0.0.8", "10.0.0.12"))
    wanted = [reservation("a", 1, "auto"), reservation("b", 2, "auto"), reservation("c", 3, "10.0.0.8")]
    before = [reservation("b", 2, "10.0.0.2"), reservation("d", 4, "10.0.0.3")]
    # 0 and 1 are the network's and the router's, 2 and 3 taken, 8 is given in the task, 9 is the printer's.
    assert allocated(wanted, *before, ranges=ranges) == [("10.0.0.10",), ("10.0.0.2",), ("10.0.0.8",)]


def test_auto_of_a_card_that_went_to_another_network_takes_a_new_address() -> None:
    ranges = (Range("10.0.0.5", "10.0.0.9"),)
    before = [reservation("a", 1, "10.9.0.0"), reservation("b", 2, "10.0.0.77")]
    wanted = [reservation("a", 1, "auto"), reservation("b", 2, "auto")]
    assert allocated(wanted, *before, ranges=ranges) == [("10.0.0.5",), ("10.0.0.77",)]


def test_auto_needs_a_range_with_room() -> None:
    wanted = [reservation("a", 1, "auto"), reservation("b", 2, "auto")]
    with pytest.raises(BadInput, match="reservation a: ip: auto, and no range"):
        allocated(wanted, ranges=())
    with pytest.raises(BadInput, match=r"b: ip: auto, and no address of 10.0.0.5 - 10.0.0.5 is free"):
        allocated(wanted, ranges=(Range("10.0.0.5", "10.0.0.5"),))
    with pytest.raises(BadInput, match="ip6: auto, and no range"):
        allocated([reservation("a", 1, ip6=("auto",))], ranges=(Range("10.0.0.5", "10.0.0.5"),))


def test_auto_of_both_families() -> None:
    ranges = (Range("10.0.0.5", "10.0.0.5"), Range("fd00::5", "fd00::6"))
    wanted = [reservation("a", 1, "auto", ip6=("auto",)), reservation("b", 2, ip6=("auto",))]
    assert allocated(wanted, ranges=ranges) == [("10.0.0.5", "fd00::5"), ("fd00::6",)]
