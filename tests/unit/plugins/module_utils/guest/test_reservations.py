# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what is declared of NICs to reservations on the host's own DHCP server, and to what goes there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp import planning
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.allocation import Ranges
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import Known
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backends import find_backend
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon, Range, Server, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput, CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import view
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.merge import clone_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import UNALLOCATED
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.renames.state import Former
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations import plan as reservation_plan
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.plan import plan_wishes
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.state import HostDhcp, told
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.wishes import Wishes, wishes_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import guest_from_json, guest_to_json
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host, Result
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Outcome, Plan

Make = Callable[..., Dict[str, Any]]
Named = Dict[str, Reservation]

SERVER = Server(
    "isc",
    (Daemon("/usr/local/etc/dhcpd.conf", "/usr/local/etc/apiary/dhcpd.hosts", "isc-dhcpd"),),
    "lab",
    (
        Subnet("10.10.0.0/24", "bridge0", auto=(Range("10.10.0.20", "10.10.0.29"),)),
        Subnet("fd00:10::/64", "bridge0"),
        Subnet("10.20.0.0/24", "bridge1", auto=(Range("10.20.0.20", "10.20.0.29"),)),
    ),
)


def nic(name: str = "lan", **options: Any) -> Dict[str, Any]:
    return {"name": name, "switch": "bridge0", **options}


def serve(fleet: Any, reservations: Sequence[Reservation] = (), server: Server = SERVER, owed: bool = False) -> None:
    fleet.observed = replace(fleet.observed, dhcp=HostDhcp(server, {one.name: one for one in reservations}, owed))


def wishes(fleet: Any, *requests: Mapping[str, Any]) -> Wishes:
    found = wishes_of(fleet.desired(*requests), fleet.observed)
    assert found is not None
    return found


def wanted(fleet: Any, *requests: Mapping[str, Any]) -> List[Reservation]:
    return [one for some in wishes(fleet, *requests).wanted.values() for one in some]


def gone(fleet: Any, *requests: Mapping[str, Any]) -> List[str]:
    return sorted(name for some in wishes(fleet, *requests).gone.values() for name in some)


def reserved(fleet: Any, *guests: str) -> None:
    """Let the guests have the reservations that they want."""
    made = [one for name in guests for one in wanted(fleet, {"name": name})]
    serve(fleet, [*fleet.observed.dhcp.reservations.values(), *made])


@pytest.mark.parametrize(
    ("options", "reservation"),
    [
        ({}, None),
        ({"ip": "10.10.0.11"}, {"ip": ("10.10.0.11",), "hostname": "web1"}),
        ({"ip": "auto"}, {"ip": ("auto",), "hostname": "web1"}),
        ({"ip6": "FD00:10::0011"}, {"ip6": ("fd00:10::11",), "hostname": "web1"}),
        ({"ip": "10.10.0.11", "hostname": "www.lab"}, {"ip": ("10.10.0.11",), "hostname": "www.lab"}),
        ({"hostname": "www"}, {"hostname": "www"}),
        ({"ip": "10.10.0.11", "switch": "bridge0", "mac": "5A-0-0-0-0-1"}, {"mac": "5a:00:00:00:00:01"}),
        (
            {"dhcp": {"filename": "boot/x", "options": {"mtu": 9000}, "statements": [" a b; "], "max_lease_time": 60}},
            {
                "filename": "boot/x",
                "options": (("mtu", "9000"),),
                "statements": ("a b;",),
                "max_lease_time": 60,
                "hostname": "web1",
            },
        ),
    ],
)
def test_what_a_nic_gets(
    fleet: Any, request_of: Make, options: Dict[str, Any], reservation: Optional[Dict[str, Any]]
) -> None:
    serve(fleet)
    found = wanted(fleet, request_of(memory="1G", nics=[nic(**options)]))
    if reservation is None:
        assert found == []
        return
    (one,) = found
    assert (one.name, one.owner) == ("web1.lan", "guest web1") and one.mac.startswith("5a:")
    assert {key: getattr(one, key) for key in reservation} == reservation


def test_a_name_that_no_host_can_have_is_told_to_nobody(fleet: Any, request_of: Make) -> None:
    serve(fleet)
    (one,) = wanted(fleet, request_of(name="web_1", memory="1G", nics=[nic(ip="auto")]))
    assert one.hostname == ""


def test_the_record_has_all_of_it_and_what_is_shown_is_input_again(fleet: Any, request_of: Make) -> None:
    options = {"filename": "x", "options": {"mtu": 1400}, "statements": ["a;"], "publish_arp": True}
    made = fleet.make(memory="1G", nics=[nic(ip="10.10.0.11", ip6="fd00:10::11", hostname="www", dhcp=options)])
    assert guest_from_json(guest_to_json(made.guest)) == made.guest
    shown = view.options_of(made)["nics"]
    assert shown[0]["dhcp"] == {**options, "options": {"mtu": "1400"}}
    (again,) = fleet.desired(request_of(nics=shown))
    assert again.record == made
    plain = fleet.make(name="web2", memory="1G", nics=[nic()])
    assert "dhcp" not in guest_to_json(plain.guest)["nics"][0], "an older release can read it"
    (less,) = fleet.desired(
        request_of(nics=[nic(ip="", ip6="", hostname="", dhcp={"options": {}, "filename": "", "publish_arp": False})])
    )
    assert view.options_of(less.record)["nics"][0]["dhcp"] == {"statements": ["a;"]}


BAD: List[Tuple[Dict[str, Any], str]] = [
    ({"ip": "10.10.0.300"}, "nic lan: ip: '10.10.0.300' is neither an IPv4 address such as .* nor auto"),
    ({"ip": "10.10.0.11/24"}, "ip: '10.10.0.11/24' is neither"),
    ({"ip": "fd00::1"}, "ip: 'fd00::1' is neither"),
    ({"ip": "127.0.0.1"}, "ip: 127.0.0.1 is not an address that a guest can be given"),
    ({"ip6": "10.10.0.11"}, "ip6: '10.10.0.11' is not an IPv6 address"),
    ({"ip6": "fe80::1"}, "ip6: fe80::1 is link-local"),
    ({"hostname": "-web"}, "hostname: '-web' is not a host name"),
    ({"hostname": "a" * 64}, "is not a host name"),
    ({"ip": "10.10.0.11", "switch": ""}, "ip: the NIC is plugged into nothing"),
    ({"ip": "10.10.0.11", "switch": "none"}, "ip: with switch: none there is nothing but the host"),
    ({"dhcp": {"filename": "x"}, "switch": "none"}, "dhcp: with switch: none"),
    ({"dhcp": {"next_server": "a b"}}, "nic lan: dhcp.next_server: 'a b' is neither"),
    ({"dhcp": {"max_lease_time": -1}}, "nic lan: dhcp.max_lease_time: -1"),
    ({"dhcp": {"options": {"a b": 1}}}, "nic lan: dhcp.options: 'a b' is not the name of an option"),
    ({"dhcp": {"publish_arp": True}}, "dhcp.publish_arp: of which address"),
    ({"ip": "10.20.0.11"}, "ip: 10.20.0.11 is in no subnet that .* on the switch bridge0; it has 10.10.0.0/24"),
    ({"ip6": "fd00:20::11"}, "ip6: fd00:20::11 is in no subnet .* it has fd00:10::/64"),
    ({"ip6": "fd00:20::11", "switch": "bridge1"}, "it has none"),
]


@pytest.mark.parametrize(("options", "says"), BAD)
def test_bad_input(fleet: Any, request_of: Make, options: Dict[str, Any], says: str) -> None:
    serve(fleet)
    with pytest.raises(BadInput, match=f"guest web1: .*{says}"):
        wishes(fleet, request_of(memory="1G", nics=[nic(**options)]))


def test_one_address_is_one_nics_on_a_switch_whoever_serves_it(fleet: Any, request_of: Make) -> None:
    fleet.make(name="web2", memory="1G", nics=[nic(ip="10.10.0.11", ip6="fd00:10::11", mac="5a:0:0:0:0:2")])
    for option, text in (("ip", "10.10.0.11"), ("ip6", "fd00:10::11")):
        with pytest.raises(BadInput, match=f"guest web1: nic lan: {option}: {text} is that of guest web2, nic lan"):
            fleet.plan(request_of(memory="1G", nics=[nic(**{option: text})]))
    fleet.plan(request_of(memory="1G", nics=[nic(switch="bridge1", ip="10.10.0.11")]))
    fleet.plan(request_of(name="web2", nics=[nic(ip="")]), request_of(memory="1G", nics=[nic(ip="10.10.0.11")]))
    fleet.plan(request_of(memory="1G", nics=[nic(ip="auto"), nic("dmz", ip="auto")]))
    with pytest.raises(BadInput, match=r"nic dmz: ip: 10.10.0.12 is that of guest web1, nic lan"):
        fleet.plan(request_of(memory="1G", nics=[nic(ip="10.10.0.12"), nic("dmz", ip="10.10.0.12")]))


@pytest.mark.parametrize(
    ("given", "names", "goes"),
    [
        ({"cpus": 2}, ["web1.dmz", "web1.lan"], []),
        ({"nics": [nic(state="absent")]}, ["web1.dmz"], ["web1.lan"]),
        ({"nics": [nic("dmz")], "exact": True}, ["web1.dmz"], ["web1.lan"]),
        ({"nics": [nic(switch="")]}, ["web1.dmz"], ["web1.lan"]),
        ({"nics": [nic(switch="bridge9")]}, ["web1.dmz"], ["web1.lan"]),
        ({"nics": [nic(switch="none", ip="")]}, ["web1.dmz"], ["web1.lan"]),
        ({"nics": [nic(ip="")]}, ["web1.dmz"], ["web1.lan"]),
        ({"nics": [nic(switch="bridge1", ip="10.20.0.11")]}, ["web1.dmz", "web1.lan"], []),
        ({"state": "absent"}, [], ["web1.dmz", "web1.lan"]),
        ({"state": "stopped"}, ["web1.dmz", "web1.lan"], []),
    ],
)
def test_what_becomes_of_a_guests_reservations(
    fleet: Any, request_of: Make, given: Dict[str, Any], names: List[str], goes: List[str]
) -> None:
    interfaces = fleet.observed.interfaces
    other = replace(interfaces["bridge0"], name="bridge9")
    fleet.observed = replace(fleet.observed, interfaces={**interfaces, "bridge9": other})
    serve(fleet)
    fleet.make(memory="1G", nics=[nic(ip="10.10.0.11"), nic("dmz", ip="auto")])
    reserved(fleet, "web1")
    request = request_of(**given)
    assert sorted(one.name for one in wanted(fleet, request)) == names
    assert gone(fleet, request) == goes


def test_an_unplugged_nic_gets_its_address_again(fleet: Any, request_of: Make) -> None:
    serve(fleet)
    fleet.make(memory="1G", nics=[nic(ip="10.10.0.11")])
    fleet.make(request_of(nics=[nic(switch="")]))
    assert not wanted(fleet, request_of())
    (one,) = wanted(fleet, request_of(nics=[nic()]))
    assert one.ip == ("10.10.0.11",)


def test_another_guests_reservations_are_left_alone(fleet: Any, request_of: Make) -> None:
    serve(fleet)
    fleet.make(memory="1G", nics=[nic(ip="10.10.0.11")])
    fleet.make(name="web1.lan", memory="1G", nics=[nic(ip="10.10.0.12")])
    reserved(fleet, "web1", "web1.lan")
    assert gone(fleet, request_of(state="absent")) == ["web1.lan"]
    assert gone(fleet, request_of(name="web1.lan", state="absent")) == ["web1.lan.lan"]


def test_a_renamed_guest_has_its_reservation_by_its_new_name(fleet: Any, request_of: Make) -> None:
    serve(fleet)
    fleet.make(memory="1G", nics=[nic(ip="10.10.0.11")])
    reserved(fleet, "web1")
    seen: ObservedGuest = fleet.observed.guests.pop("web1")
    guest = replace(seen.record.guest, name="shop1") if seen.record else None
    assert guest is not None and seen.record is not None
    record = replace(seen.record, guest=guest)
    fleet.observed = replace(
        fleet.observed,
        guests={"shop1": replace(seen, name="shop1", record=record)},
        formers={"shop1": Former("web1", seen.record, (), False, False, True)},
    )
    (one,) = wanted(fleet, request_of(name="shop1"))
    assert (one.name, one.owner, one.hostname, one.ip) == ("shop1.lan", "guest shop1", "shop1", ("10.10.0.11",))
    assert gone(fleet, request_of(name="shop1")) == ["web1.lan"]


def test_a_clone_claims_nothing_that_its_source_has(fleet: Any) -> None:
    dhcp = {"filename": "x", "publish_arp": True}
    source = fleet.make(
        memory="1G",
        nics=[
            nic(ip="10.10.0.11", ip6="fd00:10::11", hostname="www", dhcp=dhcp),
            nic("dmz", ip="auto", mac="5a:0:0:0:0:1"),
        ],
    )
    lan, dmz = clone_of(source, "web2", {}).nics
    assert (lan.ip, lan.ip6, lan.hostname, lan.mac, lan.dhcp.filename) == ("", "", "", "", "x")
    assert (dmz.ip, dmz.mac) == ("auto", "")


def test_what_a_guest_left_that_is_no_more_gives_way(fleet: Any, request_of: Make) -> None:
    old = Reservation("shop1.lan", "guest shop1", "5a:00:00:00:00:09", ip=("10.10.0.11",))
    other = Reservation("shop2.lan", "guest shop2", "5a:00:00:00:00:08", ip=("10.10.0.12",))
    by_hand = Reservation("printer", "dhcpd_host", "5a:00:00:00:00:07", ip=("10.10.0.13",))
    serve(fleet, [old, other, by_hand])
    request = request_of(memory="1G", nics=[nic(ip="10.10.0.11"), nic("dmz", ip="10.10.0.13")])
    assert gone(fleet, request) == ["shop1.lan"]
    unread = ObservedGuest("shop1", error=ApiaryError("no"))
    fleet.observed = replace(fleet.observed, guests={"shop1": unread})
    assert gone(fleet, request) == [], "it cannot be read, so nobody knows whether it is there"


def test_a_bridge_is_one_switch_by_any_of_its_names(fleet: Any, request_of: Make) -> None:
    bridge = replace(fleet.observed.interfaces["bridge0"], name="bridge1000", description="apiary:lab")
    switches = {"lab": {"type": "bridge", "interface": "bridge1000"}, "fast": {"type": "vale", "interface": "vale0"}}
    fleet.observed = replace(
        fleet.observed,
        interfaces={**fleet.observed.interfaces, "bridge1000": bridge},
        allocations=replace(fleet.observed.allocations, switches=switches),
    )
    serve(fleet, server=replace(SERVER, subnets=(Subnet("10.10.0.0/24", "lab"), Subnet("10.30.0.0/24", "fast"))))
    for switch, ip, count in (("lab", "10.10.0.5", 1), ("bridge1000", "10.10.0.5", 1), ("fast", "10.30.0.5", 1)):
        assert len(wanted(fleet, request_of(memory="1G", nics=[nic(switch=switch, ip=ip)]))) == count
    assert not wanted(fleet, request_of(memory="1G", nics=[nic(ip="10.10.0.5")])), "bridge0 is another one"


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        ({}, False),
        ({"state": "started"}, False),
        ({"cpus": 2}, False),
        ({"nics": [nic()]}, True),
        ({"nics": [nic(mac="5a:0:0:0:0:1")]}, True),
        ({"state": "absent"}, True),
    ],
)
def test_the_server_is_read_only_when_there_is_something_to_do(
    fleet: Any, request_of: Make, given: Dict[str, Any], needed: bool
) -> None:
    assert wishes_of(fleet.desired(request_of(memory="1G", nics=[nic(ip="auto")])), fleet.observed) is None
    serve(fleet)
    fleet.make(memory="1G", nics=[nic(ip="auto")])
    fleet.make(name="web2", memory="1G", nics=[nic()])
    assert wishes(fleet, request_of()).needed
    reserved(fleet, "web1")
    taken = [replace(one, ip=("10.10.0.20",)) for one in fleet.observed.dhcp.reservations.values()]
    serve(fleet, taken)
    assert wishes(fleet, request_of(**given)).needed == needed
    assert not wishes(fleet, request_of(name="web2", cpus=2, nics=[nic()])).needed
    assert not wishes(fleet, request_of(name="web3", state="absent")).needed
    serve(fleet, taken, owed=True)
    assert wishes(fleet, request_of(name="web3", state="absent")).needed


def test_an_address_that_was_declared_elsewhere_is_no_obstacle_to_something_else(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="1G", nics=[nic(ip="10.99.0.1"), nic("dmz", ip="10.10.0.12")])
    serve(fleet)
    found = wishes(fleet, request_of(state="stopped"))
    assert [one.name for one in found.wanted["web1"]] == ["web1.dmz"]
    (warning,) = found.warnings
    assert "guest web1: nic lan: ip: 10.99.0.1 is in no subnet" in warning and "has no reservation" in warning


class Machine(Host):
    """A host whose DHCP server starts, or does not."""

    def __init__(self, starts: bool = True) -> None:
        super().__init__()
        self.starts = starts

    def run(self, argv: Sequence[str], **_options: object) -> Result:
        if not self.starts:
            raise CommandError("cannot restart isc-dhcpd", argv, 1, "", "no")
        return Result(tuple(argv), 0, "", "")


class Deed(Change):
    """A change of the fake planning below."""

    def describe(self) -> str:
        return "tell the server"

    def apply(self, host: Host) -> None:
        host.run(["service", "isc-dhcpd", "onerestart"], what="cannot restart isc-dhcpd")


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> List[Tuple[List[Reservation], List[str]]]:
    """What the core of DHCP is asked for; it answers as if the server had taken it."""
    calls: List[Tuple[List[Reservation], List[str]]] = []
    has: Named = {"web2.lan": Reservation("web2.lan", "guest web2", "5a:00:00:00:00:02", ip=("10.10.0.12",))}

    def read(_host: Host, server: Server) -> planning.Book:
        known = Known(server.daemons[0], "", "", True, True, server.subnets)
        return planning.Book(server, find_backend(server.backend), (known,), has, {}, None)

    def plan(
        _host: Host,
        to: Plan,
        book: planning.Book,
        asked: Sequence[Reservation],
        gone: Mapping[str, str],
        ranges: Ranges,
    ) -> planning.Planned:
        calls.append((list(asked), sorted(gone)))
        got = [replace(one, ip=(ranges(one)[0].first,)) if one.ip == ("auto",) else one for one in asked]
        to.add(Deed(planning.SUBJECT))
        to.before["/hosts"], to.after["/hosts"] = "", "".join(f"{one.mac}\n" for one in got)
        others = {name: one for name, one in book.reservations.items() if name not in gone}
        return planning.Planned({**others, **{one.name: one for one in got}}, ("mind this",))

    monkeypatch.setattr(reservation_plan, "read_reservations", read)
    monkeypatch.setattr(reservation_plan, "plan_reservations", plan)
    return calls


def test_each_guest_is_told_what_becomes_of_its_own(fleet: Any, request_of: Make, planned: List[Any]) -> None:
    serve(fleet)
    fleet.make(name="web2", memory="1G", nics=[nic(ip="10.10.0.12")])
    serve(fleet, [Reservation("web2.lan", "guest web2", "5a:00:00:00:00:02", ip=("10.10.0.12",))])
    requests = (request_of(memory="1G", nics=[nic(ip="auto")]), request_of(name="web2", state="absent"))
    found = plan_wishes(Machine(), wishes(fleet, *requests))
    assert found.steps == {
        "web1": ["make the reservation web1.lan of 10.10.0.20"],
        "web2": ["release the reservation web2.lan"],
    }
    assert told("web1", found.reservations["web1"]) == {"lan": {"ip": "10.10.0.20", "ip6": "", "hostname": "web1"}}
    assert found.warnings == ["mind this"] and len(planned) == 1
    outcome = Outcome()
    found.apply(Machine(), outcome)
    assert outcome.done == {**found.steps, planning.SUBJECT: ["tell the server"]} == found.describe()


def test_a_guest_that_failed_keeps_what_it_had(fleet: Any, request_of: Make, planned: List[Any]) -> None:
    serve(fleet)
    requests = (
        request_of(memory="1G", nics=[nic(ip="10.10.0.11")]),
        request_of(name="web3", memory="1G", nics=[nic(ip="10.10.0.13")]),
    )
    found = plan_wishes(Machine(), wishes(fleet, *requests))
    outcome = Outcome(failed={"web1": ApiaryError("no room")})
    found.apply(Machine(), outcome)
    assert [one.name for one in planned[-1][0]] == ["web3.lan"]
    assert sorted(outcome.done) == [planning.SUBJECT, "web3"]


def test_guests_whose_reservation_was_not_made_are_known(fleet: Any, request_of: Make, planned: List[Any]) -> None:
    serve(fleet)
    found = plan_wishes(Machine(), wishes(fleet, request_of(memory="1G", nics=[nic(ip="10.10.0.11")])))
    outcome = Outcome()
    found.apply(Machine(starts=False), outcome)
    assert "cannot restart isc-dhcpd" in str(outcome.failed[planning.SUBJECT]) and not outcome.changed
    assert list(found.unserved(outcome)) == ["web1"] and planned


def test_check_mode_shows_no_mac_that_apply_will_not_give(fleet: Any, request_of: Make, planned: List[Any]) -> None:
    serve(fleet)
    (one,) = fleet.desired(request_of(memory="1G", nics=[nic(ip="10.10.0.11")]))
    unknown = replace(one.record, identity=replace(one.identity, macs={"lan": UNALLOCATED}))
    found = plan_wishes(Machine(), wishes_of([replace(one, record=unknown)], fleet.observed))
    ((asked,), _gone) = planned[0]
    assert asked.mac.startswith("5a:") and found.plan.after == {"/hosts": f"{UNALLOCATED}\n"}
