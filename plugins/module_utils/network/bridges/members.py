# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Membership in bridges: if_bridge(4), ifconfig(8)."""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import Lanes
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface


def switch_tag(switch: str) -> str:
    """The description by which the bridge of a switch is known, compared whole."""
    return f"apiary:{switch}"


def bridge_of(interfaces: Mapping[str, Interface], member: str) -> Optional[str]:
    """The bridge that an interface is a member of, None if there is none; the kernel allows one at most."""
    for interface in interfaces.values():
        if member in interface.members:
            return interface.name
    return None


def add_member(host: Host, bridge: str, member: str, private: bool = False, lanes: Optional[Lanes] = None) -> None:
    """Plug an interface into a bridge. It must not be a member of any; its MTU becomes the bridge's."""
    words = [*(lanes.words if lanes is not None else ()), *(["private", member] if private else ())]
    host.run(["ifconfig", bridge, "addm", member, *words], what=f"cannot add {member} to the bridge {bridge}")


def set_member(host: Host, bridge: str, member: str, words: Sequence[str]) -> None:
    """Change how an interface is a member of a bridge, by words of ifconfig(8)."""
    host.run(["ifconfig", bridge, *words], what=f"cannot change the member {member} of the bridge {bridge}")


def delete_member(host: Host, bridge: str, member: str) -> None:
    """Pull an interface out of a bridge."""
    host.run(["ifconfig", bridge, "deletem", member], what=f"cannot take {member} out of the bridge {bridge}")
