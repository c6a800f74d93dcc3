# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which NICs of guests claim which addresses: on one switch each is one NIC's, whoever serves it."""

from __future__ import annotations

from typing import Dict, Iterator, Mapping, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import AUTO, Guest

Claim = Tuple[str, str]


def check_claims(desired: Sequence[Desired], after: Mapping[str, Guest]) -> None:
    """BadInput when a NIC of the task claims an address that is another NIC's on the same switch.

    ``after``: the guests of the host as they are when the task is done.
    """
    asked = {one.name for one in desired if one.record is not None and any(_claims(one.guest))}
    if not asked:
        return
    owners: Dict[Tuple[str, str], Tuple[str, str]] = {}
    # Those that are as they were come first, so that an error names the guest that asks.
    for name in sorted(after, key=lambda name: name in asked):
        for nic, option, claim in _claims(after[name]):
            guest, other = owners.setdefault(claim, (name, nic))
            if (guest, other) != (name, nic) and name in asked:
                raise BadInput(
                    f"guest {name}: nic {nic}: {option}: {claim[1]} is that of guest {guest}, nic {other}, already"
                )


def _claims(guest: Guest) -> Iterator[Tuple[str, str, Claim]]:
    """The addresses that a guest's NICs claim: NIC, option, and the switch with the address."""
    for nic in guest.nics:
        if nic.is_plugged:
            for option, address in (("ip", nic.ip), ("ip6", nic.ip6)):
                if address and address != AUTO:
                    yield nic.name, option, (nic.switch, address)
