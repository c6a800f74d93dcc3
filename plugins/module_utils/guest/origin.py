# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest's record says of its past: whose clone it is, and a renaming that is under way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

CLONE = "clone"
COPY = "copy"

#: The names of snapshots that are taken for a clone, and go with it, begin with this.
BASE = "apiary-clone-"


@dataclass(frozen=True)
class Origin:
    """Where a clone comes from: a guest, and one snapshot of all its disks ('' where there is no ZFS).

    ``own``: the snapshot was taken for this clone. ``mode``: clone or copy. ``missing``: the disks that are still to be
    cloned; as long as there are any names here the guest is not complete, though some may be there.
    """

    guest: str
    snapshot: str
    own: bool
    mode: str
    missing: Tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        return not self.missing

    @property
    def option(self) -> str:
        """What ``clone_from`` says of it."""
        return f"{self.guest}@{self.snapshot}" if self.snapshot and not self.own else self.guest


@dataclass(frozen=True)
class Renaming:
    """A guest that gets, or got, another name; noted until all of it goes by the new one."""

    source: str
    target: str


def origin_to_json(origin: Origin) -> Dict[str, Any]:
    """The origin as JSON-ready data."""
    return {**asdict(origin), "missing": list(origin.missing)}


def origin_from_json(data: Optional[Mapping[str, Any]]) -> Optional[Origin]:
    """The inverse of origin_to_json(). KeyError, TypeError or ValueError if data is nothing of the kind."""
    if data is None:
        return None
    return Origin(
        guest=str(data["guest"]),
        snapshot=str(data["snapshot"]),
        own=bool(data["own"]),
        mode=str(data["mode"]),
        missing=tuple(data["missing"]),
    )


def renaming_to_json(renaming: Renaming) -> Dict[str, Any]:
    """The renaming as JSON-ready data."""
    return asdict(renaming)


def renaming_from_json(data: Optional[Mapping[str, Any]]) -> Optional[Renaming]:
    """The inverse of renaming_to_json(). KeyError, TypeError or ValueError if data is nothing of the kind."""
    return None if data is None else Renaming(str(data["source"]), str(data["target"]))


def split_option(name: str, option: str) -> Tuple[str, str]:
    """The guest and the snapshot ('' for none) that ``clone_from`` of the guest ``name`` means. BadInput."""
    guest, sign, snapshot = option.partition("@")
    if not guest or (sign and not snapshot) or "@" in snapshot:
        raise BadInput(f"guest {name}: clone_from: {option!r} is neither a guest nor GUEST@SNAPSHOT")
    return guest, snapshot
