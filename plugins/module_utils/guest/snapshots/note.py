# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The note of a rollback that is under way, kept beside the guests' datasets: what it needs to be finished.

The first line is the snapshot's name, for the runtime, which starts no guest with such a note; the rest is JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from ansible_collections.apiary.bhyve.plugins.module_utils import schemas
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record

SCHEMA = 1


@dataclass(frozen=True)
class Note:
    """The snapshot, the guest's record before the rollback, and whether the guest is to run again after it."""

    snapshot: str
    record: Record
    ran: bool


def dump(note: Note) -> str:
    """The text of the file."""
    data = {"schema": SCHEMA, "record": record.dump(note.record), "ran": note.ran}
    return f"{note.snapshot}\n{json.dumps(data, indent=2, sort_keys=True)}\n"


def load(text: str, path: str, guest: str) -> Note:
    """Read the file. UnknownState for anything else."""
    snapshot, _newline, rest = text.partition("\n")
    try:
        data = schemas.parse(rest, SCHEMA, path)
        return Note(snapshot, record.load(str(data["record"]), path, guest), bool(data["ran"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UnknownState(
            f"{path} notes an interrupted rollback of guest {guest} and cannot be read ({error!r}); if the "
            "guest's disks are as they should be, remove it"
        ) from error
