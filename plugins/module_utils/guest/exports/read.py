# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading an export: what it is, and whether all of it is as it was written."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from typing import Dict, Iterator, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.archive import (
    MANIFEST,
    MANIFEST_MOST,
    RECORD,
    Manifest,
    Member,
    load,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.import_plan import Incoming
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.options import Import
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.work import VERIFYING, Work
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import check_guest_name
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.container import SUMS, Extent, Reader, open_reader

#: The largest record that is read.
_RECORD_MOST = 16 << 20


@dataclass(frozen=True)
class Opened:
    """An export that is kept open, so that what was verified is what is imported."""

    incoming: Incoming
    reader: Reader
    extents: Dict[str, Extent]

    def chunks(self, member: Member) -> Iterator[bytes]:
        """A member as it is in the file; ApiaryError at its end if it is not what was written."""
        return self.reader.chunks(member.name, self.extents[member.name], member.sha256)

    @property
    def size(self) -> int:
        """Bytes of all members."""
        return sum(member.size for member in self.incoming.manifest.members)

    def verify(self, work: Optional[Work]) -> None:
        """Read all of it; ApiaryError for the first member that is not what was written. ``work`` is told how far."""
        if work is not None:
            work.begin(VERIFYING, self.size)
        for member in self.incoming.manifest.members:
            chunks = self.chunks(member)
            for _chunk in chunks if work is None else work.count(chunks, member.size):
                pass


@contextlib.contextmanager
def opened(wanted: Import) -> Iterator[Opened]:
    """Open an export and read what it is; ApiaryError, naming the file, for one that is none, cut off or newer."""
    with open_reader(wanted.path) as reader:
        text = reader.first(MANIFEST, MANIFEST_MOST)
        manifest = load(text, wanted.path)
        extents = dict(reader.members(len(text)))
        _check_members(manifest, text, extents, reader)
        name = wanted.name or check_guest_name(manifest.guest, f"{wanted.path}: name")
        found = _record(reader, manifest, extents)
        yield Opened(Incoming(wanted, name, manifest, found), reader, extents)


def _check_members(manifest: Manifest, text: bytes, extents: Dict[str, Extent], reader: Reader) -> None:
    """The members are those that the manifest speaks of, and the manifest is the one that was written."""
    sums = {MANIFEST: hashlib.sha256(text).hexdigest(), **{one.name: one.sha256 for one in manifest.members}}
    expected = "".join(f"{digest}  {name}\n" for name, digest in sums.items()).encode("utf-8", "surrogateescape")
    digest = hashlib.sha256(expected).hexdigest()
    for _chunk in reader.chunks(SUMS, extents[SUMS], digest):
        pass
    sizes = {name: extent.size for name, extent in extents.items() if name != SUMS}
    if sizes != {member.name: member.size for member in manifest.members}:
        raise ApiaryError(f"{reader.path} is damaged: its members are not those that its manifest.json speaks of")


def _record(reader: Reader, manifest: Manifest, extents: Dict[str, Extent]) -> Record:
    member = manifest.member(RECORD)
    where = f"{reader.path}: {RECORD}"
    if member.size > _RECORD_MOST:
        raise ApiaryError(f"{where} is too large for a guest's record")
    data = b"".join(reader.chunks(RECORD, extents[RECORD], member.sha256)).decode("utf-8", "surrogateescape")
    try:
        # The guest may have been renamed since the snapshot that was exported.
        name = str(json.loads(data)["declared"]["name"])
    except (ValueError, KeyError, TypeError) as error:
        raise ApiaryError(f"{where} is not a guest's record ({error!r})") from error
    return record.load(data, where, name)
