# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening /dev/tapN, as bhyve(8) does it.

The device is exclusive. A tap that does not exist is made by opening it, where net.link.tap.devfs_cloning allows: it
has no description, is in no group but ``tap`` and in no bridge. The interface shows its opener's pid. When that
process closes it, or dies, the interface goes down and loses its addresses; the bridge it is in stays.
"""

from __future__ import annotations

import errno
import re

from .ifnet import clones, dataplane, link, tap
from .ifnet.errors import Refused, strerror
from .ifnet.kernel import Ifnet
from .ifnet.store import network
from .ifnet.types import Interface

_DEVICE = re.compile(r"tap(0|[1-9][0-9]{0,4})\Z")


def open_tap(name: str, pid: int, up: bool = True) -> int:
    """Open /dev/NAME for the process ``pid``; a descriptor on which Ethernet frames are read and written.

    ``up`` sets IFF_UP, as bhyve(8) does itself; without it only net.link.tap.up_on_open does. OSError with FreeBSD's
    errno: ENOENT no such device (and no cloning), EBUSY open already, EPERM not root (net.link.tap.user_open=0).
    """
    try:
        with network() as net:
            interface = _device(net, name)
            # What was collected for a tap that is made here comes before its opening.
            net.plane.flush()
            tap.open_device(net, interface, pid)
            fd = net.plane.open_tap(dataplane.wire(interface))
            if up:
                link.up(net, interface)
            return fd
    except Refused as refusal:
        raise OSError(refusal.code, strerror(refusal.code)) from None


def close_tap(name: str, pid: int) -> None:
    """The process ``pid`` has closed its descriptor of /dev/NAME. A process that dies need not say so."""
    with network() as net:
        for interface in net:
            if _is_device(interface, name) and interface.get("opener", {"pid": 0})["pid"] == pid:
                tap.close_device(net, interface)
                return


def _is_device(interface: Interface, name: str) -> bool:
    """A renamed tap keeps its device; the new name is a link to it."""
    return interface["driver"] == "tap" and name in (interface["name"], f"tap{interface['unit']}")


def _device(net: Ifnet, name: str) -> Interface:
    for interface in net:
        if _is_device(interface, name):
            return interface
    if not _DEVICE.match(name) or not net.facts.sysctl("net.link.tap.devfs_cloning", 1):
        raise Refused(errno.ENOENT)
    return clones.create(net, name)
