# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which reservations the guests of a task are to have on the host's own DHCP server, and which go. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from typing import Collection, Dict, List, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Range, Server, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import AUTO, Reservation, guest_owner
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import UNALLOCATED
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.addresses import declares, reservation_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.outlets import find_bridge
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plugs import declared_outlet
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Nic
from ansible_collections.apiary.bhyve.plugins.module_utils.network.mac import derive_mac


@dataclass(frozen=True)
class Wishes:
    """What is wanted of the server, by guest: reservations, and those that go (their owner by name).

    ``subnets``: those of each wanted reservation's switch, by its name. ``unallocated``: MAC addresses that stand, in
    check mode, for those that only apply can know.
    """

    server: Server
    wanted: Dict[str, List[Reservation]] = field(default_factory=dict)
    gone: Dict[str, Dict[str, str]] = field(default_factory=dict)
    subnets: Dict[str, Tuple[Subnet, ...]] = field(default_factory=dict)
    unallocated: List[str] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)
    #: Whether the server has to be looked at.
    needed: bool = True

    def without(self, guests: Collection[str]) -> Wishes:
        """The same, these guests left as they are."""
        wanted = {name: some for name, some in self.wanted.items() if name not in guests}
        return replace(self, wanted=wanted, gone={name: some for name, some in self.gone.items() if name not in guests})

    def ranges(self, one: Reservation) -> List[Range]:
        """Where an address for ``auto`` comes from: the subnets of the NIC's own switch."""
        return [item for subnet in self.subnets.get(one.name, ()) for item in subnet.auto]


def wishes_of(desired: Sequence[Desired], observed: Observed) -> Optional[Wishes]:
    """What the guests of a task want of the server; None when the host has none.

    BadInput when the task gives a NIC an address that is in no subnet of its switch.
    """
    if observed.dhcp.server is None:
        return None
    wishes = Wishes(observed.dhcp.server)
    switches = _Switches(observed.dhcp.server, observed)
    vanished = _Vanished(desired, observed)
    for one in desired:
        mine = wishes.wanted[one.name] = _wanted(one, switches, wishes)
        names = {reservation.name for reservation in mine}
        going = {**_owned(one, observed), **vanished.in_the_way(mine)}
        wishes.gone[one.name] = {name: owner for name, owner in going.items() if name not in names}
    return replace(wishes, needed=observed.dhcp.owed or any(_is_to_plan(one, wishes, observed) for one in desired))


def _wanted(one: Desired, switches: _Switches, wishes: Wishes) -> List[Reservation]:
    """The reservations of a guest's NICs, noted in the wishes with what belongs to them."""
    result: List[Reservation] = []
    for nic in one.guest.nics if one.record is not None else ():
        served = switches.subnets(nic) if declares(nic) else ()
        if not served:
            continue
        problem = _misplaced(nic, served)
        if problem and one.request.get("nics") is not None:
            raise BadInput(f"guest {one.name}: nic {nic.name}: {problem}")
        if problem:
            # It was declared elsewhere or before, and this task may be about something else.
            wishes.warnings.append(f"guest {one.name}: nic {nic.name}: {problem}; so the NIC has no reservation")
            continue
        mac = one.identity.macs[nic.name]
        if mac == UNALLOCATED:
            mac = derive_mac(one.name, nic.name)
            wishes.unallocated.append(mac)
        reservation = reservation_of(one.name, nic, mac)
        wishes.subnets[reservation.name] = served
        result.append(reservation)
    return result


def _is_to_plan(one: Desired, wishes: Wishes, observed: Observed) -> bool:
    """Whether the server has to be looked at: not when a guest is only started or stopped, say, and has what it wants.

    So that a server that is in disorder does not stand in the way of that.
    """
    if wishes.gone[one.name]:
        return True
    known, wanted = observed.dhcp.reservations, wishes.wanted[one.name]
    asked = bool(wanted) and one.request.get("nics") is not None
    return asked or any(not is_as_wanted(known.get(item.name), item) for item in wanted)


def is_as_wanted(known: Optional[Reservation], wanted: Reservation) -> bool:
    """Whether a reservation is what is wanted, any address being right for ``auto``."""
    if known is None:
        return False
    ip = known.ip if AUTO in wanted.ip and known.ip else wanted.ip
    return known == replace(wanted, ip=ip)


def _owned(one: Desired, observed: Observed) -> Dict[str, str]:
    """The reservations of the guest by its name, and by the one that it had."""
    former = observed.formers.get(one.name)
    names = [one.name] if former is None else [one.name, former.name]
    return {name: item.owner for guest in names for name, item in observed.dhcp.of(guest).items()}


class _Vanished:
    """Reservations of guests that are not there any more: a task that removed or renamed them broke off, say.

    They go when somebody else needs their addresses.
    """

    def __init__(self, desired: Sequence[Desired], observed: Observed) -> None:
        there = {guest_owner(name) for name, seen in observed.guests.items() if seen.record or seen.error}
        there.update(guest_owner(one.name) for one in desired)
        there.update(guest_owner(former.name) for former in observed.formers.values())
        self._by_claim: Dict[str, Reservation] = {}
        for one in observed.dhcp.reservations.values():
            if one.owner.startswith(guest_owner("")) and one.owner not in there:
                self._by_claim.update({claim: one for claim in (one.mac, *one.addresses)})

    def in_the_way(self, wanted: Sequence[Reservation]) -> Dict[str, str]:
        """Those that have a MAC or an address which is wanted: owner by name."""
        claims = (claim for one in wanted for claim in (one.mac, *one.addresses))
        found = (self._by_claim[claim] for claim in claims if claim in self._by_claim)
        return {one.name: one.owner for one in found}


class _Switches:
    """The subnets that the server has on the switches that NICs name."""

    def __init__(self, server: Server, observed: Observed) -> None:
        self._server = server
        self._observed = observed
        self._found: Dict[str, Tuple[Subnet, ...]] = {}

    def subnets(self, nic: Nic) -> Tuple[Subnet, ...]:
        if not nic.is_plugged:
            return ()
        if nic.switch not in self._found:
            self._found[nic.switch] = self._look_up(nic.switch)
        return self._found[nic.switch]

    def _look_up(self, switch: str) -> Tuple[Subnet, ...]:
        served = self._server.on_switch(switch)
        kernel = "" if served else self._kernel_name(switch)
        if not kernel:
            return served
        return tuple(one for one in self._server.subnets if one.switch and self._kernel_name(one.switch) == kernel)

    def _kernel_name(self, switch: str) -> str:
        """What the kernel calls it: a bridge may be named by that, or as it was declared."""
        declared = declared_outlet(switch, self._observed.allocations.switches)
        if declared is not None:
            return declared.interface
        bridge = find_bridge(switch, self._observed)
        return "" if bridge is None else bridge.name


def _misplaced(nic: Nic, served: Sequence[Subnet]) -> str:
    """What is wrong with a NIC's address on its switch, '' if nothing is."""
    for option, text in (("ip", nic.ip), ("ip6", nic.ip6)):
        if not text or text == AUTO:
            continue
        address = ipaddress.ip_address(text)
        if not any(address in subnet.network for subnet in served):
            known = ", ".join(subnet.subnet for subnet in served if subnet.network.version == address.version)
            return (
                f"{option}: {text} is in no subnet that the host's DHCP server has on the switch {nic.switch}; it has "
                f"{known or 'none'}"
            )
    return ""
