# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In which waves guests start and stop with their host, and how long the stopping may take."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Set, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Guest

#: Seconds that a guest may take beyond its stop_timeout: force-poweroff, and SIGKILL after it.
FORCED = 35
#: Seconds that bhyve may take to save a guest, and bytes of memory for one more (apiary.checkpoint).
SAVING = 120
SAVED_IN_A_SECOND = 8 << 20


def circle(start: str, guests: Mapping[str, Guest]) -> Optional[List[str]]:
    """A path along boot.after from a guest back to itself, None if there is none."""
    pending: List[Tuple[str, List[str]]] = [(start, [start])]
    visited: Set[str] = set()
    while pending:
        name, path = pending.pop()
        for other in guests[name].boot.after if name in guests else ():
            if other == start:
                return [*path, start]
            if other not in visited:
                visited.add(other)
                pending.append((other, [*path, other]))
    return None


def shutdown_seconds(guests: Mapping[str, Guest]) -> int:
    """Seconds that all guests may take to stop when the host shuts down.

    Guests of one ``order`` stop together, those that others start after stop after these.
    """
    depths: Dict[str, int] = {}
    for name in guests:
        _depth(name, guests, depths, set())
    waves: Dict[Tuple[int, int], int] = {}
    for name, guest in guests.items():
        wave = (guest.boot.order, depths[name])
        waves[wave] = max(waves.get(wave, 0), _seconds(guest))
    return sum(waves.values())


def _seconds(guest: Guest) -> int:
    # A guest that cannot be suspended is stopped.
    saving = SAVING + guest.memory // SAVED_IN_A_SECOND if guest.boot.shutdown == "suspend" else 0
    return saving + guest.stop_timeout + FORCED


def _depth(name: str, guests: Mapping[str, Guest], depths: Dict[str, int], above: Set[str]) -> int:
    if name in depths:
        return depths[name]
    guest = guests[name]
    before = [other for other in guest.boot.after if other in guests and other not in above]
    depth = 1 + max((_depth(other, guests, depths, above | {name}) for other in before), default=0)
    depths[name] = depth
    return depth
