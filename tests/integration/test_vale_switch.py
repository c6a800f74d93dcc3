# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of VALE switches relies on: vale_switch, bhyve_switch with type vale, guests on them, boots, faults."""

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

OWN = "10.30.0.1/24"


@pytest.fixture
def host(cards_host: StandinHost) -> StandinHost:
    """A host that its administrator reaches by em0; of the other cards, which are down, rc.conf has no word."""
    cards_host.sh(
        "sysrc -x ifconfig_em1 ifconfig_em2; sysrc ifconfig_em0='inet 192.0.2.10/24' defaultrouter=192.0.2.1;"
        " service netif start em0; service routing start; ifconfig em1 down; ifconfig em2 down",
        check=True,
    )
    return cards_host


def fast(name: str = "fast", **options: Any) -> Dict[str, Any]:
    """A switch of a task."""
    return {"name": name, "type": "vale", **options}


def the(result: Dict[str, Any], name: str = "fast") -> Dict[str, Any]:
    """A switch out of the module's result."""
    return next(one for one in result["switches"] if one["name"] == name)


def ports(host: StandinHost) -> List[str]:
    """The ports of all VALE switches."""
    return [line.split()[0] for line in host.run(["valectl"]).stdout.splitlines()]


def network(host: StandinHost) -> List[str]:
    """Interfaces and ports, but for what the kernel counts by."""
    text = host.run(["ifconfig"], check=True).stdout
    text = re.sub(r"port \d+|scopeid \S+| tentative|\n\thwaddr .*", "", text)
    return sorted([*text.splitlines(), *ports(host)])


def refusal(modules: Modules, task: Dict[str, Any], module: str = "bhyve_switch") -> str:
    """The error of a task that must fail, and must not change anything."""
    result = modules.run(module, task)
    assert result.get("failed") and not result.get("changed"), result
    return str(result["msg"])


STORY: List[Dict[str, Any]] = [
    fast(),
    fast(addresses=[OWN, "10.31.0.1/16", "fd00:30::1/64"]),
    fast(addresses=["10.30.0.2/24", "fd00:30::1/64"], mac="5A-00-00-00-00-01"),
    fast(uplink="em1", mac=""),
    fast(host_stack=False),
    fast(uplink="em2", addresses=[]),
    {
        "switches": [
            fast(uplink="", addresses=[OWN]),
            fast("wan", uplink="auto"),
            {"name": "lan", "uplink": "em2", "addresses": ["10.33.0.1/24"]},
            {"name": "mesh", "type": "netgraph", "uplink": "em1"},
        ]
    },
    {"switches": [{"name": name, "state": "absent"} for name in ("fast", "wan", "lan", "mesh")]},
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
    assert "ifconfig_em1=" in str(host.read("/etc/rc.conf")), "the uplink's own line stays"
    left = [line for line in str(host.read("/etc/rc.conf")).splitlines() if not line.startswith("ifconfig_em")]
    assert left == [line for line in before[0].splitlines() if not line.startswith("ifconfig_em")]
    assert host.run(["ifconfig", "-l"]).stdout == before[1] and not host.sh("ls /usr/local/etc/apiary/switches").stdout
    assert ports(host) == [] and "PPROMISC" not in host.run(["ifconfig", "em0"]).stdout
    assert json.loads(str(host.read("/var/db/apiary/host.json")))["schema"] == 1


def test_the_network_is_the_same_after_a_restart_and_after_a_boot(host: StandinHost, modules: Modules) -> None:
    task = {
        "switches": [
            fast(addresses=[OWN, "10.30.0.2/24", "fd00:30::1/64"]),
            fast("wan", uplink="auto", addresses=["10.32.0.1/24"]),
            fast("alone", uplink="em1", host_stack=False),
            fast("guests", interface="vale7"),
        ]
    }
    result = modules.good("bhyve_switch", task)
    assert [one["interface"] for one in result["switches"]] == ["vale0", "vale1", "vale2", "vale7"]
    assert [one["host_interface"] for one in result["switches"]] == ["epair1000b", "epair1001b", "", ""]
    assert ports(host) == ["vale0:epair1000a", "vale1:em0", "vale1:em0^", "vale1:epair1001a", "vale2:em1"]
    now = network(host)
    said = host.sh("service netif restart && service routing restart").stderr
    assert (said, differences(now, network(host))) == ("", [])
    host.power_cut()
    host.boot()
    until(lambda: network(host) == now)
    again = modules.good("bhyve_switch", task)
    assert not again["changed"] and again["commands_started"] == 3, again["commands"]


def test_what_was_changed_by_hand_shows_and_is_set_right(host: StandinHost, modules: Modules) -> None:
    task = fast(uplink="em1", addresses=[OWN, "fd00:30::1/64"])
    modules.good("bhyve_switch", task)
    good = network(host)
    wrong: List[str] = []
    for what in (
        "valectl -d vale0:em1",
        "valectl -d vale0:em1; valectl -a vale0:em1",
        "valectl -d vale0:epair1000a",
        "ifconfig epair1000a destroy",
        "ifconfig epair1000b inet 10.30.0.1 -alias; ifconfig epair1000b inet 10.39.0.1/24 down",
        "ifconfig epair1000b ether 5a:00:00:00:00:99; ifconfig epair1000a -descr down",
        "ifconfig epair1000b down; ifconfig epair1000b ether 5a:00:00:00:00:98; ifconfig epair1000b inet6"
        " $(ifconfig epair1000b | awk '/fe80/ { print $2 }') -alias; ifconfig epair1000b up",
        "ifconfig em1 txcsum tso4 lro -promisc down",
        "rm /usr/local/etc/apiary/switches/fast; sysrc -x ifconfig_epair1000b ifconfig_em1",
        "sysrc cloned_interfaces=bridge0",
    ):
        host.sh(what, check=True)
        told = modules.good("bhyve_switch", task, check=True)
        wrong += [f"{what}: not seen"] if not told["changed"] or not told["diff"] else []
        modules.good("bhyve_switch", task)
        wrong += [f"{what}: {line}" for line in set(network(host)) ^ set(good)]
    assert not wrong, "\n".join(wrong)


def test_bad_input_is_one_clear_error_and_changes_nothing(host: StandinHost, modules: Modules) -> None:
    host.sh("ifconfig epair5 create && valectl -a vale5:epair5a; ifconfig bridge0 addm em2", check=True)
    modules.good("bhyve_switch", fast("old", uplink="em1"))
    untouched = fingerprint(host).replace(" tentative", "")
    wrong: List[str] = []
    for task, told in (
        (fast(interface="bridge7"), "interface: 'bridge7'; the kernel's name of a VALE switch is vale and a number"),
        (fast(interface="vale1234"), "interface: 'vale1234'"),
        (fast(interface="vale5"), "interface: vale5 has the ports epair5a, so it is somebody else's"),
        (fast(interface="vale0"), "interface: vale0 is that of the switch old"),
        (fast("old", interface="vale3"), "interface: it is vale0 already"),
        (fast(uplink="em9"), "uplink: em9 does not exist on this host; it has em0, em1, em2"),
        (fast(uplink="em1"), "uplink: em1 is the uplink of the switch old"),
        (fast(uplink="em2"), "uplink: em2 is in the bridge bridge0 already"),
        (fast(uplink="bridge0"), "uplink: bridge0 cannot be an uplink"),
        (fast(uplink="epair5a"), "uplink: epair5a is attached to vale5, which is somebody else's"),
        (fast(uplink="em0", host_stack=False), "host_stack: false would cut the host off from em0, .*192.0.2.10/24"),
        (fast(host_stack=False), "host_stack: is about the uplink, and the switch has none"),
        (fast(addresses=["192.0.2.99/25"]), "addresses: 192.0.2.99/25 overlaps 192.0.2.0/24 of em0"),
        (fast(mac="5a:00:00:00:00:01"), "mac: of a VALE switch only the host's own interface on it has one"),
        (fast(stp=True), "stp: a switch of type vale has no such option"),
        ({"name": "old", "type": "bridge"}, "switch old: type: bridge; it is a switch of type vale"),
        ({"name": "lan", "uplink": "em1"}, "switch lan: uplink: em1 is the uplink of the vale switch old"),
        ({"name": "lan", "host_stack": True}, "host_stack: a switch of type bridge has no such option"),
        ({"switches": [fast(f"s{n}") for n in range(8)]}, "the kernel has no more than 8 VALE switches"),
    ):
        message = refusal(modules, task)
        wrong += [f"{task}: {message}"] if not re.search(told, message) else []
    assert not wrong, "\n".join(wrong)
    assert fingerprint(host).replace(" tentative", "") == untouched


def guests_on(host: StandinHost, modules: Modules, **plugs: str) -> List[Guest]:
    """Guests that run, each with a NIC on a switch, started together."""
    vms = [
        tiny(name, state="started", nics=[{"name": "lan", "switch": switch}], boot={"autostart": True})
        for name, switch in plugs.items()
    ]
    modules.good("bhyve_vm", {"vms": vms})
    found = [Guest(host.directory, name) for name in plugs]
    for guest in found:
        guest.wait_booted()
    return found


def test_guests_talk_on_their_vale_switch_only_and_find_it_after_a_power_cut(
    host: StandinHost, modules: Modules
) -> None:
    modules.good("vale_switch", {"switches": [{"name": "fast", "addresses": [OWN]}, {"name": "other"}]})
    web1, web2, alone = guests_on(host, modules, web1="fast", web2="fast", alone="other")
    # Guests start side by side, so their ports come in any order.
    assert sorted(ports(host)) == ["vale0:1000", "vale0:1001", "vale0:epair1000a", "vale1:1002"]
    assert "backend=vale0:1000" in str(host.read("/apiary/web1/boot/bhyve.conf"))
    web1.call("hello")
    assert until(web2.heard) == ["hello"] and alone.heard() == []
    shown = the(modules.good("vale_switch", {"name": "fast"}))
    assert shown["members"] == ["1000", "1001", "epair1000a"] and not shown["changed"]
    said = refusal(modules, {"name": "fast", "state": "absent"}, "vale_switch")
    assert "in use by guest web1 nic lan, guest web2 nic lan, port vale0:1000, port vale0:1001;" in said
    host.power_cut()
    host.boot()
    until(lambda: web1.boots() and web2.boots())
    web1.wait_booted()
    web2.wait_booted()
    web1.call("here")
    assert until(web2.heard) == ["here"]
    assert until(lambda: len(ports(host)) == 4)


def test_a_guest_whose_switch_cannot_be_made_says_so(host: StandinHost, modules: Modules) -> None:
    modules.good("vale_switch", {"name": "fast", "uplink": "em1", "host_stack": False})
    modules.good("bhyve_vm", tiny("web1", state="stopped", nics=[{"name": "lan", "switch": "fast"}]))
    host.sh("valectl -d vale0:em1; valectl -a vale5:em1", check=True)
    said = modules.run("bhyve_vm", {"name": "web1", "state": "started"})
    assert "cannot attach em1 to vale0" in said["msg"] and "Device busy" in said["msg"], said
    many = "for n in 1 2 3 4 5 6 7 8; do ifconfig epair$n create; valectl -a vale1$n:epair${n}a; done"
    host.sh(f"valectl -d vale5:em1; {many} > /dev/null", check=True)
    said = modules.run("bhyve_vm", {"name": "web1", "state": "started"})
    assert "the kernel has no more than 8 VALE switches" in said["msg"], said
    host.sh("valectl -d vale11:epair1a", check=True)
    modules.good("bhyve_vm", {"name": "web1", "state": "started"})
    assert the(modules.good("vale_switch", {"name": "fast"}))["members"] == ["1000", "em1"]


def test_the_other_module_has_both_forms_and_no_switches_of_other_types(host: StandinHost, modules: Modules) -> None:
    one = modules.good("vale_switch", {"name": "fast", "addresses": [OWN]})
    several = modules.good("vale_switch", {"switches": [{"name": "fast"}, {"name": "more"}]})
    assert [item["changed"] for item in several["switches"]] == [False, True]
    assert several["switches"][0]["host_interface"] == the(one)["host_interface"] == "epair1000b"
    modules.good("bhyve_switch", {"name": "lan"})
    said = refusal(modules, {"name": "lan", "state": "absent"}, "vale_switch")
    assert "type: vale; it is a switch of type bridge" in said
    # Without a type a switch is known by its name.
    assert modules.good("bhyve_switch", {"switches": [{"name": "fast", "state": "absent"}]})["changed"]


#: Made, changed, removed: each begins where the one before it ends.
TASKS: List[Dict[str, Any]] = [
    {"switches": [fast(uplink="em1", addresses=[OWN, "fd00:30::1/64"]), fast("lab")]},
    {"switches": [fast(uplink="em2", host_stack=False, addresses=[]), fast("lab", addresses=["10.33.0.1/24"])]},
    {"switches": [fast(state="absent"), fast("lab", state="absent")]},
]


class ValeSweep(SwitchSweep):
    tasks = TASKS
    tidy = "sysrc -x ifconfig_em1 ifconfig_em2; ifconfig em1 -promisc down; ifconfig em2 -promisc down"

    def state(self) -> List[str]:
        files = "cat /etc/rc.conf /var/db/apiary/host.json /usr/local/etc/apiary/switches/*"
        return network(self.host) + sorted(self.host.sh(files).stdout.splitlines())


@pytest.mark.parametrize("number", range(len(TASKS)))
def test_a_failure_at_a_command_is_put_right_by_the_next_run(cards_host: StandinHost, number: int) -> None:
    sweep = ValeSweep(Modules(cards_host), number)
    sweep.record()
    sweep.go("fail", sample(sweep.numbers(), 4))
    sweep.go("half", sample(sweep.numbers(), 2))


def test_a_power_cut_at_a_command_is_put_right_by_the_next_run(cards_host: StandinHost) -> None:
    sweep = ValeSweep(Modules(cards_host), 0)
    sweep.record()
    sweep.go("cut", sample(sweep.numbers(), 2))
