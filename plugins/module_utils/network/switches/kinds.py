# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a kind of switch (bridge, VALE, ...) has to be able to do, so that one task can be about switches of all kinds.

A :class:`Kind` takes the part of a task that is about its switches and makes a :class:`Job` of it. ``task`` asks
the jobs of all kinds in turn, for their checks, their lines of rc.conf and their changes, and makes one plan of it.
"""

from __future__ import annotations

import abc
import re
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.moves import Move
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan

#: How a switch looks, for the result and the diff.
Entry = Dict[str, Any]
#: Variables of rc.conf by name; None: not set.
Variables = Mapping[str, Optional[str]]
#: What host.json says of a switch: ``type``, ``interface`` (its kernel name), ``uplink`` ('': none), the kind's own.
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """One switch of a task: what all kinds have, and the options that were given."""

    name: str
    present: bool
    type: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Seen:
    """What was read of the host for all kinds: the records of all switches, and the interfaces."""

    records: Mapping[str, Record]
    interfaces: Mapping[str, Interface]


@dataclass
class Live:
    """What is done now, after the files: what lets go of something comes before what takes it, over all kinds."""

    leave: List[Change] = field(default_factory=list)
    join: List[Change] = field(default_factory=list)


class Job(abc.ABC):
    """The part of one task that is about the switches of one kind. Its methods are called in their order here."""

    #: The switches, in the order of the task.
    names: Sequence[str]

    @abc.abstractmethod
    def variables(self) -> List[str]:
        """The variables of rc.conf that have to be read."""

    @abc.abstractmethod
    def check(self, host: Host, values: Variables) -> List[str]:
        """BadInput for what cannot be on this host; returns warnings."""

    def moves(self) -> Sequence[Move]:
        """The addresses that have to move, and to be confirmed by a second step of the task, before anything is done.

        What is asked for after this is for the host as it is when they have moved.
        """
        return ()

    @abc.abstractmethod
    def leaving(self) -> Dict[str, Tuple[str, ...]]:
        """The switches that are to go, and the names by which NICs of guests may name each."""

    @abc.abstractmethod
    def strangers(self, name: str) -> List[str]:
        """What is plugged into a switch that is to go, as the kernel shows it, and is not the switch's own."""

    @abc.abstractmethod
    def records(self) -> Dict[str, Optional[Record]]:
        """What host.json is to say of each switch when all is done; None: nothing any more."""

    @abc.abstractmethod
    def note(self) -> List[Change]:
        """The records that have to be written before anything else, so that nothing is made that nobody knows of."""

    @abc.abstractmethod
    def goals(self, values: Variables) -> Dict[str, Optional[str]]:
        """Variables of rc.conf and their values (None: to be removed); ``values`` are those the kinds before leave."""

    @abc.abstractmethod
    def files(self, host: Host, plan: Plan) -> None:
        """Plan other files that are needed at boot."""

    @abc.abstractmethod
    def live(self, host: Host) -> Live:
        """What is done now. BadInput when the host itself would be cut off."""

    @abc.abstractmethod
    def conclude(self) -> List[Change]:
        """The records that are written when all was done."""

    @abc.abstractmethod
    def views(self, name: str) -> Tuple[Entry, Entry]:
        """A switch for the diff, as it is and as it will be; {}: it is not."""

    @abc.abstractmethod
    def expected(self, name: str) -> Entry:
        """A switch for the result, as it will be."""

    @abc.abstractmethod
    def now(self, host: Host, interfaces: Mapping[str, Interface]) -> Dict[str, Entry]:
        """The switches for the result as they are, read anew; one that is to be absent as it still is."""


class Kind(abc.ABC):
    """A kind of switch."""

    #: ``type`` of the option and of the record.
    name: str

    @abc.abstractmethod
    def options(self) -> Dict[str, Any]:
        """The argument specification of what one of its switches has beside name, state and type."""

    @abc.abstractmethod
    def job(self, host: Host, asked: Sequence[Asked], seen: Seen) -> Job:
        """Take what a task asks for of this kind's switches. BadInput, naming the option; reads what else it needs."""


_EPAIR_END = re.compile(r"(?P<pair>epair[0-9]+)[ab]")


def own_interfaces(records: Mapping[str, Record]) -> Dict[str, str]:
    """The interfaces by which the host itself is on a switch, and on which; of an epair both ends."""
    found: Dict[str, str] = {}
    for name, record in records.items():
        own = str(record.get("host_interface") or "")
        pair = _EPAIR_END.fullmatch(own)
        names = [f"{pair['pair']}{end}" for end in "ab"] if pair is not None else [own] if own else []
        found.update(dict.fromkeys(names, name))
    return found


def check_uplinks_apart(after: Mapping[str, Record], mine: Sequence[str]) -> None:
    """BadInput when a switch of the task takes an uplink that one of another kind has, or the host's own interface."""
    own = own_interfaces(after)
    for name in mine:
        record = after.get(name)
        if record is None or not record.get("uplink"):
            continue
        if record["uplink"] in own:
            raise BadInput(
                f"switch {name}: uplink: {record['uplink']} cannot be an uplink: by it the host itself is on the "
                f"switch {own[record['uplink']]}"
            )
        for other, theirs in after.items():
            if theirs["type"] != record["type"] and theirs.get("uplink") == record["uplink"]:
                raise BadInput(
                    f"switch {name}: uplink: {record['uplink']} is the uplink of the {theirs['type']} switch {other}"
                )
