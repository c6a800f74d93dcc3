# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of checkpoint, and what a task asks for once they are checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import check_guest_name

PRESENT = "present"
SUSPENDED = "suspended"
RESTORED = "restored"
ABSENT = "absent"

#: With state absent: every checkpoint of the guest.
ALL = "all"
#: What the runtime has beside a guest's checkpoints.
RESERVED = ("resume", "resuming")

# A directory's name, and behind the @ a part of a snapshot's, which has at most 128 characters with `checkpoint-`.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,115}")

#: The states with which an option goes, beside those that need it.
_GOES_WITH = {
    "keep": (PRESENT, SUSPENDED),
    "disks": (PRESENT, SUSPENDED),
    "force": (RESTORED,),
    "destroy_newer": (RESTORED,),
    "restart": (RESTORED,),
}


@dataclass(frozen=True)
class Wanted:
    """One element of a task. ``keep`` and ``disks`` are None when not given."""

    vm: str
    name: str
    state: str = PRESENT
    keep: Optional[int] = None
    disks: Optional[bool] = None
    force: bool = False
    destroy_newer: bool = False
    restart: bool = False

    @property
    def makes(self) -> bool:
        """Whether the checkpoint is to be there afterwards because of this task."""
        return self.state in (PRESENT, SUSPENDED)

    @property
    def where(self) -> str:
        """The beginning of a message about it."""
        return f"guest {self.vm}: checkpoint {self.name}: "


def checkpoint_options() -> Dict[str, Any]:
    """The argument specification of one checkpoint, without the guest's name."""
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": [PRESENT, SUSPENDED, RESTORED, ABSENT]},
        "keep": {"type": "int"},
        "disks": {"type": "bool"},
        "force": {"type": "bool"},
        "destroy_newer": {"type": "bool"},
        "restart": {"type": "str", "choices": ["never", "if_needed"]},
    }


def module_options() -> Dict[str, Any]:
    """The argument specification of the module: flat, and as a list."""
    return _form().spec()


def _form() -> Form:
    return Form("checkpoints", "checkpoint", {"vm": {"type": "str", "required": True}, **checkpoint_options()})


def wanted_of(params: Mapping[str, Any]) -> List[Wanted]:
    """What a task asks for, whichever form it has. BadInput for anything that can be seen without the host."""
    wanted = [_wanted(element) for element in _form().elements(params)]
    _check_together(wanted)
    return wanted


def _wanted(element: Mapping[str, Any]) -> Wanted:
    vm = check_guest_name(element["vm"], "vm")
    state = element.get("state") or PRESENT
    where = f"guest {vm}: "
    for option, states in _GOES_WITH.items():
        if element.get(option) not in (None, False, "never") and state not in states:
            raise BadInput(f"{where}{option}: it goes with state: {' and '.join(states)} only")
    if element.get("disks") is False and state not in _GOES_WITH["disks"]:
        raise BadInput(f"{where}disks: it goes with state: {' and '.join(_GOES_WITH['disks'])} only")
    keep = element.get("keep")
    if keep is not None and keep < 1:
        raise BadInput(f"{where}keep: {keep}; allowed are 1 and more")
    return Wanted(
        vm=vm,
        name=_name(element["name"], state, where),
        state=state,
        keep=keep,
        disks=element.get("disks"),
        force=bool(element.get("force")),
        destroy_newer=bool(element.get("destroy_newer")),
        restart=element.get("restart") == "if_needed",
    )


def _name(name: str, state: str, where: str) -> str:
    if name == ALL and state != ABSENT:
        raise BadInput(f"{where}name: all goes with state: absent only, where it is every checkpoint of the guest")
    if name in RESERVED:
        raise BadInput(f"{where}name: {name} is what the runtime calls its own; choose another name")
    if not is_name(name):
        raise BadInput(
            f"{where}name: {name!r} cannot be a checkpoint's name: 1 to 116 letters, digits, '_', '.', ':' and '-', "
            "beginning with a letter, a digit or '_'; it becomes a directory's name and part of a snapshot's"
        )
    return name


def is_name(name: str) -> bool:
    """Whether a checkpoint may have this name."""
    return _NAME.fullmatch(name) is not None and name not in RESERVED


def _check_together(wanted: Sequence[Wanted]) -> None:
    check_once([f"{one.name} of guest {one.vm}" for one in wanted], "checkpoints")
    for one in wanted:
        others = sum(other.vm == one.vm for other in wanted) > 1
        if others and (one.state in (SUSPENDED, RESTORED) or one.name == ALL):
            what = f"name: {ALL}" if one.name == ALL else f"state: {one.state}"
            raise BadInput(
                f"guest {one.vm}: {what} stands beside other elements of the same guest, and which comes first is not "
                "clear; give them in a task of their own"
            )
