# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no task about switches takes away from the host."""

from __future__ import annotations

from typing import Optional, Sequence

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network import lifeline
from ansible_collections.apiary.bhyve.plugins.module_utils.network.lifeline import Loss, check_losses, judge_losses
from ansible_collections.apiary.bhyve.plugins.module_utils.network.routes import DefaultRoute
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import Socket

GATEWAY = DefaultRoute("bridge1000", "10.0.0.254")


def test_an_address_of_an_ssh_connection_is_not_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifeline, "read_ssh_sockets", lambda _host: {Socket("10.0.0.1", 22)})
    monkeypatch.setattr(lifeline, "read_default_route", lambda _host: None)
    check_losses(Host(), [Loss("lan", "bridge1000", ["10.0.0.2/24"])])
    with pytest.raises(BadInput, match=r"switch lan: 10\.0\.0\.1/24 is the address of an ssh connection"):
        check_losses(Host(), [Loss("lan", "bridge1000", ["10.0.0.2/24", "10.0.0.1/24"])])


def test_where_nothing_gets_lost_nothing_is_read() -> None:
    host = Host()
    check_losses(host, [Loss("lan", "bridge1000", [])])
    assert host.commands == []


@pytest.mark.parametrize(
    ("addresses", "interface", "route"),
    [
        (["10.1.0.1/24"], "bridge1000", GATEWAY),
        (["10.0.0.1/24"], "em0", GATEWAY),
        (["fd00::1/64"], "bridge1000", GATEWAY),
        (["10.0.0.1/24"], "bridge1000", DefaultRoute("bridge1000", "")),
        (["10.0.0.1/24"], "bridge1000", None),
    ],
)
def test_what_does_not_lead_to_the_gateway_may_go(
    addresses: Sequence[str], interface: str, route: Optional[DefaultRoute]
) -> None:
    judge_losses([Loss("lan", interface, addresses)], (), route)


def test_the_way_to_the_gateway_is_not_taken() -> None:
    with pytest.raises(BadInput, match=r"bridge1000 would lose 10\.0\.0\.1/24, by which the host reaches its gateway"):
        judge_losses([Loss("lan", "bridge1000", ["10.0.0.1/24"])], (), GATEWAY)
