# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two steps of a task that has to move addresses: what says which step it is, and what is read for the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.routes import (
    DefaultRoute,
    read_default_route,
    read_default_route6,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks import moves as uplink_move
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks import state as uplink_state
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.moves import Move
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.program import Gateways

_TIMEOUT = 60
_TIMEOUTS = range(5, 3601)


@dataclass(frozen=True)
class Step:
    """Which step of a task this is: the first, or the one that confirms a move; how long that waits, in seconds."""

    timeout: int = _TIMEOUT
    confirms: str = ""


FIRST = Step()


@dataclass(frozen=True)
class Passage:
    """The moves of a task, which are made all together, and the default routes that go along."""

    moves: Sequence[Move]
    gateways: Gateways


def step_options() -> Dict[str, Any]:
    """The argument specification of what a module has beside its switches to be run in two steps."""
    return {"move_timeout": {"type": "int", "default": _TIMEOUT}, "move_confirm": {"type": "str"}}


def step_of(params: Mapping[str, Any]) -> Step:
    """Which step the module has been run for. BadInput."""
    seconds = int(params["move_timeout"])
    if seconds not in _TIMEOUTS:
        raise BadInput(f"move_timeout: {seconds}; allowed are {_TIMEOUTS[0]} to {_TIMEOUTS[-1]} seconds")
    return Step(seconds, params["move_confirm"] or "")


def passage(host: Host, moves: Sequence[Move]) -> Optional[Passage]:
    """The moves with what has to be known for them, None if there are none. BadInput."""
    if not moves:
        return None
    sources = [move.source.name for move in moves]

    def over(route: Optional[DefaultRoute]) -> str:
        return route.gateway if route is not None and route.interface in sources else ""

    gateways = Gateways(over(read_default_route(host)), over(read_default_route6(host)))
    uplink_move.check_gateway(moves, gateways.inet6)
    return Passage(moves, gateways)


def start(host: Host, asked: Passage, step: Step) -> uplink_state.Waiting:
    """Send the addresses on their way. ApiaryError in the step that has confirmed them."""
    if step.confirms:
        raise ApiaryError(f"was confirmed, and is not so: {asked.moves[0].describe()}")
    return uplink_state.start(host, asked.moves, asked.gateways, step.timeout)
