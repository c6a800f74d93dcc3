# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only this host knows of its guests: tap numbers and VNC ports. Never travels with a guest."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Dict, Iterable, Mapping, Optional, Sequence, Set

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import tap_description
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import Listener

SCHEMA = 1
FIRST_TAP = 1000
#: Far above what FreeBSD's tap(4) and a bridge's port table take.
LAST_TAP = 32767
FIRST_VNC = 5900
LAST_VNC = 6899

_ANY = ("*", "0.0.0.0", "::")


@dataclass(frozen=True)
class Allocations:
    """Tap numbers by "guest/nic", VNC ports by guest."""

    taps: Dict[str, int] = field(default_factory=dict)
    vnc: Dict[str, int] = field(default_factory=dict)

    def of(self, guest: str) -> Allocations:
        """The part that belongs to one guest."""
        prefix = f"{guest}/"
        return Allocations(
            {key: tap for key, tap in self.taps.items() if key.startswith(prefix)},
            {key: port for key, port in self.vnc.items() if key == guest},
        )

    def replaced(self, guest: str, own: Allocations) -> Allocations:
        """All allocations, those of one guest replaced by ``own``."""
        prefix = f"{guest}/"
        taps = {key: tap for key, tap in self.taps.items() if not key.startswith(prefix)}
        vnc = {key: port for key, port in self.vnc.items() if key != guest}
        return Allocations({**taps, **own.taps}, {**vnc, **own.vnc})

    @property
    def empty(self) -> bool:
        return not self.taps and not self.vnc


def moved(known: Allocations, old: str, new: str) -> Allocations:
    """All allocations, those of a guest under its new name; what that name has already wins."""
    own, there = known.of(old), known.of(new)
    taps = {f"{new}/{key.partition('/')[2]}": number for key, number in own.taps.items()}
    vnc = {new: port for port in own.vnc.values()}
    both = Allocations({**taps, **there.taps}, {**vnc, **there.vnc})
    return known.replaced(old, Allocations()).replaced(new, both)


def load(text: Optional[str], path: str) -> Allocations:
    """Read host.json; a missing file means none. UnknownState for a newer schema or anything else."""
    if text is None:
        return Allocations()
    try:
        data = json.loads(text)
        if int(data["schema"]) > SCHEMA:
            raise UnknownState(f"{path} has schema {data['schema']}: update the collection on the controller")
        taps = {str(key): int(tap) for key, tap in data["taps"].items()}
        vnc = {str(key): int(port) for key, port in data["vnc"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnknownState(f"{path} cannot be read ({error!r}); put back a copy of it") from error
    return Allocations(taps, vnc)


def dump(allocations: Allocations) -> str:
    """The text of host.json."""
    data = {"schema": SCHEMA, "taps": allocations.taps, "vnc": allocations.vnc}
    return json.dumps(data, indent=2, sort_keys=True) + "\n"


def allocate_taps(
    guest: str, nics: Iterable[str], all_taps: Mapping[str, int], interfaces: Mapping[str, Interface]
) -> Dict[str, int]:
    """A tap number for each NIC: the one it has, the one of a tap that bears its tag, or the lowest that is free.

    A tap that exists without the NIC's tag is somebody else's. ApiaryError when there is none left.
    """
    tags = {interface.description: name for name, interface in interfaces.items() if name.startswith("tap")}
    used: Set[int] = set(all_taps.values())
    result: Dict[str, int] = {}
    for nic in nics:
        key = f"{guest}/{nic}"
        tag = tap_description(guest, nic)
        known = all_taps.get(key)
        if known is not None and _usable(known, tag, interfaces):
            result[key] = known
            continue
        tagged = tags.get(tag, "")[3:]
        number = int(tagged) if tagged.isdigit() and int(tagged) not in used else _lowest_tap(used, interfaces)
        used.add(number)
        result[key] = number
    return result


def _usable(number: int, tag: str, interfaces: Mapping[str, Interface]) -> bool:
    interface = interfaces.get(f"tap{number}")
    # One without a description was made by opening it or lost its tag: the runtime gives it ours.
    return interface is None or interface.description in (tag, "")


def _lowest_tap(used: Set[int], interfaces: Mapping[str, Interface]) -> int:
    for number in range(FIRST_TAP, LAST_TAP + 1):
        if number not in used and f"tap{number}" not in interfaces:
            return number
    raise ApiaryError(f"there is no free tap from tap{FIRST_TAP} to tap{LAST_TAP}")


def taken_by(port: int, address: str, listeners: Sequence[Listener], own_pid: Optional[int]) -> Optional[Listener]:
    """Who listens on this port so that ours would clash or be shadowed; the guest's own bhyve does not count.

    The kernel lets 127.0.0.1 be bound beside a listener on any address, which then loses its local clients: that is a
    clash as well.
    """
    for listener in listeners:
        if listener.port != port or (own_pid is not None and listener.pid == own_pid):
            continue
        if listener.address == address or listener.address in _ANY or address in _ANY:
            return listener
    return None


def allocate_vnc(
    guest: str,
    fixed: int,
    address: str,
    known: Mapping[str, int],
    reserved: Set[int],
    listeners: Optional[Sequence[Listener]],
    own_pid: Optional[int],
) -> int:
    """The guest's VNC port: the fixed one, the one it has, or the lowest free one.

    ``known`` holds the ports of all guests, ``reserved`` those that other guests of the task fix, ``listeners`` is None
    when nobody had to look. BadInput when the fixed one is another's.
    """
    others = {port: name for name, port in known.items() if name != guest}
    where = f"guest {guest}: vnc.port: {fixed}"
    if fixed:
        if fixed in others:
            raise BadInput(f"{where} is the port of guest {others[fixed]}; choose another, or auto")
        taker = taken_by(fixed, address, listeners or (), own_pid)
        if taker is not None:
            raise BadInput(
                f"{where} is taken on this host by {taker.command} (pid {taker.pid}), which listens on "
                f"{taker.address}:{taker.port}; choose another, or auto"
            )
        return fixed
    mine = known.get(guest)
    if mine is not None and mine not in reserved and not taken_by(mine, address, listeners or (), own_pid):
        return mine
    for port in range(FIRST_VNC, LAST_VNC + 1):
        if port in others or port in reserved or taken_by(port, address, listeners or (), own_pid):
            continue
        return port
    raise ApiaryError(f"guest {guest}: vnc.port: there is no free port from {FIRST_VNC} to {LAST_VNC}")
