# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real side of a bridge's members: ports of a Linux bridge, with the flags and VLANs that they have."""

from __future__ import annotations

from . import dataplane
from .kernel import Ifnet
from .types import IFBIF_DISCOVER, IFBIF_LEARNING, IFBIF_PRIVATE, IFBRF_VLANFILTER, Interface, Member

#: Member flags that have a counterpart on Linux: flag -> (option, value when set, value when clear).
_LINUX_FLAGS = {
    IFBIF_PRIVATE: ("isolated", "on", "off"),
    IFBIF_LEARNING: ("learning", "on", "off"),
    IFBIF_DISCOVER: ("flood", "on", "off"),
}
#: What a Linux port is born with.
_BORN = IFBIF_LEARNING | IFBIF_DISCOVER


def plug(net: Ifnet, interface: Interface, entry: Member) -> None:
    """Put a member's device into the bridge's, where it has one already."""
    other = net.by_index(entry["index"])
    net.line(other, "link set dev", other["linux"], "master", interface["linux"])
    for flag in _LINUX_FLAGS:
        if entry["flags"] & flag != _BORN & flag:
            set_flag(net, entry, flag)
    set_vlans(net, interface, entry)


def unplug(net: Ifnet, interface: Interface, other: Interface) -> None:
    """Take a member's device out of the bridge's."""
    net.line(other, "link set dev", other["linux"], "nomaster")
    if interface["bridge"]["flags"] & IFBRF_VLANFILTER and dataplane.is_real(other):
        net.plane.pass_all(other["linux"])


def set_flag(net: Ifnet, entry: Member, flag: int) -> None:
    """A flag of a member, as it is now."""
    option = _LINUX_FLAGS.get(flag)
    if option is not None:
        other = net.by_index(entry["index"])
        value = option[1] if entry["flags"] & flag else option[2]
        net.line(other, "link set dev", other["linux"], "type bridge_slave", option[0], value)


def set_vlans(net: Ifnet, interface: Interface, entry: Member) -> None:
    """The VLANs of a member, as they are now, where its bridge filters."""
    other = net.by_index(entry["index"])
    if interface["bridge"]["flags"] & IFBRF_VLANFILTER and dataplane.is_real(other):
        net.plane.filter(other["linux"], entry["untagged"], entry["tagged"])


def pass_all(net: Ifnet, entry: Member) -> None:
    """Its bridge filters no more."""
    other = net.by_index(entry["index"])
    if dataplane.is_real(other):
        net.plane.pass_all(other["linux"])
