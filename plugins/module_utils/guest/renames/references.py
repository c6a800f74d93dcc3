# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What other guests say of one that gets another name: they start after it, or are its clones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.options import guest_options
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.origin import Origin
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Guest


def followed(guest: Guest, renamed: Mapping[str, str]) -> Guest:
    """The guest with the new names, by old ones, of those that it starts after."""
    after = tuple(dict.fromkeys(renamed.get(name, name) for name in guest.boot.after))
    return guest if after == guest.boot.after else replace(guest, boot=replace(guest.boot, after=after))


def followed_origin(origin: Optional[Origin], renamed: Mapping[str, str]) -> Optional[Origin]:
    """The origin with the new name of its guest."""
    return None if origin is None else replace(origin, guest=renamed.get(origin.guest, origin.guest))


def refers(record: Record, renamed: Mapping[str, str]) -> bool:
    """Whether a guest's record names one by its old name."""
    origin = record.origin
    return followed(record.guest, renamed) != record.guest or followed_origin(origin, renamed) != origin


def with_followers(requests: Sequence[Mapping[str, Any]], observed: Observed) -> List[Mapping[str, Any]]:
    """The requests of a task, and one that asks for nothing for each guest that has to follow a renaming."""
    if not observed.renamed:
        return list(requests)
    names = {request["name"] for request in requests}
    nothing: Dict[str, Any] = dict.fromkeys(guest_options())
    followers = [
        {**nothing, "name": name}
        for name, seen in sorted(observed.guests.items())
        if name not in names
        and seen.record is not None
        and seen.record.owner == observed.hostuuid
        and not seen.rollback
        and refers(seen.record, observed.renamed)
    ]
    return [*requests, *followers]
