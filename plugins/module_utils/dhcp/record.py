# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of all reservations, /var/db/apiary/reservations.json: by server, which is told by our file for it."""

from __future__ import annotations

import json
from typing import Iterable, Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils import schemas
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation, from_json, to_json
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.places import RESERVATIONS

SCHEMA = 1

#: By our file for the server, by name.
Record = Mapping[str, Mapping[str, Reservation]]


def load(text: Optional[str]) -> Record:
    """Read the record; a missing one is empty. UnknownState for a newer schema or anything else."""
    if text is None:
        return {}
    try:
        data = schemas.parse(text, SCHEMA, RESERVATIONS)
        return {
            str(file): {str(name): from_json(str(name), one) for name, one in reservations.items()}
            for file, reservations in data["servers"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnknownState(f"{RESERVATIONS} cannot be read ({error!r}); put back a copy of it") from error


def dump(record: Record) -> str:
    """The text of the record; servers without reservations are left out."""
    servers = [
        f"{json.dumps(file)}: {_block(_line(name, one) for name, one in sorted(reservations.items()))}"
        for file, reservations in sorted(record.items())
        if reservations
    ]
    return f'{{"schema": {SCHEMA}, "servers": {_block(servers)}}}\n'


def _line(name: str, one: Reservation) -> str:
    return f"{json.dumps(name)}: {json.dumps(to_json(one), sort_keys=True)}"


def _block(lines: Iterable[str]) -> str:
    """An object of JSON with a line for each of its members: there may be thousands, and somebody may look for one."""
    return "{\n" + ",\n".join(lines) + "\n}"
