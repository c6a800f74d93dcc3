# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is left on the host of a guest's former name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record


@dataclass(frozen=True)
class Former:
    """A guest's former name and what goes by it.

    ``record``: the guest's record, as it has to be before the guest itself is renamed; None when that was done before.
    ``taps``: interfaces to destroy, ``node``: /dev/vmm has it, ``ran``: it has a runtime directory, ``allocated``: the
    host has given it taps or a port.
    """

    name: str
    record: Optional[Record] = None
    taps: Tuple[str, ...] = ()
    node: bool = False
    ran: bool = False
    allocated: bool = False
