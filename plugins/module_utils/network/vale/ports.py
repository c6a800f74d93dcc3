# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ports of VALE switches as valectl(8) lists them."""

from __future__ import annotations

import re
from typing import Dict, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

#: Behind the name of an interface: the port of the host's own network stack, which keeps using that interface.
HOST_SIDE = "^"
_PORT = re.compile(r"(?P<switch>vale[0-9A-Za-z_]*):(?P<port>\S+) bridge_idx \d+ port_idx \d+")

#: The ports of each switch that has any; one without is none.
Ports = Dict[str, Tuple[str, ...]]


def parse_ports(text: str) -> Ports:
    """What ``valectl`` prints. UnknownState for a line that cannot be read."""
    found: Ports = {}
    for line in text.splitlines():
        match = _PORT.fullmatch(line)
        if match is None:
            raise UnknownState(f"`valectl` printed a line that cannot be read: {line!r}")
        found[match["switch"]] = (*found.get(match["switch"], ()), match["port"])
    return found


def read_ports(host: Host) -> Ports:
    """The ports of all switches. The command exits 1 when it has listed them; what counts is what it complains of."""
    result = host.run(["valectl"], what="cannot list the ports of VALE switches", accept=(0, 1))
    if result.stderr.strip():
        raise UnknownState(
            f"cannot list the ports of VALE switches: `valectl` exited {result.rc}: {result.stderr.strip()}; they need "
            "a kernel with netmap(4), as GENERIC has it"
        )
    return parse_ports(result.stdout)
