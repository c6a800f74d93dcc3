# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task makes of a switch on which the host may have an interface of its own, over an uplink or without one.

So it is with VALE switches and netgraph bridges; a bridge is itself the host's interface.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Generic, List, Mapping, Optional, Sequence, Tuple, TypeVar

from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.members import switch_tag
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import AUTO, Request
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.changes import Ifconfig
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change


@dataclass(frozen=True)
class OwnSwitch:
    """What the switches of such kinds have in common.

    ``interface`` is what the kernel calls the switch. ``host_interface`` is the host's own interface on it, which is
    there while the switch has addresses; ``mac`` is that one's, and all three are given once and kept. ``uplink`` is
    '' for none.
    """

    name: str
    interface: str
    uplink: str = ""
    addresses: Tuple[str, ...] = ()
    mac: str = ""
    host_interface: str = ""

    @property
    def tag(self) -> str:
        """The description of its interfaces."""
        return switch_tag(self.name)

    @property
    def own(self) -> str:
        """The host's own interface, '' while the switch has no addresses."""
        return self.host_interface if self.addresses else ""


S = TypeVar("S", bound=OwnSwitch)


@dataclass(frozen=True)
class Desired(Generic[S]):
    """A switch of the task as it is recorded and as it is to be; None: it is not."""

    name: str
    old: Optional[S]
    new: Optional[S]


def needs_default_route(requests: Sequence[Request], switches: Mapping[str, OwnSwitch]) -> bool:
    """Whether a task leaves it to the default route which uplink a switch gets. What was chosen once stays."""
    return any(
        request.present and request.uplink == AUTO and not (request.name in switches and switches[request.name].uplink)
        for request in requests
    )


def after(records: Mapping[str, Mapping[str, Any]], mine: Mapping[str, Optional[Mapping[str, Any]]]) -> Dict[str, Any]:
    """The records of all switches when the task is done."""
    found: Dict[str, Any] = {**records, **mine}
    return {name: record for name, record in found.items() if record is not None}


def losses(one: Desired[S], interfaces: Mapping[str, Interface]) -> List[str]:
    """The addresses that the host's own interface has and is not to have."""
    live = None if one.old is None else interfaces.get(one.old.host_interface)
    wanted = one.new.addresses if one.new is not None else ()
    return [text for text in live.addresses if text not in wanted] if live is not None else []


def lose(one: Desired[S], interfaces: Mapping[str, Interface]) -> List[Change]:
    """They are taken off it."""
    found: List[Change] = []
    for text in losses(one, interfaces):
        own = one.new.own if one.new is not None else ""
        family, bare = "inet6" if ":" in text else "inet", text.partition("/")[0]
        found.append(Ifconfig(one.name, f"take {text} off {own}", (own, family, bare, "-alias")))
    return found
