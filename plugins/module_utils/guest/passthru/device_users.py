# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which guests of this host have which of its PCI devices, by the guests' records."""

from __future__ import annotations

from typing import Dict, List

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observe import observe
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import CONF


def device_users(host: Host) -> Dict[str, List[str]]:
    """The guests by device (bus/slot/function): "guest web1". UnknownState for an unreadable record."""
    users: Dict[str, List[str]] = {}
    if host.read(CONF) is None:
        # Nobody has prepared the host for guests, so it has none.
        return users
    for name, seen in observe(host).guests.items():
        if seen.error is not None:
            raise UnknownState(f"which devices guest {name} has cannot be told: {seen.error}") from seen.error
        for device in seen.record.guest.passthru if seen.record is not None else ():
            users.setdefault(device.place, []).append(f"guest {name}")
    return users
