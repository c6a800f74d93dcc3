# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What carries the vxlans of bridges: any interface of the host, another of the module's bridges among them.

A vxlan that goes up without its local address does not run (if_vxlan(4) binds its socket to it). So a bridge that
carries one comes before it, now and at boot.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.plan import mtu_after, wanted_addresses
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import ETHERMTU, Switch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.vxlan import on_carrier, underlay
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface


def carriers_first(desired: Sequence[Desired], switches: Mapping[str, Switch]) -> List[Desired]:
    """The switches of a task, each behind the one whose bridge carries its vxlan; else in their order.

    ``switches`` are all that the host has when the task is done. BadInput for bridges that carry each other.
    """
    places: Dict[str, int] = {}
    for one in desired:
        _place(one.name, switches, places, ())
    return sorted(desired, key=lambda one: places[one.name])


def _place(name: str, switches: Mapping[str, Switch], places: Dict[str, int], above: Tuple[str, ...]) -> None:
    """Give a switch its place, behind what carries it; ``above`` are those that wait for it."""
    if name in places:
        return
    below = _carrier(switches[name], switches) if name in switches else None
    if below is not None and below in (name, *above):
        raise BadInput(
            f"switch {name}: vxlan: it would be carried by the bridge of the switch {below}, which is carried by it"
        )
    if below is not None:
        _place(below, switches, places, (name, *above))
    places[name] = len(places)


def _carrier(switch: Switch, switches: Mapping[str, Switch]) -> Optional[str]:
    """The switch by whose bridge a vxlan goes, None if that is no bridge of ours, or there is no vxlan."""
    for other in switches.values() if switch.vxlan else ():
        if other.name != switch.name and not other.manual and carries(other, switch):
            return other.name
    return None


def carries(other: Switch, switch: Switch) -> bool:
    """Whether the bridge of a switch carries the vxlan of another one."""
    if switch.vxlan.dev:
        return other.interface == switch.vxlan.dev
    return bool(switch.vxlan.local) and switch.vxlan.local in [text.partition("/")[0] for text in other.all_addresses]


def foreseen(
    desired: Sequence[Desired], switches: Mapping[str, Switch], interfaces: Mapping[str, Interface]
) -> Tuple[List[Desired], Dict[str, Interface]]:
    """The switches of the task with the MTUs that fit into what carries them, and the interfaces as they will be.

    Of the interfaces only the bridges of the task are changed, and in these the addresses and the MTU. BadInput.
    """
    found: Dict[str, Desired] = {}
    known = dict(interfaces)
    for one in carriers_first(desired, switches):
        found[one.name] = one
        if one.old is not None and not one.old.manual and one.new is None:
            known.pop(one.old.interface, None)
        if one.new is None or one.new.manual:
            continue
        new = replace(one.new, vxlan=on_carrier(one.new.vxlan, known)) if one.new.vxlan else one.new
        found[one.name] = replace(one, new=new)
        known[new.interface] = _bridge(one.old, new, known)
    return [found[one.name] for one in desired], known


def _bridge(old: Optional[Switch], new: Switch, interfaces: Mapping[str, Interface]) -> Interface:
    live = interfaces.get(new.interface)
    # That the uplink is there is judged later.
    mtu = ETHERMTU if new.uplink and new.uplink not in interfaces else mtu_after(old, new, live, interfaces)
    addresses = wanted_addresses(new, live)
    base = live if live is not None else Interface(new.interface, ("BROADCAST", "MULTICAST"), mtu, groups=("bridge",))
    return replace(
        base,
        mtu=mtu,
        inet=tuple(text for text in addresses if ":" not in text),
        inet6=tuple(text for text in addresses if ":" in text),
    )


def carried(
    desired: Sequence[Desired], switches: Mapping[str, Switch], interfaces: Mapping[str, Interface]
) -> Dict[str, str]:
    """By switch the interface that carries its vxlan, of those that the task is about or that depend on one of these.

    Each comes behind the one that carries it; ``interfaces`` are those that :func:`foreseen` tells.
    """
    concerned = {one.name for one in desired if one.new is not None and not one.new.manual}
    everyone = [Desired(name, None, switch) for name, switch in switches.items()]
    found: Dict[str, str] = {}
    for one in carriers_first(everyone, switches):
        if not switches[one.name].vxlan:
            continue
        below = underlay(switches[one.name].vxlan, interfaces)
        if _carrier(switches[one.name], switches) in concerned:
            concerned.add(one.name)
        if below is not None and one.name in concerned:
            found[one.name] = below.name
    return found
