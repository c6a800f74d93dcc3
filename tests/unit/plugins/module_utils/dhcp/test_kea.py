# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kea: its configuration with comments and includes, our place in it, reservations in its words."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea import hosts
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea.conf import Conf, read_conf, with_other_file
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea.text import parse
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon, Range, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState

DAEMON = Daemon("/etc/kea4.conf", "/etc/ours", "kea", family=4)
DAEMON6 = Daemon("/etc/kea6.conf", "/etc/ours6", "kea", family=6)
CONF = """\
# Of the administrator
{ "Dhcp4": { // everything
    "control-socket": { "socket-type": "unix", "socket-name": "/var/run/kea/kea4-ctrl-socket" },
    /* "reservations": [ ], */
    "option-data": [ { "name": "routers", "data": "10.0.0.254" } ],
    "subnet4": [ <?include "/etc/subnets"?> ],
    "shared-networks": [ { "name": "lab", "subnet4": [
        { "id": 3, "subnet": "10.3.0.0/16", "option-data": [ { "code": 3, "data": "10.3.0.1, 10.3.0.2" } ] } ] } ]
} }
"""
SUBNETS = """
  { "id": 1, "subnet": "10.1.0.0/24", "pools": [ { "pool": "10.1.0.100 - 10.1.0.199" }, { "pool": "10.1.0.64/26" } ],
    "reservations": [ { "hw-address": "5A-00-00-00-00-01", "ip-address": "10.1.0.9", "hostname": "printer" },
                      { "duid": "01:02", "ip-address": "10.1.0.8" } ] },
  { "id": 2, "subnet": "10.2.0.0/24" }
"""
WEB1 = Reservation("web1.lab", "guest web1", "5a:00:00:00:00:11", ip=("10.1.0.11",), hostname="web1")


def read(text: str = CONF, daemon: Daemon = DAEMON, **files: str) -> Conf:
    texts: Dict[str, str] = {"/etc/subnets": SUBNETS, **{f"/etc/{name}": text for name, text in files.items()}}
    return read_conf(text, daemon, texts.get)


def test_what_concerns_reservations_is_read_also_from_files_that_are_included() -> None:
    conf = read()
    assert conf.socket == "/var/run/kea/kea4-ctrl-socket"
    assert conf.subnets() == (
        Subnet(
            "10.1.0.0/24",
            ranges=(Range("10.1.0.100", "10.1.0.199"), Range("10.1.0.64", "10.1.0.127")),
            routers=("10.0.0.254",),
        ),
        Subnet("10.2.0.0/24", routers=("10.0.0.254",)),
        Subnet("10.3.0.0/16", routers=("10.3.0.1", "10.3.0.2")),
    )
    assert [(one.name, one.macs, one.addresses, one.where) for one in conf.hosts()] == [
        ("printer", ("5a:00:00:00:00:01",), ("10.1.0.9",), "/etc/subnets"),
        ("01:02", (), ("10.1.0.8",), "/etc/subnets"),
    ]


@pytest.mark.parametrize(
    ("sockets", "path"),
    [
        (
            '"control-sockets": [ {"socket-type": "http"}, {"socket-type": "unix", "socket-name": "k"} ]',
            "/var/run/kea/k",
        ),
        ('"control-sockets": [ {"socket-type": "unix", "socket-name": "/var/run/kea/k"} ]', "/var/run/kea/k"),
        ('"control-sockets": [ {"socket-type": "http", "socket-address": "::1"} ]', ""),
        ('"valid-lifetime": 60', ""),
    ],
)
def test_the_control_socket_is_found_as_either_version_has_it(sockets: str, path: str) -> None:
    assert read(f'{{"Dhcp4": {{ {sockets} }} }}').socket == path


def test_ours_is_hooked_in_once_and_nothing_else_changes() -> None:
    assert not read().hooked
    text = read().with_hook()
    added = '\n    "reservations-global": true,\n    "reservations": <?include "/etc/ours"?>,'
    assert text == CONF.replace('"Dhcp4": {', '"Dhcp4": {' + added)
    assert read(text).hooked
    assert read(text).with_hook() == text
    assert read(text, ours=hosts.render([WEB1], 4)).hosts() == read().hosts()
    assert '<?include "/tmp/staged"?>' in with_other_file(text, DAEMON, "/tmp/staged")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '{"Dhcp4": {}}',
            '{"Dhcp4": {\n    "reservations-global": true,\n    "reservations": <?include "/etc/ours"?>\n}}',
        ),
        (
            '{"Dhcp4": {"reservations-global": false, "reservations": [ ] }}',
            '{"Dhcp4": {"reservations-global": true, "reservations": <?include "/etc/ours"?> }}',
        ),
        (
            '{"Dhcp4": {"reservations": <?include "/etc/ours"?>, "subnet4": []}}',
            '{"Dhcp4": {\n    "reservations-global": true,"reservations": <?include "/etc/ours"?>, "subnet4": []}}',
        ),
    ],
)
def test_what_is_there_of_it_is_completed(before: str, after: str) -> None:
    assert read(before).with_hook() == after
    assert read(after).hooked


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"Dhcp4": {"reservations": [{"hw-address": "5a:00:00:00:00:01"}]}}', "move them to their subnets"),
        (
            '{"Dhcp4": {"subnet4": [{"subnet": "10.0.0.0/8", "reservations-global": false}]}}',
            "'reservations-global' in 10.0.0.0/8",
        ),
        ('{"Dhcp4": {"reservation-mode": "all"}}', "'reservation-mode' in the server's map"),
        ('{"Dhcp4": <?include "/etc/whole"?>}', "includes /etc/whole"),
        ('{"Dhcp6": {}}', "is not that of kea-dhcp4"),
    ],
)
def test_where_ours_would_not_be_heeded_it_is_not_hooked_in(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said.replace("'", ".")):
        read(text, whole="{}").with_hook()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"Dhcp4": {"a" 1}}', "line 1: '1' stands where ':' should"),
        ('{"Dhcp4":\n {"a": [1 2]}}', "line 2: '2' stands where ',' should"),
        ('{"Dhcp4": {', "ends where more was to come"),
        ('{"Dhcp4": {}} x', "'x' stands where the end should"),
        ("{\"Dhcp4\": 'a'}", "is not Kea's JSON"),
        ('{"Dhcp4": {"a": <?include "/etc/none"?>}}', "there is no such file"),
        ('<?include "/etc/loop"?>', "include each other"),
        ('{"Dhcp4": {"subnet4": [{"subnet": "10.0.0"}]}}', "a subnet is '10.0.0'"),
        ('{"Dhcp4": {"subnet4": [{"subnet": "10.0.0.0/8", "pools": [{"pool": "a - b"}]}]}}', "a pool is 'a - b'"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(UnknownState) as error:
        read(text, loop='<?include "/etc/loop"?>').subnets()
    assert said in str(error.value)


def test_values_are_those_of_json() -> None:
    node = parse(r'{"a": [1, -2.5e1, True, null, "x\u0041\n"], "a": [3]}', "f", lambda path: None)
    assert [item.value for item in node.list("a")] == [3]
    node = parse(r'[1, -2.5e1, True, null, "x\u0041\n"]', "f", lambda path: None)
    assert [item.value for item in node.items or ()] == [1, -25.0, True, None, "xA\n"]


def test_a_reservation_in_keas_words() -> None:
    one = Reservation(
        "web1.lab",
        "guest web1",
        "5a:00:00:00:00:11",
        ip=("10.1.0.11",),
        ip6=("fd00::11", "fd00::12"),
        hostname="web1",
        filename="boot.efi",
        next_server="10.1.0.1",
        server_name="srv",
        root_path="10.1.0.1:/root,ro",
        options=(("domain-search", "lab, example.org"), ("interface-mtu", "1400"), ("ip-forwarding", "true")),
    )
    hosts.check(one, "")
    text = hosts.render([one], 4)
    assert json.loads(text.partition("\n")[2]) == [
        {
            "hw-address": "5a:00:00:00:00:11",
            "ip-address": "10.1.0.11",
            "hostname": "web1",
            "boot-file-name": "boot.efi",
            "next-server": "10.1.0.1",
            "server-hostname": "srv",
            "option-data": [
                {"code": 17, "data": r"10.1.0.1:/root\,ro"},
                {"code": 119, "data": "lab, example.org"},
                {"code": 26, "data": "1400"},
                {"code": 19, "data": "true"},
            ],
            "user-context": {"apiary": "web1.lab"},
        }
    ]
    assert json.loads(hosts.render([one], 6).partition("\n")[2]) == [
        {
            "hw-address": "5a:00:00:00:00:11",
            "ip-addresses": ["fd00::11", "fd00::12"],
            "hostname": "web1",
            "user-context": {"apiary": "web1.lab"},
        }
    ]
    assert hosts.render([], 4).endswith("\n[\n]\n")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"statements": ("option x 1;",)}, "statements: "),
        ({"default_lease_time": 600}, "default_lease_time: kea"),
        ({"max_lease_time": 600}, "max_lease_time: kea"),
        ({"ip": ("10.1.0.1", "10.2.0.1")}, "ip: 10.1.0.1, 10.2.0.1"),
        ({"filename": "x" * 128}, "filename: kea takes 127"),
        ({"server_name": "x" * 64}, "server_name: kea takes 63"),
        ({"next_server": "boot.lab"}, "next_server: 'boot.lab'"),
        ({"ip": (), "ip6": ("fd00::1",), "root_path": "/x"}, "root_path: is said by DHCP for IPv4"),
        ({"options": (("nosuch", "1"),)}, "options: nosuch: kea is told options"),
        ({"options": (("root-path", "/x"),)}, "options: root-path: there is root_path for that"),
        ({"options": (("routers", "lab"),)}, "options: routers: 'lab'; an IPv4 address"),
        ({"options": (("interface-mtu", "70000"),)}, "a number from 0 to 65535 is allowed"),
        ({"options": (("time-offset", "x"),)}, "a number from -2147483648 to 2147483647 is allowed"),
        ({"options": (("ip-forwarding", "yes"),)}, "true or false is allowed"),
        ({"options": (("domain-search", "a b"),)}, "a domain's name"),
        ({"options": (("nis-domain", ""),)}, "a text that is not empty"),
    ],
)
def test_what_kea_cannot_be_told_is_refused_by_name(more: Dict[str, Any], said: str) -> None:
    values: Dict[str, Any] = {"ip": ("10.1.0.11",), **more}
    with pytest.raises(BadInput) as error:
        hosts.check(Reservation("web1", "dhcpd_host", "5a:00:00:00:00:11", **values), "web1: ")
    assert str(error.value).startswith("web1: ")
    assert said in str(error.value)
