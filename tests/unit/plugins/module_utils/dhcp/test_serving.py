# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is declared of a host's DHCP server, and the configuration that follows from it."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.backend import Isc
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.statements import parse
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Range
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.declared import (
    Declared,
    Place,
    Served,
    check_boot_files,
    check_names,
    check_subnets,
    network_of,
    parse_range,
    scope_of,
    served_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.isc import IscServer
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

LAB = Place("bridge1000", ("10.10.0.1/24", "10.11.0.1/24", "fd00:10::1/64"), False)
LAN = Place("em0", ("192.0.2.10/24",), True)


def subnet(text: str, place: Place = LAB, **given: Any) -> Served:
    return served_of({"subnet": text, "ranges": [], "auto": [], **given}, place)


def test_defaults_follow_from_where_a_subnet_is() -> None:
    lab, lan = subnet("10.10.0.0/24"), subnet("192.0.2.0/24", LAN)
    assert (lab.subnet.routers, lab.known_only, lab.shared) == (("10.10.0.1",), False, False)
    assert (lan.subnet.routers, lan.known_only, lan.shared) == ((), True, True)
    assert subnet("fd00:10::/64").subnet.routers == ()
    assert subnet("10.10.0.0/24", routers=[]).subnet.routers == ()
    assert not subnet("192.0.2.0/24", LAN, known_only=False).known_only
    assert lab.dns and not lan.dns and subnet("192.0.2.0/24", LAN, dns=True).dns


def test_what_subnets_may_not_say_beside_each_other() -> None:
    with pytest.raises(
        BadInput, match="subnet 10.10.0.0/24: dns: on its wire is 10.11.0.0/24 as well, where it is off"
    ):
        check_names([subnet("10.10.0.0/24"), subnet("192.0.2.0/24", LAN), subnet("10.11.0.0/24", dns=False)])
    check_names([subnet("10.10.0.0/24"), subnet("192.0.2.0/24", LAN), subnet("10.11.0.0/24")])
    with pytest.raises(BadInput, match="subnet 10.10.0.0/24: filename: boot_files says which file there is"):
        check_boot_files((("uefi", "x.efi"),), [subnet("10.10.0.0/24", filename="y")])
    check_boot_files((), [subnet("10.10.0.0/24", filename="y")])


@pytest.mark.parametrize(
    ("text", "given", "says"),
    [
        ("10.10.0.0", {}, "the prefix length is missing"),
        ("10.10.0.1/24", {}, "has host bits set"),
        ("10.12.0.0/24", {}, "bridge1000 has no address in it"),
        ("10.10.0.0/24", {"ranges": ["10.10.0.5"]}, "a range is FIRST-LAST"),
        ("10.10.0.0/24", {"ranges": ["10.10.0.5-10.10.0.2"]}, "ends before it begins"),
        (
            "10.10.0.0/24",
            {"ranges": ["10.10.0.5-10.10.1.5"]},
            "10.10.1.5 of '10.10.0.5-10.10.1.5' is not in 10.10.0.0/24",
        ),
        (
            "10.10.0.0/24",
            {"ranges": ["10.10.0.5-10.10.0.9"], "auto": ["10.10.0.9-10.10.0.20"]},
            "have addresses in common",
        ),
        ("10.10.0.0/24", {"routers": ["gw"]}, "routers: 'gw' is not an address"),
        ("fd00:10::/64", {"routers": ["fd00:10::1"]}, "rtadvd(8) does"),
        ("10.10.0.0/24", {"domain_name": "a_b"}, "is not the name of a domain"),
        ("10.10.0.0/24", {"next_server": "a b"}, "neither an address nor a host name"),
        ("10.10.0.0/24", {"max_lease_time": 5, "default_lease_time": 6}, "more than max_lease_time 5"),
        ("10.10.0.0/24", {"options": {"a b": 1}}, "is not the name of an option"),
    ],
)
def test_bad_input_is_told(text: str, given: Dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=f"^subnet {text}") as caught:
        subnet(text, **given)
    assert says in str(caught.value)


def test_subnets_do_not_overlap() -> None:
    networks = [network_of({"subnet": text}) for text in ("10.0.0.0/24", "fd00::/64", "10.0.0.128/25")]
    check_subnets(networks[:2])
    with pytest.raises(BadInput, match="subnet 10.0.0.128/25: it overlaps 10.0.0.0/24"):
        check_subnets(networks)


def test_a_range_may_have_blanks() -> None:
    assert parse_range("10.0.0.1 - 10.0.0.2", "x") == Range("10.0.0.1", "10.0.0.2")


def test_the_configuration_of_dhcpd() -> None:
    declared = Declared(
        scope_of(
            {
                "domain_name": "lab",
                "domain_name_servers": ["10.10.0.1", "fd00:10::1"],
                "default_lease_time": 600,
                "options": {"ntp-servers": ["10.10.0.1"], "dhcp6.sntp-servers": "fd00:10::1"},
                "statements": ["ping-check false;"],
            },
            "",
        ),
        True,
        (
            subnet("10.10.0.0/24", ranges=["10.10.0.100-10.10.0.199"], filename="ipxe.efi", next_server="10.10.0.1"),
            subnet("192.0.2.0/24", LAN, routers=["192.0.2.1"]),
            subnet("10.11.0.0/24", auto=["10.11.0.5-10.11.0.9"]),
            subnet("fd00:10::/64", ranges=["fd00:10::100-fd00:10::1ff"]),
        ),
    )
    four, six = Isc().daemons()
    kind = IscServer()
    kind.check(declared)
    assert kind.render(declared, four).partition("\n")[2] == (
        "authoritative;\n"
        'option domain-name "lab";\n'
        "option domain-name-servers 10.10.0.1;\n"
        "default-lease-time 600;\n"
        "option ntp-servers 10.10.0.1;\n"
        "ping-check false;\n"
        "shared-network bridge1000 {\n"
        "\tsubnet 10.10.0.0 netmask 255.255.255.0 {\n"
        "\t\toption routers 10.10.0.1;\n"
        "\t\trange 10.10.0.100 10.10.0.199;\n"
        '\t\tfilename "ipxe.efi";\n'
        "\t\tnext-server 10.10.0.1;\n"
        "\t}\n"
        "\tsubnet 10.11.0.0 netmask 255.255.255.0 {\n"
        "\t\toption routers 10.11.0.1;\n"
        "\t}\n"
        "}\n"
        "subnet 192.0.2.0 netmask 255.255.255.0 {\n"
        "\toption routers 192.0.2.1;\n"
        "\tnot authoritative;\n"
        "\tdeny unknown-clients;\n"
        "}\n"
        'include "/usr/local/etc/apiary/dhcpd.hosts";\n'
    )
    assert kind.render(declared, six).partition("\n")[2] == (
        'option dhcp6.domain-search "lab";\n'
        "option dhcp6.name-servers fd00:10::1;\n"
        "default-lease-time 600;\n"
        "option dhcp6.sntp-servers fd00:10::1;\n"
        "subnet6 fd00:10::/64 {\n"
        "\trange6 fd00:10::100 fd00:10::1ff;\n"
        "}\n"
        'include "/usr/local/etc/apiary/dhcpd6.hosts";\n'
    )
    assert parse(kind.render(declared, four), "") and parse(kind.render(declared, six), "")
    assert {one.name: one.value for one in kind.variables(declared, [four, six])} == {
        "dhcpd_enable": "YES",
        "dhcpd_ifaces": "bridge1000 em0",
        "dhcpd_conf": "/usr/local/etc/dhcpd.conf",
        "dhcpd6_enable": "YES",
        "dhcpd6_ifaces": "bridge1000",
        "dhcpd6_conf": "/usr/local/etc/dhcpd6.conf",
    }


def test_words_of_the_server_end_where_they_stand() -> None:
    declared = Declared(scope_of({"statements": ["} x {"]}, ""), True, ())
    with pytest.raises(BadInput, match="is no whole statement"):
        IscServer().check(declared)
