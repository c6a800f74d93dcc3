# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What else on the host counts on addresses that move between an uplink and its bridge."""

from __future__ import annotations

from typing import Mapping, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Switch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan import underlay
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.moves import Move


def check_others(moves: Sequence[Move], switches: Mapping[str, Switch], interfaces: Mapping[str, Interface]) -> None:
    """BadInput for another switch that needs the addresses where they are not. ``switches`` are all, in the end."""
    for switch in switches.values():
        if switch.moved is not None:
            _check_translation(switch.name, switch.uplink, switch.interface, switches)
    for move in moves:
        if move.back:
            _check_translation(move.subject, move.switch.interface, move.switch.uplink, switches)
        _check_vxlans(move, switches, interfaces)


def _check_translation(name: str, source: str, target: str, switches: Mapping[str, Switch]) -> None:
    for other in switches.values():
        if other.nat == source:
            raise BadInput(
                f"switch {name}: uplink_address: the switch {other.name} translates addresses to that of {source}, "
                f"which is on {target} then; take its nat away first, and give it {target} (nat: interface) after"
            )


def _check_vxlans(move: Move, switches: Mapping[str, Switch], interfaces: Mapping[str, Interface]) -> None:
    """A vxlan that is there is made at boot before the bridge, and cannot run before its address is there."""
    for other in switches.values():
        if not (other.vxlan.local or other.vxlan.dev) or other.vxlan.interface not in interfaces:
            continue
        below = underlay(other.vxlan, interfaces)
        if below is not None and below.name == move.source.name:
            raise BadInput(
                f"switch {move.subject}: uplink_address: the vxlan of the switch {other.name} goes by the address of "
                f"{below.name}; make that switch absent first, and anew after"
            )
