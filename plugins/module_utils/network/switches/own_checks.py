# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said against a switch's uplink and the host's own interface on it by looking at the whole host."""

from __future__ import annotations

import ipaddress
from typing import Any, Iterator, Mapping, Sequence, Tuple, Union

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.members import bridge_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.kinds import own_interfaces
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own import OwnSwitch

_Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
_Records = Mapping[str, Mapping[str, Any]]


def usable(one: Interface) -> bool:
    """Whether an interface can be an uplink."""
    guests = one.is_tap and one.description.startswith("apiary:")
    return bool(one.ether) and not one.is_bridge and not guests and not one.is_wireless


def check_uplink(switch: OwnSwitch, records: _Records, interfaces: Mapping[str, Interface], here: str) -> Interface:
    """The interface of a switch's uplink, which nothing else has. BadInput. ``here`` is what the switch is."""
    at = f"switch {switch.name}: uplink: {switch.uplink}"
    own = own_interfaces(records)
    uplink = interfaces.get(switch.uplink)
    if uplink is None:
        cards = ", ".join(one.name for one in interfaces.values() if usable(one) and one.name not in own)
        raise BadInput(f"{at} does not exist on this host; it has {cards or 'no interface that could be one'}")
    if uplink.is_wireless:
        raise BadInput(
            f"{at} is wireless, and an access point takes no frames from other addresses than the station's own, "
            "so guests would hear nothing"
        )
    if uplink.name in own:
        raise BadInput(f"{at} cannot be an uplink: by it the host itself is on the switch {own[uplink.name]}")
    if not usable(uplink):
        raise BadInput(f"{at} cannot be an uplink: it is no Ethernet interface of the host's own")
    bridge = bridge_of(interfaces, uplink.name)
    if bridge is not None:
        raise BadInput(f"{at} is in the bridge {bridge} already; it can be in that or in {here}")
    for name, record in records.items():
        if name != switch.name and record.get("uplink") == uplink.name:
            raise BadInput(f"{at} is the uplink of the switch {name}, and an interface is that of one at most")
    return uplink


def check_mac(switch: OwnSwitch, records: _Records, interfaces: Mapping[str, Interface]) -> None:
    """BadInput when somebody else on the host has the address of the host's own interface."""
    for name, record in records.items():
        if switch.mac and record.get("mac") == switch.mac and name != switch.name:
            raise BadInput(f"switch {switch.name}: mac: {switch.mac} is that of the switch {name}")
    for one in interfaces.values():
        if switch.mac and one.ether.lower() == switch.mac and one.name != switch.host_interface:
            raise BadInput(f"switch {switch.name}: mac: {switch.mac} is the address of {one.name} already")


def check_addresses(
    switch: str,
    addresses: Sequence[str],
    records: _Records,
    interfaces: Mapping[str, Interface],
) -> None:
    """BadInput when an address of a switch lies in the network of something else on the host."""
    others = list(_networks(switch, records, interfaces))
    for text in addresses:
        network = ipaddress.ip_interface(text).network
        for other, whose in others:
            if network.version == other.version and network.overlaps(other):
                raise BadInput(f"switch {switch}: addresses: {text} overlaps {other} of {whose}")


def _networks(switch: str, records: _Records, interfaces: Mapping[str, Interface]) -> Iterator[Tuple[_Network, str]]:
    """The networks of all others: as they will be for switches, as they are for the rest."""
    managed = {str(record.get("host_interface") or record.get("interface")) for record in records.values()}
    for name, record in records.items():
        if name != switch:
            for text in record.get("addresses", ()):
                yield ipaddress.ip_interface(text).network, f"the switch {name}"
    for interface in interfaces.values():
        if interface.name not in managed:
            for text in interface.addresses:
                yield ipaddress.ip_interface(text).network, interface.name
