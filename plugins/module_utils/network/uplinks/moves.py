# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses on their way from an uplink to its bridge, or back: which have to go, and what the host is like then."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import MOVE, Request
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Moved, Switch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.mac import derive_mac
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks import rc_lines as uplink_lines
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change


@dataclass(frozen=True)
class Move(Change):
    """Addresses go from the uplink to the bridge, or ``back``. ``subject`` is the switch.

    ``uplink`` and ``bridge`` are as they are before (None: there is no such bridge yet). ``switch`` is what the bridge
    is, or was, and ``stays``: when the uplink has its addresses back it is still in the bridge.
    """

    switch: Switch
    uplink: Interface
    bridge: Optional[Interface]
    back: bool = False
    stays: bool = True

    @property
    def moved(self) -> Moved:
        """What moves."""
        return self.switch.moved or Moved()

    @property
    def source(self) -> Interface:
        """The interface that has the addresses now."""
        return self.bridge if self.back and self.bridge is not None else self.uplink

    @property
    def going(self) -> Tuple[str, ...]:
        """The addresses that it has now and will not have."""
        own = self.switch.addresses if self.back else ()
        return tuple(text for text in self.source.addresses if text not in own)

    def describe(self) -> str:
        one, other = self.uplink.name, self.switch.interface
        source, target = (other, one) if self.back else (one, other)
        what = ", ".join(dict.fromkeys([*self.going, *self.moved.addresses])) or "the address"
        return f"move {what}{' (DHCP)' if self.moved.dhcp else ''} from {source} to {target}"

    def apply(self, host: Host) -> None:
        """Moves are made all together, by a program of their own."""


def with_moved(
    desired: Sequence[Desired],
    requests: Sequence[Request],
    interfaces: Mapping[str, Interface],
    rc: Mapping[str, Optional[str]],
) -> List[Desired]:
    """The switches with what their bridges have of their uplinks. BadInput for what cannot be moved."""
    found = []
    for one, request in zip(desired, requests):
        if one.new is not None and not one.new.manual:
            found.append(replace(one, new=_with_moved(one.old, one.new, request, interfaces, rc)))
        else:
            found.append(one)
    return found


def _with_moved(
    old: Optional[Switch],
    new: Switch,
    request: Request,
    interfaces: Mapping[str, Interface],
    rc: Mapping[str, Optional[str]],
) -> Switch:
    at = f"switch {new.name}: uplink_address: "
    recorded = old.moved if old is not None else None
    if old is not None and recorded is not None and (new.uplink, new.vlan) != (old.uplink, 0):
        raise BadInput(
            f"{at}{old.interface} has the address of {old.uplink}, so that has to stay the uplink; make the switch "
            "absent first, which puts the address back"
        )
    if request.uplink_address == MOVE and (not new.uplink or new.vlan):
        raise BadInput(f"{at}move needs an uplink that is in the bridge itself, without vlan")
    uplink = interfaces.get(new.uplink)
    wanted = request.uplink_address == MOVE or (request.uplink_address is None and new.moved is not None)
    if not wanted or uplink is None:
        return _without(recorded, new, request, uplink)
    if new.vlan_filter or (old is not None and old.vlan_filter):
        raise BadInput(
            f"{at}move is not for a bridge that filters VLANs (vlan_filter), which has no address that would be in one "
            "of them; one that does so now has to be without it first"
        )
    moved = _judge(uplink_lines.read(uplink.name, rc, at), recorded, uplink, at)
    if moved is None:
        return replace(new, moved=None)
    if request.mac and request.mac != uplink.ether.lower():
        raise BadInput(
            f"switch {new.name}: mac: not with uplink_address: move, for the bridge takes the MAC address of "
            f"{uplink.name}, by which the LAN knows the host"
        )
    return replace(new, moved=moved, mac=uplink.ether.lower())


def _without(recorded: Optional[Moved], new: Switch, request: Request, uplink: Optional[Interface]) -> Switch:
    """A switch that has nothing of its uplink; what it had, the MAC address too, goes back."""
    if recorded is None or uplink is None or request.mac:
        return replace(new, moved=None)
    return replace(new, moved=None, mac=derive_mac(uplink.ether, new.name))


def _judge(found: Optional[Moved], recorded: Optional[Moved], uplink: Interface, at: str) -> Optional[Moved]:
    """What the bridge has, or is to have, of the uplink: as recorded, else what rc.conf says."""
    if recorded is not None and found is not None:
        more = sorted(set(found.addresses) - set(recorded.addresses)) + ["DHCP"] * (found.dhcp and not recorded.dhcp)
        if more:
            raise BadInput(
                f"{at}rc.conf gives {uplink.name} {more[0]} besides what the bridge has of it already; take that out "
                "there (addresses of the switch are for more)"
            )
    moved = recorded or found
    for text in uplink.addresses:
        dynamic = moved is not None and moved.dhcp and ":" not in text
        if not dynamic and (moved is None or text not in moved.addresses):
            raise BadInput(
                f"{at}{uplink.name} has the address {text}, of which rc.conf does not know; write it there, or take it "
                f"away (ifconfig {uplink.name} {'inet6' if ':' in text else 'inet'} {text.partition('/')[0]} -alias)"
            )
    return moved


def due(desired: Sequence[Desired], interfaces: Mapping[str, Interface]) -> List[Move]:
    """The moves that have to be made."""
    moves: List[Move] = []
    for one in desired:
        old, new = one.old, one.new
        if new is not None and new.moved is not None:
            uplink, bridge = interfaces[new.uplink], interfaces.get(new.interface)
            # The lease may be on its way, or be on neither.
            first = old is None or old.moved is None
            waits = new.moved.dhcp and first and (bridge is None or not bridge.inet)
            if uplink.addresses or waits:
                moves.append(Move(one.name, new, uplink, bridge))
        elif old is not None and old.moved is not None and old.uplink in interfaces:
            move = Move(one.name, old, interfaces[old.uplink], interfaces.get(old.interface), True, new is not None)
            if move.bridge is not None and move.going:
                moves.append(move)
    return moves


def after_moves(interfaces: Mapping[str, Interface], moves: Sequence[Move]) -> Dict[str, Interface]:
    """The interfaces as they are when the moves are made."""
    found = dict(interfaces)
    for move in moves:
        inet = [text for text in move.going if ":" not in text]
        inet += [text for text in move.moved.addresses if ":" not in text and text not in inet]
        inet6 = [text for text in (*move.going, *move.moved.addresses) if ":" in text]
        uplink, bridge = move.uplink, move.bridge
        if not move.back:
            bridge = _joined(move)
            found[bridge.name] = _with(bridge, [*bridge.inet, *inet], [*bridge.inet6, *inet6])
            left = tuple(word for word in uplink.options if word not in switch_rc.OFFLOAD_OPTIONS)
            flags = uplink.flags if uplink.up else ("UP", *uplink.flags)
            found[uplink.name] = replace(uplink, inet=(), inet6=(), options=left, flags=flags)
        elif bridge is not None:
            members = tuple(name for name in bridge.members if move.stays or name != uplink.name)
            own = [text for text in bridge.addresses if text not in move.going]
            found[bridge.name] = replace(
                bridge,
                members=members,
                inet=tuple(text for text in own if ":" not in text),
                inet6=tuple(text for text in own if ":" in text),
            )
            found[uplink.name] = _with(uplink, [*uplink.inet, *inet], [*uplink.inet6, *inet6])
    return found


def _joined(move: Move) -> Interface:
    """The bridge with its uplink in it."""
    switch, uplink, bridge = move.switch, move.uplink, move.bridge
    if bridge is None:
        bridge = Interface(switch.interface, ("UP", "BROADCAST"), uplink.mtu, switch.tag, groups=("bridge",))
    first = not bridge.members
    members = bridge.members if uplink.name in bridge.members else (uplink.name, *bridge.members)
    return replace(
        bridge,
        ether=switch.mac,
        members=members,
        mtu=uplink.mtu if first else bridge.mtu,
        flags=bridge.flags if bridge.up else ("UP", *bridge.flags),
    )


def _with(interface: Interface, inet: Sequence[str], inet6: Sequence[str]) -> Interface:
    return replace(interface, inet=tuple(dict.fromkeys(inet)), inet6=tuple(dict.fromkeys(inet6)))


def check_gateway(moves: Sequence[Move], gateway: str) -> None:
    """BadInput for a gateway of IPv6 that only has an address of its link, which names the interface."""
    bare = gateway.partition("%")[0]
    if moves and bare and ipaddress.ip_address(bare).is_link_local:
        raise BadInput(
            f"switch {moves[0].subject}: uplink_address: the default route for IPv6 goes to {gateway}, an address of "
            "the link alone, which cannot be moved along; give ipv6_defaultrouter in rc.conf another one first"
        )
