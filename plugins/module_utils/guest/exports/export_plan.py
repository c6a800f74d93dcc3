# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes into an export, and whether a file that is there is the one. Pure: from the task and what was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.archive import (
    FILE,
    FILES,
    HOOKS,
    IMAGE,
    RECORD,
    RECORD_KIND,
    STREAM,
    Content,
    Left,
    Manifest,
    Member,
    disk_member,
    file_member,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.options import AUTO, Export
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import Layout
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.plan import interrupted
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE as FILE_BACKING
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import PATH, Disk
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import CRASH_CONSISTENT, STOPPED
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.streams import MARK, Marks


@dataclass(frozen=True)
class FileFacts:
    """A regular file of a guest: ``held`` is what it takes of the disk."""

    size: int
    mtime_ns: int
    mode: int
    held: int

    @property
    def token(self) -> str:
        return f"{self.size} {self.mtime_ns}"


@dataclass(frozen=True)
class Target:
    """Where an export goes. ``there``: '' nothing, 'export' (``manifest``) or 'file', any other; or a ``problem``."""

    there: str = ""
    manifest: Optional[Manifest] = None
    problem: str = ""
    free: int = 0
    device: int = 0


@dataclass(frozen=True)
class Source:
    """What is exported: ``base`` is the directory that its files are read from, today's or that of a snapshot."""

    base: str
    record: Record
    files: Dict[str, FileFacts]


@dataclass
class Element:
    """What happens for one element of a task. ``leftovers``: what an export that was interrupted has left."""

    wanted: Export
    manifest: Manifest
    source: Source
    write: bool = False
    leftovers: List[str] = field(default_factory=list)
    entry: Dict[str, Any] = field(default_factory=dict)
    before: Dict[str, Any] = field(default_factory=dict)
    after: Dict[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return self.write or bool(self.leftovers)

    @property
    def needed(self) -> int:
        """Bytes that have to be free for the file: what the disks hold (zfsprops(7), referenced; stat(2), st_blocks).

        That is more than what zstd(1) makes of it, but for volumes that ZFS compresses harder than that; if they do not
        fit after all, writing fails and leaves nothing. ``zfs send -nP`` knows only how long the stream is before
        zstd(1), which would refuse exports that fit, and needs a command for each volume.
        """
        return sum(member.held for member in self.manifest.members) if self.write else 0

    def describe(self) -> List[str]:
        """The steps for humans, in order."""
        steps = [f"destroy {name}, left by an export that was interrupted" for name in self.leftovers]
        if self.write:
            disks = ", ".join(f"{member.disk} as {member.kind}" for member in self.manifest.disks) or "no disks"
            steps.append(f"write {self.wanted.path} with {disks}")
        return steps


def source_dataset(layout: Layout, vm: str) -> str:
    """The dataset of a guest, '' on a host without ZFS."""
    return layout.guest_dataset(vm) if layout.dataset else ""


def scratch_clone(layout: Layout, vm: str) -> str:
    """The clone that a volume's image is read from."""
    return f"{layout.dataset}/.partial-export-{vm}"


def check_source(wanted: Export, observed: Observed, marks: Marks) -> ObservedGuest:
    """The guest, of this host and whole; BadInput when it cannot be exported as asked for."""
    where = f"guest {wanted.vm}: "
    seen = observed.guest(wanted.vm)
    if seen.error is not None:
        raise seen.error
    if seen.record is None:
        raise BadInput(f"{where}there is no such guest on this host")
    if seen.record.owner != observed.hostuuid:
        raise BadInput(
            f"{where}its record belongs to the host with kern.hostuuid {seen.record.owner}, this one is "
            f"{observed.hostuuid}; export it there"
        )
    if seen.rollback:
        raise interrupted(seen)
    if seen.record.incomplete or seen.record.renaming is not None:
        raise BadInput(f"{where}it was being cloned or renamed when that was interrupted; run that task again first")
    dataset = observed.conf.layout.guest_dataset(wanted.vm)
    on_zfs = observed.with_zfs and dataset in observed.datasets
    if wanted.snapshot and not (on_zfs and marks.has(f"{dataset}@{wanted.snapshot}")):
        reason = f"there is no snapshot {dataset}@{wanted.snapshot}" if on_zfs else "snapshots need ZFS"
        raise BadInput(f"{where}snapshot: {reason}")
    if not on_zfs and seen.active:
        raise BadInput(f"{where}it runs, and without ZFS there are no snapshots to export; stop it first")
    return seen


def plan(
    wanted: Export, observed: Observed, marks: Marks, source: Source, target: Target, new_id: str, now: int
) -> Element:
    """Plan one element. BadInput when it cannot be."""
    seen = observed.guest(wanted.vm)
    members, left = _members(wanted, observed, marks, source)
    manifest = Manifest(
        id=new_id,
        guest=wanted.vm,
        uuid=source.record.identity.uuid,
        host=observed.hostuuid,
        created=now,
        consistency=_consistency(wanted, seen, observed, marks),
        snapshot=wanted.snapshot,
        content=Content({}, {path: facts.token for path, facts in sorted(source.files.items())}),
        members=members,
        left=left,
    )
    element = Element(wanted, manifest, source)
    element.leftovers = _leftovers(wanted, observed, marks)
    element.write = not _same(target, manifest, wanted, seen, observed, marks)
    shown = manifest if element.write else target.manifest or manifest
    _check_target(element, target, seen)
    element.entry = exported(wanted, shown, None if element.write else shown.id)
    element.before = view_of(target.manifest) if target.manifest is not None else {}
    element.after = {**view_of(shown), **({"id": "to be allocated"} if element.write else {})}
    return element


def exported(wanted: Export, manifest: Manifest, known: Optional[str]) -> Dict[str, Any]:
    """What the module returns of an export; ``known``: its id, if it is there."""
    return {
        "vm": wanted.vm,
        "path": wanted.path,
        "snapshot": manifest.snapshot or None,
        "consistency": manifest.consistency,
        "disks": [{"name": one.disk, "format": one.kind, "size": one.bytes} for one in manifest.disks],
        "not_included": [{"name": one.disk, "path": one.path} for one in manifest.left],
        "id": known,
    }


def view_of(manifest: Manifest) -> Dict[str, Any]:
    """An export for the diff."""
    return {
        "id": manifest.id,
        "guest": manifest.guest,
        "snapshot": manifest.snapshot,
        "consistency": manifest.consistency,
        "disks": manifest.formats,
        "not_included": {one.disk: one.path for one in manifest.left},
    }


def volumes_of(manifest: Manifest, layout: Layout) -> Dict[str, str]:
    """The volumes that an export is made of, by disk."""
    return {one.disk: layout.volume(manifest.guest, one.disk) for one in manifest.disks if one.block}


def unwritten(element: Element, observed: Observed, marks: Marks) -> Dict[str, str]:
    """By disk, what tells the content of the last export, for the volumes to which nothing was written since."""
    if element.wanted.snapshot or observed.guest(element.wanted.vm).active:
        return {}
    volumes = volumes_of(element.manifest, observed.conf.layout)
    found = {disk: marks.unwritten(volume) for disk, volume in volumes.items()}
    return {disk: guid for disk, guid in found.items() if guid}


def _consistency(wanted: Export, seen: ObservedGuest, observed: Observed, marks: Marks) -> str:
    if not wanted.snapshot:
        return CRASH_CONSISTENT if seen.active else STOPPED
    # Of somebody else's snapshot nobody knows whether the guest ran.
    return marks.state(f"{observed.conf.layout.guest_dataset(wanted.vm)}@{wanted.snapshot}") or CRASH_CONSISTENT


def _leftovers(wanted: Export, observed: Observed, marks: Marks) -> List[str]:
    layout = observed.conf.layout
    snapshot, clone = f"{layout.guest_dataset(wanted.vm)}@{MARK}", scratch_clone(layout, wanted.vm)
    found = [clone] if clone in observed.datasets else []
    return [*found, *([snapshot] if any(name.endswith(f"@{MARK}") for name in _of(marks, snapshot)) else [])]


def _of(marks: Marks, snapshot: str) -> List[str]:
    dataset = snapshot.partition("@")[0]
    return [name for name in marks.found if name == snapshot or name.startswith(f"{dataset}/")]


def _members(
    wanted: Export, observed: Observed, marks: Marks, source: Source
) -> Tuple[Tuple[Member, ...], Tuple[Left, ...]]:
    members = [Member(RECORD, RECORD_KIND)]
    left: List[Left] = []
    for path, facts in sorted(source.files.items()):
        if path in FILES or path.startswith(f"{HOOKS}/"):
            members.append(Member(file_member(path), FILE, path=path, mode=facts.mode, held=facts.held))
    for disk in source.record.guest.disks:
        if disk.backing == PATH:
            if not disk.is_empty:
                left.append(_left(wanted, disk))
            continue
        member = _disk(wanted, disk, observed, marks, source)
        if member is not None:
            members.append(member)
    return tuple(members), tuple(left)


def _left(wanted: Export, disk: Disk) -> Left:
    medium = disk.is_cd or disk.ro
    if not (medium or disk.detached or wanted.skip_paths):
        raise BadInput(
            f"guest {wanted.vm}: disk {disk.name}: {disk.path} is given by its path and written to, so an export "
            "cannot hold it; give skip_paths: true to export the guest without it, and copy it yourself"
        )
    return Left(disk.name, disk.path, medium)


def _disk(wanted: Export, disk: Disk, observed: Observed, marks: Marks, source: Source) -> Optional[Member]:
    at = f"guest {wanted.vm}: disk {disk.name}: "
    if disk.backing in FILE_BACKING:
        facts = source.files.get(f"{disk.name}.img")
        if wanted.format == STREAM:
            raise BadInput(f"{at}format: it is a file, of which ZFS makes no stream; use auto or image")
        if facts is None:
            _check_missing(disk, f"{source.base}/{disk.name}.img", at)
            return None
        thick = disk.backing == "file"
        name = disk_member(disk.name, IMAGE)
        return Member(name, IMAGE, disk=disk.name, bytes=facts.size, held=facts.held, thick=thick)
    volume = observed.conf.layout.volume(wanted.vm, disk.name)
    snapshot = f"{volume}@{wanted.snapshot}" if wanted.snapshot else volume
    if not marks.has(snapshot):
        _check_missing(disk, snapshot, at)
        return None
    kind = STREAM if wanted.format == AUTO else wanted.format
    return Member(
        disk_member(disk.name, kind),
        kind,
        disk=disk.name,
        bytes=marks.size(snapshot, "volsize"),
        held=marks.size(snapshot, "referenced"),
        block=marks.size(volume, "volblocksize") if marks.has(volume) else disk.volblocksize,
        thick=disk.backing == "zvol",
    )


def _check_missing(disk: Disk, what: str, at: str) -> None:
    if not disk.detached:
        raise BadInput(f"{at}{what} does not exist, so the guest cannot be exported whole")


def _same(
    target: Target, manifest: Manifest, wanted: Export, seen: ObservedGuest, observed: Observed, marks: Marks
) -> bool:
    """Whether the file that is there is what would be written."""
    old = target.manifest
    if old is None or (old.uuid, old.guest, old.host) != (manifest.uuid, manifest.guest, manifest.host):
        return False
    if (old.formats, old.left) != (manifest.formats, manifest.left) or old.content.files != manifest.content.files:
        return False
    if seen.active and not wanted.snapshot:
        return False
    layout = observed.conf.layout
    for member in manifest.disks:
        volume = layout.volume(wanted.vm, member.disk)
        if not member.block:
            continue
        now = marks.guid(f"{volume}@{wanted.snapshot}") if wanted.snapshot else marks.unwritten(volume)
        if not now or old.content.volumes.get(member.disk) != now:
            return False
    return True


def _check_target(element: Element, target: Target, seen: ObservedGuest) -> None:
    where = f"guest {element.wanted.vm}: path: "
    if target.problem:
        raise BadInput(f"{where}{target.problem}")
    if not element.write or element.wanted.force or not target.there:
        return
    old = target.manifest
    if old is None:
        raise BadInput(f"{where}{element.wanted.path} exists and is no export; choose another path, or force: true")
    if (old.uuid, old.guest) != (element.manifest.uuid, element.manifest.guest):
        reason = f"is an export of guest {old.guest} ({old.uuid})"
    elif seen.active and not element.wanted.snapshot:
        reason = "is an export of this guest, which runs and may have written since"
    else:
        reason = "is an export of this guest with other content, or one that was made otherwise"
    raise BadInput(f"{where}{element.wanted.path} {reason}; give force: true to replace it, or choose another path")
