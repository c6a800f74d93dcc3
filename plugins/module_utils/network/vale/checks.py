# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said against VALE switches by looking at the whole host: its interfaces, rc.conf, all switches' ports."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.members import bridge_of
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.netgraph.checks import check_addresses, usable
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.ports import Ports
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.record import ValeSwitch

_Records = Mapping[str, Mapping[str, Any]]


def check_switch(
    one: Desired,
    records: _Records,
    interfaces: Mapping[str, Interface],
    ports: Ports,
    rc: Mapping[str, Optional[str]],
) -> None:
    """BadInput for the first thing that cannot be. ``records`` are those of all switches when the task is done."""
    switch = one.new
    if switch is None:
        return
    _check_interface(one, switch, records, ports)
    if switch.uplink:
        _check_uplink(switch, records, interfaces, ports)
        if not switch.host_stack:
            _check_cut(switch, interfaces, rc)
    if switch.own:
        _check_own(switch, interfaces)
        _check_mac(switch, records, interfaces)
        check_addresses(switch.name, switch.addresses, records, interfaces)


def _check_interface(one: Desired, switch: ValeSwitch, records: _Records, ports: Ports) -> None:
    at = f"switch {switch.name}: interface: {switch.interface}"
    for name, record in records.items():
        if name != switch.name and record.get("interface") == switch.interface:
            raise BadInput(f"{at} is that of the switch {name}")
    there = ports.get(switch.interface, ())
    if one.old is None and there:
        raise BadInput(f"{at} has the ports {', '.join(there)}, so it is somebody else's; name another, or none")


def _check_uplink(switch: ValeSwitch, records: _Records, interfaces: Mapping[str, Interface], ports: Ports) -> None:
    at = f"switch {switch.name}: uplink: {switch.uplink}"
    uplink = interfaces.get(switch.uplink)
    if uplink is None:
        cards = ", ".join(one.name for one in interfaces.values() if usable(one))
        raise BadInput(f"{at} does not exist on this host; it has {cards or 'no interface that could be one'}")
    if uplink.is_wireless:
        raise BadInput(
            f"{at} is wireless, and an access point takes no frames from other addresses than the station's own, "
            "so guests would hear nothing"
        )
    if not usable(uplink) or uplink.name in [record.get("host_interface") for record in records.values()]:
        raise BadInput(f"{at} cannot be an uplink: it is no Ethernet interface of the host's own")
    if uplink.vlan is not None or uplink.is_tap:
        raise BadInput(
            f"{at} cannot be an uplink: netmap(4) takes neither a VLAN nor a tap for one; give a network card"
        )
    bridge = bridge_of(interfaces, uplink.name)
    if bridge is not None:
        raise BadInput(f"{at} is in the bridge {bridge} already; it can be in that or in a VALE switch")
    for name, record in records.items():
        if name != switch.name and record.get("uplink") == uplink.name:
            raise BadInput(f"{at} is the uplink of the switch {name}, and an interface is that of one at most")
    ours = {str(record.get("interface")) for record in records.values()}
    for kernel, names in ports.items():
        if uplink.name in names and kernel not in ours:
            raise BadInput(
                f"{at} is attached to {kernel}, which is somebody else's (valectl -d {kernel}:{uplink.name})"
            )


def _check_cut(switch: ValeSwitch, interfaces: Mapping[str, Interface], rc: Mapping[str, Optional[str]]) -> None:
    """An uplink that the host itself needs keeps the host's stack: nobody is to lose the host by a task."""
    at = f"switch {switch.name}: host_stack: false would cut the host off from {switch.uplink}, "
    own = interfaces[switch.uplink].addresses
    at_boot = switch_rc.address_words(switch.uplink, rc)
    if own or at_boot:
        raise BadInput(
            f"{at}which has an address of its own ({own[0] if own else at_boot}); take that away first, or leave the "
            "host's stack on"
        )
    for one in interfaces.values():
        if one.vlan is not None and one.vlan.parent == switch.uplink:
            raise BadInput(f"{at}and from its VLAN {one.name}; leave the host's stack on")


def _check_own(switch: ValeSwitch, interfaces: Mapping[str, Interface]) -> None:
    for name in (switch.own, switch.plug):
        live = interfaces.get(name)
        if live is not None and live.description not in ("", switch.tag):
            raise BadInput(
                f"switch {switch.name}: {name} has the description {live.description!r}, so it may be somebody else's; "
                f"if it is not, take that away (ifconfig {name} -description)"
            )


def _check_mac(switch: ValeSwitch, records: _Records, interfaces: Mapping[str, Interface]) -> None:
    for name, record in records.items():
        if switch.mac and record.get("mac") == switch.mac and name != switch.name:
            raise BadInput(f"switch {switch.name}: mac: {switch.mac} is that of the switch {name}")
    for one in interfaces.values():
        if switch.mac and one.ether.lower() == switch.mac and one.name != switch.own:
            raise BadInput(f"switch {switch.name}: mac: {switch.mac} is the address of {one.name} already")
