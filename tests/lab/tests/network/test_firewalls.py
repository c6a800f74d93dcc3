# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pfctl and ipfw beyond what was recorded: what they refuse, and how they print what the project's rules are made of.

Whether packets really go their way is seen by tests/integration/test_bhyve_switch_nat.py.
"""

from __future__ import annotations

from typing import Tuple

import pytest
from standin.host import StandinHost

ORDER = "Rules must be in order: options, ethernet, normalization, queueing, translation, filtering"


@pytest.fixture(scope="module")
def loaded(host: StandinHost) -> StandinHost:
    """The host with both firewalls in its kernel."""
    said = host.sh("pfctl -s info; ipfw list").stderr
    assert said == (
        "pfctl: /dev/pf: No such file or directory\nipfw: retrieving config failed: Protocol not available\n"
    )
    host.sh("kldload pf; kldload ipfw_nat; sysctl net.inet.ip.fw.enable=0", check=True)
    return host


def tried(host: StandinHost, rules: str) -> Tuple[int, str]:
    """What `pfctl -nf -` says."""
    done = host.run(["pfctl", "-nf", "-"], stdin=rules)
    return done.returncode, str(done.stderr)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("pass inn all\n", "stdin:1: syntax error"),
        ("pass all\n\nnat on em0 from any to any -> (em0)\n", f"stdin:3: {ORDER}"),
        ("set block-policy maybe\n", "stdin:1: syntax error"),
        ("x = 1\nblock \\\n in on $y all\n", "stdin:3: macro 'y' not defined"),
        ("nat on em0 from any to any\n", "stdin:1: syntax error"),
        ("rdr on em0 proto tcp from any to (em0) port 0 -> 10.0.0.1\n", "stdin:1: syntax error"),
    ],
)
def test_rules_that_pf_refuses(loaded: StandinHost, rules: str, said: str) -> None:
    status, text = tried(loaded, rules)
    assert status == 1 and said in text.splitlines()


def test_the_order_counts_only_where_it_is_required(loaded: StandinHost) -> None:
    rules = 'pass all\nrdr-anchor "a"\n'
    assert tried(loaded, rules) == (1, f"stdin:2: {ORDER}\n")
    assert tried(loaded, "set require-order no\n" + rules) == (0, "")


def test_rules_as_pf_prints_them(loaded: StandinHost) -> None:
    rules = (
        "nat pass on em0 inet from 10.10.0.0/24 to any -> (em0:0)\n"
        "rdr pass on em0 inet proto udp from any to (em0) port domain -> 10.10.0.12 port 53\n"
        "pass in on bridge7 inet from 10.10.0.0/24 to ! (self)\n"
        "block drop out quick proto udp all # not these\n"
    )
    loaded.run(["pfctl", "-a", "apiary/x", "-f", "-"], stdin=rules, check=True)
    shown = loaded.sh("pfctl -a apiary/x -s nat; pfctl -a apiary/x -s rules", check=True).stdout
    assert shown.splitlines() == [
        "nat pass on em0 inet from 10.10.0.0/24 to any -> (em0:0)",
        "rdr pass on em0 inet proto udp from any to (em0) port = domain -> 10.10.0.12 port 53",
        "pass in on bridge7 inet from 10.10.0.0/24 to ! (self) flags S/SA keep state",
        "block drop out quick proto udp all",
    ]
    loaded.sh("pfctl -a apiary/x -f /dev/null", check=True)
    gone = loaded.sh("pfctl -s Anchors; pfctl -a apiary/x -s nat")
    assert (gone.stdout, gone.stderr) == ("", "pfctl: DIOCGETRULES: Invalid argument\n")


def test_pf_sees_what_crosses_bridges_only_when_told_so_and_keeps_no_states_there(loaded: StandinHost) -> None:
    rules = "block drop quick on em0 inet6 proto udp from any to any port 547\npass out all\n"
    loaded.run(["pfctl", "-a", "apiary/x", "-f", "-"], stdin=rules, check=True)
    loaded.sh("kldload if_bridge; echo 'anchor \"apiary/*\"' | pfctl -ef -", check=True)
    bridged = "/.linux/usr/sbin/nft list table bridge standin_pf_bridged"
    assert loaded.sh(bridged).returncode != 0
    refused = loaded.run(["sysctl", "net.link.bridge.pfil_member=1"])
    assert (refused.returncode, refused.stderr) == (99, "STANDIN: pf: states of what crosses a bridge is not built\n")
    loaded.run(["pfctl", "-a", "apiary/x", "-f", "-"], stdin=rules.partition("\n")[0] + "\n", check=True)
    shown = loaded.sh("pfctl -a apiary/x -s rules").stdout
    assert shown == "block drop quick on em0 inet6 proto udp from any to any port = dhcpv6-server\n"
    loaded.sh("sysctl net.link.bridge.pfil_member=1", check=True)
    loaded.sh("pfctl -a apiary/x -f /dev/null; sysctl net.link.bridge.pfil_member=0; pfctl -d", check=True)
    assert loaded.sh(bridged).returncode != 0


def test_ipfw_keeps_set_31_when_the_others_are_flushed(loaded: StandinHost) -> None:
    said = loaded.sh(
        "ipfw add 60 set 31 nat 60 ip4 from 10.10.0.0/24 to any out xmit em0; ipfw add 1000 pass all from any to any;"
        " ipfw nat 60 config if em0 same_ports reset redirect_port tcp 10.10.0.11:22 2222; ipfw -f flush; ipfw list;"
        " ipfw nat show config; ipfw delete 60; ipfw nat 60 delete; ipfw list; ipfw nat show config",
        check=True,
    ).stdout
    ours = "00060 nat 60 ip4 from 10.10.0.0/24 to any out xmit em0"
    translation = "ipfw nat 60 config if em0 same_ports reset redirect_port tcp 10.10.0.11:22 2222"
    last = "65535 deny ip from any to any"
    everything = [
        ours,
        "01000 allow ip from any to any",
        translation,
        "Flushed all rules.",
        ours,
        last,
        translation,
        last,
    ]
    assert said.splitlines() == everything


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("delete 77", 0, "ipfw: rule 77 not found"),
        ("add 70 pass all from nowhere to any", 68, "ipfw: hostname ``nowhere'' unknown"),
        ("nat 60 config", 65, "ipfw: missing option"),
        ("nat 60 config if em0 redirect_port tcp 10.0.0.1 80", 65, "ipfw: redirect_port: invalid local port range"),
        ("nat 60 config if em0 sideways", 65, "ipfw: unrecognised option ``sideways''"),
    ],
)
def test_what_ipfw_says_against_words(loaded: StandinHost, words: str, status: int, said: str) -> None:
    done = loaded.run(["ipfw", *words.split()])
    assert (done.returncode, done.stderr) == (status, said + "\n")
