# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network interfaces that come and go with a PCI device's driver."""

from __future__ import annotations

from typing import List

from .. import state
from .inventory import Function

_NETWORK = 0x02


def interfaces(one: Function, name: str) -> List[str]:
    """The interfaces of a device by its own driver: itself, or what is below it."""
    if one.cls >> 16 != _NETWORK:
        return []
    return [child.strip() for child in one.children] or [name]


def taken() -> List[str]:
    """The cards of this machine whose interfaces are not there, since another driver has them."""
    from . import bus, inventory

    table = bus.devices()
    found: List[str] = []
    for at, one in inventory.functions().items():
        device = table.get(at)
        if device is not None and not (device["driver"] == one.driver and device["attached"]):
            found += interfaces(one, f"{one.driver}{one.unit}")
    return found


def detach(one: Function, name: str) -> None:
    """The driver goes, and its interfaces with it: out of their bridge, without addresses."""
    names = interfaces(one, name)
    if not names or "interfaces" not in state.peek("kernel", "ifnet"):
        return
    from ..ifnet import bridge, link, vlan
    from ..ifnet.store import network

    with network() as net:
        for wanted in names:
            interface = net.find(wanted)
            if interface is None:
                continue
            bridge.release(net, interface)
            vlan.orphan(net, interface)
            for address in list(interface["addresses"]):
                link.withdraw(net, interface, address)
            net.line(interface, "link set dev", interface["linux"], "down")
            net.detach(interface)


def attach(one: Function, name: str) -> None:
    """The driver has come: its interfaces are there anew, as after a boot."""
    names = interfaces(one, name)
    if not names or "interfaces" not in state.peek("kernel", "ifnet"):
        return
    from ..ifnet.store import attach_card, network

    with network() as net:
        for wanted in names:
            if net.find(wanted) is None:
                attach_card(net, wanted)
