# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's own DHCP server as far as guests are concerned. Reading it starts no command."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Dict, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp import record
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Server, read_server
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.planning import server_key
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation, guest_owner
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.steps import owed_path
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import RESERVATIONS


@dataclass(frozen=True)
class HostDhcp:
    """The server, None when the host has none of ours; its reservations by name, whoever owns them.

    ``owed``: its files were changed by a task that broke off before the server took them.
    """

    server: Optional[Server] = None
    reservations: Mapping[str, Reservation] = field(default_factory=dict)
    owed: bool = False

    def of(self, guest: str) -> Mapping[str, Reservation]:
        """The reservations of a guest's NICs, by name."""
        return self._by_owner.get(guest_owner(guest), {})

    @cached_property
    def _by_owner(self) -> Dict[str, Dict[str, Reservation]]:
        result: Dict[str, Dict[str, Reservation]] = {}
        for name, one in self.reservations.items():
            result.setdefault(one.owner, {})[name] = one
        return result


def read_dhcp(host: Host) -> HostDhcp:
    """Read the note of the server and the record of reservations. UnknownState."""
    server = read_server(host)
    if server is None:
        return HostDhcp()
    known = record.load(host.read(RESERVATIONS)).get(server_key(server), {})
    owed = any(host.lstat(owed_path(daemon.service)) is not None for daemon in server.daemons)
    return HostDhcp(server, known, owed)


def told(guest: str, reservations: Mapping[str, Reservation]) -> Dict[str, Dict[str, Any]]:
    """The reservations of a guest, by NIC, as results tell them."""
    return {name[len(guest) + 1 :]: _shown(one) for name, one in sorted(reservations.items())}


def _shown(one: Reservation) -> Dict[str, Any]:
    return {"ip": "".join(one.ip[:1]), "ip6": "".join(one.ip6[:1]), "hostname": one.hostname}
