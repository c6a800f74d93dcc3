# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a clone is made from, as the host has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, FrozenSet, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.merge import Present
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.origin import Origin
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.space import Need


@dataclass(frozen=True)
class Source:
    """Where the disks of a clone come from.

    ``record``: what the clone begins with, None for one that was begun before. ``taken``: its snapshot is there.
    ``directory``: where the disks that are files, and the firmware's variables, are (or will be, with the snapshot).
    ``sizes``: the disks that it has. ``held``: bytes that a copy of a disk takes at least. ``needs``: what the snapshot
    takes. ``copied``: the snapshot came along with the copies that there are.
    """

    origin: Origin
    taken: bool
    directory: str
    record: Optional[Record] = None
    sizes: Dict[str, Present] = field(default_factory=dict)
    held: Dict[str, int] = field(default_factory=dict)
    needs: Tuple[Need, ...] = ()
    variables: bool = False
    copied: bool = False
    made: FrozenSet[str] = frozenset()
