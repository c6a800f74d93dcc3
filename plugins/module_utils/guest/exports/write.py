# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing an export: everything into one file beside its final name, which it gets when all of it is on the disk."""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass, replace
from typing import Callable, Dict, Iterator, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, FileError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.archive import (
    IMAGE,
    MANIFEST,
    RECORD,
    STREAM,
    Manifest,
    Member,
    filled,
    reserve,
    with_sums,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.export_plan import scratch_clone
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.work import WRITING, Work
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import Layout
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import streams
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.container import Writer

_MODE = 0o600


@dataclass(frozen=True)
class Origin:
    """Where an export is read from: ``base`` is the directory of the guest's files, ``snapshot`` the name of the
    snapshot of its volumes.
    """

    layout: Layout
    base: str
    snapshot: str


def write(
    host: Host, path: str, manifest: Manifest, origin: Origin, work: Work, before_last: Callable[[], None]
) -> Manifest:
    """Write an export; the manifest with sizes and checksums.

    ``before_last`` is called when all is written, before the file gets its name. ApiaryError; nothing is
    left then.
    """
    temporary = os.path.join(os.path.dirname(path), f".partial-{os.path.basename(path)}")
    try:
        with _created(temporary) as descriptor:
            try:
                done = _fill(host, descriptor, manifest, origin, work)
                before_last()
                host.rename(temporary, path)
            except BaseException:
                host.unlink(temporary)
                raise
    except OSError as error:
        raise FileError("write the export", temporary, error) from error
    return done


@contextlib.contextmanager
def _created(path: str) -> Iterator[int]:
    """The temporary file, empty, ours alone as long as it is open."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, _MODE)
    try:
        busy = ApiaryError(f"another task is writing {path}; run this one again when it has ended")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise busy from error
        if not os.path.exists(path) or not os.path.samestat(os.stat(path), os.fstat(descriptor)):
            raise busy  # and has just given it its final name
        os.ftruncate(descriptor, 0)
        os.fchmod(descriptor, _MODE)
        os.fchown(descriptor, 0, 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _fill(host: Host, descriptor: int, manifest: Manifest, origin: Origin, work: Work) -> Manifest:
    # What is written is compressed, and how much it will be nobody knows; no more than what the disks hold.
    work.begin(WRITING, sum(member.held for member in manifest.members))
    sums: Dict[str, Tuple[int, str]] = {}
    size = reserve(manifest)
    with os.fdopen(os.dup(descriptor), "r+b") as file:
        writer = Writer(file, MANIFEST, size, manifest.created)
        for member in manifest.members:
            with _chunks(host, member, manifest.guest, origin) as chunks:
                sums[member.name] = writer.add(member.name, work.count(chunks, member.held), member.mode)
        writer.finish(filled(manifest, sums, size))
    return with_sums(manifest, sums)


@contextlib.contextmanager
def _chunks(host: Host, member: Member, guest: str, origin: Origin) -> Iterator[Iterator[bytes]]:
    """What goes into a member, piece by piece; what is started for it ends with the block."""
    base, layout = origin.base, origin.layout
    point = f"{layout.volume(guest, member.disk)}@{origin.snapshot}"
    with contextlib.ExitStack() as stack:
        if member.kind == STREAM:
            chunks = streams.sent(host, point)
        elif member.kind == IMAGE and member.block:
            node = stack.enter_context(streams.cloned(host, point, scratch_clone(layout, guest)))
            chunks = streams.compressed(host, node)
        elif member.kind == IMAGE:
            chunks = streams.compressed(host, f"{base}/{member.disk}.img")
        else:
            chunks = streams.plain(f"{base}/{member.path or RECORD}")
        stack.callback(chunks.close)
        yield chunks


def marked(manifest: Manifest, volumes: Dict[str, str]) -> Manifest:
    """The manifest with the GUIDs of the snapshots that it was made of."""
    return replace(manifest, content=replace(manifest.content, volumes=volumes))
