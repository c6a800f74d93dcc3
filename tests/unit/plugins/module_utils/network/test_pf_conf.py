# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pf.conf of an administrator, and the lines of ours in it; the rules of a switch."""

from __future__ import annotations

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.network.nat.options import Forward
from ansible_collections.apiary.bhyve.plugins.module_utils.network.nat.pf_conf import (
    guard_rules,
    has_calls,
    is_somebodys,
    rules,
    statements,
    with_calls,
    without_calls,
)

MARK = "  # apiary.bhyve.bhyve_switch\n"
NAT, RDR, FILTER = (f'{word} "apiary/*"{MARK}' for word in ("nat-anchor", "rdr-anchor", "anchor"))


def test_the_rules_of_a_switch() -> None:
    forwards = (Forward(2222, "10.10.0.11", 22), Forward(53, "10.10.0.12", 53, "udp"))
    assert rules("lab", "bridge7", "em0", ("10.10.0.1/24", "fd00::1/64"), forwards).splitlines()[1:] == [
        "nat pass on em0 inet from 10.10.0.0/24 to any -> (em0:0)",
        "rdr pass on em0 inet proto tcp from any to (em0) port 2222 -> 10.10.0.11 port 22",
        "rdr pass on em0 inet proto udp from any to (em0) port 53 -> 10.10.0.12 port 53",
        "pass in on bridge7 inet from 10.10.0.0/24 to ! (self)",
        "pass out on bridge7 inet proto tcp from any to 10.10.0.11 port 22",
        "pass out on bridge7 inet proto udp from any to 10.10.0.12 port 53",
    ]


def test_the_rules_that_keep_dhcp_from_crossing_an_uplink() -> None:
    assert guard_rules("lan", "em1.82").splitlines()[1:] == [
        "block drop quick on em1.82 inet proto udp from any to any port 67",
        "block drop quick on em1.82 inet proto udp from any to any port 68",
        "block drop quick on em1.82 inet6 proto udp from any to any port 546",
        "block drop quick on em1.82 inet6 proto udp from any to any port 547",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", NAT + RDR + FILTER),
        ("set skip on lo0\n", "set skip on lo0\n" + NAT + RDR + FILTER),
        ("scrub in all\npass all\n", "scrub in all\n" + NAT + RDR + "pass all\n" + FILTER),
        ("pass all", NAT + RDR + "pass all\n" + FILTER),
        (
            'nat on em0 from any to any -> (em0)\nanchor "x" {\n  pass in\n}\nblock all\n',
            "nat on em0 from any to any -> (em0)\n" + NAT + RDR + 'anchor "x" {\n  pass in\n}\nblock all\n' + FILTER,
        ),
        (
            "a = pass\n# pass all\nantispoof for em0\n",
            "a = pass\n# pass all\n" + NAT + RDR + "antispoof for em0\n" + FILTER,
        ),
        (
            "rdr on em0 \\\n  pass\nblock \\\n  all\n",
            "rdr on em0 \\\n  pass\n" + NAT + RDR + "block \\\n  all\n" + FILTER,
        ),
    ],
)
def test_the_lines_stand_where_pf_wants_them_and_go_without_a_trace(before: str, after: str) -> None:
    assert with_calls(before) == after and with_calls(after) == after
    assert without_calls(after) == (before if before.endswith("\n") or not before else before + "\n")
    assert has_calls(after) and not has_calls(before)


def test_an_administrators_own_lines_count_and_stay() -> None:
    own = 'nat-anchor apiary/*\nrdr-anchor "apiary/*"\npass all\nanchor "apiary/*"\n'
    assert with_calls(own) == own and without_calls(own) == own and not is_somebodys(own.replace("pass all\n", ""))
    partly = 'nat-anchor "apiary/*"\npass all\n'
    assert with_calls(partly) == 'nat-anchor "apiary/*"\n' + RDR + "pass all\n" + FILTER
    assert not has_calls('nat-anchor "apiary"\nrdr-anchor "apiary/lab"\nanchor "apiary/*"\n')


@pytest.mark.parametrize(
    ("text", "somebodys"),
    [
        ("", False),
        ("# pass all\n\n", False),
        (NAT + RDR + FILTER, False),
        ("set skip on lo0\n", True),
        ("x = 1\n", True),
    ],
)
def test_what_is_somebodys(text: str, somebodys: bool) -> None:
    assert is_somebodys(text) is somebodys


def test_statements_go_over_lines() -> None:
    found = statements('# a\nblock in \\\n on em0 # b \\\npass in\ntable <t> {\n 10.0.0.1 # }\n}\npass "x#y"\n')
    assert [(one.line, one.words[0]) for one in found] == [(1, "block"), (4, "table"), (7, "pass")]
    assert found[-1].words == ("pass", "x#y")
