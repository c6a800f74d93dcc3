# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said against VALE switches by looking at the whole host: its interfaces, rc.conf, all switches' ports."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own_checks import (
    check_addresses,
    check_mac,
    check_uplink,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.ports import Ports
from ansible_collections.apiary.bhyve.plugins.module_utils.network.vale.record import ValeSwitch

#: The group of the interfaces of net/vether-kmod, a port.
_VETHER = "vether"
_Records = Mapping[str, Mapping[str, Any]]


def check_switch(
    one: Desired[ValeSwitch],
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
        check_mac(switch, records, interfaces)
        check_addresses(switch.name, switch.addresses, records, interfaces)


def _check_interface(one: Desired[ValeSwitch], switch: ValeSwitch, records: _Records, ports: Ports) -> None:
    at = f"switch {switch.name}: interface: {switch.interface}"
    for name, record in records.items():
        if name != switch.name and record.get("interface") == switch.interface:
            raise BadInput(f"{at} is that of the switch {name}")
    there = ports.get(switch.interface, ())
    if one.old is None and there:
        raise BadInput(f"{at} has the ports {', '.join(there)}, so it is somebody else's; name another, or none")


def _check_uplink(switch: ValeSwitch, records: _Records, interfaces: Mapping[str, Interface], ports: Ports) -> None:
    at = f"switch {switch.name}: uplink: {switch.uplink}"
    uplink = check_uplink(switch, records, interfaces, "a VALE switch")
    if uplink.vlan is not None or uplink.is_tap:
        raise BadInput(
            f"{at} cannot be an uplink: netmap(4) takes neither a VLAN nor a tap for one; give a network card"
        )
    if _VETHER in uplink.groups:
        raise BadInput(
            f"{at} cannot be an uplink: vether(4) passes frames between the host and a bridge only; for an interface "
            "of the host's own on the switch give addresses, for which an epair is made"
        )
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
