# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one plan of reservations: its steps and their order, whose reservations are whose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional, Tuple

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import Known, Update
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.backend import Isc
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon, Range, Server, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.planning import SUBJECT, Book, plan_reservations
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import DHCPD_HOST, Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.task import server_of, task_of
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan

CONF = "subnet 10.0.0.0 netmask 255.255.255.0 { }\n"
HOOKED = f'{CONF}# Reservations of Apiary (apiary.bhyve)\ninclude "/nowhere/ours";\n'
DAEMON = Daemon("/nowhere/conf", "/nowhere/ours", "isc-dhcpd")


class Tried(Isc):
    """ISC's dhcpd, without a dhcpd; notes what it was to try."""

    def __init__(self) -> None:
        self.tried: List[Update] = []

    def validate(self, host: Host, update: Update) -> None:
        self.tried.append(update)


def reservation(name: str, number: int, *ip: str, owner: str = DHCPD_HOST) -> Reservation:
    return Reservation(name, owner, f"5a:00:00:00:00:{number:02x}", ip=ip)


def book(*there: Reservation, running: bool = True, owed: Tuple[str, ...] = (), **known: Any) -> Book:
    """What was read of a host with these reservations, all in their files."""
    backend = Tried()
    seen = Known(DAEMON, HOOKED if there else CONF, None, bool(there), running, (Subnet("10.0.0.0/24"),))
    if there:
        seen = replace(seen, hosts_text=backend.render(there, seen))
    server = Server("isc", (DAEMON,), subnets=(Subnet("10.0.0.0/24", auto=(Range("10.0.0.20", "10.0.0.29"),)),))
    mine = {one.name: one for one in there}
    return Book(server, backend, (replace(seen, **known),), mine, {"/nowhere/ours": mine}, None, owed)


def steps(read: Book, *wanted: Reservation, gone: Optional[Dict[str, str]] = None) -> Tuple[List[str], Tuple[str, ...]]:
    """What is done, in its order, and the warnings."""
    plan = Plan()
    planned = plan_reservations(Host(), plan, read, wanted, gone or {})
    assert {change.subject for change in plan.changes} <= {SUBJECT}
    return [change.describe() for change in plan.changes], planned.warnings


RECORD = "in /var/db/apiary/reservations.json"
OWE = "note that isc-dhcpd has to take its files"


def test_the_first_one_is_hooked_in_after_its_file_is_there() -> None:
    read = book()
    assert steps(read, reservation("web1", 1, "auto"))[0] == [
        OWE,
        f"reserve 10.0.0.20 for web1 {RECORD}",
        "write /nowhere/ours",
        "write /nowhere/conf",
        "restart isc-dhcpd",
    ]
    assert isinstance(read.backend, Tried) and [one.conf for one in read.backend.tried] == [HOOKED]


def test_a_second_time_there_is_nothing_to_do() -> None:
    one = reservation("web1", 1, "10.0.0.20")
    assert steps(book(one), one) == ([], ())
    assert steps(book(one), replace(one, ip=("auto",))) == ([], ())
    assert steps(book(), gone={"never": DHCPD_HOST}) == ([], ())


def test_one_goes_and_one_changes() -> None:
    """What goes is in the record until it is gone, so that a task that breaks off is found again."""
    one, two = reservation("web1", 1, "10.0.0.20"), reservation("web2", 2)
    said, _warnings = steps(book(one, two), replace(two, filename="x"), gone={"web1": DHCPD_HOST})
    files = ["write /nowhere/ours", "restart isc-dhcpd"]
    assert said == [OWE, f"change web2 {RECORD}", *files, f"release web1 {RECORD}"]


def test_an_address_that_was_given_by_auto_is_free_when_its_reservation_goes() -> None:
    one, two = reservation("web1", 1, "10.0.0.20"), reservation("web2", 2, "auto")
    assert steps(book(one), two)[0][1] == f"reserve 10.0.0.21 for web2 {RECORD}"
    assert steps(book(one), two, gone={"web1": DHCPD_HOST})[0][1] == f"reserve 10.0.0.20 for web2 {RECORD}"


def test_a_daemon_that_is_off_is_left_off_and_one_that_is_owed_is_told() -> None:
    one = reservation("web1", 1, "10.0.0.20")
    said, warnings = steps(book(running=False), one)
    assert said[1:] == ["write /nowhere/ours", "write /nowhere/conf"]
    assert warnings == ("isc-dhcpd does not run: its files are written, and nobody is given anything until it does",)
    assert steps(book(one, running=False, owed=("isc-dhcpd",)), one) == (["restart isc-dhcpd"], ())


def test_what_was_edited_by_hand_is_written_again() -> None:
    one = reservation("web1", 1, "10.0.0.20")
    assert steps(book(one, hosts_text="# mine\n"), one)[0] == [OWE, "write /nowhere/ours", "restart isc-dhcpd"]


def test_where_our_file_is_there_the_configuration_comes_first() -> None:
    """So that what moves from it into ours is never in both."""
    one = reservation("web1", 1, "10.0.0.20")
    said, _warnings = steps(book(one, taken_over=CONF.replace("{ }", "{}")), replace(one, filename="x"))
    assert said[2:4] == ["write /nowhere/conf", "write /nowhere/ours"]


def test_others_reservations_are_left_to_them() -> None:
    guests = reservation("web1.lan", 1, "10.0.0.20", owner="guest web1")
    for wanted, gone in (((reservation("web1.lan", 2),), {}), ((), {"web1.lan": DHCPD_HOST})):
        with pytest.raises(BadInput, match="reservation web1.lan: it belongs to guest web1"):
            steps(book(guests), *wanted, gone=gone)
    assert book(guests).owned_by("guest web1") == ["web1.lan"]
    assert steps(book(guests), gone={"web1.lan": "guest web1"})[0][-1] == f"release web1.lan {RECORD}"


def test_a_long_plan_names_a_few() -> None:
    said = steps(book(), *(reservation(f"g{number}", number) for number in range(12)))[0][1]
    assert said.endswith(f" for g5 and 4 more {RECORD}")


def test_the_server_is_that_of_the_note_unless_options_say_otherwise() -> None:
    noted = Server("isc", (replace(DAEMON, conf="/note"),), "lab")
    assert server_of({}, noted) == noted
    assert server_of({}, None).daemons == Isc().daemons()[:1]
    assert server_of({"conf": "/mine"}, noted).daemons[0] == replace(DAEMON, conf="/mine")
    assert [one.service for one in server_of({"inet6": {}}, None).daemons] == ["isc-dhcpd", "isc-dhcpd6"]
    assert server_of({"inet6": {"conf": "/six"}}, noted).daemons[1].conf == "/six"
    with pytest.raises(BadInput, match="hosts_file: 'x' is not an absolute path"):
        server_of({"hosts_file": "x"}, None)
    with pytest.raises(BadInput, match="backend: 'bootpd'; allowed are"):
        server_of({"backend": "bootpd"}, None)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"name": "a", "purge": True}, "purge: only with hosts"),
        ({}, "name: give one host by name, or many by hosts"),
        ({"hosts": [{"name": "a"}, {"name": "a"}]}, "hosts: a is there twice"),
        ({"hosts": [], "name": "a"}, "hosts: name beside it"),
        ({"hosts": [{"name": "a b"}]}, "hosts: name: 'a b'"),
        ({"name": "a", "auto_range": ["x-y"]}, "auto_range: 'x-y'"),
    ],
)
def test_a_task_that_makes_no_sense_is_told(params: Dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput) as caught:
        task_of(params)
    assert says in str(caught.value)


def test_adopt_may_stand_alone() -> None:
    assert task_of({"adopt": True}).hosts == ()
