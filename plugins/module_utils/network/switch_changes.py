# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of switches."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils import allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switch_record import Switch, switch_to_json
from ansible_collections.apiary.bhyve.plugins.module_utils.places import ALLOCATIONS
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change


@dataclass(frozen=True)
class Record(Change):
    """What the host's allocation file says of a switch (None: nothing any more); the other entries stay.

    ``done``: all that was on its way has arrived.
    """

    switch: Optional[Switch]
    done: bool = False

    def describe(self) -> str:
        if self.switch is None:
            return "forget the switch"
        if self.done:
            return "note that nothing is left of how it was"
        return f"note the switch and its bridge {self.switch.interface}"

    def apply(self, host: Host) -> None:
        host.mkdir(os.path.dirname(ALLOCATIONS), 0o755, parents=True)
        known = allocations.load(host.read(ALLOCATIONS), ALLOCATIONS)
        data = None if self.switch is None else switch_to_json(self.switch)
        host.write(ALLOCATIONS, allocations.dump(known.with_switch(self.subject, data)), mode=0o600)


@dataclass(frozen=True)
class Ifconfig(Change):
    """One call of ifconfig(8); ``what`` says what it does."""

    what: str
    words: Tuple[str, ...]

    def describe(self) -> str:
        return self.what

    def apply(self, host: Host) -> None:
        host.run(["ifconfig", *self.words], what=f"switch {self.subject}: cannot {self.what}")


@dataclass(frozen=True)
class StartDhcp(Change):
    """Let dhclient(8) get an address; rc.conf says by now that the interface has one that way."""

    interface: str

    def describe(self) -> str:
        return f"start dhclient for {self.interface}"

    def apply(self, host: Host) -> None:
        host.run(
            ["service", "dhclient", "start", self.interface],
            what=f"switch {self.subject}: cannot {self.describe()}",
        )
