# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames between the ports of a VALE switch: a Linux bridge of its own in the host's network namespace.

An attached interface's device is a port of that bridge, so its own network stack hears nothing of it any more. With the
host's side attached as well, that stack gets a cable of its own into the switch, and the interface's device (``wire``)
is the card alone.
"""

from __future__ import annotations

from . import link
from .dataplane import is_real, wire
from .errors import NotBuilt
from .kernel import Ifnet
from .types import Interface

#: Shown by ifconfig(8) while a driver with netmap support of its own is attached with the host's side.
_IFCAP_NETMAP = 0x100000
_NATIVE = ("em", "vtnet")
#: Linux takes no bridge into a bridge: such a port passes no frames here.
_WITHOUT = ("bridge",)
#: How the Linux devices of hosts' sides begin.
_HOST_SIDE = "nmh"


def bridge_name(index: int) -> str:
    """The Linux bridge of a switch."""
    return f"nmbdg{index}"


def make(net: Ifnet, index: int) -> None:
    """A switch comes to be."""
    name = bridge_name(index)
    net.plane.add(name, "bridge mcast_snooping 0")
    # Linux would answer there for any address that the host has.
    net.plane.line("link set dev", name, "addrgenmode none arp off up")


def remove(net: Ifnet, index: int) -> None:
    """Its last port has left."""
    net.plane.delete(bridge_name(index))


def attach(net: Ifnet, interface: Interface, index: int, host: bool) -> None:
    """An interface joins. Who has its packets sees no difference, unless the host's side stays out."""
    if host and interface["driver"] in _NATIVE:
        interface["options"] |= _IFCAP_NETMAP
        net.set_running(interface, True)
    if not _passes(interface):
        return
    if "wire" in interface:
        raise NotBuilt("a port that has hooks of netgraph(4)")
    if host:
        _lay_cable(net, interface, index)
    net.plane.line("link set dev", wire(interface), "master", bridge_name(index))


def detach(net: Ifnet, interface: Interface) -> None:
    """It leaves, and the host's stack has its card again."""
    interface["options"] &= ~_IFCAP_NETMAP
    if not _passes(interface):
        return
    net.plane.line("link set dev", wire(interface), "nomaster")
    if is_apart(interface):
        device = interface["linux"]
        link.rehome(net, interface, interface.pop("wire"))
        net.plane.delete(device)


def is_apart(interface: Interface) -> bool:
    """Whether the host's side of an interface is a cable into a switch, apart from its card."""
    return interface["linux"].startswith(_HOST_SIDE)


def plug(net: Ifnet, index: int, port: int) -> int:
    """A process opens a port: a descriptor on which Ethernet frames are read and written. Its device goes with it."""
    name = f"nmp{index}.{port}"
    # The switch may have been made for this port.
    net.plane.flush()
    fd = net.plane.open_tap(name)
    net.plane.line("link set dev", name, "addrgenmode none")
    net.plane.line("link set dev", name, "master", bridge_name(index), "up")
    return fd


def _passes(interface: Interface) -> bool:
    return is_real(interface) and interface["driver"] not in _WITHOUT


def _lay_cable(net: Ifnet, interface: Interface, index: int) -> None:
    number = interface["index"]
    card, inner, outer = interface["linux"], f"{_HOST_SIDE}{number}", f"nms{number}"
    net.plane.add(inner, f"veth peer name {outer}")
    for name in (inner, outer):
        net.plane.line("link set dev", name, "addrgenmode none mtu", interface["mtu"])
    net.plane.line("link set dev", outer, "master", bridge_name(index), "up")
    # A bridge takes frames to the address of a port for its own.
    net.plane.line("link set dev", card, "address", f"02:00:6e:6d:{number >> 8 & 255:02x}:{number & 255:02x}")
    interface["wire"] = card
    link.rehome(net, interface, inner)
