# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reservation of its own: options, records."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp import note, record
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon, Range, Server, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import (
    DHCPD_HOST,
    Reservation,
    laid_over,
    reservation_options,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState

MAC = "5a:00:00:00:00:01"


def made(**given: Any) -> Reservation:
    return laid_over(None, "web1", DHCPD_HOST, {"mac": MAC, **given}, "hosts: web1: ")


def test_what_is_given_is_normal() -> None:
    one = laid_over(
        None,
        "web1.lab",
        "guest web1",
        {
            "mac": "5A-0-0-0-0-1",
            "ip": ["10.0.0.5", "10.0.0.5", ""],
            "ip6": ["FD00:0:0::5"],
            "options": {"domain-name-servers": ["10.0.0.1", "10.0.0.2"], "ip-forwarding": False, "interface-mtu": 9000},
            "statements": ['ddns-hostname "w";  ', ""],
        },
        "",
    )
    assert one == Reservation(
        "web1.lab",
        "guest web1",
        MAC,
        ip=("10.0.0.5",),
        ip6=("fd00::5",),
        hostname="web1.lab",
        options=(
            ("domain-name-servers", "10.0.0.1, 10.0.0.2"),
            ("interface-mtu", "9000"),
            ("ip-forwarding", "false"),
        ),
        statements=('ddns-hostname "w";',),
    )


def test_what_is_not_given_stays_and_what_is_empty_goes() -> None:
    old = made(ip=["10.0.0.5"], filename="a", next_server="10.0.0.1", options={"time-offset": 1}, publish_arp=True)
    new = laid_over(old, "web1", DHCPD_HOST, {"filename": "", "options": {}, "hostname": ""}, "")
    assert new == Reservation("web1", DHCPD_HOST, MAC, ip=("10.0.0.5",), next_server="10.0.0.1", publish_arp=True)


def test_a_name_that_is_no_host_name_is_not_taken_for_one() -> None:
    assert laid_over(None, "web_1", DHCPD_HOST, {"mac": MAC}, "").hostname == ""


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"mac": ""}, "mac: '' is not a MAC address"),
        ({"mac": "01:00:00:00:00:01"}, "multicast"),
        ({"ip": ["10.0.0.5/24"]}, "ip: '10.0.0.5/24' is not an IPv4 address"),
        ({"ip": ["fd00::1"]}, "not an IPv4 address"),
        ({"ip6": ["10.0.0.5"]}, "ip6: '10.0.0.5' is not an IPv6 address"),
        ({"hostname": "web_1"}, "hostname: 'web_1' is not a host name"),
        ({"hostname": "-web"}, "is not a host name"),
        ({"hostname": "a" * 64}, "is not a host name"),
        ({"next_server": "10.0.0.1;"}, "next_server"),
        ({"filename": "a\nb"}, "cannot be printed"),
        ({"default_lease_time": -1}, "allowed are 1 to 4294967295"),
        ({"default_lease_time": 10, "max_lease_time": 5}, "more than max_lease_time 5"),
        ({"options": {"a b": "c"}}, "'a b' is not the name of an option"),
        ({"options": {"routers": {"a": 1}}}, "options: routers: {'a': 1}; a text"),
        ({"publish_arp": True}, "publish_arp: of which address"),
    ],
)
def test_bad_input_is_told(given: Dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match="^hosts: web1: ") as caught:
        made(**given)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a..b", ".a", "a.", "host {", "-a"])
def test_a_name_has_to_be_one(name: str) -> None:
    with pytest.raises(BadInput, match="name: "):
        laid_over(None, name, DHCPD_HOST, {"mac": MAC}, "")


def test_every_option_is_one_of_a_reservation() -> None:
    assert set(reservation_options()) <= set(Reservation.__dataclass_fields__)


def test_a_record_comes_back_as_it_went() -> None:
    one = made(ip=["10.0.0.5"], options={"time-offset": 1}, statements=["a;"], publish_arp=True, max_lease_time=60)
    whole = {"/etc/hosts.a": {"web1": one, "b": Reservation("b", "guest b", MAC)}, "/etc/hosts.b": {}}
    text = record.dump(whole)
    assert record.load(text) == {"/etc/hosts.a": whole["/etc/hosts.a"]}
    assert record.load(None) == {}


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 2}', '{"schema":1,"servers":{"a":{"b":{"colour":1}}}}'])
def test_a_record_that_is_not_ours_is_told(text: str) -> None:
    with pytest.raises(UnknownState, match="reservation"):
        record.load(text)


def test_a_note_comes_back_as_it_went() -> None:
    server = Server(
        "isc",
        (Daemon("/a", "/b", "isc-dhcpd"), Daemon("/c", "/d", "isc-dhcpd6", "/run/s", 6)),
        "lab",
        (
            Subnet("10.0.0.0/24", "lab", (Range("10.0.0.100", "10.0.0.199"),), (), ("10.0.0.1",)),
            Subnet("fd00::/64", "lab", (), (Range("fd00::10", "fd00::20"),)),
        ),
    )
    assert note.load(note.dump(server)) == server
    assert note.load(note.dump(Server("dnsmasq", (Daemon("/a", "/b", "c", family=0),)))).daemons[0].serves(6)
    assert [subnet.subnet for subnet in server.on_switch("lab")] == ["10.0.0.0/24", "fd00::/64"]
    assert server.on_switch("") == ()


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 2}', '{"schema": 1, "conf": "/a"}'])
def test_a_note_that_is_not_ours_is_told(text: str) -> None:
    with pytest.raises(UnknownState, match="dhcp.json"):
        note.load(text)
