# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of an uplink moves to its bridge, or comes back by itself, on a stand-in host with network cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from compare import comparable, differences
from faults import sample
from harness import Modules, Playbooks
from lan import Lan
from polls import until
from standin.host import StandinHost
from standin.settings import Settings
from test_bhyve_switch import everything, network, refusal, stays_over_restart_and_boot, the

ADDRESSES = ["192.0.2.10/24", "192.0.2.11/32", "2001:db8::10/64"]
STATIC = (
    "sysrc sshd_enable=YES ifconfig_em0='inet 192.0.2.10/24' ifconfig_em0_alias0='inet 192.0.2.11/32'"
    " ifconfig_em0_ipv6='inet6 2001:db8::10/64' defaultrouter=192.0.2.1 ipv6_defaultrouter=2001:db8::1"
    " static_routes=lab route_lab='-net 203.0.113.0/24 192.0.2.2' &&"
    " service netif restart em0 && service routing start && service sshd start"
)
MOVE = "/var/run/apiary/.move"
DEFAULT = ("route", "-n", "get", "default")
DEFAULT6 = ("route", "-n", "get", "-inet6", "default")


@pytest.fixture
def host(cards_host: StandinHost) -> StandinHost:
    """A host that its administrator reaches by em0."""
    cards_host.sh(STATIC, check=True)
    return cards_host


def lan(**options: Any) -> Dict[str, Any]:
    """The switch with em0 as uplink, whose address moves."""
    return {"name": "lan", "uplink": "em0", "uplink_address": "move", "move_timeout": 5, **options}


def routes(host: StandinHost) -> List[str]:
    """By which interface the gateways are reached."""
    said = [host.run(argv).stdout for argv in (DEFAULT, DEFAULT6, ("route", "-n", "get", "203.0.113.7"))]
    return [line.split()[1] for text in said for line in text.splitlines() if "interface:" in line]


def shown(host: StandinHost) -> List[str]:
    """The network but for the order in which interfaces were made."""
    return sorted(network(host).splitlines())


def state(host: StandinHost) -> List[str]:
    """The files that tell how far a move is."""
    return host.sh(f"ls {MOVE} 2> /dev/null").stdout.split()


def both(modules: Modules, task: Dict[str, Any]) -> Dict[str, Any]:
    """The two steps of a task, which its action plugin does."""
    first = modules.good("bhyve_switch", task)
    second = modules.good("bhyve_switch", {**task, "move_confirm": first["move"]["id"]})
    return {**second, "diff": first["diff"]}


def test_the_task_moves_the_address_and_confirms_by_a_new_connection(
    host: StandinHost, modules: Modules, playbooks: Playbooks
) -> None:
    office = Lan(host, "office", "192.0.2.1/24", "192.0.2.2/24", "2001:db8::1/64")
    assert office.reaches("192.0.2.10") and office.reaches("2001:db8::10")
    reached = {"standin_gate": office.way("192.0.2.10")}
    before, rc_conf, ether = shown(host), host.read("/etc/rc.conf"), host.sh("ifconfig em0 ether").stdout
    untouched = everything(host)
    foretold = modules.good("bhyve_switch", lan(), check=True)
    assert everything(host) == untouched and state(host) == []
    play = Path(playbooks.scratch) / "move.yml"
    play.write_text(PLAY)
    run = playbooks.play(str(play), variables=reached)
    assert run.rc == 0, run.output
    moved, again = run.of("Move"), run.of("Again")
    told = ("changed", "switches")
    wrong = differences(*(comparable({key: result[key] for key in told}) for result in (foretold, moved)))
    assert not wrong and not again["changed"], "\n".join(wrong)
    assert '+ifconfig_bridge1000="inet 192.0.2.10/24 up"' in run.output, "the diff is that of the whole task"
    assert the(moved)["changes"][0] == f"move {', '.join(ADDRESSES)} from em0 to bridge1000"
    assert (the(moved)["addresses"], the(moved)["members"]) == (ADDRESSES, ["em0"])
    assert the(moved)["mac"] in ether, "the LAN knows the host by that"
    assert "inet" not in host.run(["ifconfig", "em0", "inet"]).stdout.replace("inet6", "")
    assert routes(host) == ["bridge1000"] * 3 and office.reaches("2001:db8::10")
    assert 'ifconfig_em0="up -lro -tso -txcsum -txcsum6"' in str(host.read("/etc/rc.conf"))
    assert "ifconfig_em0_" not in str(host.read("/etc/rc.conf"))
    assert not stays_over_restart_and_boot(host)
    assert office.reaches("192.0.2.10") and routes(host) == ["bridge1000"] * 3
    # Back in the same way.
    play.write_text(PLAY.replace("uplink: em0, uplink_address: move", "state: absent"))
    run = playbooks.play(str(play), variables=reached)
    assert run.rc == 0, run.output
    assert the(run.of("Move"))["changes"][0] == f"move {', '.join(ADDRESSES)} from bridge1000 to em0"
    assert not run.of("Again")["changed"] and office.reaches("192.0.2.10") and routes(host) == ["em0"] * 3
    kept = str(rc_conf).replace("192.0.2.10/24", "192.0.2.10/24 up -lro -tso -txcsum -txcsum6")
    assert sorted(str(host.read("/etc/rc.conf")).splitlines()) == sorted(kept.splitlines())
    gone = [line for line in before if line not in shown(host)]
    # What a bridge gives back is what it found at boot, before rc.conf switched the offloads off.
    assert all("options=" in line for line in [*gone, *stays_over_restart_and_boot(host)])


PLAY = """
- hosts: hives
  gather_facts: false
  tasks:
    - {name: Move, apiary.bhyve.bhyve_switch: {name: lan, uplink: em0, uplink_address: move, move_timeout: 5}}
    - {name: Again, apiary.bhyve.bhyve_switch: {name: lan, uplink: em0, uplink_address: move, move_timeout: 5}}
"""


def test_a_task_that_does_not_reach_the_host_again_fails_and_all_is_as_it_was(
    host: StandinHost, playbooks: Playbooks
) -> None:
    before, rc_conf, ways = shown(host), host.read("/etc/rc.conf"), routes(host)
    # Somebody between us and the host lets nothing through while the bridge has the address.
    play = Path(playbooks.scratch) / "move.yml"
    play.write_text(PLAY)
    waiting = Path(host.directory) / "overlay" / "upper" / MOVE[1:] / "waiting"
    gate = f"! test -e {waiting} && ! test -e {waiting.parent}/moving"
    run = playbooks.play(str(play), variables={"standin_gate": gate})
    assert run.rc == 2
    result = run.of("Move")
    assert "the old state was put back: no second step of the task has reached the host within 5 s" in result["msg"]
    assert (shown(host), host.read("/etc/rc.conf"), routes(host)) == (before, rc_conf, ways)


def test_what_fails_on_the_way_is_put_back_at_once(host: StandinHost, modules: Modules) -> None:
    before, ways = everything(host), routes(host)
    host.clear_commands()
    modules.good("bhyve_switch", lan())
    assert until(lambda: "waiting" in state(host))
    calls = [" ".join(call.argv) for call in host.commands() if call.argv[0].endswith("ifconfig")]
    assert until(lambda: "reverted" in state(host))
    assert (everything(host), routes(host)) == (before, ways)
    # Without these the move has not been made; what may fail comes between them.
    needed = ("create", "addm", "-alias", "alias")
    steps = [kth for kth, call in enumerate(calls, 1) if any(word in call.split() for word in needed)]
    for kth in sample(steps, 3):
        host.set_faults([{"match": ["ifconfig"], "kth": kth, "mode": "fail", "exit": 1, "stderr": "ifconfig: no\n"}])
        first = modules.good("bhyve_switch", lan())
        told = modules.run("bhyve_switch", lan(move_confirm=first["move"]["id"]))
        assert host.fired_faults() and "exited 1: ifconfig: no" in told["msg"], (calls[kth - 1], told)
        # In which order the addresses of an interface are told may differ: they were given again.
        wrong = differences(sorted(before.splitlines()), sorted(everything(host).splitlines()))
        assert not wrong and routes(host) == ways, (calls[kth - 1], wrong)


def test_a_power_cut_on_the_way_leaves_the_old_state(host: StandinHost, modules: Modules) -> None:
    before = shown(host)
    host.clear_commands()
    modules.good("bhyve_switch", lan())
    assert until(lambda: "waiting" in state(host))
    calls = [" ".join(call.argv) for call in host.commands() if call.argv[0].endswith("ifconfig")]
    assert until(lambda: "reverted" in state(host))
    # The first is what the module reads.
    for kth in sample(range(2, len(calls) + 1), 2):
        host.set_faults([{"match": ["ifconfig"], "kth": kth, "mode": "cut"}])
        modules.run("bhyve_switch", lan())
        host.wait_off()
        assert host.fired_faults(), calls[kth - 1]
        host.set_faults([])
        host.boot()
        assert shown(host) == before, calls[kth - 1]


def test_a_host_that_boots_before_the_confirmation_is_as_it_was(host: StandinHost, modules: Modules) -> None:
    before = shown(host)
    first = modules.good("bhyve_switch", lan())
    assert until(lambda: "waiting" in state(host))
    assert "another task moves addresses on this host" in refusal(modules, lan())
    host.power_cut()
    host.boot()
    assert shown(host) == before
    assert "the host has been booted since" in refusal(modules, lan(move_confirm=first["move"]["id"]))
    assert both(modules, lan())["changed"]


def test_an_address_by_dhcp_moves_with_its_lease(cards_host: StandinHost, tmp_path: Path) -> None:
    host, modules = cards_host, Modules(cards_host)
    office = Lan(host, "office", "192.0.2.1/24")
    with office.dhcp(tmp_path, "192.0.2.100", "192.0.2.120", "192.0.2.1"):
        host.sh("sysrc ifconfig_em0=SYNCDHCP sshd_enable=YES && service netif restart em0", check=True)
        host.sh("service sshd start", check=True)
        leased = host.sh("ifconfig em0 inet | sed -n 's/.*inet \\([^ ]*\\) .*/\\1/p'").stdout.strip()
        assert leased.startswith("192.0.2.1") and office.reaches(leased)
        result = both(modules, lan(addresses=["10.10.0.1/24"]))
        assert the(result)["addresses"] == ["10.10.0.1/24", f"{leased}/24"] and office.reaches(leased)
        assert "(DHCP) from em0 to bridge1000" in the(result)["changes"][0]
        assert 'ifconfig_bridge1000="SYNCDHCP"' in str(host.read("/etc/rc.conf"))
        assert "bridge1000" in host.sh("route -n get default").stdout
        assert not modules.good("bhyve_switch", lan())["changed"]
        wrong = stays_over_restart_and_boot(host)
        assert [line for line in wrong if "bound to" not in line] == [], "dhclient speaks"
        assert not modules.good("bhyve_switch", lan())["changed"] and office.reaches(leased)
        host.sh("service dhclient stop bridge1000; ifconfig bridge1000 destroy", check=True)
        mended = modules.good("bhyve_switch", lan())
        assert "start dhclient for bridge1000" in the(mended)["changes"] and office.reaches(leased)
        both(modules, {"name": "lan", "uplink_address": "keep"})
        assert leased in host.sh("ifconfig em0").stdout and leased not in host.sh("ifconfig bridge1000").stdout
        assert 'ifconfig_em0="SYNCDHCP up -lro' in str(host.read("/etc/rc.conf"))
        before, ways = shown(host), host.run(DEFAULT).stdout
    # Without a server nobody gives the bridge an address.
    host.write("/etc/dhclient.conf", "timeout 2; reboot 2;\n")
    first = modules.good("bhyve_switch", lan())
    told = modules.run("bhyve_switch", lan(move_confirm=first["move"]["id"]))
    assert "bridge1000 has got no address by DHCP" in told["msg"]
    assert set(before) ^ set(shown(host)) == set(), "the lease is good for a while"
    assert host.run(DEFAULT).stdout == ways


def test_freebsd_15_needs_it(bare_host: Callable[..., StandinHost]) -> None:
    cards = {"em0": "office", "em1": "dmz"}
    fifteen = bare_host(Settings("fifteen2", release="15.0-RELEASE", uplinks=cards), name="fifteen2")
    modules = Modules(fifteen).install()
    fifteen.sh(STATIC, check=True)
    before = shown(fifteen)
    assert "with uplink_address: move it moves to the bridge" in refusal(modules, lan(uplink_address="keep"))
    assert the(both(modules, lan()))["addresses"] == ADDRESSES
    assert not stays_over_restart_and_boot(fifteen)
    assert "lets no member of a bridge have one" in refusal(modules, lan(uplink_address="keep"))
    both(modules, {"name": "lan", "state": "absent"})
    gone = [line for line in before if line not in shown(fifteen)]
    assert all("options=" in line for line in gone) and routes(fifteen) == ["em0"] * 3


def test_what_cannot_be_moved_is_one_clear_error(host: StandinHost, modules: Modules) -> None:
    wrong: List[str] = []

    def refused(says: str, **options: Any) -> None:
        before = everything(host)
        told = refusal(modules, lan(**options))
        wrong.extend([] if says in told and everything(host) == before else [f"{says!r}: {told!r}"])

    refused("mac: not with uplink_address: move", mac="5a:00:00:00:00:01")
    refused("move_timeout: 1; allowed are 5 to 3600", move_timeout=1)
    refused("with vlan it is not", vlan=82)
    refused("there is no uplink", uplink="")
    host.sh("ifconfig em0 inet 192.0.2.77/32 alias", check=True)
    refused("of which rc.conf does not know")
    host.sh("ifconfig em0 inet 192.0.2.77 -alias && sysrc ifconfig_em0_alias1='inet6 accept_rtadv'", check=True)
    refused("behind inet6 comes accept_rtadv")
    host.sh("sysrc -x ifconfig_em0_alias1", check=True)
    assert not wrong, "\n".join(wrong)
    both(modules, lan())
    assert "make the switch absent first" in refusal(modules, lan(uplink="em1"))
    host.sh("sysrc ifconfig_em0+=' inet 192.0.2.78/32'", check=True)
    assert "besides what the bridge has of it already" in refusal(modules, lan())
