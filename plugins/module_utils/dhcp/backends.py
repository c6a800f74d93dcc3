# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The DHCP servers that are known."""

from __future__ import annotations

from typing import Dict

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import Backend
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.backend import Isc
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

BACKENDS: Dict[str, Backend] = {backend.name: backend for backend in (Isc(),)}


def find_backend(name: str) -> Backend:
    """The one of this name. BadInput."""
    if name not in BACKENDS:
        raise BadInput(f"backend: {name!r}; allowed are {', '.join(BACKENDS)}")
    return BACKENDS[name]
