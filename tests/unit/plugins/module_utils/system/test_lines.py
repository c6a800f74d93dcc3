# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""sysctl.conf and loader.conf: one line changes, the rest stays."""

from __future__ import annotations

from typing import Dict, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.system.lines import differences, edit, values

SYSCTL = """\
# $FreeBSD$
kern.coredump=0\t# no dumps
net.inet.ip.forwarding = 1
#net.link.tap.up_on_open=1
kern.coredump=1
"""

LOADER = """\
autoboot_delay="1"
kern.geom.label.gptid.enable="0"  # as gpart does
vmm_load=YES
exec="echo hello"
"""


def test_values_are_read_without_quotes_and_the_last_line_counts() -> None:
    assert values(SYSCTL) == {"kern.coredump": "1", "net.inet.ip.forwarding": "1"}
    assert values(LOADER)["kern.geom.label.gptid.enable"] == "0"
    assert values(LOADER)["vmm_load"] == "YES"


@pytest.mark.parametrize(
    ("wanted", "changed"),
    [
        ({"net.link.tap.up_on_open": "1"}, SYSCTL + "net.link.tap.up_on_open=1\n"),
        ({"kern.coredump": "2"}, SYSCTL.replace("kern.coredump=1", "kern.coredump=2")),
        ({"net.inet.ip.forwarding": "0"}, SYSCTL.replace("net.inet.ip.forwarding = 1", "net.inet.ip.forwarding=0")),
        ({"kern.coredump": None}, "# $FreeBSD$\nnet.inet.ip.forwarding = 1\n#net.link.tap.up_on_open=1\n"),
        ({"kern.coredump": "1", "net.inet.ip.forwarding": "1", "nosuch": None}, SYSCTL),
        ({"kern.core": "1"}, SYSCTL + "kern.core=1\n"),
    ],
)
def test_an_edit_of_sysctl_conf(wanted: Dict[str, Optional[str]], changed: str) -> None:
    assert edit(SYSCTL, wanted, quoted=False) == changed


def test_loader_conf_has_its_values_in_quotes_and_keeps_comments() -> None:
    wanted: Dict[str, Optional[str]] = {"kern.geom.label.gptid.enable": "1", "vmm_load": "NO", "pptdevs": "2/0/0 2/0/1"}
    assert edit(LOADER, wanted, quoted=True) == (
        'autoboot_delay="1"\nkern.geom.label.gptid.enable="1"  # as gpart does\nvmm_load="NO"\nexec="echo hello"\n'
        'pptdevs="2/0/0 2/0/1"\n'
    )


def test_an_unfinished_last_line_is_finished_before_another_follows() -> None:
    assert edit("a.b=1", {"c.d": "2"}, quoted=False) == "a.b=1\nc.d=2\n"


@pytest.mark.parametrize("text", ["a.b=1", "a.b=1\r\n", "\n\na.b = 1\n\n"])
def test_a_file_that_is_as_wanted_stays_to_the_byte(text: str) -> None:
    assert edit(text, {"a.b": "1"}, quoted=False) == text


def test_what_is_done_is_told() -> None:
    assert differences(SYSCTL, {"kern.coredump": None, "a.b": "2", "net.inet.ip.forwarding": "1"}) == (
        "remove kern.coredump, set a.b=2"
    )
