# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the host forwards packets: variables that the lab's kernel has to know as well, so that they really pass."""

from __future__ import annotations

import contextlib

from . import paths

#: FreeBSD's net.link.bridge.pfil_member and pfil_bridge, which are 0.
_BRIDGED = "/sys/net/bridge/bridge-nf-call-iptables"
VARIABLES = {
    "net.inet.ip.forwarding": "/sys/net/ipv4/ip_forward",
    "net.inet6.ip6.forwarding": "/sys/net/ipv6/conf/all/forwarding",
}


def tell(name: str, text: str) -> None:
    """Have the lab's kernel know a variable's value. Without a host around it there is none."""
    if not paths.DETACHED:
        with open(paths.PROC + VARIABLES[name], "w", encoding="ascii") as stream:
            stream.write(text)


def forget() -> None:
    """A kernel that starts forwards nothing, whatever a new namespace is given, and shows pf no frames of bridges."""
    for name in VARIABLES:
        tell(name, "0")
    with contextlib.suppress(FileNotFoundError), open(paths.PROC + _BRIDGED, "w", encoding="ascii") as stream:
        stream.write("0")
