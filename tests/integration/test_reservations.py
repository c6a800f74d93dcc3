# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of guests on a host that serves DHCP itself: one declaration, with ISC's own dhcpd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest
from compare import fingerprint, unforetold
from dhcp_clients import Clients
from faults import Sweep, sample
from guests import state_of, the, tiny
from harness import Modules, Playbooks
from standin.host import StandinHost

CONF = "/usr/local/etc/dhcpd.conf"
HOSTS = "/usr/local/etc/apiary/dhcpd.hosts"
NOTE = "/usr/local/etc/apiary/dhcp.json"
RECORD = "/var/db/apiary/reservations.json"

SWITCHES = {"lab": "10.10.0", "dmz": "10.20.0"}
SUBNETS = [
    {"switch": switch, "subnet": f"{net}.0/24", "auto": [f"{net}.20-{net}.199"]} for switch, net in SWITCHES.items()
]


def lab(name: str = "lan", **options: Any) -> Dict[str, Any]:
    """A NIC on the switch that is served."""
    return {"name": name, "switch": "lab", **options}


def off(name: str, *nics: Dict[str, Any], **options: Any) -> Dict[str, Any]:
    """A guest that is off."""
    return tiny(name, state="present", nics=list(nics), **options)


def reserved(host: StandinHost) -> Dict[str, str]:
    """The addresses that dhcpd's file has, by reservation; it is as the record has it."""
    text = host.read(HOSTS) if host.exists_in(HOSTS) else ""
    record = json.loads(host.read(RECORD))["servers"].get(HOSTS, {}) if host.exists_in(RECORD) else {}
    assert all(f"host {name} {{" in text for name in record), text
    assert text.count("hardware ethernet") == len(record)
    return {name: "".join(one.get("ip", [])) for name, one in sorted(record.items())}


def lease(cards: Clients, mac: str) -> Tuple[str, str, str]:
    """Address, host name and boot file that a card is given."""
    given = cards.lease(mac)
    assert given is not None
    return given["ip"], given["hostname"], given.get("boot_file", "")


def restarts(host: StandinHost) -> int:
    return sum(" ".join(call.argv) == "service isc-dhcpd onerestart" for call in host.commands())


@pytest.fixture(scope="module")
def modules(shared_host: StandinHost) -> Modules:
    """Modules on a host that serves DHCP on two switches, for all tests here."""
    shared_host.run(["pkg", "install", "-y", "isc-dhcp44-server"], check=True)
    modules = Modules(shared_host)
    switches = [{"name": switch, "addresses": [f"{net}.1/24"]} for switch, net in SWITCHES.items()]
    modules.good("bhyve_switch", {"switches": switches})
    modules.good("dhcp_server", {"subnets": SUBNETS, "default_lease_time": 600})
    return modules


@pytest.fixture
def host(modules: Modules) -> Iterator[StandinHost]:
    """That host, without a guest before and after."""
    yield modules.host
    names = [vm["name"] for vm in modules.good("bhyve_vm_info", {})["vms"]]
    gone = [{"name": name, "state": "absent", "destroy": True} for name in names]
    modules.good("bhyve_vm", {"vms": gone})
    assert reserved(modules.host) == {}, "nothing is stale when all guests are gone"


STORY: List[Dict[str, Any]] = [
    off("web1", lab(ip="10.10.0.11", dhcp={"publish_arp": True}), lab("dmz", ip="auto", hostname="www")),
    {"vms": [off("web2", lab(ip="auto", dhcp={"filename": "boot.ipxe", "next_server": "10.10.0.1"})), off("web3")]},
    {
        "vms": [
            {"name": "web1", "nics": [lab(ip="10.10.0.12", mac="5a:00:00:00:00:11"), lab("dmz", switch="dmz")]},
            {"name": "web2", "nics": [lab(switch="")]},
        ]
    },
    {"vms": [{"name": "web4", "clone_from": "web1"}, {"name": "web2", "nics": [lab(switch="lab")]}]},
    {"vms": [{"name": "shop1", "rename_from": "web1"}, {"name": "web2", "nics": [lab(state="absent")]}]},
    {"vms": [{"name": "shop1", "nics": [lab(ip="", dhcp={"publish_arp": False})]}, off("web3", lab(ip="10.10.0.12"))]},
    {"vms": [{"name": name, "state": "absent"} for name in ("shop1", "web2", "web3")]},
]


def test_check_mode_changes_nothing_and_predicts_what_apply_does(host: StandinHost, modules: Modules) -> None:
    wrong = unforetold(modules, "bhyve_vm", STORY)
    assert not wrong, "\n".join(wrong)
    assert reserved(host) == {"web4.dmz": "10.20.0.21"}, "and no more"
    assert "published" not in host.sh("arp -an").stdout


def test_a_card_is_given_what_was_declared_until_the_guest_is_gone(host: StandinHost, modules: Modules) -> None:
    first = modules.good("bhyve_vm", off("web1", lab(ip="10.10.0.11", dhcp={"filename": "boot.ipxe"})))
    mac = the(first, "web1")["nics"][0]["mac"]
    assert state_of(modules, "web1")["reservations"] == {"lan": {"ip": "10.10.0.11", "ip6": "", "hostname": "web1"}}
    cards = Clients(host, "bridge1000")
    assert lease(cards, mac) == ("10.10.0.11", "web1", "boot.ipxe")
    changed = modules.good("bhyve_nic", {"vm": "web1", **lab(ip="10.10.0.12", hostname="www", dhcp={"filename": ""})})
    assert changed["nics"][0]["reservation"] == {"ip": "10.10.0.12", "ip6": "", "hostname": "www"}
    assert changed["reservations"][1:] == [f"change web1.lan in {RECORD}", f"write {HOSTS}", "restart isc-dhcpd"]
    assert lease(cards, mac) == ("10.10.0.12", "www", "")
    modules.good("bhyve_nic", {"vm": "web1", "name": "lan", "mac": "5a:00:00:00:00:11"})
    assert lease(cards, "5a:00:00:00:00:11") == ("10.10.0.12", "www", "")
    modules.good("bhyve_vm", {"name": "web1", "state": "absent"})
    assert cards.lease("5a:00:00:00:00:11", 3) is None


def test_the_server_is_told_once_before_the_guests_start(host: StandinHost, modules: Modules) -> None:
    names = [f"g{number}" for number in range(40)]
    vms = [off(name, lab(ip="auto")) for name in names]
    for vm in vms[:2]:
        vm["state"] = "started"
    host.clear_commands()
    made = modules.good("bhyve_vm", {"vms": vms})
    done = [" ".join(call.argv) for call in host.commands()]
    told, started = (
        next(index for index, line in enumerate(done) if text in line)
        for text in ("service isc-dhcpd onerestart", "apiary start")
    )
    assert restarts(host) == 1 and told < started
    addresses = [vm["status"]["reservations"]["lan"]["ip"] for vm in made["vms"]]
    assert sorted(addresses, key=lambda ip: int(ip.rpartition(".")[2])) == [f"10.10.0.{20 + n}" for n in range(40)]
    host.clear_commands()
    many = modules.good("bhyve_vm", {"vms": vms})
    one = modules.good("bhyve_vm", vms[0])
    assert not many["changed"] and not one["changed"] and not restarts(host)
    assert many["commands_started"] == one["commands_started"]
    plain = modules.good("bhyve_vm", {"name": "g0", "cpus": 1})
    assert plain["commands_started"] < one["commands_started"], "nothing is asked of NICs, so the server is not either"
    modules.good("bhyve_vm", {"vms": [{"name": name, "state": "absent"} for name in names]})
    assert restarts(host) == 1


BAD = [
    (off("web1", lab(ip="10.10.1.11")), "guest web1: nic lan: ip: 10.10.1.11 is in no subnet"),
    (off("web1", lab(ip="10.10.0.1")), "web1.lan: ip: 10.10.0.1 is the router of 10.10.0.0/24"),
    (off("web1", lab(ip="10.10.0.9")), "10.10.0.9 is that of host printer in " + CONF),
    (off("web1", lab(mac="5a:00:00:00:00:99", ip="auto")), "mac: 5a:00:00:00:00:99 is that of host printer in " + CONF),
    (off("web1", lab(dhcp={"statements": ["option no-such 1;"]})), "unknown option dhcp.no-such"),
    ({"vms": [off("web1", lab(ip="10.10.0.11")), off("web2", lab(ip="10.10.0.11"))]}, "is that of guest web1, nic lan"),
    (off("web1", lab(ip="auto", switch="bridge9")), "switch: bridge9 does not exist"),
]


def test_bad_input_is_one_clear_error_and_changes_nothing(host: StandinHost, modules: Modules) -> None:
    conf = host.read(CONF)
    printer = "host printer { hardware ethernet 5a:00:00:00:00:99; fixed-address 10.10.0.9; }\n"
    host.write(CONF, conf + printer)
    untouched = fingerprint(host)
    wrong: List[str] = []
    for task, text in BAD:
        result = modules.run("bhyve_vm", task)
        said = str(result.get("msg")) if result.get("failed") else "no error"
        wrong += [] if text in said and not result["changed"] else [f"{task}: {said}"]
    assert not wrong, "\n".join(wrong)
    assert fingerprint(host) == untouched
    host.write(CONF, conf)


def test_a_server_in_disorder_keeps_no_guest_from_being_stopped(host: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_vm", {**off("web1", lab(ip="10.10.0.11")), "state": "started"})
    conf = host.read(CONF)
    host.write(CONF, "subnet {\n")
    modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})
    refused = modules.run("bhyve_vm", {"name": "web1", "state": "absent"})
    assert refused["failed"] and CONF in refused["msg"] and not refused["changed"]
    host.write(CONF, conf)


def test_a_guest_that_goes_back_or_comes_from_a_file_has_what_it_had(host: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_vm", off("web1", lab(ip="10.10.0.11"), disks=[{"name": "root", "size": "4M"}]))
    modules.good("bhyve_snapshot", {"vm": "web1", "name": "before"})
    modules.good("bhyve_nic", {"vm": "web1", "name": "lan", "ip": "10.10.0.12"})
    rollback = {"vm": "web1", "name": "before", "state": "rolled_back"}
    assert (
        modules.good("bhyve_snapshot", rollback, check=True)["changed"] and reserved(host)["web1.lan"] == "10.10.0.12"
    )
    back = modules.good("bhyve_snapshot", rollback)
    assert "change the reservation web1.lan of 10.10.0.11" in back["snapshots"][0]["changes"]
    assert reserved(host) == {"web1.lan": "10.10.0.11"}
    modules.good("bhyve_export", {"vm": "web1", "path": "/var/tmp/web1.apiary"})
    clash = modules.run("bhyve_import", {"path": "/var/tmp/web1.apiary", "name": "web2"})
    assert clash["failed"] and "web1" in clash["msg"]
    modules.good("bhyve_import", {"path": "/var/tmp/web1.apiary", "name": "web2", "keep_identity": False})
    assert reserved(host) == {"web1.lan": "10.10.0.11"}
    modules.good("bhyve_vm", {"name": "web1", "state": "absent", "destroy": True})
    task = {"path": "/var/tmp/web1.apiary"}
    foretold = modules.good("bhyve_import", task, check=True)
    done = modules.good("bhyve_import", task)
    assert foretold["imports"][0]["changes"] == done["imports"][0]["changes"]
    assert reserved(host) == {"web1.lan": "10.10.0.11"}
    assert not modules.good("bhyve_import", task)["changed"]


class HalfWay(Sweep):
    """One guest comes, one gets another address, one goes."""

    def begin(self) -> None:
        self.modules.good(
            "bhyve_vm",
            {
                "vms": [
                    {"name": "web1", "state": "absent"},
                    off("web2", lab(ip="10.10.0.12")),
                    off("web3", lab(ip="10.10.0.13")),
                ]
            },
        )

    def left(self, result: Optional[Dict[str, Any]]) -> List[str]:
        return (
            [] if result is None or (result.get("failed") and "it failed" in result["msg"]) else [f"not told: {result}"]
        )

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        seen = reserved(self.host)
        return [] if seen == {"web1.lan": "10.10.0.13", "web2.lan": "10.10.0.22"} else [f"there are {seen}"]


CHANGES = {
    "vms": [
        off("web1", lab(ip="10.10.0.13")),
        {"name": "web2", "nics": [lab(ip="10.10.0.22")]},
        {"name": "web3", "state": "absent"},
    ]
}


@pytest.mark.usefixtures("host")
def test_a_task_that_fails_or_loses_power_half_way_is_completed_by_the_next(modules: Modules) -> None:
    sweep = HalfWay(modules, "bhyve_vm", CHANGES)
    sweep.record()
    assert any("onerestart" in line for line in sweep.commands)
    # Those of rc(8) within them are its own affair.
    ours = ("zfs ", "ifconfig ", "service ", "dhcpd -t -cf /var/run/apiary/")
    numbers = [number for number, line in enumerate(sweep.commands, 1) if line.startswith(ours)]
    sweep.go("fail", sample(numbers))
    sweep.go("cut", numbers[-1:])


def test_a_server_elsewhere_has_what_all_guests_of_the_host_declare(
    host: StandinHost, modules: Modules, tmp_path: Path
) -> None:
    note = host.read(NOTE)
    host.run(["rm", NOTE], check=True)
    modules.good("bhyve_vm", off("other", lab(ip="10.10.0.13")))
    stale = {"hosts": [{"name": "gone.lan", "mac": "5a:00:00:00:00:66"}], "group": host.name}
    modules.good("dhcpd_host", {**stale, "backend": "isc"})
    play = [{"hosts": "hives", "gather_facts": False, "roles": ["apiary.bhyve.bhyve_guests"]}]
    (tmp_path / "role.yml").write_text(json.dumps(play))
    guests = [tiny("web1", nics=[lab(ip="10.10.0.11"), lab("dmz", ip="10.20.0.11", switch="dmz")])]
    guests += [tiny("web2", nics=[lab(ip="auto")])]
    variables = {
        # It stands for a host of the inventory that has the server and no guests.
        "bhyve_guests_dhcp_host": host.name,
        "bhyve_guests_dhcp_switches": ["lab"],
        "bhyve_guests_dhcp_server": {"backend": "isc", "auto_range": ["10.10.0.50-10.10.0.59"]},
        "bhyve_guests_vms": guests,
    }
    host.clear_commands()
    run = Playbooks(host, tmp_path).play(str(tmp_path / "role.yml"), extra=variables)
    assert run.rc == 0, run.output
    assert reserved(host) == {"other.lan": "10.10.0.13", "web1.lan": "10.10.0.11", "web2.lan": "10.10.0.50"}
    done = [" ".join(call.argv) for call in host.commands()]
    told, started = (
        next(index for index, line in enumerate(done) if text in line) for text in ("onerestart", "apiary start")
    )
    assert told < started, "the guests find their reservations when they start"
    modules.good("dhcpd_host", {"hosts": [], "group": host.name, "purge": True})
    host.write(NOTE, note)
