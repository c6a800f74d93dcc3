# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dnsmasq: what its configuration says, our place in it, reservations in its words."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import Known, Update
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.dnsmasq import conf, hosts
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.dnsmasq.backend import Dnsmasq
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.dnsmasq.text import Option, read_options
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon, Range, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState

DAEMON = Daemon("/etc/dnsmasq.conf", "/etc/ours", "dnsmasq", family=0)
OWN = [ipaddress.ip_interface(text) for text in ("10.0.0.1/24", "10.9.0.1/16", "fd00:1::1/64", "fe80::1/64")]
HEAD = hosts.render_hosts([])


def options(text: str, **files: str) -> List[Option]:
    texts = {f"/d/{name}": text for name, text in files.items()}

    def names(path: str) -> Optional[Sequence[str]]:
        return [name.rpartition("/")[2] for name in texts] if path == "/d" else None

    return read_options(text, DAEMON.conf, texts.get, names)


def pairs(text: str, **files: str) -> List[str]:
    return [f"{one.name}={one.value}" for one in options(text, **files)]


def test_options_are_read_with_comments_quotes_and_blanks() -> None:
    text = '# no\nport = 5353 # dns\n\nlog-dhcp\ndhcp-option=3,"a # b, c",x#y\n'
    assert pairs(text) == ["port=5353", "log-dhcp=", 'dhcp-option=3,"a # b, c",x#y']
    assert options(text)[2].fields == ["3", "a # b, c", "x#y"]
    assert Option("x", '"a\\"b\\\\", c', "", 1).fields == ['a"b\\', "c"]


def test_files_and_directories_are_followed() -> None:
    assert pairs("conf-file=/d/one\nport=1\n", one="port=2\n") == ["conf-file=/d/one", "port=2", "port=1"]
    files = {"b": "n=1", "a": "n=2", "a~": "n=3", "c.bak": "n=4"}
    texts = {f"/d/{name}": text for name, text in files.items()}
    found = read_options("conf-dir=/d,.bak\n", "c", texts.get, lambda path: sorted(files))
    assert [one.value for one in found] == ["/d,.bak", "2", "1"]
    found = read_options("conf-dir=/d,*.bak\n", "c", texts.get, lambda path: sorted(files))
    assert [one.value for one in found] == ["/d,*.bak", "4"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("conf-file=/d/none\n", "line 1: conf-file names /d/none"),
        ("conf-dir=/none\n", "there is no directory /none"),
        ("conf-file=/d/loop\n", "files include each other"),
    ],
)
def test_files_that_are_not_there_are_named(text: str, said: str) -> None:
    with pytest.raises(UnknownState, match=said):
        options(text, loop="conf-file=/d/loop\n")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            "10.0.0.100,10.0.0.199,12h",
            [Subnet("10.0.0.0/24", ranges=(Range("10.0.0.100", "10.0.0.199"),), routers=("10.0.0.1",))],
        ),
        ("set:lab,10.9.0.0,static", [Subnet("10.9.0.0/16", routers=("10.9.0.1",))]),
        ("10.7.0.0,static,255.255.0.0,1h", [Subnet("10.7.0.0/16")]),
        (
            "10.7.0.5,10.7.0.9,255.255.255.0,10.7.0.255,1h",
            [Subnet("10.7.0.0/24", ranges=(Range("10.7.0.5", "10.7.0.9"),))],
        ),
        ("10.7.0.0,static", []),
        ("fd00:2::,static,48", [Subnet("fd00:2::/48")]),
        ("fd00:2::10,fd00:2::20", [Subnet("fd00:2::/64", ranges=(Range("fd00:2::10", "fd00:2::20"),))]),
        ("fd00:2::,ra-only", [Subnet("fd00:2::/64")]),
        (
            "::10,::20,constructor:em0,64",
            [Subnet("fd00:1::/64", ranges=(Range("fd00:1::10", "fd00:1::20"),), routers=("fd00:1::1",))],
        ),
    ],
)
def test_subnets_are_those_of_the_ranges(line: str, found: List[Subnet]) -> None:
    assert list(conf.subnets(options(f"dhcp-range={line}\n"), OWN)) == found


def test_routers_that_are_told_belong_to_their_subnets() -> None:
    text = "dhcp-range=10.0.0.0,static\ndhcp-option=tag:x,option:router,10.0.0.254,10.1.0.1\ndhcp-option=3,0.0.0.0\n"
    assert conf.subnets(options(text), OWN)[0].routers == ("10.0.0.1", "10.0.0.254")


def test_a_range_that_cannot_be_read_is_named() -> None:
    with pytest.raises(UnknownState, match="/etc/dnsmasq.conf, line 2: dhcp-range=lab,static"):
        conf.subnets(options("port=0\ndhcp-range=lab,static\n"), OWN)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("5A:0:00:00:00:01,10.0.0.5,printer,1h", ("printer", ("5a:00:00:00:00:01",), ("10.0.0.5",))),
        (
            "06-5a:00:00:00:00:01,set:x,id:*,[fd00::5],[fd00::6/127]",
            ("5a:00:00:00:00:01", ("5a:00:00:00:00:01",), ("fd00::5", "fd00::6")),
        ),
        ("lap,10.0.0.6,infinite", ("lap", (), ("10.0.0.6",))),
        ("5a:00:00:*:*:*,10.0.0.7", ("10.0.0.7", (), ("10.0.0.7",))),
    ],
)
def test_entries_of_others_are_known(line: str, found: object) -> None:
    host = conf.host_of(Option("dhcp-host", line, "f", 1))
    assert host is not None and (host.name, host.macs, host.addresses) == found


def test_who_is_ignored_has_nothing() -> None:
    assert conf.host_of(Option("dhcp-host", "5a:00:00:00:00:01,ignore", "f", 1)) is None


def test_ours_is_hooked_in_once_at_the_end() -> None:
    text = conf.with_hook("port=0", DAEMON)
    assert text.startswith("port=0\n# Reservations of Apiary")
    assert text.splitlines()[2:] == [
        "dhcp-hostsfile=/etc/ours",
        "dhcp-optsfile=/etc/ours.options",
        "conf-file=/etc/ours.tags",
        "addn-hosts=/etc/ours.names",
    ]
    assert conf.is_hooked(options(text.replace("/etc/ours.tags", "/d/tags"), tags=""), DAEMON) is False
    backend = Dnsmasq()
    assert backend.hooked(text, DAEMON, {}) == text
    assert backend.hooked("conf-dir=/d\n", DAEMON, {"/d/x": text}) == "conf-dir=/d\n"
    assert conf.with_hook(text.replace("conf-file=/etc/ours.tags\n", ""), DAEMON) == text
    assert "conf-file=/tmp/t\n" in conf.with_other_tags(text, DAEMON, "/tmp/t")


FULL = Reservation(
    "web1.lab",
    "guest web1",
    "5a:00:00:00:00:11",
    ip=("10.0.0.11", "10.9.0.11"),
    ip6=("fd00:1::11",),
    hostname="web1",
    filename='a "b"\\,c',
    next_server="10.0.0.2",
    server_name="srv",
    root_path="10.0.0.2:/root",
    default_lease_time=600,
    options=(
        ("default-ip-ttl", "12"),
        ("domain-search", "lab, example.org"),
        ("interface-mtu", "1400"),
        ("ip-forwarding", "false"),
        ("log-servers", "10.0.0.1,10.0.0.2"),
        ("path-mtu-plateau-table", "68, 1000"),
        ("time-offset", "-3600"),
        ("vendor-class-identifier", "HTTPClient"),
    ),
)


def test_a_reservation_in_dnsmasqs_words() -> None:
    hosts.check(FULL, "")
    assert hosts.render_hosts([FULL])[len(HEAD) :] == (
        "5a:00:00:00:00:11,10.0.0.11,[fd00:1::11],web1,600\n5a:00:00:00:00:11,10.9.0.11,web1,600\n"
    )
    lines = hosts.render_options([FULL])[len(HEAD) :].splitlines()
    assert lines[0] == "# web1.lab"
    assert [line.partition("tag:apiary-5a0000000011,")[2] for line in lines[1:]] == [
        r'option:bootfile-name,"a \"b\"\\,c"',
        "option:server-ip-address,10.0.0.2",
        'option:tftp-server,"srv"',
        'option:root-path,"10.0.0.2:/root"',
        "23,12b",
        "119,lab,example.org",
        "26,05:78",
        "19,0b",
        "7,10.0.0.1,10.0.0.2",
        "25,00:44:03:e8",
        "2,ff:ff:f1:f0",
        '60,"HTTPClient"',
    ]
    assert hosts.render_tags([FULL])[len(HEAD) :] == "dhcp-mac=set:apiary-5a0000000011,5a:00:00:00:00:11\n"
    names = hosts.render_names([FULL, replace(FULL, hostname=""), replace(FULL, hostname="web1.lab", ip=(), ip6=())])
    assert names[len(HEAD) :] == "10.0.0.11 web1\n10.9.0.11 web1\nfd00:1::11 web1\n"


def test_without_further_options_a_host_has_no_tag() -> None:
    plain = Reservation("web2", "dhcpd_host", "5a:00:00:00:00:12", max_lease_time=300)
    assert hosts.render_hosts([plain]) == HEAD + "5a:00:00:00:00:12,300\n"
    assert hosts.render_options([plain]) == hosts.render_tags([plain]) == HEAD


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"statements": ("x;",)}, "statements: "),
        ({"default_lease_time": 300, "max_lease_time": 600}, "max_lease_time: dnsmasq has one time"),
        ({"default_lease_time": 60}, "default_lease_time: 60; dnsmasq gives 120"),
        ({"next_server": "boot.lab"}, "next_server: 'boot.lab'"),
        ({"options": (("dhcp-client-identifier", "x"),)}, "options: dhcp-client-identifier: dnsmasq is told"),
        ({"options": (("host-name", "x"),)}, "there is hostname for that"),
    ],
)
def test_what_dnsmasq_cannot_be_told_is_refused_by_name(more: Dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as error:
        hosts.check(Reservation("w", "dhcpd_host", "5a:00:00:00:00:11", **more), "w: ")
    assert str(error.value).startswith("w: ")
    assert said in str(error.value)


def update(known: Known, *after: Reservation) -> Update:
    backend = Dnsmasq()
    text = backend.hooked(known.conf, DAEMON, known.files)
    return Update(known, text, backend.render(after, known), (), after, backend.render_beside(after, known))


def test_it_is_restarted_only_for_what_it_reads_at_its_start() -> None:
    backend = Dnsmasq()
    plain = Reservation("web2", "dhcpd_host", "5a:00:00:00:00:12", ip=("10.0.0.12",))
    fresh = Known(DAEMON, "port=0\n", None, False, True)
    assert "restart" in backend.activation(update(fresh, plain)).split()[0]
    hooked = conf.with_hook("port=0\n", DAEMON)
    files = {"/etc/ours.options": "", "/etc/ours.tags": hosts.render_tags([FULL])}
    known = Known(DAEMON, hooked, "", True, True, files=files)
    for after in ([plain], [plain, FULL], []):
        assert backend.activation(update(known, *after)).endswith("without a restart")
    untagged = Known(DAEMON, hooked, "", True, True, files={**files, "/etc/ours.tags": HEAD})
    assert backend.activation(update(untagged, FULL)).startswith("restart")
    # dnsmasq ends at SIGHUP where a host of a file has a tag by its own line: such files of others are there.
    other = Known(
        DAEMON, hooked + "dhcp-hostsfile=/d\n", "", True, True, files={**files, "/d/a": "5a:00:00:00:00:01,set:x\n"}
    )
    assert backend.activation(update(other, plain)).startswith("restart")


def test_a_dhcp_boot_for_everybody_is_in_the_way_of_boot_files() -> None:
    known = Known(DAEMON, "dhcp-boot=pxe.0\n", None, False, True)
    with pytest.raises(BadInput, match="filename: /etc/dnsmasq.conf has dhcp-boot=pxe.0 for everybody"):
        Dnsmasq().render([FULL], known)
    for good in ("dhcp-boot=tag:!known,pxe.0\n", "port=0\n"):
        assert Dnsmasq().render([FULL], Known(DAEMON, good, None, False, True))
