# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making the disks and files of an import, at the hidden place. This may take hours; it holds the guest's lock only."""

from __future__ import annotations

from typing import Dict, Iterator, List

from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.properties import creation_properties
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.archive import FILE, HOOKS, STREAM, Member
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.import_plan import Adapted
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.place import NOTE, Place, note
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.read import Opened
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.work import MAKING, Work
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE as FILE_BACKING
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import ZVOL, Disk
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import snapshots, streams
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.files import create_file
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Zfs, volume_node

# What the planner sets when the size is there for good, and what would keep the data from being written.
_LATER = ("refreservation", "reservation", "volsize", "readonly")


def make(host: Host, opened: Opened, adapted: Adapted, place: Place, work: Work) -> None:
    """Make all disks and files. ApiaryError for the first that cannot be made. ``work`` is told how far that is."""
    manifest = opened.incoming.manifest
    work.begin(MAKING, sum(member.size for member in manifest.disks))
    for member in manifest.disks:
        chunks = work.count(opened.chunks(member), member.size)
        _make_disk(host, chunks, member, adapted.disk(member), place)
    if any(member.kind == STREAM for member in manifest.disks):
        snapshots.destroy(host, place.dataset, [streams.RECEIVED])
    for member in manifest.members:
        if member.kind == FILE:
            _make_file(host, opened, member, place)


def volumes(opened: Opened, adapted: Adapted) -> List[str]:
    """The disks of an import that are volumes."""
    return [one.disk for one in opened.incoming.manifest.disks if adapted.disk(one).backing in ZVOL]


def write_note(host: Host, opened: Opened, place: Place) -> None:
    """Note which export the guest came from."""
    text = note(opened.incoming.manifest, opened.incoming.wanted.path)
    host.write(f"{place.directory}/{NOTE}", text, mode=0o600)


def _make_disk(host: Host, chunks: Iterator[bytes], member: Member, disk: Disk, place: Place) -> None:
    volume = place.volume(disk.name)
    if disk.backing in FILE_BACKING:
        path = place.image(disk.name)
        create_file(host, path, member.bytes, disk.backing == "sparse-file")
        streams.write_image(host, chunks, path, member.bytes)
    elif member.kind == STREAM:
        streams.receive(host, chunks, volume, _properties(disk))
        if disk.backing == "zvol":
            Zfs(host).set(volume, {"refreservation": "auto"})
    else:
        block = disk.volblocksize or member.block or None
        sparse = disk.backing == "sparse-zvol"
        Zfs(host).create_volume(volume, member.bytes, sparse, block, _properties(disk))
        streams.write_image(host, chunks, volume_node(volume), member.bytes)


def _properties(disk: Disk) -> Dict[str, str]:
    return {name: value for name, value in creation_properties(disk).items() if name not in _LATER}


def _make_file(host: Host, opened: Opened, member: Member, place: Place) -> None:
    content = b"".join(opened.chunks(member)).decode("utf-8", "surrogateescape")
    mode = 0o600
    if member.path.startswith(f"{HOOKS}/"):
        host.mkdir(f"{place.directory}/{HOOKS}", 0o755)
        mode = member.mode & 0o755
    host.write(f"{place.directory}/{member.path}", content, mode=mode)
