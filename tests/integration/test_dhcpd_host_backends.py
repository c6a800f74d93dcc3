# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of dhcpd_host relies on with Kea and with dnsmasq, the servers themselves, and machines that ask them."""

from __future__ import annotations

import abc
from typing import Any, Dict, Iterator, List, Tuple, Type

import pytest
from compare import comparable, differences
from dhcp_clients import MAC, Clients
from faults import Sweep, tried
from harness import Modules
from polls import until
from standin.host import StandinHost

RECORD = "/var/db/apiary/reservations.json"


class Server(abc.ABC):
    """A DHCP server on the bridge of a host, with its configuration as its administrator has written it."""

    backend: str
    conf: str
    ours: str
    pid_file: str
    text: str

    def __init__(self, host: StandinHost) -> None:
        self.host = host
        self.host.run(["pkg", "install", "-y", self.backend], check=True)

    def begin(self) -> None:
        """Nothing of ours, and the server runs."""
        self.stop()
        self.host.sh(f"rm -f {self.ours}* {RECORD} /var/run/apiary/.dhcp/* /var/db/dnsmasq.leases")
        self.host.write(self.conf, self.text)
        self.start()

    @abc.abstractmethod
    def start(self) -> None:
        """Start it and wait until it can be spoken to."""

    def stop(self) -> None:
        """Stop it, whatever its configuration is like now (its rc script minds that), and wait for its end."""
        self.host.sh(f"kill $(cat {self.pid_file})")
        assert until(lambda: not self.pid())

    def pid(self) -> str:
        """Of the process that runs; '' for none."""
        return self.host.sh(f"pid=$(cat {self.pid_file}) && kill -0 $pid && echo $pid").stdout.strip()

    def files(self) -> str:
        """What the module writes, and what somebody could leave behind."""
        folders = f"/usr/local/etc /usr/local/etc/apiary /var/run/apiary/.dhcp /var/run/apiary/.{self.backend}"
        return self.host.sh(f"cat {self.conf} {self.ours}* {RECORD}; ls -A {folders}").stdout


class Kea(Server):
    """kea-dhcp4."""

    backend = "kea"
    conf = "/usr/local/etc/kea/kea-dhcp4.conf"
    ours = "/usr/local/etc/apiary/kea-dhcp4.reservations"
    pid_file = "/var/run/kea/kea-dhcp4.kea-dhcp4.pid"
    socket = "/var/run/kea/kea4-ctrl-socket"
    text = """\
# Of the administrator
{ "Dhcp4": {
    "interfaces-config": { "interfaces": [ "bridge0" ] },
    "control-socket": { "socket-type": "unix", "socket-name": "/var/run/kea/kea4-ctrl-socket" },
    "lease-database": { "type": "memfile", "persist": false },
    "valid-lifetime": 600,
    "subnet4": [ { "id": 1, "subnet": "10.10.0.0/24",
        "pools": [ { "pool": "10.10.0.200 - 10.10.0.209", "client-class": "KNOWN" } ],
        "option-data": [ { "name": "routers", "data": "10.10.0.1" }, { "name": "domain-name", "data": "lab" } ],
        "reservations": [ { "hw-address": "5A:00:00:00:00:99", "ip-address": "10.10.0.9", "hostname": "printer" } ]
    } ]
} }
"""

    def __init__(self, host: StandinHost) -> None:
        super().__init__(host)
        host.sh("sysrc kea_enable=YES; sysrc -f /usr/local/etc/kea/keactrl.conf dhcp6=no", check=True)

    def start(self) -> None:
        self.host.sh("service kea start > /dev/null 2>&1", check=True)
        assert until(lambda: self.pid() and self.host.sh(f"test -S {self.socket}").returncode == 0)


class Dnsmasq(Server):
    """dnsmasq, without DNS."""

    backend = "dnsmasq"
    conf = "/usr/local/etc/dnsmasq.conf"
    ours = "/usr/local/etc/apiary/dnsmasq.hosts"
    pid_file = "/var/run/dnsmasq.pid"
    text = """\
port=0
interface=bridge0
bind-interfaces
domain=lab
dhcp-range=tag:known,10.10.0.200,10.10.0.209,10m
dhcp-host=5a:00:00:00:00:99,10.10.0.9,printer # of the administrator
"""

    def __init__(self, host: StandinHost) -> None:
        super().__init__(host)
        host.sh("sysrc dnsmasq_enable=YES", check=True)

    def start(self) -> None:
        self.host.sh("service dnsmasq start", check=True)


@pytest.fixture(scope="module")
def bridged(shared_host: StandinHost) -> StandinHost:
    """A host whose bridge has an address, and a member that is up: without, Linux's would have no carrier."""
    shared_host.sh(
        "ifconfig epair0 create && ifconfig epair0a up && ifconfig epair0b up"
        " && ifconfig bridge0 inet 10.10.0.1/24 addm epair0a up",
        check=True,
    )
    return shared_host


@pytest.fixture(scope="module", params=[Kea, Dnsmasq], ids=lambda kind: str(kind.backend))
def served(bridged: StandinHost, request: pytest.FixtureRequest) -> Iterator[Server]:
    """Such a server; one at a time."""
    kind: Type[Server] = request.param
    server = kind(bridged)
    yield server
    server.stop()


@pytest.fixture
def server(served: Server) -> Server:
    """The same, with nothing of ours."""
    served.begin()
    return served


@pytest.fixture
def modules(served: Server) -> Modules:
    """Modules on its host."""
    return Modules(served.host)


def refusal(modules: Modules, server: Server, task: Dict[str, Any]) -> str:
    """The error of a task that must fail and not change anything."""
    before = server.files(), server.pid()
    result = modules.run("dhcpd_host", {"backend": server.backend, **task})
    assert result.get("failed") and not result.get("changed"), result
    assert (server.files(), server.pid()) == before
    return str(result["msg"])


STORY: List[Dict[str, Any]] = [
    {"name": "web1", "mac": MAC(1), "ip": "10.10.0.11"},
    {
        "hosts": [
            {"name": "db1", "mac": MAC(2), "ip": "auto"},
            {"name": "web1", "hostname": "www", "filename": "ipxe.efi", "options": {"boot-size": 7}},
        ],
        "auto_range": ["10.10.0.20-10.10.0.29"],
    },
    {"hosts": [{"name": "web1", "mac": MAC(4), "filename": ""}, {"name": "never", "state": "absent"}], "purge": True},
    {"name": "web1", "state": "absent"},
]


def test_check_mode_changes_nothing_and_predicts_what_apply_does(server: Server, modules: Modules) -> None:
    wrong: List[str] = []
    for number, step in enumerate(STORY):
        task = {"backend": server.backend, **step}
        untouched = server.files()
        predicted = modules.good("dhcpd_host", task, check=True)
        wrong += [f"{number}: check mode changed the host"] if server.files() != untouched else []
        applied = modules.good("dhcpd_host", task)
        wrong += [f"{number}: not changed"] if not (predicted["changed"] and applied["changed"]) else []
        wrong += [f"{number}{line}" for line in differences(comparable(predicted), comparable(applied))]
        wrong += [f"{number}: no diff"] if all(part["before"] == part["after"] for part in applied["diff"]) else []
        again = modules.good("dhcpd_host", task)
        wrong += [f"{number}: changed again: {again}"] if again["changed"] else []
        wrong += [f"{number}: {again['commands_started']} commands"] if again["commands_started"] > 3 else []
    assert not wrong, "\n".join(wrong)


def test_a_machine_gets_what_was_declared_and_the_server_goes_on(server: Server, modules: Modules) -> None:
    clients = Clients(server.host, "bridge0")
    assert clients.lease(MAC(1), patience=1) is None, "the server knows nobody of this address"
    modules.good(
        "dhcpd_host",
        {
            "backend": server.backend,
            "hosts": [
                {
                    "name": "web1",
                    "mac": MAC(1),
                    "ip": "10.10.0.11",
                    "filename": "boot/a,b.efi",
                    "next_server": "10.10.0.2",
                    "root_path": "10.10.0.1:/r,ro",
                    "options": {"ntp-servers": ["10.10.0.1", "10.10.0.2"], "domain-name": "other.lab"},
                },
                {"name": "anywhere", "mac": MAC(2), "hostname": "any"},
            ],
        },
    )
    # It has been restarted, if at all, for its configuration has our files in it now.
    pid = server.pid()
    assert pid

    def told(*keys: str) -> List[Any]:
        lease = clients.lease(MAC(1)) or {}
        return [lease.get(key, lease.get({"boot_file": "bootfile"}.get(key, ""))) for key in keys]

    keys = ("ip", "hostname", "boot_file", "siaddr", "rootpath", "ntpsrv", "domain", "router", "lease")
    assert told(*keys) == [
        "10.10.0.11",
        "web1",
        "boot/a,b.efi",
        "10.10.0.2",
        "10.10.0.1:/r,ro",
        "10.10.0.1 10.10.0.2",
        "other.lab",
        "10.10.0.1",
        "600",
    ]
    assert (clients.lease(MAC(2)) or {})["ip"].startswith("10.10.0.20"), "known, so it gets one of the range"
    change = {"ip": "10.10.0.12", "hostname": "www", "next_server": "10.10.0.3", "options": {"domain-name": "new.lab"}}
    modules.good("dhcpd_host", {"backend": server.backend, "name": "web1", **change})
    assert until(
        lambda: told("ip", "hostname", "siaddr", "domain") == ["10.10.0.12", "www", "10.10.0.3", "new.lab"], 10
    )
    modules.good("dhcpd_host", {"backend": server.backend, "name": "db1", "mac": MAC(3), "ip": "10.10.0.13"})
    assert until(lambda: (clients.lease(MAC(3)) or {}).get("ip") == "10.10.0.13", 10)
    modules.good("dhcpd_host", {"backend": server.backend, "hosts": [], "purge": True})
    assert until(lambda: clients.lease(MAC(1), patience=1) is None, 10)
    assert (clients.lease(MAC(0x99)) or {})["ip"] == "10.10.0.9", "the administrator's own host is served"
    assert server.pid() == pid


def test_a_server_that_is_off_stays_off_and_the_task_says_so(server: Server, modules: Modules) -> None:
    server.stop()
    result = modules.good("dhcpd_host", {"backend": server.backend, **STORY[0]})
    assert result["changed"] and f"{server.backend} does not run" in str(result["warnings"])
    assert not server.pid()
    assert "warnings" not in modules.good("dhcpd_host", {"backend": server.backend, **STORY[0]})
    server.start()
    assert (Clients(server.host, "bridge0").lease(MAC(1)) or {})["ip"] == "10.10.0.11"


def test_what_somebody_did_by_hand_is_set_right(server: Server, modules: Modules) -> None:
    task = {"backend": server.backend, "name": "web1", "mac": MAC(1), "ip": "10.10.0.11", "filename": "ipxe.efi"}
    modules.good("dhcpd_host", task)
    good = server.files()
    for damage in (f"echo '# mine' >> {server.ours}", f"rm {server.ours}*; sed -i '' -e '/apiary/d' {server.conf}"):
        server.host.sh(damage, check=True)
        assert modules.good("dhcpd_host", task)["changed"]
        assert sorted(server.files().split()) == sorted(good.split())
    assert until(lambda: (Clients(server.host, "bridge0").lease(MAC(1)) or {}).get("ip") == "10.10.0.11", 10)


BAD: List[Tuple[Dict[str, Any], str]] = [
    ({"ip": "10.10.0.200"}, "is in the range 10.10.0.200 - 10.10.0.209"),
    ({"ip": "10.11.0.1"}, "it has 10.10.0.0/24"),
    ({"mac": MAC(0x99)}, "mac: 5a:00:00:00:00:99 is that of host printer in {conf} already"),
    ({"statements": ["max-lease-time 60;"]}, "statements: words of dhcpd.conf say nothing to {backend}"),
    ({"conf": "/usr/local/etc/no.conf"}, "/usr/local/etc/no.conf"),
]


def test_bad_input_is_told_before_anything_changes(server: Server, modules: Modules) -> None:
    for more, says in BAD:
        said = refusal(modules, server, {"name": "a", "mac": MAC(1), **more})
        assert says.format(conf=server.conf, backend=server.backend) in said
    assert "adopt: CBSD's hook" in refusal(modules, server, {"adopt": True})
    program = f"/usr/local/sbin/{'kea-dhcp4' if server.backend == 'kea' else 'dnsmasq'}"
    server.host.sh(f"mv {program} {program}.away", check=True)
    said = refusal(modules, server, {"name": "a", "mac": MAC(1)})
    server.host.sh(f"mv {program}.away {program}", check=True)
    assert f"install the package {server.backend}" in said


def test_a_configuration_of_the_users_that_is_broken_is_not_replaced(server: Server, modules: Modules) -> None:
    if server.backend == "kea":
        broken = {
            server.text.replace('"Dhcp4": {', '"Dhcp4": { "nonsense": 1,'): 'got unexpected keyword "nonsense"',
            server.text.replace('"Dhcp4": {', '"Dhcp4" {'): f"{server.conf}, line 2: '{{' stands where ':' should",
            server.text.replace("# Of", '<?include "/etc/no"?> # Of'): f"{server.conf}, line 1: includes /etc/no",
        }
    else:
        broken = {
            server.text + "nonsense=1\n": "bad option at line 7",
            server.text + "conf-file=/etc/no\n": f"{server.conf}, line 7: conf-file names /etc/no",
        }
    for text, says in broken.items():
        server.host.write(server.conf, text)
        assert says in refusal(modules, server, {"name": "a", "mac": MAC(1)})


class HostSweep(Sweep):
    """A host is made in a configuration that does not know us yet."""

    def __init__(self, server: Server) -> None:
        super().__init__(Modules(server.host), "dhcpd_host", {"backend": server.backend, **STORY[0]})
        self.server = server
        self.goal = ""

    def begin(self) -> None:
        self.server.begin()

    def record(self) -> None:
        super().record()
        self.goal = self.server.files()

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        wrong = [] if self.server.files() == self.goal else [f"{self.server.files()} instead of {self.goal}"]
        return wrong + ([] if self.server.pid() else [f"{self.server.backend} does not run"])


def test_a_failure_at_a_command_is_put_right_by_the_next_run(server: Server) -> None:
    sweep = HostSweep(server)
    sweep.record()
    sweep.go("fail", tried(len(sweep.commands)))
    assert (Clients(server.host, "bridge0").lease(MAC(1)) or {}).get("hostname") == "web1"


def test_a_kea_that_cannot_be_told_is_said_before_anything_changes(bridged: StandinHost) -> None:
    server = Kea(bridged)
    modules = Modules(bridged)
    task = {"name": "a", "mac": MAC(1), "ip": "10.10.0.11"}
    server.begin()
    bridged.sh(f"mv {server.socket} {server.socket}.away", check=True)
    assert f"command list-commands: {server.socket}: No such file or directory" in refusal(modules, server, task)
    bridged.sh(f"mv {server.socket}.away {server.socket}", check=True)
    server.stop()
    bridged.write(server.conf, server.text.replace('"control-socket"', '"user-context"'))
    bridged.sh("service kea start > /dev/null 2>&1", check=True)
    assert until(server.pid)
    assert "has no 'control-socket' of type unix" in refusal(modules, server, task)
    server.stop()
