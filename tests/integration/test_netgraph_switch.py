# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of netgraph bridges relies on: bhyve_switch with type netgraph, guests on it, boots and faults."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List

import pytest
from compare import comparable, differences, fingerprint
from faults import sample
from guests import tiny
from harness import Modules
from polls import until
from standin.guests.control import Guest
from standin.host import StandinHost
from switch_sweep import SwitchSweep

OWN = "10.20.0.1/24"


@pytest.fixture
def host(cards_host: StandinHost) -> StandinHost:
    """A host that its administrator reaches by em0; of the other cards, which are down, rc.conf has no word."""
    cards_host.sh(
        "sysrc -x ifconfig_em1 ifconfig_em2; sysrc ifconfig_em0='inet 192.0.2.10/24' defaultrouter=192.0.2.1;"
        " service netif start em0; service routing start; ifconfig em1 down; ifconfig em2 down",
        check=True,
    )
    return cards_host


def mesh(name: str = "mesh", **options: Any) -> Dict[str, Any]:
    """A switch of a task."""
    return {"name": name, "type": "netgraph", **options}


def graph(host: StandinHost) -> List[str]:
    """The nodes and their hooks, without the numbers of nodes; ngctl's own left out."""
    text = host.run(["ngctl", "list", "-l"], check=True).stdout
    text = re.sub(r"\b[0-9a-f]{8}\b", "ID", text)
    return sorted(line.rstrip() for line in text.splitlines() if "ngctl" not in line and "total nodes" not in line)


def network(host: StandinHost) -> List[str]:
    """Interfaces and nodes, but for what the kernel counts by."""
    text = host.run(["ifconfig"], check=True).stdout
    text = re.sub(r"port \d+|scopeid \S+| tentative|\n\thwaddr .*", "", text)
    return sorted(text.splitlines()) + graph(host)


STORY: List[Dict[str, Any]] = [
    mesh(),
    mesh(addresses=[OWN, "10.21.0.1/16", "fd00:20::1/64"]),
    mesh(addresses=["10.20.0.2/24", "fd00:20::1/64"], mtu=9000, mac="5A-00-00-00-00-01"),
    mesh(uplink="em1", mtu=0, mac=""),
    mesh(uplink="em2", addresses=[]),
    {"switches": [mesh(uplink="", addresses=[OWN]), mesh("wan", uplink="auto"), {"name": "lan", "uplink": "em2"}]},
    {"switches": [{"name": name, "state": "absent"} for name in ("mesh", "wan", "lan")]},
]


def test_check_mode_changes_nothing_and_predicts_what_apply_does(host: StandinHost, modules: Modules) -> None:
    before = str(host.read("/etc/rc.conf")), host.run(["ifconfig", "-l"]).stdout
    wrong: List[str] = []
    for number, task in enumerate(STORY):
        untouched = fingerprint(host).replace(" tentative", "")
        predicted = modules.good("bhyve_switch", task, check=True)
        after = fingerprint(host).replace(" tentative", "")
        wrong += [f"{number}: check mode changed the host"] if after != untouched else []
        applied = modules.good("bhyve_switch", task)
        wrong += [f"{number}: not changed"] if not (predicted["changed"] and applied["changed"]) else []
        wrong += [f"{number}{line}" for line in differences(comparable(predicted), comparable(applied))]
        wrong += [f"{number}: no diff"] if all(part["before"] == part["after"] for part in applied["diff"]) else []
        again = modules.good("bhyve_switch", task)
        wrong += [f"{number}: changed again: {again['switches']}"] if again["changed"] else []
    assert not wrong, "\n".join(wrong)
    kept = before[0].replace("inet 192.0.2.10/24", "inet 192.0.2.10/24 -lro -tso -txcsum -txcsum6")
    added = [f'ifconfig_{card}="up -lro -tso -txcsum -txcsum6"' for card in ("em1", "em2")]
    assert sorted(str(host.read("/etc/rc.conf")).splitlines()) == sorted([*kept.splitlines(), *added])
    assert host.run(["ifconfig", "-l"]).stdout == before[1] and not host.sh("ls /usr/local/etc/apiary/switches").stdout
    assert [line for line in graph(host) if re.search(r"Type: (bridge|eiface)", line)] == []
    assert json.loads(str(host.read("/var/db/apiary/host.json")))["schema"] == 1


def refusal(modules: Modules, task: Dict[str, Any], check: bool = False) -> str:
    """The error of a task that must fail, and must not change anything."""
    result = modules.run("bhyve_switch", task, check=check)
    assert result.get("failed") and not result.get("changed"), result
    return str(result["msg"])


def the(result: Dict[str, Any], name: str = "mesh") -> Dict[str, Any]:
    """A switch out of the module's result."""
    return next(one for one in result["switches"] if one["name"] == name)


def test_the_network_is_the_same_after_a_restart_and_after_a_boot(host: StandinHost, modules: Modules) -> None:
    tasks = {
        "switches": [
            mesh(addresses=[OWN, "10.20.0.2/24", "fd00:20::1/64"], mtu=1400),
            mesh("wan", uplink="auto", addresses=["10.22.0.1/24"]),
            mesh("a-name-that-is-longer-than-those-of-nodes", uplink="em1"),
            mesh("em2"),
        ]
    }
    result = modules.good("bhyve_switch", tasks)
    assert [one["interface"] for one in result["switches"]] == ["mesh", "wan", "ngbridge1000", "ngbridge1001"]
    assert [one["host_interface"] for one in result["switches"]] == ["ngeth1000", "ngeth1001", "", ""]
    assert "inet 192.0.2.10 netmask" in host.run(["ifconfig", "em0"]).stdout, "the host's own address stays"
    assert host.sh("route -n get default | grep interface").stdout.split() == ["interface:", "em0"]
    now = network(host)
    said = host.sh("service netif restart && service routing restart").stderr
    assert (said, network(host)) == ("", now)
    host.power_cut()
    host.boot()
    until(lambda: network(host) == now)
    again = modules.good("bhyve_switch", tasks)
    assert not again["changed"] and again["commands_started"] == 5, again["commands"]


def test_what_was_changed_by_hand_shows_and_is_set_right(host: StandinHost, modules: Modules) -> None:
    task = mesh(uplink="em1", addresses=[OWN, "fd00:20::1/64"])
    modules.good("bhyve_switch", task)
    good = network(host)
    wrong: List[str] = []
    for what in (
        "/usr/local/libexec/apiary.network stop mesh && ! ngctl list | grep -e eiface -e 'Name: mesh'",
        "ngctl shutdown ngeth1000:; ngctl rmhook em1: upper",
        "ngctl shutdown mesh:",
        "ifconfig ngeth1000 inet 10.20.0.1 -alias; ifconfig ngeth1000 inet 10.29.0.1/24 down; ifconfig em1 down;"
        " ngctl msg em1: setautosrc 1",
        "ifconfig ngeth1000 ether 5a:00:00:00:00:99; ifconfig ngeth1000 mtu 1400 -descr; ngctl msg em1: setpromisc 0;"
        " rm /usr/local/etc/apiary/switches/mesh; sysrc -x ifconfig_ngeth1000 ifconfig_em1",
    ):
        host.sh(what, check=True)
        told = modules.good("bhyve_switch", task)
        wrong += [f"{what}: not seen"] if not told["changed"] or not told["diff"] else []
        wrong += [f"{what}: {line}" for line in set(network(host)) ^ set(good)]
    assert not wrong, "\n".join(wrong)


def received(host: StandinHost) -> int:
    """The frames that the host's own interface has got."""
    return int(host.sh("cat /.linux/sys/class/net/ngeth0/statistics/rx_packets", check=True).stdout)


def test_guests_talk_to_each_other_and_the_host_on_a_netgraph_bridge(host: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_switch", {"switches": [mesh(uplink="em1", addresses=[OWN]), mesh("lab")]})
    nics, boot = [{"name": "lan", "switch": "mesh"}], {"autostart": True}
    guests = [tiny(name, state="started", nics=nics, boot=boot) for name in ("web1", "web2")]
    guests.append(tiny("alone", state="started", nics=[{"name": "lab", "switch": "lab"}]))
    modules.good("bhyve_vm", {"vms": guests})
    web1, web2, alone = (Guest(host.directory, name) for name in ("web1", "web2", "alone"))
    for guest in (web1, web2, alone):
        guest.wait_booted()
    heard = received(host)
    web1.call("hello")
    assert until(web2.heard) == ["hello"] and alone.heard() == []
    until(lambda: received(host) > heard)
    shown = the(modules.good("bhyve_switch", mesh()))
    assert shown["members"] == ["apiary1000", "apiary1001", "em1", "ngeth1000"] and not shown["changed"]
    said = refusal(modules, mesh(state="absent"))
    assert "in use by guest web1 nic lan, guest web2 nic lan, apiary1000 (link1000), apiary1001 (link1001);" in said
    # The first bhyve is killed: its socket goes with it, and its supervisor starts it again on the same link.
    before = web1.boots()
    host.sh("pkill -KILL -f 'bhyve: web1'", check=True)
    modules.good("bhyve_vm", {"name": "web1", "state": "started"})
    web1.wait_booted(before + 1)
    web1.call("again")
    assert "again" in until(web2.heard)
    host.power_cut()
    host.boot()
    until(lambda: web1.boots() and web2.boots())
    web1.wait_booted()
    web2.wait_booted()
    web1.call("here")
    assert until(web2.heard) == ["here"]


def test_a_guest_whose_switch_cannot_be_made_says_so(host: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_switch", mesh(uplink="em1"))
    modules.good("bhyve_vm", tiny("web1", state="stopped", nics=[{"name": "lan", "switch": "mesh"}]))
    host.sh("ngctl shutdown mesh: && ngctl mkpeer em1: bridge lower link7 && ngctl name em1:lower other", check=True)
    said = modules.run("bhyve_vm", {"name": "web1", "state": "started"})
    assert "the hook lower of em1 is connected to other bridge link7" in said["msg"], said
    host.sh("ngctl shutdown other:; /usr/local/libexec/apiary.network start mesh", check=True)
    host.sh("ngctl mkpeer mesh: eiface link1000 ether", check=True)
    said = modules.run("bhyve_vm", {"name": "web1", "state": "started"})
    assert "switch mesh: its link1000 is the guest's, and ngeth0 (eiface) is connected to it" in said["msg"], said
    host.sh("ngctl shutdown ngeth0:", check=True)
    modules.good("bhyve_vm", {"name": "web1", "state": "started"})
    assert the(modules.good("bhyve_switch", mesh()))["members"] == ["apiary1000", "em1"]


BAD: Dict[str, Any] = {
    "does not exist on this host; it has em0, em1, em2": mesh(uplink="em9"),
    "cannot be an uplink": mesh(uplink="lo0"),
    "em2 is in the bridge bridge3 already": mesh(uplink="em2"),
    "is the uplink of the netgraph switch taken": {"name": "lan", "uplink": "em1"},
    "is the uplink of the switch taken": mesh(uplink="em1"),
    "its netgraph hook lower is connected to hand (link5)": mesh(uplink="em0"),
    "ngeth1000 cannot be an uplink": mesh(uplink="ngeth1000"),
    "10.20.0.7/16 overlaps 10.20.0.0/24 of the switch taken": mesh(addresses=["10.20.0.7/16"]),
    "overlaps 192.0.2.0/24 of em0": mesh(addresses=["192.0.2.11/25"]),
    "an interface on a netgraph bridge can have 9018 at most": mesh(addresses=["10.1.0.1/24"], mtu=9100),
    "mtu: of a netgraph bridge only the host's own interface": mesh(mtu=9000),
    "mac: of a netgraph bridge only the host's own interface": mesh(mac="5a:00:00:00:00:01"),
    "is that of the switch taken": mesh(addresses=["10.1.0.1/24"], mac="5a:00:00:00:00:07"),
    "vlan: a switch of type netgraph has no such option": mesh(vlan=5, uplink="em2"),
    "which cannot be changed": {"name": "taken", "type": "bridge"},
}


def test_bad_input_is_one_clear_error_and_changes_nothing(host: StandinHost, modules: Modules) -> None:
    host.sh("ifconfig bridge3 create addm em2 up", check=True)
    modules.good("bhyve_switch", mesh("taken", uplink="em1", addresses=[OWN], mac="5a:00:00:00:00:07"))
    host.sh("ngctl mkpeer em0: bridge lower link5 && ngctl name em0:lower hand", check=True)
    before = fingerprint(host)
    wrong: List[str] = []
    for number, (says, task) in enumerate(BAD.items()):
        told = refusal(modules, task, check=bool(number % 2))
        wrong += [f"{says!r} is not in {told!r}"] if says not in told else []
    assert not wrong and fingerprint(host) == before, "\n".join(wrong)


def test_many_switches_cost_as_many_reads_as_one(host: StandinHost, modules: Modules) -> None:
    def some(count: int) -> Dict[str, Any]:
        return {"switches": [mesh(f"s{number}", addresses=[f"10.1.{number}.1/24"]) for number in range(count)]}

    modules.good("bhyve_switch", some(1))
    one = modules.good("bhyve_switch", some(1))
    modules.good("bhyve_switch", some(3))
    many = modules.good("bhyve_switch", some(3))
    assert not one["changed"] and not many["changed"]
    assert many["commands_started"] == one["commands_started"] == 4


#: Made, changed, removed: each begins where the one before it ends.
TASKS: List[Dict[str, Any]] = [
    mesh(uplink="em1", addresses=[OWN, "fd00:20::1/64"]),
    mesh(uplink="em2", addresses=["10.20.0.9/24"], mtu=1500),
    mesh(state="absent"),
]


class NetgraphSweep(SwitchSweep):
    tasks = TASKS
    tidy = "sysrc -x ifconfig_em1 ifconfig_em2; ifconfig em1 down; ifconfig em2 down"

    def state(self) -> List[str]:
        files = "cat /etc/rc.conf /var/db/apiary/host.json /usr/local/etc/apiary/switches/*"
        return network(self.host) + sorted(self.host.sh(files).stdout.splitlines())


@pytest.mark.parametrize(("number", "mode", "count"), [(0, "fail", 3), (1, "half", 2), (2, "fail", 2)])
def test_a_failure_at_a_command_is_put_right_by_the_next_run(
    cards_host: StandinHost, number: int, mode: str, count: int
) -> None:
    sweep = NetgraphSweep(Modules(cards_host), number)
    sweep.record()
    sweep.go(mode, sample(sweep.numbers(), count))


def test_a_power_cut_at_a_command_is_put_right_by_the_next_run(cards_host: StandinHost) -> None:
    sweep = NetgraphSweep(Modules(cards_host), 0)
    sweep.record()
    sweep.go("cut", sample(sweep.numbers(), 3)[1:])
