# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tap(4): who has the device open, and what opening and closing do to the interface.

The opener is known by its pid and start time. It is looked at whenever the state is opened, so a process that was
killed has closed its taps, as on FreeBSD.
"""

from __future__ import annotations

import errno
from typing import Optional

from .. import notes
from . import bridge, link
from .errors import Refused
from .kernel import Ifnet
from .types import IFF_UP, Interface


def open_device(net: Ifnet, interface: Interface, pid: int) -> None:
    """open(2) of /dev/tapN: EBUSY while another process has it, EPERM for a user when user_open is off.

    The interface runs from now on; it goes up by itself only with net.link.tap.up_on_open.
    """
    if opener(interface) is not None:
        raise Refused(errno.EBUSY)
    if not net.facts.is_root() and not net.facts.sysctl("net.link.tap.user_open", 0):
        raise Refused(errno.EPERM)
    interface["opener"] = {"pid": pid, "started": notes.start_ticks(pid) or 0}
    interface["link"] = "up"
    net.set_running(interface, True)
    bridge.link_came_up(net, interface)
    if net.facts.sysctl("net.link.tap.up_on_open", 0):
        link.up(net, interface)


def close_device(net: Ifnet, interface: Interface) -> None:
    """close(2): the interface goes down and loses its addresses; what bridge it is in stays."""
    interface.pop("opener", None)
    interface["link"] = "down"
    link.purge(net, interface)
    if interface["flags"] & IFF_UP:
        link.down(net, interface)
    net.set_running(interface, False)


def close_dead(net: Ifnet) -> None:
    """Close the taps whose opener is gone."""
    for interface in net:
        if "opener" in interface and opener(interface) is None:
            close_device(net, interface)


def opener(interface: Interface) -> Optional[int]:
    """The pid of the live process that has the tap open, or None."""
    known = interface.get("opener")
    if known is None or not notes.alive(known["pid"], known["started"]):
        return None
    return known["pid"]
