# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways by which the host itself is reached: no task about switches takes them away."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Collection, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.routes import DefaultRoute, read_default_route
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import read_ssh_sockets


@dataclass(frozen=True)
class Loss:
    """Addresses, with their prefix lengths, that the host's interface on a switch is to lose."""

    switch: str
    interface: str
    addresses: Sequence[str]


def check_losses(host: Host, losses: Sequence[Loss]) -> None:
    """Read how the host is reached, and judge; nothing is read where nothing gets lost. BadInput, UnknownState.

    The environment of a task with become says nothing of its connection, so the sockets of all sshd are looked at.
    """
    if any(loss.addresses for loss in losses):
        judge_losses(losses, {one.address for one in read_ssh_sockets(host)}, read_default_route(host))


def judge_losses(losses: Sequence[Loss], connected: Collection[str], route: Optional[DefaultRoute]) -> None:
    """BadInput when an address of an ssh connection goes, or the one by which the host reaches its gateway."""
    for loss in losses:
        for text in loss.addresses:
            if text.partition("/")[0] in connected:
                raise BadInput(f"switch {loss.switch}: {text} is the address of an ssh connection; it would be cut off")
            if route is not None and route.gateway and route.interface == loss.interface:
                _judge_gateway(loss, text, route.gateway)


def _judge_gateway(loss: Loss, text: str, gateway: str) -> None:
    if ipaddress.ip_address(gateway) in ipaddress.ip_interface(text).network:
        raise BadInput(
            f"switch {loss.switch}: {loss.interface} would lose {text}, by which the host reaches its gateway "
            f"{gateway}, and with it the host itself could be lost; do that at its console"
        )
