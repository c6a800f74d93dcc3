# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published ARP entries: what is to be, what is."""

from __future__ import annotations

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.arp import parse_arp, published
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation


def test_only_published_entries_count() -> None:
    text = """\
? (10.10.0.1) at 58:9c:fc:10:f7:67 on bridge0 permanent [bridge]
? (10.10.0.11) at 5a:00:00:00:00:01 on bridge0 permanent published [bridge]
? (10.10.0.12) at (incomplete) on bridge0 expired [bridge]
? (10.10.0.13) at 5a:00:00:00:00:03 on bridge0 expires in 1180 seconds [bridge]
"""
    assert parse_arp(text) == {"10.10.0.11": "5a:00:00:00:00:01"}


def test_all_ipv4_addresses_of_a_reservation_are_published() -> None:
    one = Reservation("a", "", "5a:00:00:00:00:01", ip=("10.0.0.1", "10.1.0.1"), ip6=("fd00::1",), publish_arp=True)
    other = Reservation("b", "", "5a:00:00:00:00:02", ip=("10.0.0.2",))
    assert published({"a": one, "b": other}) == {"10.0.0.1": one.mac, "10.1.0.1": one.mac}
