# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wired memory: a guest with ``wired`` gets all of its memory when it starts, or does not start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import rough_size

_PAGE = 4096
_LIMIT = "vm.max_user_wired"
#: The second is the name that vmstat(8)'s counters have; a kernel knows one of them or both.
_IN_USE = ("vm.user_wire_count", "vm.stats.vm.v_user_wire_count")
SYSCTLS = (_LIMIT, *_IN_USE)


@dataclass(frozen=True)
class WiredMemory:
    """What the kernel lets all processes together wire, and what of it they have; bytes."""

    limit: int
    in_use: int


@dataclass(frozen=True)
class Wish:
    """A guest that is to start with ``needs`` bytes wired, and gives back ``has`` when it is stopped before.

    ``option``: what it has them wired for.
    """

    guest: str
    needs: int
    has: int = 0
    option: str = "wired"


def parse_wired(values: Mapping[str, str]) -> Optional[WiredMemory]:
    """From the kernel variables of :data:`SYSCTLS`, which count pages. None on a kernel without that limit.

    UnknownState for a value that is no number.
    """
    if _LIMIT not in values:
        return None
    in_use = next((_bytes(values, name) for name in _IN_USE if name in values), 0)
    return WiredMemory(_bytes(values, _LIMIT), in_use)


def _bytes(values: Mapping[str, str], name: str) -> int:
    if not values[name].isdigit():
        raise UnknownState(f"the kernel variable {name} is {values[name]!r}, which is no number of pages")
    return int(values[name]) * _PAGE


def check_wired(wishes: Iterable[Wish], memory: Optional[WiredMemory]) -> None:
    """BadInput for the first guest that the kernel would refuse its memory: bhyve then ends with status 4.

    ENOMEM of vm_setup_memory(3), which the limit vm.max_user_wired causes long before the memory is short.
    """
    if memory is None:
        return
    room = memory.limit - memory.in_use
    for wish in wishes:
        room += wish.has - wish.needs
        if wish.needs and room < 0:
            raise BadInput(
                f"guest {wish.guest}: {wish.option}: its {rough_size(wish.needs)} of memory are more than the "
                f"{rough_size(max(room + wish.needs, 0))} that may still be wired on this host ({_LIMIT} is "
                f"{memory.limit // _PAGE} pages, {rough_size(memory.limit)}); raise it with the option sysctls of "
                "bhyve_host, or give the guest less memory"
            )
