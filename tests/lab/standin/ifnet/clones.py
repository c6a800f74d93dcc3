# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloned interfaces: SIOCIFCREATE2 and SIOCIFDESTROY for tap, bridge, epair, vlan, vxlan, lo."""

from __future__ import annotations

import errno
import re
from typing import Optional, Tuple

from . import bridge, dataplane, nodes, tap, vale, vlan
from . import vxlan as vxlans
from .errors import NotBuilt, Refused
from .facts import VLAN_BRIDGES, Facts
from .kernel import Ifnet, digest_of
from .types import Interface, Vxlan

#: Kernel modules behind the cloners; the others are in GENERIC.
_MODULES = {"bridge": "if_bridge", "epair": "if_epair", "vxlan": "if_vxlan"}
#: In GENERIC, in the order in which ``ifconfig -C`` lists them.
_GENERIC = ("vlan", "vmnet", "tap", "tun", "lo", "gif")
_BUILT = ("tap", "bridge", "epair", "vlan", "vxlan", "lo")
#: Cloners that FreeBSD has and this lab has not.
_NOT_BUILT = (
    "tun",
    "vmnet",
    "gif",
    "gre",
    "stf",
    "lagg",
    "wlan",
    "disc",
    "enc",
    "pflog",
    "pfsync",
    "ipsec",
    "ovpn",
    "wg",
)
_VLAN_HWTAGGING = 0x10
_UNIT = re.compile(r"([a-z]+)(0|[1-9][0-9]{0,4})?\Z")
_AUTO_VLAN = re.compile(r"(.+)\.(0|[1-9][0-9]*)\Z")


class StillOpen(Exception):
    """The kernel would wait until the tap's opener has closed it."""


def listed(facts: Facts) -> Tuple[str, ...]:
    """The cloners of the running kernel, the module that was loaded last first."""
    loaded = [name for name, module in _MODULES.items() if facts.module_loaded(module)]
    return tuple(reversed(loaded)) + _GENERIC


def create(
    net: Ifnet, name: str, tag: Optional[Tuple[int, str, str]] = None, vxlan: Optional[Vxlan] = None
) -> Interface:
    """SIOCIFCREATE2. ``tag`` is a vlan's number, parent and protocol.

    EINVAL for a name no cloner takes, EEXIST for one in use (also by a unit that was renamed).
    """
    if not net.facts.is_root():
        raise Refused(errno.EPERM)
    nested = _AUTO_VLAN.match(name)
    if nested is not None:
        return _create_auto_vlan(net, name, nested.group(1), int(nested.group(2)))
    match = _UNIT.match(name)
    if match is None:
        raise Refused(errno.EINVAL)
    driver = match.group(1)
    if driver in _NOT_BUILT:
        raise NotBuilt(f"a {driver} interface")
    if driver not in _BUILT:
        raise Refused(errno.EINVAL)
    if driver in _MODULES:
        net.facts.load_module(_MODULES[driver])
    if tag is not None:
        vlan.check(net, tag[0], tag[1])
    unit = _unit(net, driver, match.group(2))
    interface = _create(net, driver, unit)
    if tag is not None:
        vlan.attach(net, interface, *tag)
    if driver == "vxlan":
        interface["vxlan"] = vxlan or vxlans.new()
        vxlans.set_mtu(interface)
    return interface


def destroy(net: Ifnet, interface: Interface) -> None:
    """SIOCIFDESTROY: EINVAL for what was not cloned. A tap that is open: StillOpen, and nothing has changed."""
    if not net.facts.is_root():
        raise Refused(errno.EPERM)
    driver = interface["driver"]
    if driver not in _BUILT or interface["name"] == "lo0":
        raise Refused(errno.EINVAL)
    if driver == "tap" and tap.opener(interface) is not None:
        raise StillOpen
    if driver == "bridge":
        bridge.clear(net, interface)
    _leave(net, interface)
    if driver == "epair":
        peer = net.by_index(interface["peer"])
        _leave(net, peer)
        net.detach(peer)
    if driver == "tap":
        # Its device goes only after what was collected for it.
        net.plane.flush()
        _remove_tap(net, interface)
        nodes.remove(interface)
    else:
        net.plane.delete(dataplane.wire(interface))
    net.detach(interface)


def _remove_tap(net: Ifnet, interface: Interface) -> None:
    try:
        net.plane.remove_tap(dataplane.wire(interface))
    except OSError as error:
        # A helper of a bhyve that has just died still has its descriptor.
        if error.errno == errno.EBUSY:
            raise StillOpen from None
        raise


def _leave(net: Ifnet, interface: Interface) -> None:
    bridge.release(net, interface)
    vale.forget(net, interface)
    vlan.orphan(net, interface)


def _unit(net: Ifnet, driver: str, asked: Optional[str]) -> int:
    if asked is not None:
        unit = int(asked)
        if net.unit_taken(driver, unit):
            raise Refused(errno.EEXIST)
        return unit
    unit = 0
    while net.unit_taken(driver, unit):
        unit += 1
    return unit


def _create(net: Ifnet, driver: str, unit: int) -> Interface:
    name = f"{driver}{unit}"
    if driver == "epair":
        return _create_epair(net, name, unit)
    interface = net.attach(name, driver, unit, "00:00:00:00:00:00" if driver == "vlan" else "")
    if driver == "tap":
        net.plane.make_tap(name)
        net.plane.line("link set dev", name, "addrgenmode none")
        nodes.make(interface)
    elif driver == "bridge":
        interface["bridge"] = bridge.new()
        if net.facts.osreldate() >= VLAN_BRIDGES:
            interface["options"] = interface["capabilities"] = _VLAN_HWTAGGING
        net.plane.add(name, "bridge")
        net.plane.line("link set dev", name, "addrgenmode none")
    elif driver == "lo":
        # This lab's kernel has no dummy devices; a bridge without members holds addresses as well.
        net.plane.add(name, "bridge")
    elif driver == "vlan":
        interface["vlan"] = vlan.new()
    if driver in ("tap", "bridge"):
        dataplane.set_ether(net.plane, interface)
    return interface


def _create_epair(net: Ifnet, name: str, unit: int) -> Interface:
    digest = digest_of(f"{net.facts.hostuuid()}-{name}")
    base = f"02:{digest[0]:02x}:{digest[1]:02x}:{digest[2]:02x}:{digest[3]:02x}:"
    first = net.attach(name + "a", "epair", unit, base + "0a")
    second = net.attach(name + "b", "epair", unit, base + "0b")
    first["peer"] = second["index"]
    second["peer"] = first["index"]
    net.plane.add(first["linux"], f"veth peer name {second['linux']}")
    for interface in (first, second):
        net.plane.line("link set dev", interface["linux"], "addrgenmode none")
        dataplane.set_ether(net.plane, interface)
    return first


def _create_auto_vlan(net: Ifnet, name: str, parent: str, tag: int) -> Interface:
    if net.find(name) is not None:
        raise Refused(errno.EEXIST)
    if net.find(parent) is None:
        raise Refused(errno.EINVAL)
    vlan.check(net, tag, parent)
    unit = 0
    while net.unit_taken("vlan", unit):
        unit += 1
    interface = net.attach(name, "vlan", unit, "00:00:00:00:00:00")
    interface["vlan"] = vlan.new()
    vlan.attach(net, interface, tag, parent)
    return interface
