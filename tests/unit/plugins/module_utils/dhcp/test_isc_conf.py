# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dhcpd.conf(5): what it says, what we write, what is taken over."""

from __future__ import annotations

from typing import List, Tuple

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import KnownHost
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.adopt import taken_over
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.backend import complaint
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.conf import Found, interpret
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.render import (
    check_statements,
    rendered,
    with_hook,
    with_other_hook,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.statements import is_whole, parse, quoted, unquoted
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Range, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState

CONF = r"""
# A comment; with { all } "sorts of
option domain-name "a;b}{#\"c";   # strings hold anything
option space ipxe; option rec code 210 = { ip-address, integer 8 };
key mine { algorithm hmac-md5; secret abc==; };
option routers 192.0.2.9;
include "/etc/more.conf";
shared-network wires {
  subnet 10.0.0.0 netmask 255.255.255.0 {
    option routers 10.0.0.1, gw.example.org;
    range dynamic-bootp 10.0.0.100 10.0.0.120;
    pool { deny unknown-clients; range 10.0.0.200; }
    host inside { hardware ethernet 5A:0:0:0:0:1; fixed-address 10.0.0.5, 10.1.0.5; }
  }
  SUBNET 10.1.0.0 netmask 255.255.0.0 {}
}
group { option root-path "/x";
  host two.lan { hardware ethernet 5a : 00:00:00:00:02 ; fixed-address two.example.org; }
  host six { fixed-address6 fd00:0:0::5; } }
if option pxe-system-type = 00:07 { filename "a"; } else { filename "b"; }
subnet6 fd00::/64 { range6 fd00::10 fd00::20; range6 fd00:0:0:0:1::/80; }
"""


def test_subnets_ranges_and_hosts_are_found_wherever_they_stand() -> None:
    assert interpret(parse(CONF, "/c"), "/c") == Found(
        subnets=[
            Subnet(
                "10.0.0.0/24",
                ranges=(Range("10.0.0.100", "10.0.0.120"), Range("10.0.0.200", "10.0.0.200")),
                routers=("10.0.0.1",),
            ),
            Subnet("10.1.0.0/16", routers=("192.0.2.9",)),
            Subnet(
                "fd00::/64",
                ranges=(Range("fd00::10", "fd00::20"), Range("fd00::1:0:0:0", "fd00::1:ffff:ffff:ffff")),
            ),
        ],
        hosts=[
            KnownHost("inside", ("5a:00:00:00:00:01",), ("10.0.0.5", "10.1.0.5"), "/c"),
            KnownHost("two.lan", ("5a:00:00:00:00:02",), (), "/c"),
            KnownHost("six", (), ("fd00::5",), "/c"),
        ],
        includes=["/etc/more.conf"],
    )


def test_a_statement_keeps_its_place() -> None:
    statements = parse(CONF, "/c")
    assert [CONF[one.start : one.end] for one in statements][2:4] == [
        "option rec code 210 = { ip-address, integer 8 }",
        "key mine { algorithm hmac-md5; secret abc==; }",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a {\n b;", "/c line 1: a { that is not closed"),
        ("\n}", "/c line 2: a } without a {"),
        ('a;\n\nb "c;', "/c line 3: a string that is not closed"),
        ("a", "a is not ended by a semicolon or a block"),
        ("subnet 10.0.0.1 netmask 255.255.255.0 {}", "has host bits set"),
        ("subnet 10.0.0.0 netmask 255.255.255.0 { range 10.0.0.1 10.0.0.2 10.0.0.3; }", "cannot be read"),
        ("host a { hardware ethernet 5a:00; }", "is not a MAC address"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, says: str) -> None:
    with pytest.raises(UnknownState) as caught:
        interpret(parse(text, "/c"), "/c")
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["", "plain", 'a"b\\c', "x y;{}#"])
def test_a_string_comes_back_as_it_went(text: str) -> None:
    assert unquoted(quoted(text)) == text
    assert unquoted(r'"\x41\101\n"') == "AA\n"


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("a b;", True),
        ("if x { y; }", True),
        ("a; b;", True),
        ("a", False),
        ("a; }", False),
        ("{ a;", False),
        ("# a;", False),
        ('a "b;', False),
        ("", False),
    ],
)
def test_a_statement_is_whole_or_not(text: str, whole: bool) -> None:
    assert is_whole(text) is whole


def test_our_file_is_hooked_in_once() -> None:
    once = with_hook("a;", "/o", "/c")
    assert once == 'a;\n# Reservations of Apiary (apiary.bhyve)\ninclude "/o";\n'
    assert with_hook(once, "/o", "/c") == once
    assert with_hook('include  "/x/../o" ;', "/o", "/c") == 'include  "/x/../o" ;'
    # What is commented out does not count, nor does a string.
    assert with_hook('#include "/o";\n', "/o", "/c").count('include "/o"') == 2
    assert with_other_hook(once, "/o", "/t", "/c") == once.replace("/o", "/t")


ALL = Reservation(
    "web1.lab",
    "guest web1",
    "5a:00:00:00:00:01",
    ip=("10.0.0.5", "10.1.0.5"),
    ip6=("fd00::5",),
    hostname="web1",
    filename='a"b',
    next_server="10.0.0.1",
    server_name="s",
    root_path="10.0.0.1:/r",
    default_lease_time=60,
    max_lease_time=120,
    options=(
        ("custom", "1, 2"),
        ("dhcp6.name-servers", "fd00::1"),
        ("domain-search", "a.b, c.d"),
        ("ntp-servers", "10.0.0.1, 10.0.0.2"),
        ("tftp-server-name", "t"),
        ("vendor-class-identifier", "01:0a"),
    ),
    statements=('ddns-hostname "w";', "if known { min-lease-time 5; }"),
)


def test_a_reservation_becomes_a_host() -> None:
    assert rendered([ALL], 4).partition("\n\n")[2] == (
        "host web1.lab {\n"
        "\thardware ethernet 5a:00:00:00:00:01;\n"
        "\tfixed-address 10.0.0.5, 10.1.0.5;\n"
        '\toption host-name "web1";\n'
        '\tfilename "a\\"b";\n'
        "\tnext-server 10.0.0.1;\n"
        '\tserver-name "s";\n'
        '\toption root-path "10.0.0.1:/r";\n'
        "\tdefault-lease-time 60;\n"
        "\tmax-lease-time 120;\n"
        "\toption custom 1, 2;\n"
        '\toption domain-search "a.b", "c.d";\n'
        "\toption ntp-servers 10.0.0.1, 10.0.0.2;\n"
        '\toption tftp-server-name "t";\n'
        "\toption vendor-class-identifier 01:0a;\n"
        '\tddns-hostname "w";\n'
        "\tif known { min-lease-time 5; }\n"
        "}\n"
    )
    assert rendered([ALL], 6).partition("\n\n")[2] == (
        "host web1.lab {\n"
        "\thardware ethernet 5a:00:00:00:00:01;\n"
        "\tfixed-address6 fd00::5;\n"
        "\tdefault-lease-time 60;\n"
        "\tmax-lease-time 120;\n"
        "\toption dhcp6.name-servers fd00::1;\n"
        "}\n"
    )
    assert parse(rendered([ALL, ALL], 4), "")


@pytest.mark.parametrize(
    "one",
    [
        Reservation("a", "", "", statements=("a",)),
        Reservation("a", "", "", statements=("} host b {",)),
        Reservation("a", "", "", options=(("x", "1; } host b { y 1"),)),
        Reservation("a", "", "", options=(("tftp-server-address", "10.0.0.1"),)),
    ],
)
def test_nobody_leaves_his_block(one: Reservation) -> None:
    with pytest.raises(BadInput, match="^at (statements|options)"):
        check_statements(one, "at ")


CBSD = """\
option domain-name "example.com";
subnet 192.168.0.0 netmask 255.255.255.0 { range 192.168.0.2 192.168.0.254; }
host web1 {\t\t\t\t\t# CBSD-AUTO-web1
\thardware ethernet 00:A0:98:00:00:01;\t# CBSD-AUTO-web1
\tfixed-address 192.168.0.11;\t\t# CBSD-AUTO-web1
\tfilename "loader.efi";\t\t\t\t# CBSD-AUTO-web1
\toption root-path "192.168.0.2:/FreeBSD/" ;\t\t\t\t# CBSD-AUTO-web1
\tif option arch = 00:07 { # CBSD-AUTO-web1
\tfilename "b#c"; }\t\t\t\t# CBSD-AUTO-web1
}\t\t\t\t# CBSD-AUTO-web1
host web10 { hardware ethernet 00:a0:98:00:00:02; fixed-address 192.168.0.12; } # CBSD-AUTO-web10
host printer { hardware ethernet 00:a0:98:00:00:03; } # mine, not CBSD-AUTO
# CBSD-AUTO-db1
host db1 {
  hardware ethernet 00:a0:98:00:00:04; option host-name "db"; next-server 192.168.0.1; max-lease-time 60;
  fixed-address db1.example.com; server-name "s"; default-lease-time 30; filename concat("a", "b");
}
host web { hardware ethernet 00:a0:98:00:00:05; } # CBSD-AUTO-web1
"""


def test_the_hosts_of_cbsd_are_taken_over_without_loss() -> None:
    conf, found = taken_over(CBSD, "/c")
    assert conf == "".join(
        line + "\n"
        for line in CBSD.splitlines()
        if line.startswith(("option domain", "subnet", "host printer", "host web {"))
    )
    assert found == [
        Reservation(
            "web1",
            "dhcpd_host",
            "00:a0:98:00:00:01",
            ip=("192.168.0.11",),
            filename="loader.efi",
            root_path="192.168.0.2:/FreeBSD/",
            statements=('if option arch = 00:07 { filename "b#c"; }',),
        ),
        Reservation("web10", "dhcpd_host", "00:a0:98:00:00:02", ip=("192.168.0.12",)),
        Reservation(
            "db1",
            "dhcpd_host",
            "00:a0:98:00:00:04",
            hostname="db",
            next_server="192.168.0.1",
            server_name="s",
            default_lease_time=30,
            max_lease_time=60,
            statements=("fixed-address db1.example.com;", 'filename concat("a", "b");'),
        ),
    ]
    assert taken_over(conf, "/c") == (conf, [])


@pytest.mark.parametrize(
    ("conf", "says"),
    [
        ("host a { fixed-address 10.0.0.1; } # CBSD-AUTO-a\n", "host a in /c has no hardware ethernet"),
        ("group {\nhost a { } # CBSD-AUTO-a\n}\n", "stands in a block"),
    ],
)
def test_what_would_lose_something_is_not_taken_over(conf: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        taken_over(conf, "/c")


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("x; host a { hardware ethernet 5a:0:0:0:0:1; } # CBSD-AUTO-a\ny;\n", "x; y;\n"),
        ("host a { hardware ethernet 5a:0:0:0:0:1; } # CBSD-AUTO-a", ""),
    ],
)
def test_what_stands_beside_a_host_stays(text: str, rest: str) -> None:
    conf, found = taken_over(text, "/c")
    assert (conf, [one.name for one in found]) == (rest, ["a"])


def test_the_servers_complaint_is_told_and_nothing_else() -> None:
    said = """Internet Systems Consortium DHCP Server 4.4.3-P1
Copyright 2004-2022 Internet Systems Consortium.
All rights reserved.
For info, please visit https://www.isc.org/software/dhcp/
/tmp/x/dhcpd.conf line 5: unknown option dhcp.classless
  10.0.0.2; option classless 1;
                             ^
Configuration file errors encountered -- exiting

If you think you have received this message due to a bug rather
than a configuration issue please read the section on submitting

exiting.
"""
    pairs: List[Tuple[str, str]] = [("/tmp/x/dhcpd.conf", "/usr/local/etc/dhcpd.conf")]
    assert complaint(said, pairs) == (
        "/usr/local/etc/dhcpd.conf line 5: unknown option dhcp.classless\n"
        "  10.0.0.2; option classless 1;\n"
        "                             ^\n"
        "Configuration file errors encountered -- exiting"
    )
