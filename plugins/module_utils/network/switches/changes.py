# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of switches."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils import allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import read_interfaces
from ansible_collections.apiary.bhyve.plugins.module_utils.places import ALLOCATIONS, NETWORK
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.waiting import attempts

#: As long as dhclient(8) itself tries, in seconds.
_LEASE_TIMEOUT = 60.0
_LEASE_POLL = 0.5


@dataclass(frozen=True)
class Record(Change):
    """What the host's allocation file says of a switch (None: nothing any more); the other entries stay.

    ``done``: all that was on its way has arrived.
    """

    data: Optional[Mapping[str, Any]]
    done: bool = False

    def describe(self) -> str:
        if self.data is None:
            return "forget the switch"
        if self.done:
            return "note that nothing is left of how it was"
        return f"note the switch and its {self.data['type']} {self.data['interface']}"

    def apply(self, host: Host) -> None:
        host.mkdir(os.path.dirname(ALLOCATIONS), 0o755, parents=True)
        known = allocations.load(host.read(ALLOCATIONS), ALLOCATIONS)
        host.write(ALLOCATIONS, allocations.dump(known.with_switch(self.subject, self.data)), mode=0o600)


@dataclass(frozen=True)
class Run(Change):
    """One command; ``what`` says what it does."""

    what: str
    argv: Tuple[str, ...]

    def describe(self) -> str:
        return self.what

    def apply(self, host: Host) -> None:
        host.run(self.argv, what=f"switch {self.subject}: cannot {self.what}")


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
class Bring(Change):
    """Let apiary.network make what is missing of a switch, as it does at boot."""

    missing: Tuple[str, ...]

    def describe(self) -> str:
        return "; ".join(self.missing)

    def apply(self, host: Host) -> None:
        host.run([NETWORK, "start", self.subject], what=f"switch {self.subject}: cannot bring it up")


@dataclass(frozen=True)
class StartDhcp(Change):
    """Let dhclient(8) get an address; rc.conf says by now that the interface has one that way.

    ``addresses`` are its static ones, of which dhclient takes the first away when it begins.
    """

    interface: str
    addresses: Tuple[str, ...] = ()

    def describe(self) -> str:
        return f"start dhclient for {self.interface}"

    def apply(self, host: Host) -> None:
        what = f"switch {self.subject}: cannot {self.describe()}"
        # A bridge that was made just now has been found by devd(8), which starts dhclient as well.
        said = host.run(["service", "dhclient", "start", self.interface], what=what, accept=(0, 1))
        if not any(self._leased(host) for _attempt in attempts(_LEASE_TIMEOUT, _LEASE_POLL)):
            raise ApiaryError(
                f"{what}: {self.interface} has no address after {_LEASE_TIMEOUT:g} s; `service dhclient start "
                f"{self.interface}` exited {said.rc}: {said.stderr.strip() or 'it said nothing'}"
            )
        for text in self.addresses:
            family = "inet6" if ":" in text else "inet"
            host.run(["ifconfig", self.interface, family, text, "alias"], what=f"{what}: cannot give it {text}")

    def _leased(self, host: Host) -> bool:
        live = read_interfaces(host).get(self.interface)
        return live is not None and any(text not in (*self.addresses, "0.0.0.0/0") for text in live.inet)
