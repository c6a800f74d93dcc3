# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the interface code needs to know about the host: its release, its UUID, sysctls, who runs it."""

from __future__ import annotations

import os
from typing import Optional

from .. import paths, state

#: ifconfig(8) reads by netlink(4) from here on: other order of addresses, LOWER_UP (14.0-RELEASE).
NETLINK_IFCONFIG = 1400090
#: Members of a bridge take no addresses from here on (15.0, if_bridge(4)).
NO_MEMBER_ADDRESSES = 1500000
#: Bridges know VLANs from here on, and say so (15.0).
VLAN_BRIDGES = 1500000


class Facts:
    """Read when first asked for."""

    def __init__(self) -> None:
        self._osreldate: Optional[int] = None

    def osreldate(self) -> int:
        """kern.osreldate."""
        if self._osreldate is None:
            self._osreldate = int(state.peek("disk", "host").get("osreldate", 1403000))
        return self._osreldate

    def hostuuid(self) -> str:
        """kern.hostuuid, empty when it is not set."""
        try:
            with open(paths.root("/etc/hostid"), encoding="ascii") as stream:
                return stream.read().strip()
        except FileNotFoundError:
            return ""

    def sysctl(self, name: str, default: int) -> int:
        """An integer sysctl(8) variable, as set at run time."""
        return int(state.peek("kernel", "sysctl").get("values", {}).get(name, default))

    def is_root(self) -> bool:
        """Whether the caller may change interfaces."""
        return os.geteuid() == 0

    def module_loaded(self, name: str) -> bool:
        """Whether a kernel module is loaded."""
        from ..system import klds

        return klds.loaded(name)

    def load_module(self, name: str) -> None:
        """kldload(2), as ifconfig(8) does for a cloner that is not in GENERIC."""
        from ..system import klds

        klds.load(name)
