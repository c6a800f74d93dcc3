# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of dhcpd_host relies on, with ISC's own dhcpd and machines that ask it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from compare import comparable, differences
from dhcp_clients import MAC, Clients
from faults import Sweep, sample
from harness import ROOT, Modules, Playbooks
from standin.host import StandinHost

CONF = "/usr/local/etc/dhcpd.conf"
OURS = "/usr/local/etc/apiary/dhcpd.hosts"
RECORD = "/var/db/apiary/reservations.json"
PID = "/var/run/dhcpd/dhcpd.pid"

SERVER = """\
option domain-name "lab";
default-lease-time 600;
subnet 10.10.0.0 netmask 255.255.255.0 {
  option routers 10.10.0.1;
  deny unknown-clients;
  range 10.10.0.200 10.10.0.209;
}
host printer { hardware ethernet 5a:00:00:00:00:99; fixed-address 10.10.0.9; }
"""


@pytest.fixture(scope="module")
def served(shared_host: StandinHost) -> StandinHost:
    """A host with dhcpd on a bridge."""
    shared_host.run(["pkg", "install", "-y", "isc-dhcp44-server"], check=True)
    shared_host.sh(
        "ifconfig bridge0 inet 10.10.0.1/24 up && sysrc dhcpd_enable=YES dhcpd_ifaces=bridge0"
        " ifconfig_bridge0='inet 10.10.0.1/24 up'",
        check=True,
    )
    return shared_host


@pytest.fixture
def server(served: StandinHost) -> StandinHost:
    """The same, with its configuration as its administrator has written it, and no reservation of ours."""
    begin(served)
    return served


@pytest.fixture
def modules(server: StandinHost) -> Modules:
    """Modules on that host."""
    return Modules(server)


def begin(host: StandinHost, conf: str = SERVER) -> None:
    """Nothing of ours, and dhcpd runs."""
    host.sh(f"rm -f {OURS} {RECORD} /var/run/apiary/.dhcp/*; sysrc -x dhcpd_conf 2> /dev/null")
    host.write(CONF, conf)
    host.sh("service isc-dhcpd onerestart", check=True)


def pid(host: StandinHost) -> str:
    """Of the dhcpd that runs."""
    return str(host.read(PID)).strip()


def files(host: StandinHost) -> List[str]:
    """What the module writes, and what somebody could leave behind."""
    paths = f"{CONF} {OURS} {RECORD} /etc/rc.conf"
    return [
        host.sh(f"cat {paths} 2> /dev/null; ls -A /usr/local/etc /var/run/apiary/.dhcp /tmp 2> /dev/null").stdout,
        pid(host),
    ]


def refusal(modules: Modules, task: Dict[str, Any]) -> str:
    """The error of a task that must fail and not change anything."""
    before = files(modules.host)
    result = modules.run("dhcpd_host", task)
    assert result.get("failed") and not result.get("changed"), result
    assert files(modules.host) == before
    return str(result["msg"])


STORY: List[Dict[str, Any]] = [
    {"name": "web1", "mac": MAC(1), "ip": "10.10.0.11"},
    {
        "name": "web1",
        "hostname": "www",
        "filename": "ipxe.efi",
        "next_server": "10.10.0.1",
        "options": {"ntp-servers": ["10.10.0.1"]},
    },
    {
        "hosts": [
            {"name": "db1", "mac": MAC(2), "ip": "auto"},
            {"name": "db2.lab", "mac": MAC(3), "ip": "auto", "statements": ["max-lease-time 60;"]},
            {"name": "web1", "mac": MAC(4), "filename": ""},
        ],
        "auto_range": ["10.10.0.20-10.10.0.29"],
    },
    {"hosts": [{"name": "web1"}, {"name": "never", "state": "absent"}], "purge": True},
    {"name": "web1", "state": "absent"},
]


def test_check_mode_changes_nothing_and_predicts_what_apply_does(server: StandinHost, modules: Modules) -> None:
    wrong: List[str] = []
    for number, task in enumerate(STORY):
        untouched = files(server)
        predicted = modules.good("dhcpd_host", task, check=True)
        wrong += [f"{number}: check mode changed the host"] if files(server) != untouched else []
        applied = modules.good("dhcpd_host", task)
        wrong += [f"{number}: not changed"] if not (predicted["changed"] and applied["changed"]) else []
        wrong += [f"{number}{line}" for line in differences(comparable(predicted), comparable(applied))]
        wrong += [f"{number}: no diff"] if all(part["before"] == part["after"] for part in applied["diff"]) else []
        wrong += [f"{number}: restarted {applied['changes']}"] if pid(server) == untouched[1] else []
        running = pid(server)
        again = modules.good("dhcpd_host", task)
        wrong += [f"{number}: changed again: {again}"] if again["changed"] or pid(server) != running else []
        wrong += [f"{number}: {again['commands_started']} commands"] if again["commands_started"] != 2 else []
    assert not wrong, "\n".join(wrong)
    assert str(server.read(CONF)) == f'{SERVER}# Reservations of Apiary (apiary.bhyve)\ninclude "{OURS}";\n'
    assert "host " not in str(server.read(OURS)) and server.sh(f"stat -f %Lp {RECORD}").stdout == "600\n"


def test_a_machine_gets_what_was_declared_before_and_after_a_change(server: StandinHost, modules: Modules) -> None:
    clients = Clients(server, "bridge0")
    assert clients.lease(MAC(1), patience=1) is None, "the server knows nobody of this address"
    modules.good(
        "dhcpd_host",
        {
            "hosts": [
                {
                    "name": "web1",
                    "mac": MAC(1),
                    "ip": "10.10.0.11",
                    "filename": "boot/ipxe.efi",
                    "next_server": "10.10.0.1",
                    "root_path": "10.10.0.1:/r",
                    "default_lease_time": 300,
                    "options": {"ntp-servers": ["10.10.0.1", "10.10.0.2"], "domain-name": "other.lab"},
                },
                {"name": "anywhere", "mac": MAC(2)},
            ]
        },
    )
    lease = clients.lease(MAC(1)) or {}
    told = {
        key: lease.get(key)
        for key in ("ip", "hostname", "boot_file", "siaddr", "rootpath", "lease", "ntpsrv", "domain")
    }
    assert told == {
        "ip": "10.10.0.11",
        "hostname": "web1",
        "boot_file": "boot/ipxe.efi",
        "siaddr": "10.10.0.1",
        "rootpath": "10.10.0.1:/r",
        "lease": "300",
        "ntpsrv": "10.10.0.1 10.10.0.2",
        "domain": "other.lab",
    }
    assert (clients.lease(MAC(2)) or {})["ip"].startswith("10.10.0.20"), "known, so it gets one of the range"
    modules.good("dhcpd_host", {"name": "web1", "ip": "10.10.0.12", "hostname": "", "options": {}})
    lease = clients.lease(MAC(1)) or {}
    assert [lease.get(key) for key in ("ip", "hostname", "domain")] == ["10.10.0.12", None, "lab"]
    modules.good("dhcpd_host", {"hosts": [], "purge": True})
    assert clients.lease(MAC(1), patience=1) is None
    assert clients.lease(MAC(0x99)), "the administrator's own host is served"


CBSD = f"""{SERVER}host web1 {{\t\t\t# CBSD-AUTO-web1
\thardware ethernet {MAC(1)};\t# CBSD-AUTO-web1
\tfixed-address 10.10.0.11;\t\t# CBSD-AUTO-web1
\tfilename "loader.efi";\t\t# CBSD-AUTO-web1
\tmin-lease-time 120;\t\t# CBSD-AUTO-web1
}}\t\t\t\t# CBSD-AUTO-web1
host db1 {{ hardware ethernet {MAC(2)}; fixed-address 10.10.0.12; }} # CBSD-AUTO-db1
"""


def test_what_cbsds_hook_wrote_is_taken_over(server: StandinHost, modules: Modules) -> None:
    begin(server, CBSD)
    task = {"hosts": [{"name": "web1", "hostname": "www"}], "adopt": True}
    predicted = modules.good("dhcpd_host", task, check=True)
    result = modules.good("dhcpd_host", task)
    assert not differences(comparable(predicted), comparable(result))
    assert [(one["name"], one["ip"], one["changed"]) for one in result["hosts"]] == [
        ("web1", ["10.10.0.11"], True),
        ("db1", ["10.10.0.12"], True),
    ]
    assert result["hosts"][0]["statements"] == ["min-lease-time 120;"]
    assert str(server.read(CONF)) == f'{SERVER}# Reservations of Apiary (apiary.bhyve)\ninclude "{OURS}";\n'
    clients = Clients(server, "bridge0")
    lease = clients.lease(MAC(1)) or {}
    assert [lease.get(key) for key in ("ip", "hostname", "boot_file")] == ["10.10.0.11", "www", "loader.efi"]
    assert (clients.lease(MAC(2)) or {})["ip"] == "10.10.0.12"
    assert not modules.good("dhcpd_host", task)["changed"]
    # The hook writes a host again when its guest is started by CBSD: it is taken over again.
    server.write(
        CONF,
        f"{server.read(CONF)}host db1 {{ hardware ethernet {MAC(2)}; fixed-address 10.10.0.13; }} # CBSD-AUTO-db1\n",
    )
    assert "has a host of that name already" in modules.run("dhcpd_host", {"name": "db1", "filename": "x"})["msg"]
    assert modules.good("dhcpd_host", {"adopt": True})["changed"]
    assert (clients.lease(MAC(2)) or {})["ip"] == "10.10.0.13"


def test_what_somebody_did_by_hand_is_set_right(server: StandinHost, modules: Modules) -> None:
    modules.good("dhcpd_host", STORY[0])
    good = files(server)[0]
    for damage in (f"echo '# mine' >> {OURS}", f"rm {OURS}", f"sed -i '' -e '/include/d' -e '/Apiary/d' {CONF}"):
        server.sh(damage, check=True)
        assert modules.good("dhcpd_host", STORY[0], check=True)["changed"]
        assert modules.good("dhcpd_host", STORY[0])["changed"]
        assert files(server)[0].count(MAC(1)) == good.count(MAC(1))
        assert str(server.read(CONF)).count("include") == 1
    assert (Clients(server, "bridge0").lease(MAC(1)) or {})["ip"] == "10.10.0.11"


def test_a_server_that_is_off_stays_off_and_the_task_says_so(server: StandinHost, modules: Modules) -> None:
    server.sh("service isc-dhcpd stop", check=True)
    result = modules.good("dhcpd_host", STORY[0])
    assert result["changed"] and "isc-dhcpd does not run" in str(result["warnings"])
    assert server.sh("service isc-dhcpd status").returncode == 1
    assert "warnings" not in modules.good("dhcpd_host", STORY[0])
    server.sh("service isc-dhcpd start", check=True)
    assert (Clients(server, "bridge0").lease(MAC(1)) or {})["ip"] == "10.10.0.11"


#: The tables of what the module itself finds are in the unit tests.
BAD: List[Tuple[Dict[str, Any], str]] = [
    ({"name": "a", "mac": MAC(1), "ip": "10.10.0.9"}, f"ip: 10.10.0.9 is that of host printer in {CONF} already"),
    ({"name": "a", "mac": MAC(1), "ip": "10.10.0.200"}, "is in the range 10.10.0.200 - 10.10.0.209"),
    ({"name": "printer", "mac": MAC(1)}, f"{CONF} has a host of that name already"),
    ({"name": "a", "mac": MAC(1), "options": {"no-such-option": 1}}, "unknown option dhcp.no-such-option"),
    ({"name": "a", "mac": MAC(1), "statements": ["nonsense 1;"]}, f"{OURS} line"),
    ({"name": "a", "mac": MAC(1), "conf": "/usr/local/etc/no.conf"}, "/usr/local/etc/no.conf does not exist"),
    ({"name": "a", "mac": MAC(1), "conf": f"{CONF}.sample"}, f"isc-dhcpd reads {CONF} (dhcpd_conf)"),
    ({"name": "a", "mac": MAC(1), "inet6": {}}, "/usr/local/etc/dhcpd6.conf"),
    ({"name": "a", "mac": MAC(1), "service": "isc-dhcp"}, "said: isc-dhcp does not exist in /etc/rc.d"),
    (
        {"name": "a", "mac": MAC(1), "backend": "udhcpd"},
        "value of backend must be one of: isc, kea, dnsmasq, got: udhcpd",
    ),
]


def test_bad_input_is_told_before_anything_changes(server: StandinHost, modules: Modules) -> None:
    server.sh("rm -f /usr/local/etc/dhcpd6.conf")
    before = files(server)
    wrong: List[str] = []
    for task, says in BAD:
        result = modules.run("dhcpd_host", task)
        said = str(result.get("msg"))
        wrong += [f"{task}: {said}"] if not result.get("failed") or says not in said else []
    assert not wrong, "\n".join(wrong)
    assert files(server) == before


def test_a_configuration_of_the_users_that_is_broken_is_not_replaced(server: StandinHost, modules: Modules) -> None:
    task = {"name": "a", "mac": MAC(1)}
    for conf, says in (
        (f"{SERVER}nonsense 1;\n", f"{CONF} line 9: "),
        (f"{SERVER}subnet 10.11.0.0 netmask 255.255.255.0 {{\n", f"{CONF} line 9: a {{ that is not closed"),
        (f'{SERVER}include "/etc/no";\n', "/etc/no, which does not exist"),
    ):
        server.write(CONF, conf)
        assert says in refusal(modules, task)
    server.sh(f"sysrc dhcpd_conf=/root/dhcpd.conf; mv {CONF} {CONF}.away; cp {CONF}.sample {CONF}", check=True)
    assert "by rc.conf isc-dhcpd reads /root/dhcpd.conf (dhcpd_conf)" in refusal(modules, task)
    server.sh("mv /usr/local/sbin/dhcpd /usr/local/sbin/dhcpd.away", check=True)
    said = refusal(modules, task)
    server.sh("mv /usr/local/sbin/dhcpd.away /usr/local/sbin/dhcpd", check=True)
    assert "install the package isc-dhcp44-server" in said


def test_the_host_answers_arp_for_a_machine_now_and_after_a_boot(server: StandinHost, modules: Modules) -> None:
    before = server.read("/etc/rc.conf")
    task = {"hosts": [{"name": "web1", "mac": MAC(1), "ip": "10.10.0.11", "publish_arp": True}]}
    predicted = modules.good("dhcpd_host", task, check=True)
    applied = modules.good("dhcpd_host", task)
    assert not differences(comparable(predicted), comparable(applied))
    said = f"? (10.10.0.11) at {MAC(1)} on bridge0 permanent published [bridge]\n"
    assert server.sh("arp -n 10.10.0.11").stdout == said
    assert not modules.good("dhcpd_host", task)["changed"]
    server.sh("arp -d 10.10.0.11; service static_arp start", check=True)
    assert server.sh("arp -n 10.10.0.11").stdout == said
    modules.good("dhcpd_host", {"name": "web1", "ip": "10.10.0.12"})
    assert server.sh("arp -n 10.10.0.11").returncode == 1 and server.sh("arp -n 10.10.0.12").returncode == 0
    modules.good("dhcpd_host", {"name": "web1", "state": "absent"})
    assert "published" not in server.sh("arp -an").stdout
    assert server.read("/etc/rc.conf").replace('static_arp_pairs=""\n', "") == before


@pytest.mark.usefixtures("server")
def test_a_group_has_reservations_of_its_own(modules: Modules) -> None:
    modules.good(
        "dhcpd_host", {"hosts": [{"name": "a", "mac": MAC(1)}, {"name": "b", "mac": MAC(2)}], "group": "hive1"}
    )
    for task in ({"name": "a", "group": "hive2"}, {"name": "a"}, {"name": "a", "state": "absent"}):
        assert "a: it belongs to dhcpd_host hive1" in refusal(modules, task)
    assert "group: 'hive 1'" in refusal(modules, {"name": "a", "group": "hive 1"})
    modules.good("dhcpd_host", {"name": "c", "mac": MAC(3)})
    purged = modules.good("dhcpd_host", {"hosts": [{"name": "a", "mac": MAC(1)}], "group": "hive1", "purge": True})
    assert purged["changes"]["reservations"][-1] == f"release b in {RECORD}"
    assert modules.good("dhcpd_host", {"hosts": [], "purge": True})["changes"]["reservations"][-1].startswith(
        "release c "
    )


def test_a_guests_reservation_is_left_to_it(server: StandinHost, modules: Modules) -> None:
    modules.good("dhcpd_host", STORY[0])
    record = json.loads(str(server.read(RECORD)))
    record["servers"][OURS]["web1.lan"] = {"owner": "guest web1", "mac": MAC(7), "ip": ["10.10.0.17"]}
    server.write(RECORD, json.dumps(record))
    for task in ({"name": "web1.lan", "state": "absent"}, {"name": "web1.lan", "mac": MAC(8)}):
        assert "belongs to guest web1" in refusal(modules, task)
    assert "is that of reservation web1.lan" in refusal(modules, {"name": "b", "mac": MAC(7)})
    assert modules.good("dhcpd_host", {"hosts": [], "purge": True})["changed"]
    assert list(json.loads(str(server.read(RECORD)))["servers"][OURS]) == ["web1.lan"]
    assert "host web1.lan {" in str(server.read(OURS))


def test_the_target_that_runs_on_a_real_host_as_well(server: StandinHost, tmp_path: Path) -> None:
    server.sh("service isc-dhcpd stop", check=True)
    target = ROOT / "tests" / "integration" / "targets" / "dhcpd_host" / "tasks" / "main.yml"
    run = Playbooks(server, tmp_path).tasks([{"ansible.builtin.include_tasks": str(target)}])
    assert run.rc == 0, run.output


class HostSweep(Sweep):
    """CBSD's hosts are taken over and one is changed; in the end all is as it is without a fault."""

    def __init__(self, modules: Modules) -> None:
        super().__init__(modules, "dhcpd_host", {"hosts": [{"name": "web1", "hostname": "www"}], "adopt": True})
        self.goal = ""

    def begin(self) -> None:
        begin(self.host, CBSD)

    def record(self) -> None:
        super().record()
        self.goal = self.state()

    def state(self) -> str:
        return self.host.sh(f"cat {CONF} {OURS} {RECORD}; find /var/run/apiary /tmp -type f", check=True).stdout

    def left(self, _result: Any) -> List[str]:
        done = self.host.run(["dhcpd", "-t", "-cf", CONF])
        return [f"the configuration is broken: {done.stderr}"] if done.returncode else []

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        wrong = [] if self.state() == self.goal else [f"{self.state()} instead of {self.goal}"]
        if self.host.sh("service isc-dhcpd status").returncode:
            wrong.append("dhcpd does not run")
        elif self.host.sh(f"test {PID} -nt {OURS}").returncode:
            wrong.append("dhcpd is older than its files")
        return wrong


def test_a_failure_at_a_command_is_put_right_by_the_next_run(server: StandinHost) -> None:
    sweep = HostSweep(Modules(server))
    sweep.record()
    # When rc(8) cannot see whether dhcpd runs, it says that it does not, and nobody can know better.
    ours = [number for number in sweep.numbers() if not sweep.commands[number - 1].startswith("ps ")]
    sweep.go("fail", sample(ours, 3))
    sweep.go("cut", sample(ours, 2))
