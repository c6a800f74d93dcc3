# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A move of addresses on its host: started, waited for, confirmed. ``program`` says what the files mean."""

from __future__ import annotations

import errno
import json
import os
import time
import uuid
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput, FileError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.moves import Move
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.program import Gateways, program
from ansible_collections.apiary.bhyve.plugins.module_utils.places import MOVE

_UNDER_WAY = ("moving", "waiting", "reverting")
#: As they follow each other: whoever looks for them in this order misses none.
_STATES = ("moving", "waiting", "confirmed", "reverting", "reverted")
_POLL = 0.2
#: How long the steps of a move, or those that take it back, may take beside the wait for the confirmation, in seconds:
#: a DHCP client gives up after one minute.
STEPS = 120


@dataclass(frozen=True)
class Waiting:
    """A move that has been started: by what it is confirmed, and within how many seconds."""

    identity: str
    timeout: int


def start(host: Host, moves: Sequence[Move], gateways: Gateways, timeout: int) -> Waiting:
    """Start the program that makes the moves, as a process of its own, and return before it has begun."""
    identity = str(uuid.uuid4())
    told: Dict[str, List[str]] = {}
    for move in moves:
        told.setdefault(move.subject, []).append(move.describe())
    host.rmtree(MOVE)
    host.mkdir(MOVE, 0o700, parents=True)
    host.write(f"{MOVE}/program", program(moves, gateways, MOVE, os.getpid(), timeout), mode=0o700)
    note = {"id": identity, "moves": told, "until": time.time() + timeout + 2 * STEPS}
    host.write(f"{MOVE}/move.json", json.dumps(note) + "\n", mode=0o600)
    host.write(f"{MOVE}/moving", "", mode=0o600)
    host.run(["daemon", "-f", f"{MOVE}/program"], what="cannot start the program that moves addresses")
    return Waiting(identity, timeout)


def refuse_beside_another(host: Host) -> None:
    """BadInput while a move waits for its confirmation: what is to stay is not known yet."""
    note = _note(host)
    if note is not None and _state(host) in _UNDER_WAY and time.time() < note["until"]:
        raise BadInput(
            "another task moves addresses on this host and waits for its confirmation "
            f"({', '.join(step for steps in note['moves'].values() for step in steps)}); run this one when it has ended"
        )


def confirm(host: Host, identity: str) -> Dict[str, List[str]]:
    """Let a move stay, and tell what was done by switches. ApiaryError when the old state was put back."""
    deadline = time.monotonic() + STEPS
    while True:
        note, state = _note(host), _state(host)
        if note is None or note["id"] != identity or state is None:
            raise ApiaryError(
                "the addresses are where they were: nothing is known any more of the move that is to be confirmed, so "
                "the host has been booted since, or another task has moved them"
            )
        if state == "confirmed":
            moves: Dict[str, List[str]] = note["moves"]
            return moves
        if state == "reverted":
            reason = (host.read(f"{MOVE}/reason") or "the reason is not known").strip()
            raise ApiaryError(f"the old state was put back: {reason} ({MOVE}/log on the host tells each step)")
        if state == "waiting":
            _decide(host)
        elif time.monotonic() > deadline:
            raise ApiaryError(
                f"the move of addresses has not ended: it is still {state} after {STEPS} s; {MOVE}/log on the host "
                "tells each step"
            )
        else:
            time.sleep(_POLL)


def _decide(host: Host) -> None:
    try:
        host.rename(f"{MOVE}/waiting", f"{MOVE}/confirmed")
    except FileError as error:
        # The program was first: its time was over.
        if error.errno != errno.ENOENT:
            raise


def _note(host: Host) -> Optional[Dict[str, Any]]:
    text = host.read(f"{MOVE}/move.json")
    if text is None:
        return None
    try:
        note: Dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise UnknownState(f"{MOVE}/move.json cannot be read: {error}") from error
    return note


def _state(host: Host) -> Optional[str]:
    return next((state for state in _STATES if host.lstat(f"{MOVE}/{state}") is not None), None)
