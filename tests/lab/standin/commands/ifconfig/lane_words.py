# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ifconfig(8)'s keywords for the VLANs of if_bridge(4), which came with FreeBSD 15."""

from __future__ import annotations

import re
from typing import List, Optional, Sequence, Set

from ...ifnet import bridge
from . import values
from .bridge_words import bridge_of
from .session import Session, Word, explained
from .values import IfconfigError

Arguments = Sequence[str]

_FIRST, _LAST = 1, 4094
_RANGE = re.compile(r"(\d+)(?:-(\d+))?\Z")


def _vlan(text: str) -> int:
    value = values.unsigned(text)
    if value is None or not _FIRST <= value <= _LAST:
        raise IfconfigError(f"invalid VLAN identifier: {text}")
    return value


def _vlans(text: str) -> Set[int]:
    if text == "none":
        return set()
    if text == "all":
        return set(range(_FIRST, _LAST + 1))
    found: Set[int] = set()
    for item in text.split(","):
        match = _RANGE.match(item)
        first = int(match.group(1)) if match is not None else 0
        last = int(match.group(2) or first) if match is not None else 0
        if not _FIRST <= first <= last <= _LAST:
            raise IfconfigError(f"invalid vlan set: {text}")
        found.update(range(first, last + 1))
    return found


def _addm(session: Session, words: List[str]) -> None:
    """``addm IF [untagged VLAN] [tagged VLANS]``: a new member, and then its VLANs."""
    if not words:
        raise IfconfigError("usage: addm <interface> [opts ...]")
    name = words.pop(0)
    untagged: Optional[int] = None
    tagged: Optional[Set[int]] = None
    while words[:1] in (["untagged"], ["tagged"]):
        option = words.pop(0)
        if not words:
            raise IfconfigError(f"usage: {option} <vlan {'id' if option == 'untagged' else 'set'}>")
        if option == "untagged":
            untagged = _vlan(words.pop(0))
        else:
            tagged = _vlans(words.pop(0))
    with explained(f"BRDGADD {name}"):
        bridge.add(session.net, bridge_of(session), name)
    if untagged is not None:
        with explained(f"BRDGSIFPVID {name} {untagged}"):
            bridge.set_untagged(session.net, bridge_of(session), name, untagged)
    if tagged is not None:
        with explained(f"BRDGSIFVLANSET {name}"):
            bridge.set_tagged(session.net, bridge_of(session), name, tagged)


def _ifuntagged(session: Session, arguments: Arguments) -> None:
    vlan = _vlan(arguments[1])
    with explained(f"BRDGSIFPVID {arguments[1]}"):
        bridge.set_untagged(session.net, bridge_of(session), arguments[0], vlan)


def _no_ifuntagged(session: Session, arguments: Arguments) -> None:
    with explained("BRDGSIFPVID"):
        bridge.set_untagged(session.net, bridge_of(session), arguments[0], 0)


def _iftagged(name: str) -> Word:
    def call(session: Session, arguments: Arguments) -> None:
        member, vlans = arguments[0], _vlans(arguments[1])
        with explained(f"BRDGSIFVLANSET {arguments[1]}"):
            before = bridge.tagged(session.net, bridge_of(session), member)
            wanted = {"iftagged": vlans, "+iftagged": before | vlans, "-iftagged": before - vlans}[name]
            bridge.set_tagged(session.net, bridge_of(session), member, wanted)

    return Word(name, call, 2)


def _vlanfilter(on: bool) -> Word:
    def call(session: Session, _arguments: Arguments) -> None:
        with explained("BRDGGFLAGS"):
            bridge.set_vlanfilter(session.net, bridge_of(session), on)

    return Word("vlanfilter" if on else "-vlanfilter", call)


def _defuntagged(session: Session, arguments: Arguments) -> None:
    value = values.unsigned(arguments[0])
    if value is None or not _FIRST <= value <= _LAST:
        raise IfconfigError(f"invalid vlan id: {arguments[0]}")
    _set_defuntagged(session, value)


def _set_defuntagged(session: Session, value: int) -> None:
    with explained("BRDGSDEFPVID"):
        bridge_of(session)["bridge"]["defuntagged"] = value


def words() -> List[Word]:
    """The keywords of VLANs in bridges; ``addm`` in place of the one without them."""
    return [
        Word("addm", _addm, greedy=True),
        Word("ifuntagged", _ifuntagged, 2),
        Word("-ifuntagged", _no_ifuntagged, 1),
        _iftagged("iftagged"),
        _iftagged("+iftagged"),
        _iftagged("-iftagged"),
        _vlanfilter(True),
        _vlanfilter(False),
        Word("defuntagged", _defuntagged, 1),
        Word("-defuntagged", lambda session, _arguments: _set_defuntagged(session, 0)),
    ]
