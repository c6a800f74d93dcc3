# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of dhcp_server relies on with Kea and dnsmasq, the servers themselves, and machines that ask them."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest
from compare import comparable, differences
from dhcp_clients import Clients
from harness import Modules
from standin.host import StandinHost

MAC = "5a:00:00:00:00:{:02x}".format
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


@pytest.fixture(scope="module")
def served(shared_lan_host: StandinHost) -> StandinHost:
    """A host with two switches, one of which has an uplink."""
    switches = [
        {"name": "lab", "addresses": ["10.10.0.1/24", "fd00:10::1/64"]},
        {"name": "lan", "uplink": "em0", "addresses": ["198.51.100.1/24"]},
    ]
    Modules(shared_lan_host).good("bhyve_switch", {"switches": switches})
    bridge = _bridge(shared_lan_host, "lab")
    # Linux's bridges have no carrier without a member that is up, and FreeBSD's run.
    up = "ifconfig epair0 create && ifconfig epair0a up && ifconfig epair0b up"
    shared_lan_host.sh(f"{up} && ifconfig {bridge} addm epair0a", check=True)
    return shared_lan_host


def _bridge(host: StandinHost, switch: str) -> str:
    return str(json.loads(host.read("/var/db/apiary/host.json"))["switches"][switch]["interface"])


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
    assert lan.lease(MAC(2), patience=1) is None, "a stranger on the LAN gets no offer"

    # The note tells dhcpd_host of the server; a reservation makes the stranger a known client.
    hosts = [
        {"name": "db1", "mac": MAC(3), "ip": "auto", "ip6": "fd00:10::3", "next_server": "10.10.0.2"},
        {"name": "guest", "mac": MAC(2)},
    ]
    result = modules.good("dhcpd_host", {"hosts": hosts})
    assert result["server"]["backend"] == backend and result["hosts"][0]["ip"] == ["10.10.0.20"]
    lease = lab.lease(MAC(3)) or {}
    assert [lease["ip"], lease["siaddr"], lease["hostname"]] == ["10.10.0.20", "10.10.0.2", "db1"]
    assert (lan.lease(MAC(2)) or {})["ip"].startswith("198.51.100.1")

    if backend == "dnsmasq":
        answer = served.sh("/.linux/usr/bin/busybox nslookup db1.lab 10.10.0.1").stdout
        assert "10.10.0.20" in answer, "a machine that has an address has a name"

    # What the server is told anew leaves the reservations as they are.
    done({"subnets": [LAB, SIX], "domain_name": "other", "options": {"interface-mtu": 1400}})
    lease = lab.lease(MAC(3)) or {}
    assert (lease["ip"], lease["domain"]) == ("10.10.0.20", "other")

    for more, says in (
        ({"statements": ["x;"]}, f"statements: words of dhcpd.conf say nothing to {backend}"),
        ({"options": {"no-such": 1}}, f"options: no-such: {backend} is told options"),
    ):
        said = modules.run("dhcp_server", {"backend": backend, "subnets": [LAB], **more})
        assert says in said["msg"]
    done({"state": "absent"})
    assert not wrong, "\n".join(wrong)
    assert served.sh("ps -axo command | grep -E '^[^ ]*(kea-dhcp4|dnsmasq) '").stdout == ""
    assert served.sh(f"ls {FILES[backend].split()[-1]} /usr/local/etc/apiary/dhcp.json").stdout == ""
