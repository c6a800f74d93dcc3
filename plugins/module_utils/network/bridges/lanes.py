# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The VLANs of a bridge's member, where the bridge filters VLANs (if_bridge(4) of FreeBSD 15)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Optional, Sequence, Set

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

#: kern.osreldate of the first FreeBSD whose bridges filter VLANs.
FIRST_RELEASE = 1500000
VLANS = range(1, 4095)
#: The set of all VLANs, as ifconfig(8) writes it.
ALL = f"{VLANS[0]}-{VLANS[-1]}"

_RANGE = re.compile(r"([0-9]+)(?:-([0-9]+))?")


@dataclass(frozen=True)
class Lanes:
    """A member's VLANs: the one of its frames without a tag (0: none), and a set of those with tags ('': none).

    The set is written as ifconfig(8) writes it, so two that are equal are the same: ``10-20,30``.
    """

    untagged: int = 0
    tagged: str = ""

    @property
    def words(self) -> List[str]:
        """What stands behind ``addm IF``."""
        untagged = ["untagged", str(self.untagged)] if self.untagged else []
        return untagged + (["tagged", self.tagged] if self.tagged else [])


def parse_vlans(texts: Sequence[str], option: str) -> str:
    """A set of VLANs out of numbers, ranges and ``all``, written as in :class:`Lanes`. BadInput naming the option."""
    found: Set[int] = set()
    for item in (part.strip() for text in texts for part in str(text).split(",")):
        if item == "all":
            found.update(VLANS)
            continue
        match = _RANGE.fullmatch(item)
        first = int(match.group(1)) if match is not None else 0
        last = int(match.group(2) or first) if match is not None else 0
        if first not in VLANS or last not in VLANS or last < first:
            raise BadInput(
                f"{option}: {item!r}; VLANs are numbers from {VLANS[0]} to {VLANS[-1]}, ranges such as 10-20, or all"
            )
        found.update(range(first, last + 1))
    return _written(found)


def _written(vlans: Set[int]) -> str:
    ranges: List[List[int]] = []
    for vlan in sorted(vlans):
        if ranges and ranges[-1][1] == vlan - 1:
            ranges[-1][1] = vlan
        else:
            ranges.append([vlan, vlan])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def changes(member: str, wanted: Lanes, live: Optional[Lanes]) -> List[str]:
    """The words for ifconfig(8) that give a member of a filtering bridge its VLANs; ``live`` are those it has."""
    known = live or Lanes()
    words: List[str] = []
    if wanted.untagged != known.untagged:
        words += ["ifuntagged", member, str(wanted.untagged)] if wanted.untagged else ["-ifuntagged", member]
    if wanted.tagged != known.tagged:
        words += ["iftagged", member, wanted.tagged or "none"]
    return words


def check_release(release: int, option: str) -> None:
    """BadInput where the kernel (kern.osreldate) has no bridges that filter VLANs."""
    if release < FIRST_RELEASE:
        raise BadInput(
            f"{option}: the bridges of this FreeBSD ({release // 100000}, kern.osreldate {release}) know no VLANs, "
            "which came with 15; make one switch for each VLAN, with uplink and vlan"
        )
