# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of dhcp_server relies on: ISC's own dhcpd on declared switches, machines that ask it, its role."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, List

import outside
import pytest
from compare import comparable, differences, unforetold
from dhcp_clients import MAC, Clients, reserve_for_strangers
from faults import Sweep, sample
from harness import Modules, Playbooks
from lan import Lan
from standin.host import StandinHost

CONF = "/usr/local/etc/dhcpd.conf"
OURS = "/usr/local/etc/apiary/dhcpd.hosts"
NOTE = "/usr/local/etc/apiary/dhcp.json"
PID = "/var/run/dhcpd/dhcpd.pid"

LAB: Dict[str, Any] = {
    "subnet": "10.10.0.0/24",
    "switch": "lab",
    "ranges": ["10.10.0.100-10.10.0.199"],
    "auto": ["10.10.0.20-10.10.0.29"],
}
LAN: Dict[str, Any] = {"subnet": "198.51.100.0/24", "switch": "lan", "ranges": ["198.51.100.100-198.51.100.110"]}


@pytest.fixture(scope="module")
def served(shared_lan_host: StandinHost) -> StandinHost:
    """A host with dhcpd's package and two switches, one of which has an uplink."""
    shared_lan_host.run(["pkg", "install", "-y", "isc-dhcp44-server"], check=True)
    switches = [
        {"name": "lab", "addresses": ["10.10.0.1/24", "fd00:10::1/64"]},
        {"name": "lan", "uplink": "em0", "addresses": ["198.51.100.1/24"]},
    ]
    Modules(shared_lan_host).good("bhyve_switch", {"switches": switches})
    return shared_lan_host


@pytest.fixture
def server(served: StandinHost) -> StandinHost:
    """The same, as it is before anybody has asked for a server."""
    Modules(served).good("dhcp_server", {"state": "absent"})
    served.sh(f"cp {CONF}.sample {CONF}; rm -f {CONF}.orig", check=True)
    return served


@pytest.fixture
def modules(server: StandinHost) -> Modules:
    """Modules on that host."""
    return Modules(server)


def bridge(host: StandinHost, switch: str) -> str:
    """What the kernel calls a switch."""
    return str(json.loads(host.read("/var/db/apiary/host.json"))["switches"][switch]["interface"])


def files(host: StandinHost) -> str:
    """What the module writes."""
    there = f"cat {CONF} {OURS} {NOTE} /usr/local/etc/dhcpd6.conf /etc/rc.conf {PID} /var/run/dhcpd6/dhcpd6.pid"
    return host.sh(
        f"{there} 2> /dev/null; ls -A /usr/local/etc /usr/local/etc/apiary /var/run/apiary/.dhcp /tmp"
    ).stdout


STORY: List[Dict[str, Any]] = [
    {"subnets": [LAB], "domain_name": "lab"},
    {"subnets": [LAB, LAN, {"subnet": "fd00:10::/64", "switch": "lab"}], "domain_name_servers": ["10.10.0.1"]},
    {"subnets": [{**LAB, "options": {"ntp-servers": ["10.10.0.1"]}, "statements": ["ping-check false;"]}]},
    {"state": "absent"},
]


def test_check_mode_changes_nothing_and_predicts_what_apply_does(server: StandinHost, modules: Modules) -> None:
    wrong: List[str] = []
    for number, task in enumerate(STORY):
        untouched = files(server)
        predicted = modules.good("dhcp_server", task, check=True)
        wrong += [f"{number}: check mode changed the host"] if files(server) != untouched else []
        applied = modules.good("dhcp_server", task)
        wrong += [f"{number}: not changed"] if not (predicted["changed"] and applied["changed"]) else []
        wrong += [f"{number}{line}" for line in differences(comparable(predicted), comparable(applied))]
        wrong += [f"{number}: no diff"] if all(part["before"] == part["after"] for part in applied["diff"]) else []
        now = files(server)
        again = modules.good("dhcp_server", task)
        wrong += [f"{number}: changed again: {again}"] if again["changed"] or files(server) != now else []
    assert not wrong, "\n".join(wrong)
    assert "dhcpd" not in server.read("/etc/rc.conf") and server.sh("service isc-dhcpd onestatus").returncode == 1
    assert not server.exists_in(NOTE) and not server.exists_in(CONF)


def test_clients_are_served_and_strangers_on_the_lan_are_not(server: StandinHost, modules: Modules) -> None:
    task = {"subnets": [LAB, LAN], "domain_name": "lab", "domain_name_servers": ["10.10.0.1"], "max_lease_time": 900}
    result = modules.good("dhcp_server", task)
    lab, lan = Clients(server, bridge(server, "lab")), Clients(server, bridge(server, "lan"))
    assert result["interfaces"] == [bridge(server, "lab"), bridge(server, "lan")]
    lease = lab.lease(MAC(1)) or {}
    assert lease["ip"].startswith("10.10.0.1") and lease["router"] == "10.10.0.1"
    assert [lease[key] for key in ("domain", "dns", "lease")] == ["lab", "10.10.0.1", "900"]
    reserve_for_strangers(modules, lan, Lan(server, "lan"), {})
    assert (lab.lease(MAC(3)) or {})["ip"] == "10.10.0.20"
    running = server.read(PID)
    assert not modules.good("dhcp_server", task)["changed"] and server.read(PID) == running

    # What the server is told anew leaves the reservations as they are, and may not be in their way.
    modules.good("dhcp_server", {**task, "domain_name": "other"})
    lease = lab.lease(MAC(3)) or {}
    assert (lease["ip"], lease["domain"]) == ("10.10.0.20", "other")
    clash = {**task, "subnets": [{**LAB, "auto": [], "ranges": ["10.10.0.5-10.10.0.50"]}]}
    said = modules.run("dhcp_server", clash)["msg"]
    assert "reservation db1: ip: 10.10.0.20 is in the range 10.10.0.5 - 10.10.0.50" in said

    # After a boot all is there, and what somebody stopped or edited is set right.
    server.sh(f"service isc-dhcpd stop; echo '# mine' >> {CONF}", check=True)
    assert modules.good("dhcp_server", task)["changed"]
    server.power_cut()
    server.boot()
    assert (Clients(server, bridge(server, "lab")).lease(MAC(3)) or {})["ip"] == "10.10.0.20"
    assert not modules.good("dhcp_server", task)["changed"]


def test_dhcp_of_others_is_kept_from_crossing_an_uplink_where_that_is_asked_for(
    server: StandinHost, modules: Modules, tmp_path: Path
) -> None:
    guarded, open_again = {"name": "lan", "dhcp_guard": True}, {"name": "lan", "dhcp_guard": False}
    refused = modules.run("bhyve_switch", guarded)["msg"]
    assert "switch lan: dhcp_guard: pf sees nothing of what crosses a bridge unless net.link.bridge.pfil" in refused
    # Check mode goes on: the role before it would have seen to that.
    network = {"name": "apiary.bhyve.bhyve_network"}
    play = [{"ansible.builtin.include_role": network, "vars": {"bhyve_network_switches": [guarded]}}]
    assert Playbooks(server, tmp_path).tasks(play, check=True).rc == 0
    server.sh(
        "echo net.link.bridge.pfil_member=1 >> /etc/sysctl.conf; sysctl net.link.bridge.pfil_member=1", check=True
    )
    for task, says in (
        ({"name": "lab", "dhcp_guard": True}, "dhcp_guard: without an uplink there is nobody"),
        ({**guarded, "vlan_filter": True, "addresses": []}, "dhcp_guard: not with vlan_filter"),
    ):
        assert says in modules.run("bhyve_switch", task)["msg"]
    office = Lan(server, "lan", "198.51.100.77/24")
    cards = Clients(server, bridge(server, "lan"))
    with office.dhcp(tmp_path, "198.51.100.200", "198.51.100.209", "198.51.100.77"):
        assert (cards.lease(MAC(5)) or {})["ip"].startswith("198.51.100.20"), (
            "the LAN's server offers addresses to guests"
        )
        assert not unforetold(modules, "bhyve_switch", [guarded])
        assert cards.lease(MAC(5), patience=2) is None
        guest = outside.guest(server, bridge(server, "lan"), "198.51.100.9/24", "198.51.100.1", 22)
        assert office.reaches("198.51.100.9"), "what is no DHCP crosses"
        guest.close()
        server.power_cut()
        server.boot()
        assert cards.lease(MAC(5), patience=2) is None and not modules.good("bhyve_switch", guarded)["changed"]
        # The host's own server is not held back.
        modules.good("dhcp_server", {"subnets": [LAB, LAN]})
        modules.good("dhcpd_host", {"name": "guest", "mac": MAC(5), "ip": "198.51.100.5"})
        assert (cards.lease(MAC(5)) or {})["ip"] == "198.51.100.5"
        modules.good("dhcp_server", {"state": "absent"})
        assert not unforetold(modules, "bhyve_switch", [open_again])
        assert (cards.lease(MAC(5)) or {})["ip"].startswith("198.51.100.20")
    assert not server.read("/etc/pf.conf")
    assert server.sh("find /usr/local/etc/apiary/pf /usr/local/etc/apiary/switches -type f").stdout == ""
    server.sh(
        "service pf stop; sysrc -x pf_enable; sysctl net.link.bridge.pfil_member=0; sed -i '' /pfil/d /etc/sysctl.conf",
        check=True,
    )


def test_boot_files_are_told_by_what_a_machine_says_that_it_is(server: StandinHost, modules: Modules) -> None:
    files = {"uefi": "ipxe.efi", "bios": "undionly.kpxe"}
    modules.good("dhcp_server", {"subnets": [LAB], "boot_files": files, "filename": "other"})
    modules.good("dhcpd_host", {"name": "db1", "mac": MAC(3), "ip": "auto", "filename": "own.efi"})
    clients = Clients(server, bridge(server, "lab"))
    for mac, says, file in (
        (MAC(1), ["93:0009"], "ipxe.efi"),
        (MAC(1), ["93:0000"], "undionly.kpxe"),
        (MAC(1), ["93:0007", "77:69505845"], "other"),
        (MAC(1), [], "other"),
        (MAC(3), ["93:0007"], "own.efi"),
    ):
        assert clients.boot_file(mac, *says) == file, says
    modules.good("dhcp_server", {"subnets": [LAB], "boot_files": {**files, "ipxe": "menu.ipxe"}})
    assert clients.boot_file(MAC(1), "93:0007", "77:69505845") == "menu.ipxe"


def test_a_machine_gets_its_ipv6_address_as_well(server: StandinHost, modules: Modules) -> None:
    six = {"subnet": "fd00:10::/64", "switch": "lab"}
    assert "has no link-local address" in str(modules.good("dhcp_server", {"subnets": [LAB, six]})["warnings"])
    server.sh(f"ifconfig {bridge(server, 'lab')} inet6 fe80::1/64", check=True)
    assert "warnings" not in modules.good("dhcp_server", {"subnets": [LAB, six]})
    modules.good("dhcpd_host", {"name": "web1", "mac": MAC(1), "ip": "10.10.0.11", "ip6": "fd00:10::11"})
    clients = Clients(server, bridge(server, "lab"))
    assert (clients.lease6(MAC(1)) or {})["new_ip6_address"] == "fd00:10::11"
    assert (clients.lease(MAC(1)) or {})["ip"] == "10.10.0.11"
    server.sh(f"ifconfig {bridge(server, 'lab')} inet6 fe80::1 delete", check=True)


def test_bad_input_is_told_before_anything_changes(server: StandinHost, modules: Modules) -> None:
    before = files(server)
    wrong: List[str] = []
    for task, says in (
        ({}, "subnets: which ones are to be served?"),
        ({"subnets": [LAB], "backend": "udhcpd"}, "value of backend must be one of: isc, kea, dnsmasq, got: udhcpd"),
        ({"subnets": [{**LAB, "switch": "lob"}]}, "switch: lob is not declared on this host; there are lab, lan"),
        ({"subnets": [{"subnet": "10.10.0.0/24"}]}, "switch, interface: give one of them"),
        ({"subnets": [{"subnet": "10.10.0.0/24", "interface": "em9"}]}, "interface: em9 does not exist"),
        ({"subnets": [{"subnet": "10.10.0.0/24", "interface": "em0"}]}, "em0 has no address"),
        ({"subnets": [LAB, LAB]}, "it overlaps"),
        ({"subnets": [{"subnet": "fd00:10::/64", "switch": "lab"}]}, "at least one must be of IPv4"),
        ({"subnets": [{**LAB, "options": {"nonsense": 1}}]}, "unknown option dhcp.nonsense"),
        ({"subnets": [LAB], "boot_files": {"uefi": "f" * 128}}, "boot_files: uefi"),
        ({"subnets": [LAB], "statements": ["x"]}, "statements: 'x' is no whole statement"),
    ):
        result = modules.run("dhcp_server", task)
        said = str(result.get("msg"))
        wrong += [f"{task}: {said}"] if not result.get("failed") or says not in said else []
    assert not wrong, "\n".join(wrong)
    assert files(server) == before
    # The rc script copies no file of ours into a chroot by itself.
    server.sh("sysrc dhcpd_chroot_enable=YES", check=True)
    said = modules.run("dhcp_server", {"subnets": [LAB]})["msg"]
    server.sh("sysrc -x dhcpd_chroot_enable", check=True)
    assert "hosts_file: by rc.conf isc-dhcpd runs in a chroot" in said and 'dhcpd_includedir="/usr/local' in said


def test_somebody_elses_configuration_is_not_replaced_unasked(server: StandinHost, modules: Modules) -> None:
    theirs = "subnet 10.10.0.0 netmask 255.255.255.0 { }\n"
    server.write(CONF, theirs)
    said = modules.run("dhcp_server", {"subnets": [LAB]})["msg"]
    assert f"replace: {CONF} is a configuration that somebody else has written" in said
    assert server.read(CONF) == theirs and not server.exists_in(NOTE)
    modules.good("dhcp_server", {"subnets": [LAB], "replace": True})
    assert server.read(f"{CONF}.orig") == theirs and "Made by Apiary" in server.read(CONF)
    # Not ours any more, so it is not removed either.
    server.write(CONF, theirs)
    modules.good("dhcp_server", {"state": "absent"})
    assert server.read(CONF) == theirs and not server.exists_in(NOTE)


class ServerSweep(Sweep):
    """A server is set up on a host that has none."""

    def __init__(self, modules: Modules) -> None:
        super().__init__(modules, "dhcp_server", STORY[0])
        self.goal = ""

    def begin(self) -> None:
        self.modules.good("dhcp_server", {"state": "absent"})
        self.host.sh(f"cp {CONF}.sample {CONF}", check=True)

    def record(self) -> None:
        super().record()
        self.goal = self.state()

    def state(self) -> str:
        paths = f"{CONF} {OURS} {NOTE} /etc/rc.conf"
        return self.host.sh(f"cat {paths}; find /usr/local/etc/apiary /var/run/apiary /tmp -type f").stdout

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        wrong = [] if self.state() == self.goal else [f"{self.state()} instead of {self.goal}"]
        if self.host.sh("service isc-dhcpd status").returncode:
            wrong.append("dhcpd does not run")
        elif self.host.sh(f"test {PID} -nt {CONF}").returncode:
            wrong.append("dhcpd is older than its configuration")
        return wrong


def test_a_failure_at_a_command_is_put_right_by_the_next_run(server: StandinHost, modules: Modules) -> None:
    sweep = ServerSweep(modules)
    sweep.record()
    # What rc(8) does within the commands is its own affair.
    starts = ("ifconfig ", "service ", "dhcpd -t -cf /var/run/apiary/")
    ours = [number for number in sweep.numbers() if sweep.commands[number - 1].startswith(starts)]
    sweep.go("fail", sample(ours, 3))
    sweep.go("cut", ours[-1:])


def test_the_role_on_a_bare_host(bare_host: Callable[..., StandinHost], tmp_path: Path) -> None:
    bare = Playbooks(bare_host(), tmp_path)
    lab = {"name": "lab", "addresses": ["10.10.0.1/24"]}
    tasks = [
        {
            "ansible.builtin.include_role": {"name": "apiary.bhyve.bhyve_network"},
            "vars": {"bhyve_network_switches": [lab]},
        },
        {
            "ansible.builtin.include_role": {"name": "apiary.bhyve.dhcp_server"},
            "vars": {"dhcp_server_subnets": [LAB], "dhcp_server_boot_files": {"uefi": "ipxe.efi"}},
        },
    ]
    told = bare.tasks(tasks, check=True)
    assert told.rc == 0, told.output
    assert not bare.host.exists_in(CONF) and bare.host.sh("ls /var/db/apiary").returncode != 0
    applied = bare.tasks(tasks)
    assert applied.rc == 0, applied.output
    again = bare.tasks(tasks)
    assert (again.rc, again.stats[bare.host.name]["changed"]) == (0, 0), again.output
    assert bare.host.sh("service isc-dhcpd status").returncode == 0 and 'filename "ipxe.efi"' in bare.host.read(CONF)
