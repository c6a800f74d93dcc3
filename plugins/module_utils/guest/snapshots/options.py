# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of bhyve_snapshot, and what a task asks for once they are checked."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import check_guest_name

PRESENT = "present"
ABSENT = "absent"
ROLLED_BACK = "rolled_back"

# What ZFS takes, without the blank, and nothing that zfs(8) would take for an option or a list.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}")
_AGE = re.compile(r"(?P<number>[0-9]+)(?P<unit>[smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@dataclass(frozen=True)
class Wanted:
    """One element of a task. ``older_than`` is seconds; ``keep`` and ``older_than`` are None when not given."""

    vm: str
    state: str = PRESENT
    name: str = ""
    match: str = ""
    keep: Optional[int] = None
    older_than: Optional[int] = None
    destroy_newer: bool = False
    restart: bool = False

    @property
    def prunes(self) -> bool:
        return bool(self.match)

    def matches(self, name: str) -> bool:
        """Whether the pattern fits a whole name."""
        return fnmatch.fnmatchcase(name, self.match)


def snapshot_options() -> Dict[str, Any]:
    """The argument specification of one snapshot, without the guest's name."""
    return {
        "name": {"type": "str"},
        "state": {"type": "str", "choices": [PRESENT, ABSENT, ROLLED_BACK]},
        "match": {"type": "str"},
        "keep": {"type": "int"},
        "older_than": {"type": "str"},
        "destroy_newer": {"type": "bool"},
        "restart": {"type": "str", "choices": ["never", "if_needed"]},
    }


def module_options() -> Dict[str, Any]:
    """The argument specification of the module: flat, and as a list."""
    return _form().spec()


def _form() -> Form:
    return Form("snapshots", "snapshot", {"vm": {"type": "str", "required": True}, **snapshot_options()})


def wanted_of(params: Mapping[str, Any]) -> List[Wanted]:
    """What a task asks for, whichever form it has. BadInput for anything that can be seen without the host."""
    wanted = [_wanted(element) for element in _form().elements(params)]
    _check_together(wanted)
    return wanted


def _wanted(element: Mapping[str, Any]) -> Wanted:
    vm = check_guest_name(element["vm"], "vm")
    state = element.get("state") or PRESENT
    where = f"guest {vm}: "
    one = Wanted(
        vm=vm,
        state=state,
        name=_name(element.get("name"), where),
        match=element.get("match") or "",
        keep=element.get("keep"),
        older_than=parse_age(element["older_than"], f"{where}older_than") if element.get("older_than") else None,
        destroy_newer=bool(element.get("destroy_newer")),
        restart=element.get("restart") == "if_needed",
    )
    _check_one(one, where)
    return one


def _name(name: Optional[str], where: str) -> str:
    if name is None:
        return ""
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{where}name: {name!r} cannot be a snapshot's name here: 1 to 128 letters, digits, '_', '.', ':' and '-', "
            "beginning with a letter, a digit or '_'; it is what follows the @"
        )
    return name


def parse_age(text: str, option: str) -> int:
    """Seconds meant by ``90s``, ``30m``, ``12h``, ``7d``, ``4w``; BadInput, naming ``option``, for anything else."""
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise BadInput(f"{option}: {text!r} is not an age; write a whole number and s, m, h, d or w, such as 12h or 7d")
    return int(match["number"]) * _SECONDS[match["unit"]]


def _check_one(one: Wanted, where: str) -> None:
    if one.state != ABSENT and not one.name:
        raise BadInput(f"{where}name: state: {one.state} needs the name of a snapshot")
    if one.state == ABSENT and bool(one.name) == bool(one.match):
        raise BadInput(f"{where}state: absent needs either the name of a snapshot or a pattern, match")
    if one.state == ROLLED_BACK and one.match:
        raise BadInput(f"{where}match: state: rolled_back goes to the one snapshot that name names")
    if (one.keep is not None or one.older_than is not None) and not one.match:
        raise BadInput(f"{where}{_given(one)[0]}: it needs match, the pattern of the snapshots that it is about")
    if one.state == PRESENT and one.match and not _given(one):
        raise BadInput(f"{where}match: with state: present it needs keep or older_than")
    if one.keep is not None and one.keep < 1:
        raise BadInput(f"{where}keep: {one.keep}; allowed are 1 and more")
    if one.state != ROLLED_BACK and (one.destroy_newer or one.restart):
        option = "destroy_newer" if one.destroy_newer else "restart"
        raise BadInput(f"{where}{option}: it goes with state: rolled_back only")


def _given(one: Wanted) -> Tuple[str, ...]:
    pairs = (("keep", one.keep), ("older_than", one.older_than))
    return tuple(option for option, value in pairs if value is not None)


def _check_together(wanted: Sequence[Wanted]) -> None:
    check_once([f"{one.name or one.match} of guest {one.vm}" for one in wanted], "snapshots")
    for one in wanted:
        if one.state == ROLLED_BACK and sum(other.vm == one.vm for other in wanted) > 1:
            raise BadInput(
                f"guest {one.vm}: state: rolled_back stands beside other elements of the same guest, and which comes "
                "first is not clear; give them in a task of their own"
            )
