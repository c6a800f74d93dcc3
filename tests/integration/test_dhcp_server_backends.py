# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of dhcp_server relies on with Kea and dnsmasq, the servers themselves, and machines that ask them."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest
from compare import comparable, differences
from dhcp_clients import MAC, Clients, reserve_for_strangers
from faults import Sweep, sample
from guests import the, tiny
from harness import Modules
from lan import Lan
from polls import until
from standin.host import StandinHost

LAB: Dict[str, Any] = {
    "subnet": "10.10.0.0/24",
    "switch": "lab",
    "ranges": ["10.10.0.100-10.10.0.199"],
    "auto": ["10.10.0.20-10.10.0.29"],
    "next_server": "10.10.0.1",
}
LAN: Dict[str, Any] = {"subnet": "198.51.100.0/24", "switch": "lan", "ranges": ["198.51.100.100-198.51.100.110"]}
SIX: Dict[str, Any] = {"subnet": "fd00:10::/64", "switch": "lab"}
FILES = {
    "kea": "/usr/local/etc/kea/kea-dhcp[46].conf /usr/local/etc/apiary/kea*",
    "dnsmasq": "/usr/local/etc/dnsmasq.conf /usr/local/etc/apiary/dnsmasq*",
}
_CARRIER = """\
#!/bin/sh
# PROVIDE: carrier
# REQUIRE: netif
# BEFORE: NETWORKING
. /etc/rc.subr
name=carrier
start_cmd=carry
carry()
{{
    ifconfig epair0 create && ifconfig epair0a up && ifconfig epair0b up && ifconfig {} addm epair0a
}}
run_rc_command "$1"
"""


@pytest.fixture(scope="module")
def served(shared_lan_host: StandinHost) -> StandinHost:
    """A host with two switches, one of which has an uplink."""
    switches = [
        {"name": "lab", "addresses": ["10.10.0.1/24", "fd00:10::1/64"]},
        {"name": "lan", "uplink": "em0", "addresses": ["198.51.100.1/24"]},
    ]
    Modules(shared_lan_host).good("bhyve_switch", {"switches": switches})
    # Linux's bridges have no carrier without a member that is up, and FreeBSD's run; servers may start at boot.
    shared_lan_host.write("/usr/local/etc/rc.d/carrier", _CARRIER.format(_bridge(shared_lan_host, "lab")), 0o755)
    shared_lan_host.sh("service carrier start", check=True)
    return shared_lan_host


def _bridge(host: StandinHost, switch: str) -> str:
    return str(json.loads(host.read("/var/db/apiary/host.json"))["switches"][switch]["interface"])


def _pid(host: StandinHost, backend: str) -> str:
    """Of the process that serves IPv4."""
    files = {"kea": "/var/run/kea/kea-dhcp4.kea-dhcp4.pid", "dnsmasq": "/var/run/dnsmasq.pid"}
    return str(host.read(files[backend]))


@pytest.mark.parametrize("backend", ["kea", "dnsmasq"])
def test_a_server_is_set_up_told_anew_and_gone(served: StandinHost, backend: str) -> None:
    served.run(["pkg", "install", "-y", backend], check=True)
    modules = Modules(served)
    lab, lan = Clients(served, _bridge(served, "lab")), Clients(served, _bridge(served, "lan"))
    wrong: List[str] = []

    def done(task: Dict[str, Any]) -> None:
        task = {"backend": backend, **task}
        there = f"cat /etc/rc.conf {FILES[backend]}; ls -A /usr/local/etc/apiary /var/run/apiary"
        before = served.sh(there).stdout
        predicted = modules.good("dhcp_server", task, check=True)
        wrong.extend([] if served.sh(there).stdout == before else [f"check mode changed the host: {task}"])
        applied = modules.good("dhcp_server", task)
        wrong.extend(differences(comparable(predicted), comparable(applied)))
        again = modules.good("dhcp_server", task)
        wrong.extend([f"changed again: {again}"] if again["changed"] or not applied["changed"] else [])

    done({"subnets": [LAB, LAN, SIX], "domain_name": "lab", "max_lease_time": 900})
    assert served.sh(f"sysrc -n {backend}_enable").stdout == "YES\n", "it serves after a boot as well"
    lease = lab.lease(MAC(1)) or {}
    assert lease["ip"].startswith("10.10.0.1") and lease["router"] == "10.10.0.1"
    assert [lease[key] for key in ("domain", "lease", "siaddr")] == ["lab", "900", "10.10.0.1"]
    both = {"ip6": "fd00:10::3", "next_server": "10.10.0.2"}
    result = reserve_for_strangers(modules, lan, Lan(served, "lan"), both)
    assert result["server"]["backend"] == backend
    lease = lab.lease(MAC(3)) or {}
    assert [lease["ip"], lease["siaddr"], lease["hostname"]] == ["10.10.0.20", "10.10.0.2", "db1"]

    if backend == "dnsmasq":
        answer = served.sh("/.linux/usr/bin/busybox nslookup db1.lab 10.10.0.1").stdout
        assert "10.10.0.20" in answer, "a machine that has an address has a name"

    # A guest's reservation follows from its own declaration, and the server goes on.
    def card(**more: Any) -> Dict[str, Any]:
        return {"vm": "web1", "name": "lan", **more}

    pid = _pid(served, backend)
    guest = tiny("web1", state="present", nics=[{"name": "lan", "switch": "lab", "ip": "auto", "ip6": "fd00:10::11"}])
    mac = the(modules.good("bhyve_vm", guest), "web1")["nics"][0]["mac"]
    assert until(lambda: [(lab.lease(mac) or {}).get(key) for key in ("ip", "hostname")] == ["10.10.0.21", "web1"], 10)
    modules.good("bhyve_nic", card(ip="10.10.0.41", hostname="www"))
    assert until(lambda: [(lab.lease(mac) or {}).get(key) for key in ("ip", "hostname")] == ["10.10.0.41", "www"], 10)
    assert not modules.good("bhyve_nic", card(ip="10.10.0.41"))["changed"]
    modules.good("bhyve_vm", {"name": "web1", "state": "absent"})
    assert mac not in served.sh(f"cat {FILES[backend]} /var/db/apiary/reservations.json").stdout
    assert until(lambda: (lab.lease(mac) or {}).get("ip", "").startswith("10.10.0.1"), 10), "a stranger like others"
    assert _pid(served, backend) == pid

    # Boot files by what a machine says that it is; that of a reservation goes before them.
    files = {"uefi": "ipxe.efi", "bios": "undionly.kpxe", "ipxe": "menu.ipxe"}
    done({"subnets": [LAB, SIX], "boot_files": files, "filename": "other"})
    modules.good("dhcpd_host", {"name": "db1", "mac": MAC(3), "ip": "10.10.0.20", "filename": "own.efi"})
    for mac, told, file in (
        (MAC(1), ["93:0007"], "ipxe.efi"),
        (MAC(1), ["93:0000"], "undionly.kpxe"),
        (MAC(1), ["93:0007", "77:69505845"], "menu.ipxe"),
        (MAC(1), ["93:000b"], "other"),
        (MAC(3), ["93:0007"], "own.efi"),
    ):
        got = lab.boot_file(mac, *told)
        wrong += [f"{told}: {got}, not {file}"] if got != file else []

    # What the server is told anew leaves the reservations as they are.
    done({"subnets": [LAB, SIX], "domain_name": "other", "options": {"interface-mtu": 1400}})
    lease = lab.lease(MAC(3)) or {}
    assert (lease["ip"], lease["domain"]) == ("10.10.0.20", "other")

    if backend == "dnsmasq":
        served.sh("sysrc dnsmasq_flags='-C /x'", check=True)
        assert (
            "dnsmasq_flags of rc.conf names"
            in modules.run("dhcp_server", {"backend": backend, "subnets": [LAB]})["msg"]
        )
        served.sh("sysrc -x dnsmasq_flags", check=True)
    for more, says in (
        ({"statements": ["x;"]}, f"statements: words of dhcpd.conf say nothing to {backend}"),
        ({"boot_files": files, "subnets": [{**LAB, "filename": "x"}]}, "filename: boot_files says which file"),
        ({"options": {"no-such": 1}}, f"options: no-such: {backend} is told options"),
    ):
        said = modules.run("dhcp_server", {"backend": backend, "subnets": [LAB], **more})
        assert says in said["msg"]
    done({"state": "absent"})
    assert not wrong, "\n".join(wrong)
    assert served.sh("ps -axo command | grep -E '^[^ ]*(kea-dhcp4|dnsmasq) '").stdout == ""
    assert served.sh(f"ls {FILES[backend].split()[-1]} /usr/local/etc/apiary/dhcp.json").stdout == ""


def test_the_host_and_guests_know_names_and_the_lan_is_refused(served: StandinHost) -> None:
    served.run(["pkg", "install", "-y", "dnsmasq", "kea", "isc-dhcp44-server"], check=True)
    modules = Modules(served)
    by_hand = "search example.org\nnameserver 192.0.2.53\n"
    served.write("/etc/resolv.conf", by_hand)
    files = "cat /etc/resolv.conf /etc/resolvconf.conf /usr/local/etc/apiary/dnsmasq.resolv 2> /dev/null"
    task: Dict[str, Any] = {"backend": "dnsmasq", "subnets": [LAB, LAN], "domain_name": "lab"}

    for more, says in (
        ({"resolver": True, "forwarders": ["10.10.0.1"]}, "forwarders: 10.10.0.1 is an address of this host"),
        ({"resolver": True, "forwarders": ["ns1"]}, "forwarders: 'ns1' is not an address"),
        ({"forwarders": ["192.0.2.1"]}, "forwarders: it is for resolver: true"),
        ({"backend": "kea", "resolver": True}, "resolver: kea answers no DNS"),
        ({"backend": "isc", "subnets": [{**LAB, "dns": True}]}, "dns: isc answers no DNS"),
    ):
        said = modules.run("dhcp_server", {**task, **more})
        assert said.get("failed") and says in said["msg"], said
    assert served.sh(files).stdout == by_hand

    # It breaks off in the middle, and the next run does the rest; what was by hand is not lost on the way.
    asked = {**task, "resolver": True}
    predicted = modules.good("dhcp_server", asked, check=True)
    served.set_faults([{"match": ["resolvconf"], "kth": 1, "mode": "fail", "exit": 1, "stderr": "it failed"}])
    assert "it failed" in str(modules.run("dhcp_server", asked)["failures"]) and served.fired_faults()
    served.set_faults([])
    assert "/etc/resolvconf.conf" in predicted["changes"]["dhcp_server"][-2]
    assert modules.good("dhcp_server", asked)["changed"] and not modules.good("dhcp_server", asked)["changed"]
    assert served.read("/etc/resolv.conf").split("\n")[1:3] == ["search example.org", "nameserver 127.0.0.1"]
    assert served.read("/usr/local/etc/apiary/dnsmasq.resolv").split("\n")[1:] == ["nameserver 192.0.2.53", ""]

    # A reserved address has its name before it is leased, the one that it is given next as well.
    modules.good("dhcpd_host", {"name": "web1", "mac": MAC(7), "ip": "10.10.0.12"})
    known = ["10.10.0.12", "web1.lab"]
    assert until(lambda: served.sh("getent hosts web1.lab").stdout.split() == known)
    modules.good("dhcpd_host", {"name": "web1", "ip": "10.10.0.11"})
    assert until(lambda: served.sh("getent hosts web1.lab").stdout.split()[:1] == ["10.10.0.11"])
    lease = Clients(served, _bridge(served, "lab")).lease(MAC(7)) or {}
    assert [lease["ip"], lease["dns"]] == ["10.10.0.11", "10.10.0.1"]
    assert served.sh("getent hosts web1.lab").stdout.split() == ["10.10.0.11", "web1.lab"]
    modules.good("dhcpd_host", {"name": "db2", "mac": MAC(8), "ip": "198.51.100.8"})
    assert until(lambda: served.sh("getent hosts db2.lab").stdout.split()[:1] == ["198.51.100.8"])
    modules.good("dhcpd_host", {"name": "db2", "state": "absent"})
    assert until(lambda: served.sh("getent hosts db2.lab").returncode != 0)
    modules.good("dhcpd_host", {"name": "db2", "mac": MAC(8), "ip": "198.51.100.8"})
    lease = Clients(served, _bridge(served, "lan")).lease(MAC(8)) or {}
    assert lease["ip"] == "198.51.100.8" and "dns" not in lease
    refused = served.sh("/.linux/usr/bin/busybox nslookup web1.lab 198.51.100.1").stdout
    assert "REFUSED" in refused and "10.10.0.11" not in refused

    # Other forwarders need no restart; what it does not know it asks them, as those that the host is told by DHCP.
    pid = served.read("/var/run/dnsmasq.pid")
    modules.good("dhcp_server", {**asked, "forwarders": ["198.51.100.53"]})
    assert served.read("/usr/local/etc/apiary/dnsmasq.resolv").endswith("resolvconf\nnameserver 198.51.100.53\n")
    with Lan(served, "lan").dns("198.51.100.53/24", "www.outside.test", "203.0.113.9"):
        assert until(lambda: served.sh("getent hosts www.outside.test").stdout.split()[:1] == ["203.0.113.9"])
    assert served.read("/var/run/dnsmasq.pid") == pid
    served.sh("echo nameserver 192.0.2.77 | resolvconf -a em0", check=True)
    assert "nameserver 192.0.2.77\n" in served.read("/usr/local/etc/apiary/dnsmasq.resolv")
    assert "192.0.2.77" not in served.read("/etc/resolv.conf")
    assert not modules.good("dhcp_server", {**asked, "forwarders": ["198.51.100.53"]})["changed"]
    served.sh("resolvconf -d em0", check=True)

    # Where it is asked for it answers on the LAN.
    modules.good("dhcp_server", {**asked, "subnets": [LAB, {**LAN, "dns": True}]})
    assert "10.10.0.11" in served.sh("/.linux/usr/bin/busybox nslookup web1.lab 198.51.100.1").stdout

    # Both ways back.
    for back in (task, {"backend": "dnsmasq", "state": "absent"}):
        modules.good("dhcp_server", asked)
        modules.good("dhcp_server", back)
        assert served.sh(files).stdout == by_hand and not served.exists_in("/etc/resolvconf.conf")
        assert not modules.good("dhcp_server", back)["changed"]
    served.sh("rm /etc/resolv.conf*", check=True)


@pytest.mark.parametrize("backend", ["kea", "dnsmasq"])
def test_a_failure_or_a_power_cut_is_put_right_by_the_next_run(served: StandinHost, backend: str) -> None:
    served.run(["pkg", "install", "-y", backend], check=True)
    sweep = ServerSweep(served, backend)
    sweep.record()
    sweep.go("fail", sample(sweep.numbers(), 3))
    # At the command that starts the daemon: its files are there, and rc.conf names it.
    sweep.go("cut", [max(number for number in sweep.numbers() if " --test" not in sweep.commands[number - 1])])
    sweep.begin()


class ServerSweep(Sweep):
    """A server is set up on a host that has none."""

    polls = True

    def __init__(self, host: StandinHost, backend: str) -> None:
        task = {"backend": backend, "subnets": [LAB], "domain_name": "lab", "resolver": backend == "dnsmasq"}
        super().__init__(Modules(host), "dhcp_server", task)
        self.backend = backend

    def begin(self) -> None:
        self.modules.good("dhcp_server", {"backend": self.backend, "state": "absent"})

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        lease = Clients(self.host, _bridge(self.host, "lab")).lease(MAC(1))
        return [] if lease and lease["domain"] == "lab" else [f"no lease as declared: {lease}"]
