# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which NICs of this host's guests are plugged into a switch, by the guests' records."""

from __future__ import annotations

from typing import Dict, List, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observe import observe
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import CONF


def switch_users(host: Host, switches: Sequence[str]) -> Dict[str, List[str]]:
    """For each of these switches the NICs that name it: "guest web1 nic lan". UnknownState for an unreadable record."""
    users: Dict[str, List[str]] = {name: [] for name in switches}
    if host.read(CONF) is None:
        # Nobody has prepared the host for guests, so it has none.
        return users
    for guest, seen in observe(host).guests.items():
        if seen.error is not None:
            raise UnknownState(f"which switches guest {guest} uses cannot be told: {seen.error}") from seen.error
        for nic in seen.record.guest.nics if seen.record is not None else ():
            if nic.switch in users:
                users[nic.switch].append(f"guest {guest} nic {nic.name}")
    return users
