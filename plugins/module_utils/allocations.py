# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only this host knows, in host.json: its guests' taps, ports and VNC ports, and its switches.

Never travels with a guest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Dict, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils import schemas
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState

#: Written as long as there is nothing that needs a newer one, so that an older apiary.bhyve can still read it.
_WITHOUT_SWITCHES = 1
_WITHOUT_PORTS = 2
SCHEMA = 3


@dataclass(frozen=True)
class Allocations:
    """Tap numbers by "guest/nic", VNC ports by guest, and switches by name, as ``network`` writes them.

    ``ports``, by "guest/nic" too, are the numbers of VALE ports and of links of netgraph bridges.
    """

    taps: Dict[str, int] = field(default_factory=dict)
    vnc: Dict[str, int] = field(default_factory=dict)
    switches: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ports: Dict[str, int] = field(default_factory=dict)

    def of(self, guest: str) -> Allocations:
        """The part that belongs to one guest."""
        return self._by_guest.get(guest) or Allocations()

    @cached_property
    def _by_guest(self) -> Dict[str, Allocations]:
        result: Dict[str, Allocations] = {}
        for key, tap in self.taps.items():
            result.setdefault(key.partition("/")[0], Allocations()).taps[key] = tap
        for key, port in self.ports.items():
            result.setdefault(key.partition("/")[0], Allocations()).ports[key] = port
        for name, port in self.vnc.items():
            result.setdefault(name, Allocations()).vnc[name] = port
        return result

    def replaced(self, guest: str, own: Allocations) -> Allocations:
        """All allocations, those of one guest replaced by ``own``."""
        prefix = f"{guest}/"
        taps = {key: tap for key, tap in self.taps.items() if not key.startswith(prefix)}
        vnc = {key: port for key, port in self.vnc.items() if key != guest}
        ports = {key: port for key, port in self.ports.items() if not key.startswith(prefix)}
        return Allocations(
            {**taps, **own.taps}, {**vnc, **own.vnc}, switches=self.switches, ports={**ports, **own.ports}
        )

    def with_switch(self, name: str, switch: Optional[Mapping[str, Any]]) -> Allocations:
        """All allocations, with this switch in place of what that name has; None: without it."""
        others = {key: value for key, value in self.switches.items() if key != name}
        return replace(self, switches=others if switch is None else {**others, name: switch})

    @property
    def empty(self) -> bool:
        """Whether no guest has anything."""
        return not self.taps and not self.vnc and not self.ports


def moved(known: Allocations, old: str, new: str) -> Allocations:
    """All allocations, those of a guest under its new name; what that name has already wins."""
    own, there = known.of(old), known.of(new)
    taps, ports = (
        {f"{new}/{key.partition('/')[2]}": number for key, number in numbers.items()}
        for numbers in (own.taps, own.ports)
    )
    vnc = {} if old not in own.vnc else {new: own.vnc[old]}
    both = Allocations({**taps, **there.taps}, {**vnc, **there.vnc}, ports={**ports, **there.ports})
    return known.replaced(old, Allocations()).replaced(new, both)


def load(text: Optional[str], path: str) -> Allocations:
    """Read host.json; a missing file means none. UnknownState for a newer schema or anything else."""
    if text is None:
        return Allocations()
    try:
        data = schemas.parse(text, SCHEMA, path)
        taps = {str(key): int(tap) for key, tap in data["taps"].items()}
        vnc = {str(key): int(port) for key, port in data["vnc"].items()}
        ports = {str(key): int(port) for key, port in data.get("ports", {}).items()}
        switches = {str(name): dict(switch) for name, switch in data.get("switches", {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnknownState(f"{path} cannot be read ({error!r}); put back a copy of it") from error
    return Allocations(taps, vnc, switches, ports)


def dump(allocations: Allocations) -> str:
    """The text of host.json."""
    data: Dict[str, Any] = {"schema": _WITHOUT_SWITCHES, "taps": allocations.taps, "vnc": allocations.vnc}
    if allocations.switches:
        data.update(schema=_WITHOUT_PORTS, switches=dict(allocations.switches))
    if allocations.ports:
        data.update(schema=SCHEMA, ports=allocations.ports)
    return json.dumps(data, indent=2, sort_keys=True) + "\n"
