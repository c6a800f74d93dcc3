# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done at once to the taps of a guest that runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.guest import rcfile
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.outlets import tap_bridge
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.plugs import TAP, Plug, nic_lines
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridge import (
    add_member,
    delete_member,
    set_private,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change


@dataclass(frozen=True)
class MoveTap(Change):
    """A running guest's tap, pulled out of one bridge and plugged into another."""

    tap: str
    source: Optional[str]
    target: Optional[str]
    private: bool = False

    def describe(self) -> str:
        target = f"{self.target}{', private' if self.private else ''}" if self.target else "no bridge"
        return f"move {self.tap} from {self.source or 'no bridge'} to {target}"

    def apply(self, host: Host) -> None:
        if self.source is not None:
            delete_member(host, self.source, self.tap)
        if self.target is not None:
            add_member(host, self.target, self.tap, self.private)


@dataclass(frozen=True)
class SetPrivate(Change):
    """A member of a bridge that passes frames to other private members no longer, or again."""

    bridge: str
    tap: str
    private: bool

    def describe(self) -> str:
        return f"make {self.tap} {'a private' if self.private else 'an ordinary'} member of {self.bridge}"

    def apply(self, host: Host) -> None:
        set_private(host, self.bridge, self.tap, self.private)


def tap_changes(one: Desired, observed: Observed, plugs: Mapping[str, Plug]) -> List[Change]:
    """A running guest's taps go to their bridge at once; one that the guest does not have yet waits for its boot.

    So does one that has an address of the host's: the runtime makes that tap anew, without.
    """
    running = one.seen.running or one.seen.boot
    lines = nic_lines(rcfile.parse(running.rc or "")) if running is not None else {}
    steps: List[Change] = []
    for nic in one.guest.nics:
        plug = plugs[nic.name]
        if plug.outlet.kind != TAP or (nic.name in lines and lines[nic.name].host_address):
            continue
        exists, current = tap_bridge(one, nic.name, plug.name, observed)
        wanted = plug.outlet.interface or None
        if exists and current != wanted:
            steps.append(MoveTap(one.name, plug.name, current, wanted, nic.private))
        elif exists and wanted and (plug.name in observed.interfaces[wanted].private) != nic.private:
            steps.append(SetPrivate(one.name, wanted, plug.name, nic.private))
    return steps
