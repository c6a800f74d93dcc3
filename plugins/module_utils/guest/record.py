# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of a guest, guest.json: what was declared, and the identity that was given."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Dict, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import (
    Identity,
    identity_from_json,
    identity_to_json,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.origin import (
    Origin,
    Renaming,
    origin_from_json,
    origin_to_json,
    renaming_from_json,
    renaming_to_json,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Guest, guest_from_json, guest_to_json

SCHEMA = 1


@dataclass(frozen=True)
class Record:
    """A guest, its identity, and the host (kern.hostuuid) that it belongs to.

    ``origin``: whose clone it is. ``renaming``: it is on its way to another name, or not all of it has arrived.
    """

    guest: Guest
    identity: Identity
    owner: str
    origin: Optional[Origin] = None
    renaming: Optional[Renaming] = None

    @property
    def incomplete(self) -> bool:
        """Whether it is a clone some of whose disks are still to be made."""
        return self.origin is not None and not self.origin.complete


def dump(record: Record) -> str:
    """The text of guest.json."""
    data: Dict[str, Any] = {
        "schema": SCHEMA,
        "owner": record.owner,
        "declared": guest_to_json(record.guest),
        "identity": identity_to_json(record.identity),
    }
    if record.origin is not None:
        data["origin"] = origin_to_json(record.origin)
    if record.renaming is not None:
        data["renaming"] = renaming_to_json(record.renaming)
    return json.dumps(data, indent=2, sort_keys=True) + "\n"


def load(text: str, path: str, name: str, rolled_back: bool = False) -> Record:
    """Read guest.json. UnknownState for a newer schema, another guest's record, or anything that is no record.

    ``rolled_back``: it may be of a time when the guest had another name.
    """
    try:
        data = json.loads(text)
        schema = int(data["schema"])
    except (ValueError, KeyError, TypeError) as error:
        raise UnknownState(f"{path} is not a guest's record ({error!r}); put back a copy of it") from error
    if schema > SCHEMA:
        raise UnknownState(
            f"{path} has schema {schema}, this apiary.bhyve knows {SCHEMA} and older: "
            "update the collection on the controller"
        )
    try:
        record = Record(
            guest_from_json(data["declared"]),
            identity_from_json(data["identity"]),
            str(data["owner"]),
            origin_from_json(data.get("origin")),
            renaming_from_json(data.get("renaming")),
        )
    except (UnknownState, ValueError, KeyError, TypeError) as error:
        raise UnknownState(f"{path} cannot be read as a guest's record ({error!r}); put back a copy of it") from error
    if record.renaming == Renaming(record.guest.name, name) or (rolled_back and record.guest.name != name):
        # Its directory has the new name already, the record was not written since.
        renaming = Renaming(record.guest.name, name)
        return replace(record, guest=replace(record.guest, name=name), renaming=renaming)
    if record.guest.name != name:
        raise UnknownState(f"{path} is the record of {record.guest.name!r}, not of {name!r}")
    return record
