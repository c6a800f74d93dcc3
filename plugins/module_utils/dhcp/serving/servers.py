# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The DHCP servers that the module dhcp_server can set up."""

from __future__ import annotations

from typing import Dict

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.isc import IscServer
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.kind import ServerKind
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

SERVERS: Dict[str, ServerKind] = {kind.name: kind for kind in (IscServer(),)}


def find_server(name: str) -> ServerKind:
    """The one of this name. BadInput."""
    if name not in SERVERS:
        raise BadInput(f"backend: {name!r}; allowed are {', '.join(SERVERS)}")
    return SERVERS[name]
