# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user relies on who has the guests of a private switch reach the outside, and be reached from there."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Tuple

import outside
import pytest
from compare import fingerprint, unforetold
from faults import tried
from harness import Modules
from standin.host import StandinHost
from switch_sweep import SwitchSweep

PF_CONF = """\
ext = "em0"
set skip on lo0
scrub in all
block in all
pass in on $ext proto tcp from any to any port 22
pass out all
"""
SWITCH: Dict[str, Any] = {"name": "lab", "addresses": ["10.10.0.1/24"], "nat": {"interface": "em0"}}
FORWARD = {"port": 2222, "to": "10.10.0.11:22"}


@pytest.fixture
def host(cards_host: StandinHost) -> StandinHost:
    """A host that is on a LAN by em0."""
    cards_host.sh(
        "sysrc ifconfig_em0='inet 192.0.2.10/24' defaultrouter=192.0.2.1; service netif start em0;"
        " service routing start",
        check=True,
    )
    return cards_host


def lab(**options: Any) -> Dict[str, Any]:
    """The switch of a task."""
    return {**SWITCH, **options}


@pytest.fixture
def administered(host: StandinHost) -> StandinHost:
    """A host whose administrator filters packets."""
    host.write("/etc/pf.conf", PF_CONF)
    host.sh("sysrc pf_enable=YES; service pf start", check=True)
    return host


@pytest.fixture
def server(host: StandinHost) -> Iterator[outside.Node]:
    """A server on the host's LAN."""
    node = outside.server(host, "office", "192.0.2.1/24", 8080)
    yield node
    node.close()


def test_guests_reach_the_outside_and_are_reached_by_a_forwarded_port(
    administered: StandinHost, server: outside.Node
) -> None:
    host, modules = administered, Modules(administered)
    modules.good("bhyve_switch", {"name": "lab", "addresses": ["10.10.0.1/24"]})
    guest = outside.guest(host, "bridge1000", "10.10.0.11/24", "10.10.0.1", 22)
    try:
        assert guest.connect("192.0.2.1", 8080).startswith("no: ")
        modules.good("bhyve_switch", lab())
        assert guest.connect("192.0.2.1", 8080, "kept") == "server 192.0.2.10"
        assert server.connect("192.0.2.10", 2222).startswith("no: ")
        changed = modules.good("bhyve_switch", lab(forward=[FORWARD]))
        assert changed["switches"][0]["forward"] == [{**FORWARD, "proto": "tcp"}]
        assert guest.again("kept") == "still here", "the rules were loaded anew, and the connection broke"
        assert server.connect("192.0.2.10", 2222) == "guest 192.0.2.1"
        # What the administrator blocks stays blocked.
        assert guest.connect("10.10.0.1", 22).startswith("no: ")
    finally:
        guest.close()
    host.power_cut()
    host.boot()
    assert not modules.good("bhyve_switch", lab(forward=[FORWARD]))["changed"]
    guest = outside.guest(host, "bridge1000", "10.10.0.11/24", "10.10.0.1", 22)
    try:
        assert guest.connect("192.0.2.1", 8080) == "server 192.0.2.10"
        assert server.connect("192.0.2.10", 2222) == "guest 192.0.2.1"
        modules.good("bhyve_switch", lab(nat={}))
        assert guest.connect("192.0.2.1", 8080).startswith("no: ")
    finally:
        guest.close()
    assert host.read("/etc/pf.conf") == PF_CONF


STORY: List[Dict[str, Any]] = [
    lab(),
    lab(forward=[FORWARD, {"port": 53, "to": "10.10.0.12", "proto": "udp"}]),
    lab(addresses=["10.10.0.1/24", "10.11.0.1/24", "fd00:10::1/64"], forward=[{"port": 80, "to": "10.11.0.2:8080"}]),
    {"switches": [lab(name="lab2", addresses=["10.12.0.1/24"], nat={"interface": "auto"}), lab(forward=[])]},
    lab(nat={}),
    {"name": "lab2", "state": "absent"},
]


def everything(host: StandinHost) -> str:
    """All that a module might have changed."""
    return fingerprint(host) + host.sh(
        "cat /etc/pf.conf /usr/local/etc/apiary/*/*; sysctl net.inet.ip.forwarding; kldstat;"
        " pfctl -s info | head -c 20; pfctl -vs Anchors; pfctl -s nat; pfctl -s rules;"
        " pfctl -a apiary/lab -s nat; pfctl -a apiary/lab -s rules"
    ).stdout.replace(" tentative", "")


def test_check_mode_predicts_what_is_done_and_nothing_of_ours_stays(administered: StandinHost) -> None:
    host, modules = administered, Modules(administered)
    modules.good("bhyve_switch", {"name": "lab"})
    before = host.run(["pfctl", "-s", "rules"]).stdout
    wrong = unforetold(modules, "bhyve_switch", STORY)
    assert not wrong, "\n".join(wrong)
    assert host.read("/etc/pf.conf") == PF_CONF
    assert host.run(["pfctl", "-s", "rules"]).stdout == before
    assert host.run(["pfctl", "-vs", "Anchors"]).stdout == ""
    assert host.sh("ls /usr/local/etc/apiary/pf /usr/local/etc/apiary/switches | grep lab").stdout == ""


def test_without_a_firewall_pf_is_started_and_what_was_done_by_hand_is_put_right(host: StandinHost) -> None:
    modules = Modules(host)
    wrong = unforetold(modules, "bhyve_switch", [lab(forward=[FORWARD])])
    assert not wrong, "\n".join(wrong)
    rules = host.run(["pfctl", "-a", "apiary/lab", "-s", "nat"]).stdout
    assert "nat pass on em0 inet from 10.10.0.0/24 to any -> (em0:0)\n" in rules
    good = everything(host)
    for damage in (
        "pfctl -a apiary/lab -f /dev/null",
        "pfctl -d",
        "sysctl net.inet.ip.forwarding=0",
        "sed -i '' /rdr-anchor/d /etc/pf.conf; pfctl -f /etc/pf.conf",
        "echo pass all | pfctl -f -",
        "rm /usr/local/etc/apiary/switches/lab",
        "echo 'pass all' > /usr/local/etc/apiary/pf/lab",
    ):
        host.sh(damage, check=True)
        task = lab()
        mended = modules.good("bhyve_switch", task)
        assert mended["changed"] and any(part["before"] != part["after"] for part in mended["diff"]), damage
        assert everything(host) == good, damage
    assert not modules.good("bhyve_switch", lab())["changed"]
    host.write("/usr/local/etc/apiary/switches/broken", "type='fishnet'\n")
    host.sh("pfctl -a apiary/lab -f /dev/null", check=True)
    done = host.sh("/usr/local/libexec/apiary.network start; /usr/local/libexec/apiary.network start nosuch lab")
    assert done.returncode == 1 and done.stderr == (
        "switch broken: the type 'fishnet' is not known\n"
        "switch nosuch: there is no /usr/local/etc/apiary/switches/nosuch\n"
    )
    assert host.run(["pfctl", "-a", "apiary/lab", "-s", "nat"]).stdout == rules
    host.sh("/usr/local/libexec/apiary.network stop lab", check=True)
    assert host.run(["pfctl", "-vs", "Anchors"]).stdout == "  apiary\n"


BAD: List[Tuple[Dict[str, Any], str]] = [
    ({"addresses": []}, "nat: the switch has no IPv4 address"),
    ({"addresses": ["fd00:10::1/64"]}, "nat: the switch has no IPv4 address"),
    ({"uplink": "em1"}, "nat: by its uplink em1 its guests are on the LAN themselves"),
    ({"nat": {"interface": "em9"}}, "nat: interface: em9 does not exist on this host; it has em0"),
    ({"nat": {"interface": "lo0"}}, "nat: interface: lo0 does not lead to the outside"),
    ({"nat": {"interface": "a b"}}, "is not the name of an interface"),
    ({"nat": {}, "forward": [FORWARD]}, "forward: a switch without nat"),
    ({"nat": {"firewall": "pf"}}, "nat: interface is missing"),
    ({"nat": {"interface": "em0", "firewall": "ipfw"}}, "nat: firewall: ipfw is not enabled"),
    ({"forward": [{"port": 0, "to": "10.10.0.11"}]}, "forward: port: 0; a port has a number from 1 to 65535"),
    ({"forward": [{"port": 80, "to": "10.10.0.11:0"}]}, "a port has a number from 1 to 65535"),
    ({"forward": [{"port": 80, "to": "web1:80"}]}, "is no IPv4 address with or without a port"),
    ({"forward": [{"port": 80, "to": "10.11.0.11"}]}, "10.11.0.11 is not in the switch's network (10.10.0.0/24)"),
    ({"forward": [{"port": 80, "to": "10.10.0.1"}]}, "10.10.0.1 cannot be a guest's"),
    ({"forward": [{"port": 80, "to": "10.10.0.255"}]}, "10.10.0.255 cannot be a guest's"),
    ({"forward": [FORWARD, {"port": 2222, "to": "10.10.0.12"}]}, "forward: tcp port 2222 is there twice"),
    ({"forward": [{"port": 8022, "to": "10.10.0.9"}]}, "tcp port 8022 of em0 is forwarded by the switch other already"),
    ({"forward": [{"port": 22, "to": "10.10.0.11"}]}, "tcp port 22 is where sshd of the host listens"),
    ({"name": "x" * 57}, "longer than the 56 characters"),
    ({"name": "m", "interface": "bridge9", "manual": True, "addresses": None}, "nat: not with manual: true"),
]


def test_bad_input_is_one_error_and_changes_nothing(administered: StandinHost) -> None:
    host, modules = administered, Modules(administered)
    other = lab(name="other", addresses=["10.20.0.1/24"], forward=[{"port": 8022, "to": "10.20.0.9"}])
    modules.good("bhyve_switch", other)
    host.sh("sysrc sshd_enable=YES; service sshd start", check=True)
    before = everything(host)
    wrong = []
    for options, text in BAD:
        result = modules.run("bhyve_switch", lab(**options))
        if not result.get("failed") or text not in result["msg"]:
            wrong.append(f"{options}: {result.get('msg')}")
    assert not wrong, "\n".join(wrong)
    assert everything(host) == before


@pytest.mark.parametrize(
    ("pf_conf", "start", "text"),
    [
        (
            "pass inn all\n",
            "pfctl -e",
            "/etc/pf.conf has errors: line 1: syntax error; mend it",
        ),
        ("pass all\n", ":", "pf is not enabled, and /etc/pf.conf has rules"),
    ],
)
def test_rules_that_cannot_be_or_were_never_in_force_are_left_alone(
    host: StandinHost, pf_conf: str, start: str, text: str
) -> None:
    modules = Modules(host)
    host.write("/etc/pf.conf", pf_conf)
    host.sh(f"kldload pf; {start}", check=True)
    before = everything(host)
    for check in (True, False):
        result = modules.run("bhyve_switch", lab(), check=check)
        assert result["failed"] and text in result["msg"], result["msg"]
    assert everything(host) == before


IPFW = {"interface": "em0", "firewall": "ipfw"}


@pytest.fixture
def ipfw_host(host: StandinHost) -> StandinHost:
    """A host whose administrator filters packets by ipfw."""
    rules = "add 1000 deny tcp from any to any 9999 in recv em0\nadd 65000 allow ip from any to any\n"
    host.write("/etc/ipfw.rules", rules)
    host.sh(
        "sysrc firewall_enable=YES firewall_type=/etc/ipfw.rules; service ipfw start; ifconfig em0 -tso;"
        " sysrc ifconfig_em0='inet 192.0.2.10/24 -tso'",
        check=True,
    )
    return host


def ipfw_state(host: StandinHost) -> str:
    """What ipfw has loaded, and what is read at boot."""
    return host.sh(
        "ipfw list; ipfw nat show config; sysctl net.inet.ip.forwarding net.inet.ip.fw.one_pass;"
        " cat /etc/rc.conf /usr/local/etc/apiary/*/*"
    ).stdout


def test_ipfw_translates_as_well(ipfw_host: StandinHost, server: outside.Node) -> None:
    host, modules = ipfw_host, Modules(ipfw_host)
    refused = modules.run("bhyve_switch", lab(nat=IPFW))
    assert refused["failed"] and "net.inet.ip.fw.one_pass is not 0" in refused["msg"]
    host.sh("sysctl net.inet.ip.fw.one_pass=0; sysrc firewall_enable=NO", check=True)
    refused = modules.run("bhyve_switch", lab(nat=IPFW))
    assert refused["failed"] and "ipfw is enabled now, and would not be after a boot" in refused["msg"]
    host.sh("sysrc firewall_enable=YES", check=True)
    rules = host.run(["ipfw", "list"]).stdout
    story = [
        lab(nat=IPFW),
        {"switches": [lab(forward=[FORWARD]), lab(name="lab2", addresses=["10.12.0.1/24"], nat=IPFW)]},
    ]
    wrong = unforetold(modules, "bhyve_switch", story)
    assert not wrong, "\n".join(wrong)
    assert "00060 nat 60 ip4 from 10.10.0.0/24 to any out xmit em0\n" in host.run(["ipfw", "list"]).stdout
    good = ipfw_state(host)
    host.power_cut()
    host.boot()
    assert ipfw_state(host) == good
    guest = outside.guest(host, "bridge1000", "10.10.0.11/24", "10.10.0.1", 22)
    try:
        assert guest.connect("192.0.2.1", 8080, "kept") == "server 192.0.2.10"
        assert server.connect("192.0.2.10", 2222) == "guest 192.0.2.1"
        for damage in ("service ipfw restart", "ipfw delete 60", "ipfw nat 60 delete"):
            host.sh(damage, check=True)
            modules.good("bhyve_switch", lab())
            assert ipfw_state(host) == good, damage
        assert guest.again("kept") == "still here"
    finally:
        guest.close()
    changed = modules.run("bhyve_switch", lab(nat={"firewall": "pf"}))
    assert changed["failed"] and "firewall: pf; it is ipfw already" in changed["msg"]
    gone = [lab(nat={}), {"name": "lab2", "state": "absent"}]
    wrong = unforetold(modules, "bhyve_switch", gone)
    assert not wrong, "\n".join(wrong)
    assert host.run(["ipfw", "list"]).stdout == rules and not host.run(["ipfw", "nat", "show", "config"]).stdout


class NatSweep(SwitchSweep):
    tasks = [lab(forward=[FORWARD]), lab(nat={})]
    tidy = "sysrc -x pf_enable gateway_enable; rm -f /etc/pf.conf; pfctl -d; sysctl net.inet.ip.forwarding=0"

    def state(self) -> List[str]:
        return everything(self.host).splitlines()


@pytest.mark.parametrize("number", [0, 1])
def test_a_failure_at_a_command_is_put_right_by_the_next_run(host: StandinHost, number: int) -> None:
    sweep = NatSweep(Modules(host), number)
    sweep.record()
    sweep.go("fail", tried(len(sweep.commands)))
