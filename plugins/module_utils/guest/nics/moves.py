# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done at once to the taps of a guest that runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.guest import rcfile
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.outlets import tap_bridge
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plugs import TAP, Plug, lanes_of, nic_lines
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Nic
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import Lanes
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.lanes import changes as lane_words
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.members import (
    add_member,
    delete_member,
    set_member,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change


@dataclass(frozen=True)
class MoveTap(Change):
    """A running guest's tap, pulled out of one bridge and plugged into another."""

    tap: str
    source: Optional[str]
    target: Optional[str]
    private: bool = False
    lanes: Lanes = Lanes()

    def describe(self) -> str:
        target = ", ".join([self.target or "no bridge", *_said(self.private, self.lanes)])
        return f"move {self.tap} from {self.source or 'no bridge'} to {target}"

    def apply(self, host: Host) -> None:
        if self.source is not None:
            delete_member(host, self.source, self.tap)
        if self.target is not None:
            add_member(host, self.target, self.tap, self.private, self.lanes)


@dataclass(frozen=True)
class SetMember(Change):
    """How a tap is a member of its bridge: whether it is private, in which VLANs, by ``words`` of ifconfig(8)."""

    bridge: str
    tap: str
    said: str
    words: Tuple[str, ...]

    def describe(self) -> str:
        return f"make {self.tap} in {self.bridge} {self.said}"

    def apply(self, host: Host) -> None:
        set_member(host, self.bridge, self.tap, self.words)


def _said(private: bool, lanes: Lanes) -> List[str]:
    words = ["private"] if private else []
    words += [f"untagged {lanes.untagged}"] if lanes.untagged else []
    return words + ([f"tagged {lanes.tagged}"] if lanes.tagged else [])


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
            steps.append(MoveTap(one.name, plug.name, current, wanted, nic.private, lanes_of(nic)))
        elif exists and wanted:
            steps += _member_change(one.name, nic, plug.name, observed.interfaces[wanted])
    return steps


def _member_change(guest: str, nic: Nic, tap: str, bridge: Interface) -> List[Change]:
    said, words = [], []
    if (tap in bridge.private) != nic.private:
        said.append("private" if nic.private else "not private")
        words += ["private" if nic.private else "-private", tap]
    wanted = lanes_of(nic)
    wanted = wanted if wanted.untagged else Lanes(bridge.default_vlan, wanted.tagged)
    lanes = lane_words(tap, wanted, bridge.lanes.get(tap)) if bridge.filters else []
    said += (_said(False, wanted) or ["in no VLAN"]) if lanes else []
    return [SetMember(guest, bridge.name, tap, ", ".join(said), (*words, *lanes))] if said else []
