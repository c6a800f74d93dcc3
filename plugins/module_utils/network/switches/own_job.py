# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is alike in the tasks about switches that apiary.network makes, VALE switches and netgraph bridges."""

from __future__ import annotations

import abc
from typing import Dict, Generic, List, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.lifeline import Loss, check_losses
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.kinds import (
    Job,
    Live,
    Record,
    Seen,
    Variables,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.own import Desired, S, after, losses
from ansible_collections.apiary.bhyve.plugins.module_utils.places import NETWORK
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change


class OwnJob(Job, Generic[S]):
    """The switches of one kind in one task."""

    #: What they are.
    type: str

    def __init__(self, desired: Sequence[Desired[S]], seen: Seen) -> None:
        self.names = [one.name for one in desired]
        self._desired = desired
        self._by_name = {one.name: one for one in desired}
        self._new = [one.new for one in desired if one.new is not None]
        self._gone = [one.name for one in desired if one.new is None and one.old is not None]
        self._interfaces = seen.interfaces
        self._after = after(seen.records, self.records())

    @abc.abstractmethod
    def _json(self, switch: S) -> Record:
        """What host.json says of a switch when all is done."""

    @abc.abstractmethod
    def _check(self, one: Desired[S], values: Variables) -> List[str]:
        """BadInput for a switch that cannot be on this host; returns warnings."""

    @abc.abstractmethod
    def _leave(self, one: Desired[S]) -> List[Change]:
        """What lets go now."""

    @abc.abstractmethod
    def _join(self, new: S) -> List[Change]:
        """What takes now."""

    def check(self, host: Host, values: Variables) -> List[str]:
        if self._new and host.stat(NETWORK) is None:
            raise BadInput(
                f"switch {self._new[0].name}: type: {self.type}: this host is not prepared for guests (there is no "
                f"{NETWORK}, which makes it at boot); run the role apiary.bhyve.bhyve_host on it first"
            )
        return [warning for one in self._desired for warning in self._check(one, values)]

    def leaving(self) -> Dict[str, Tuple[str, ...]]:
        return {name: (name,) for name in self._gone}

    def records(self) -> Dict[str, Optional[Record]]:
        return {one.name: None if one.new is None else self._json(one.new) for one in self._desired}

    def live(self, host: Host) -> Live:
        check_losses(
            host,
            [
                Loss(one.name, one.old.host_interface, losses(one, self._interfaces))
                for one in self._desired
                if one.old is not None
            ],
        )
        found = Live()
        for one in self._desired:
            found.leave += self._leave(one)
            if one.new is not None:
                found.join += self._join(one.new)
        return found
