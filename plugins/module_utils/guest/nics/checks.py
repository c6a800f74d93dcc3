# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said against a NIC by looking at nothing but the NIC."""

from __future__ import annotations

import re

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.addresses import check_addresses
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.host_side import check_host_side
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import NONE, Nic
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import VLANS

_SWITCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
#: Slots of bus 0 that are kept for what has its habitual place there.
_KEPT_SLOTS = {29: "the frame buffer", 30: "the tablet"}


def _range(text: str) -> range:
    first, _dash, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def check_nic(nic: Nic, at: str) -> None:
    """BadInput for what bhyve, ifconfig or route would not take, and for options that do not go together."""
    if nic.mtu and not 576 <= nic.mtu <= 9216:
        raise BadInput(f"{at}mtu: {nic.mtu}; allowed are 576 to 9216, 0 for the switch's own")
    if nic.switch and not _SWITCH.fullmatch(nic.switch):
        raise BadInput(f"{at}switch: {nic.switch!r} is not the name of a switch or bridge")
    for option in ("private", "vlan", "tagged"):
        if getattr(nic, option) and nic.switch == NONE:
            raise BadInput(f"{at}{option}: is said of a member of a bridge, and switch is none")
    if nic.vlan and nic.vlan not in VLANS:
        raise BadInput(f"{at}vlan: {nic.vlan}; a VLAN has a number from 1 to 4094, and 0 means none")
    if any(nic.vlan in _range(text) for text in nic.tagged):
        raise BadInput(f"{at}tagged: {nic.vlan} is that of frames without a tag already (vlan)")
    if nic.slot in _KEPT_SLOTS:
        raise BadInput(f"{at}slot: {nic.slot} is kept for {_KEPT_SLOTS[nic.slot]}")
    if not 0 <= nic.slot <= 31:
        raise BadInput(f"{at}slot: {nic.slot}; allowed are 1 to 31, 0 for the one that it has or any that is free")
    if nic.switch != NONE:
        for option in ("host_address", "route"):
            if getattr(nic, option):
                raise BadInput(
                    f"{at}{option}: only with switch: none, where the host is at the other end; on a switch it is the "
                    "bridge that has the host's address (bhyve_switch)"
                )
    check_host_side(nic, at)
    check_addresses(nic, at)
