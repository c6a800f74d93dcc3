# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of bhyve_switch relies on, on a prepared stand-in host with network cards."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, List

import pytest
from compare import comparable, differences, fingerprint
from guests import tiny
from harness import Modules
from polls import until
from standin.guests.control import Guest
from standin.host import StandinHost
from standin.settings import Settings


@pytest.fixture
def host(cards_host: StandinHost) -> StandinHost:
    """A host that its administrator reaches by em0; of the other cards, which are down, rc.conf has no word."""
    cards_host.sh(
        "sysrc -x ifconfig_em1 ifconfig_em2; sysrc ifconfig_em0='inet 192.0.2.10/24' defaultrouter=192.0.2.1;"
        " service netif start em0; service routing start; ifconfig em1 down; ifconfig em2 down",
        check=True,
    )
    return cards_host


def the(result: Dict[str, Any], name: str = "lan") -> Dict[str, Any]:
    """A switch out of the module's result."""
    return next(one for one in result["switches"] if one["name"] == name)


def lan(name: str = "lan", **options: Any) -> Dict[str, Any]:
    """A switch of a task."""
    return {"name": name, **options}


def refusal(modules: Modules, task: Dict[str, Any], check: bool = False) -> str:
    """The error of a task that must fail, and must not change anything."""
    result = modules.run("bhyve_switch", task, check=check)
    assert result.get("failed") and not result.get("changed"), result
    return str(result["msg"])


def network(host: StandinHost) -> str:
    """The host's interfaces, without the numbers that the kernel counts them by."""
    text = host.run(["ifconfig"], check=True).stdout
    return re.sub(r"port \d+|scopeid \S+| tentative", "", text)


def everything(host: StandinHost) -> str:
    """All that a module might have changed, but for IPv6 addresses becoming valid by themselves."""
    return fingerprint(host).replace(" tentative", "")


def stays_over_restart_and_boot(host: StandinHost) -> List[str]:
    """What is wrong with the network after `service netif restart`, and after the power was cut."""
    now = network(host)
    wrong: List[str] = []
    said = host.sh("service netif restart && service routing restart").stderr
    wrong += [f"netif restart said {said!r}"] if said else []
    wrong += [f"restart{line}" for line in differences(sorted(now.splitlines()), sorted(network(host).splitlines()))]
    host.power_cut()
    host.boot()
    # The order of interfaces is that of their making, which is another one at boot.
    wrong += [f"boot{line}" for line in differences(sorted(now.splitlines()), sorted(network(host).splitlines()))]
    return wrong


STORY: List[Dict[str, Any]] = [
    lan(),
    lan(addresses=["10.10.0.1/24", "10.11.0.1/16", "fd00:10::1/64", "fd00:11::1/64"]),
    lan(addresses=["10.10.0.2/24", "fd00:11::1/64"]),
    lan(mtu=9000, mac="5A-00-00-00-00-01"),
    lan(mtu=0, mac=""),
    lan(uplink="em1"),
    lan(stp=True),
    lan(vlan=82),
    lan(vlan=83, addresses=[]),
    lan(vlan="", uplink="em2", stp=False),
    lan("dmz", interface="bridge7", uplink="em1", vlan=100),
    lan("office", uplink="auto", type="bridge"),
    {"switches": [lan(uplink="em1", vlan=82), lan("dmz", uplink="em2", vlan="")]},
    lan("other", manual=True, interface="bridge3"),
    lan("other", state="absent"),
    {"switches": [lan(state="absent"), lan("dmz", state="absent"), lan("office", state="absent")]},
]


def test_check_mode_changes_nothing_and_predicts_what_apply_does(host: StandinHost, modules: Modules) -> None:
    host.sh("ifconfig bridge3 create up", check=True)
    before = host.read("/etc/rc.conf"), host.run(["ifconfig", "-l"]).stdout
    wrong: List[str] = []
    for number, task in enumerate(STORY):
        untouched = everything(host)
        predicted = modules.good("bhyve_switch", task, check=True)
        wrong += [f"{number}: check mode changed the host"] if everything(host) != untouched else []
        applied = modules.good("bhyve_switch", task)
        wrong += [f"{number}: not changed"] if not (predicted["changed"] and applied["changed"]) else []
        wrong += [f"{number}{line}" for line in differences(comparable(predicted), comparable(applied))]
        wrong += [f"{number}: no diff"] if all(part["before"] == part["after"] for part in applied["diff"]) else []
        again = modules.good("bhyve_switch", task)
        wrong += [f"{number}: changed again: {again['switches']}"] if again["changed"] else []
    assert not wrong, "\n".join(wrong)
    kept = "inet 192.0.2.10/24 -lro -tso -txcsum -txcsum6"
    rc_conf = str(before[0]).replace("inet 192.0.2.10/24", kept)
    added = [f'ifconfig_{card}="up -lro -tso -txcsum -txcsum6"' for card in ("em1", "em2")]
    assert sorted(str(host.read("/etc/rc.conf")).splitlines()) == sorted([*rc_conf.splitlines(), *added])
    assert host.run(["ifconfig", "-l"]).stdout == before[1]
    assert json.loads(host.read("/var/db/apiary/host.json") or "")["schema"] == 1


@pytest.mark.parametrize(
    "tasks",
    [
        [lan(addresses=["10.10.0.1/24", "10.10.0.2/24", "10.11.0.1/16", "fd00:10::1/64", "fd00:11::1/64"], mtu=1400)],
        [lan(uplink="auto", stp=True), lan("tenant", uplink="em1", vlan=82, addresses=["10.82.0.1/24"])],
        [lan(uplink="em1"), lan(uplink="em1", vlan=82), lan("lab", mac="5a:00:00:00:00:01"), lan("a", uplink="em2")],
    ],
)
def test_the_network_is_the_same_after_a_restart_and_after_a_boot(
    host: StandinHost, modules: Modules, tasks: List[Dict[str, Any]]
) -> None:
    for task in tasks:
        modules.good("bhyve_switch", task)
    wrong = stays_over_restart_and_boot(host)
    again = modules.good("bhyve_switch", {"switches": list({task["name"]: task for task in tasks}.values())})
    assert not wrong and not again["changed"], "\n".join([*wrong, str(again["switches"])])


def test_one_and_a_list_are_the_same(modules: Modules) -> None:
    options: Dict[str, Any] = {"uplink": "em1", "vlan": 82, "addresses": ["10.82.0.1/24"], "stp": True}
    one = modules.good("bhyve_switch", lan(**options))
    several = modules.good("bhyve_switch", {"switches": [lan(**options), lan("b"), lan("a")]})
    assert the(one)["interface"] == "bridge1000" and not the(several)["changed"]
    assert [item["interface"] for item in several["switches"]] == ["bridge1000", "bridge1001", "bridge1002"]
    assert differences({**the(one), "changed": 0, "changes": 0}, {**the(several), "changed": 0, "changes": 0}) == []
    # What it returns can be handed back.
    declared = ("name", "state", "type", "interface", "uplink", "vlan", "addresses", "mtu", "mac", "stp")
    back = [{key: item[key] for key in declared} for item in several["switches"][:1]]
    assert modules.good("bhyve_switch", {"switches": back})["switches"][0]["members"] == ["em1.82"]
    # A number is not given out again while it is somebody's.
    modules.good("bhyve_switch", lan("b", state="absent"))
    assert the(modules.good("bhyve_switch", lan("c")), "c")["interface"] == "bridge1001"
    kept = modules.run("bhyve_host", {"state": "absent"})
    assert "this host still has switches (a, c, lan)" in kept["msg"] and not kept["changed"]


def test_the_uplink_of_the_administrator_is_made_ready_before_it_joins(host: StandinHost, modules: Modules) -> None:
    result = modules.good("bhyve_switch", lan(uplink="auto"))
    started = [" ".join(argv) for argv in result["commands"] if argv[0] == "ifconfig" and argv[1] != "-a"]
    assert started[0] == "ifconfig em0 -lro -tso -txcsum -txcsum6" and "addm em0" in started[1]
    assert "FreeBSD 14 allows that, 15 does not" in str(result["warnings"])
    assert not re.search("TSO|LRO|TXCSUM", host.run(["ifconfig", "em0"]).stdout)
    assert "inet 192.0.2.10 netmask" in host.run(["ifconfig", "em0"]).stdout
    assert host.sh("route -n get default | grep interface").stdout.split() == ["interface:", "em0"]
    assert 'ifconfig_em0="inet 192.0.2.10/24 -lro -tso -txcsum -txcsum6"' in str(host.read("/etc/rc.conf"))
    # Once: the default route may go another way later, the uplink stays.
    host.sh("route change default 192.0.2.1; ifconfig em2 inet 198.51.100.2/24; route change default 198.51.100.1")
    again = modules.good("bhyve_switch", lan(uplink="auto"))
    assert not again["changed"] and again["commands_started"] == 3 and "warnings" not in again


def test_what_was_changed_by_hand_shows_and_is_set_right(host: StandinHost, modules: Modules) -> None:
    task = lan(uplink="em1", vlan=82, addresses=["10.82.0.1/24", "fd00:82::1/64"], stp=True)
    modules.good("bhyve_switch", task)
    good, rc_conf = network(host), host.read("/etc/rc.conf")
    wrong: List[str] = []
    for what in (
        "ifconfig bridge1000 destroy",
        "ifconfig em1.82 destroy",
        "ifconfig bridge1000 deletem em1.82",
        "ifconfig bridge1000 inet 10.82.0.1 -alias; ifconfig bridge1000 inet 10.83.0.1/24",
        "ifconfig bridge1000 inet 10.82.0.1/16",
        "ifconfig bridge1000 ether 5a:00:00:00:00:99 ; ifconfig bridge1000 -stp em1.82 -descr down",
        "ifconfig bridge1000 mtu 1400",
        "ifconfig em1 down; ifconfig em1.82 down -descr",
        "sysrc -x create_args_bridge1000 ifconfig_em1",
        "sysrc ifconfig_bridge1000=DHCP cloned_interfaces='bridge0 bridge1000 em1.82'",
        "sysrc cloned_interfaces='bridge0 em1.82:sticky'",
    ):
        host.sh(what, check=True)
        told = modules.good("bhyve_switch", task, check=True)
        wrong += [f"{what}: not seen"] if not told["changed"] or not told["diff"] else []
        modules.good("bhyve_switch", task)
        left = set(network(host).splitlines()) ^ set(good.splitlines())
        wrong += [f"{what}: {line}" for line in left]
        lines = str(host.read("/etc/rc.conf")).splitlines()
        wrong += [] if sorted(lines) == sorted(str(rc_conf).splitlines()) else [f"{what}: rc.conf: {lines}"]
    assert not wrong, "\n".join(wrong)
    host.sh("rm /var/db/apiary/host.json", check=True)
    assert the(modules.good("bhyve_switch", task))["interface"] == "bridge1000", "its tag says whose it is"


def test_guests_talk_on_a_switch_and_keep_it(host: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_switch", {"switches": [lan(mtu=9000, addresses=["10.10.0.1/24"]), lan("lab")]})
    nics = [{"name": "lan", "switch": "lan"}]
    guests = [tiny(name, state="started", nics=nics) for name in ("web1", "web2")]
    guests.append(tiny("alone", state="started", nics=[{"name": "lab", "switch": "lab"}]))
    modules.good("bhyve_vm", {"vms": guests})
    shown = the(modules.good("bhyve_switch", lan()))
    assert (shown["members"], shown["mtu"]) == (["tap1000", "tap1001"], 9000)
    web1, web2, alone = (Guest(host.directory, name) for name in ("web1", "web2", "alone"))
    for guest in (web1, web2, alone):
        guest.wait_booted()
    web1.call("hello")
    assert until(web2.heard) == ["hello"] and alone.heard() == []
    now = network(host)
    host.sh("service netif restart", check=True)
    assert sorted(now.splitlines()) == sorted(network(host).splitlines()), "addresses and taps are as before"
    web2.call("again")
    assert until(web1.heard) == ["again"] and alone.heard() == []
    said = refusal(modules, lan(state="absent"))
    assert "guest web1 nic lan, guest web2 nic lan, tap1000 (apiary:web1:lan), tap1001 (apiary:web2:lan);" in said
    modules.good("bhyve_vm", {"vms": [{"name": "web1", "state": "stopped"}, {"name": "web2", "state": "stopped"}]})
    assert "in use by guest web1 nic lan, guest web2 nic lan;" in refusal(modules, lan(state="absent"), check=True)
    modules.good("bhyve_vm", {"vms": [{"name": name, "state": "absent"} for name in ("web1", "web2")]})
    host.sh("ifconfig epair create && ifconfig bridge1000 addm epair0a", check=True)
    assert "in use by epair0a;" in refusal(modules, lan(state="absent"))
    host.sh("ifconfig bridge1000 deletem epair0a", check=True)
    assert the(modules.good("bhyve_switch", lan(state="absent")))["state"] == "absent"


def test_a_bridge_of_somebody_else_is_used_and_never_changed(host: StandinHost, modules: Modules) -> None:
    host.sh("sysrc cloned_interfaces+=bridge5 ifconfig_bridge5='inet 10.5.0.1/24 addm em2 up'", check=True)
    host.sh("service netif start bridge5", check=True)
    assert "with manual: true it is used as it is" in refusal(modules, lan(interface="bridge5", uplink="em1"))
    before = network(host), host.read("/etc/rc.conf")
    shown = the(modules.good("bhyve_switch", lan(manual=True, interface="bridge5")))
    assert (shown["manual"], shown["members"], shown["addresses"]) == (True, ["em2"], ["10.5.0.1/24"])
    modules.good("bhyve_vm", tiny("web1", state="started", nics=[{"name": "lan", "switch": "lan"}]))
    assert "tap1000" in the(modules.good("bhyve_switch", lan()))["members"], "a NIC finds it by the switch's name"
    assert "in use by guest web1 nic lan" in refusal(modules, lan(state="absent"))
    assert "is used as it is and never changed" in refusal(modules, lan(mtu=9000))
    modules.good("bhyve_vm", {"name": "web1", "state": "absent"})
    modules.good("bhyve_switch", lan(state="absent"))
    assert (network(host), host.read("/etc/rc.conf")) == before
    host.sh("ifconfig bridge5 destroy", check=True)
    assert "does not exist" in refusal(modules, lan(manual=True, interface="bridge5"))


BAD: Dict[str, Any] = {
    "does not exist on this host; it has em0, em1, em2": lan(uplink="em9"),
    "cannot be an uplink": lan(uplink="lo0"),
    "is not the name of an interface": lan(uplink="em 0"),
    "is in the bridge bridge3 already": lan(uplink="em2"),
    "is not a bridge": lan(manual=True, interface="em1"),
    "a bridge that is made is called bridge and a number": lan(interface="em1"),
    "exists and is not this module's": lan(interface="bridge3"),
    "is that of the switch taken": lan(interface="bridge1000"),
    "it is bridge1000 already": lan("taken", interface="bridge8"),
    "lan is there twice, as element 1 and as element 2": {"switches": [lan(), lan()]},
    "vlan: 0": lan(uplink="em1", vlan=0),
    "vlan: 4095": lan(uplink="em1", vlan=4095),
    "needs an uplink": lan(vlan=82),
    "is a VLAN of the uplink": lan(vlan=82, uplink=""),
    "10.20.0.7/16 overlaps 10.20.0.0/24 of the switch taken": lan(addresses=["10.20.0.7/16"]),
    "overlaps 192.0.2.0/24 of em0": lan(addresses=["192.0.2.11/25"]),
    "overlaps 127.0.0.0/8 of lo0": lan(addresses=["127.0.0.2/32"]),
    "10.31.0.1/24 overlaps 10.31.0.0/28 of the switch b": {
        "switches": [lan(addresses=["10.31.0.1/24"]), lan("b", addresses=["10.31.0.9/28"])]
    },
    "has no prefix length": lan(addresses=["10.0.0.1"]),
    "is not an address with a prefix length": lan(addresses=["10.0.0.1/33"]),
    "is the network itself": lan(addresses=["10.0.0.0/24"]),
    "broadcast address": lan(addresses=["10.0.0.255/24"]),
    "10.0.0.1 is there twice": lan(addresses=["10.0.0.1/24", "10.0.0.1/25"]),
    "link-local": lan(addresses=["fe80::1/64"]),
    "but its uplink em1 has 1500": lan(uplink="em1", mtu=9000),
    "a VLAN of em1 can have 1500 at most": lan(uplink="em1", vlan=5, mtu=1501),
    "allowed are 576 to 9216": lan(mtu=500),
    "which no NIC can have": lan(mac="01:00:00:00:00:01"),
    "5a:00:00:00:00:05 is that of the switch b": {
        "switches": [lan(name, mac="5a:00:00:00:00:05") for name in ("a", "b")]
    },
    "is the address of em1 already": lan(mac="EM1"),
    "is the uplink of the switch b": {"switches": [lan("a", uplink="em1"), lan("b", uplink="em1")]},
    "carries the VLAN of the switch b": {"switches": [lan("a", uplink="em1"), lan("b", uplink="em1", vlan=5)]},
    "is in the bridge bridge3 itself": lan(uplink="em2", vlan=5),
    "its VLAN 5 is that of the switch b": {
        "switches": [lan("a", uplink="em1", vlan=5), lan("b", uplink="em1", vlan=5)]
    },
    "without an uplink": lan(stp=True),
    "needs interface": lan(manual=True),
    "not with manual: true": lan(manual=True, interface="bridge3", mtu=9000),
    "cannot be a switch's name": lan("a b"),
    "the host has a bridge of that name": lan("bridge3"),
    "value of type must be one of": lan(type="hub"),
    "Unsupported parameters": lan(gateway="em0"),
}


def test_bad_input_is_one_clear_error_and_changes_nothing(host: StandinHost, modules: Modules) -> None:
    host.sh("ifconfig bridge3 create addm em2 up", check=True)
    modules.good("bhyve_switch", lan("taken", addresses=["10.20.0.1/24"]))
    ether = host.sh("ifconfig em1 | sed -n 's/.*ether //p'").stdout.strip()
    before = everything(host)
    wrong: List[str] = []
    for says, task in BAD.items():
        for check in (True, False):
            told = refusal(modules, json.loads(json.dumps(task).replace("EM1", ether)), check=check)
            wrong += [f"{says!r} is not in {told!r}"] if says not in told else []
    assert not wrong and everything(host) == before, "\n".join(wrong)


def test_what_rc_conf_says_of_an_uplink_is_minded(host: StandinHost, modules: Modules) -> None:
    host.sh("sysrc ifconfig_em1='up mtu 9000' vlans_em2=82 && service netif start em1 && service netif start em2")
    assert "rc.conf sets `mtu 9000` in ifconfig_em1" in refusal(modules, lan(uplink="em1"))
    assert "take 82 out of that" in refusal(modules, lan(uplink="em2", vlan=82))
    assert "give uplink: em2 and vlan: 82 instead" in refusal(modules, lan(uplink="em2.82"))
    host.sh("sysrc ifconfig_em1=up vlans_em2= ; sysrc ifconfig_DEFAULT='DHCP'; ifconfig em2.82 destroy", check=True)
    modules.good("bhyve_switch", {"switches": [lan(uplink="em1", mtu=9000), lan("b", uplink="em2", vlan=82)]})
    assert "create_args_bridge1000" in str(host.read("/etc/rc.conf"))
    assert 'ifconfig_em2="DHCP"' in str(host.read("/etc/rc.conf")), "what counted by default still does"
    host.sh("sysrc -x ifconfig_DEFAULT; sysrc ifconfig_em2=up", check=True)
    assert not stays_over_restart_and_boot(host)


def test_an_address_that_the_host_needs_is_not_taken_away(host: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_switch", lan(uplink="em1", addresses=["198.51.100.5/24"]))
    host.sh("route change default 198.51.100.1", check=True)
    for task in (lan(addresses=[]), lan(state="absent"), lan(addresses=["198.51.101.5/24"])):
        assert "by which the host reaches its gateway 198.51.100.1" in refusal(modules, task)


def test_freebsd_15_takes_no_uplink_with_an_address(bare_host: Callable[..., StandinHost]) -> None:
    cards = {"em0": "office", "em1": "dmz", "em2": "spare"}
    fifteen = bare_host(Settings("fifteen1", release="15.0-RELEASE", uplinks=cards), name="fifteen1")
    modules = Modules(fifteen).install()
    fifteen.sh("sysrc ifconfig_em0='inet 192.0.2.10/24' ifconfig_em1=DHCP && service netif start em0", check=True)
    before = network(fifteen)
    assert "em0 has an address of its own (192.0.2.10/24)" in refusal(modules, lan(uplink="em0"))
    assert "ifconfig_em1=DHCP" in refusal(modules, lan(uplink="em1"))
    assert network(fifteen) == before
    fifteen.sh("sysrc ifconfig_em1=up", check=True)
    modules.good("bhyve_switch", {"switches": [lan(uplink="em0", vlan=82), lan("b", uplink="em2")]})
    assert not stays_over_restart_and_boot(fifteen)


def test_a_hundred_switches_cost_as_many_reads_as_one(host: StandinHost, modules: Modules) -> None:
    def some(count: int) -> Dict[str, Any]:
        return {
            "switches": [
                lan(f"s{number}", uplink="em1", vlan=100 + number, addresses=[f"10.1.{number}.1/24"])
                for number in range(count)
            ]
        }

    modules.good("bhyve_switch", some(1))
    one = modules.good("bhyve_switch", some(1))
    modules.good("bhyve_switch", some(100))
    host.clear_commands()
    many = modules.good("bhyve_switch", some(100))
    assert not one["changed"] and not many["changed"]
    assert many["commands_started"] == one["commands_started"] == 2
