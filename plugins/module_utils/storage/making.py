# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making an image: fetch, uncompress, convert, write, name. Its name is given to it last.

Whoever calls holds the image's lock. A run that breaks off leaves only names that begin with ``.partial-``; the next
one goes on with a download, finishes what needs no more than its name, and clears away anything else.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, replace
from typing import Any, ContextManager, Dict, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, FileError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import formats, set_image
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.building import Builder
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.checksum import Checksum
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.decompress import convert_qcow2, is_full, uncompress
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.download import DownloadError, Limits, Part
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.fetching import (
    ADVICE,
    Fetched,
    Fetcher,
    check_space,
    file_name,
    percent,
    room,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import (
    BUILDING,
    CONVERTING,
    DOWNLOADING,
    ISO,
    READY,
    UNCOMPRESSING,
    WRITING,
    ZVOL,
    Image,
    Progress,
    Store,
    dump_image,
    dump_progress,
    load_progress,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.qcow2 import HEADER, parse_header
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.sets import Sets
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.space import readable
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.sparse import Note, copy_sparse
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Zfs, read_datasets, volume_node

#: A volume's size is a whole number of these, whatever its block size.
_VOLUME_UNIT = 1 << 20
_SECTOR = 512
#: Seconds between two updates of the state file within a phase.
_SAY_EVERY = 2.0


@dataclass(frozen=True)
class Wanted:
    """An image to be made. With ``sets`` the sources are their directories, and the checksum that of their MANIFEST.

    With ``builder`` it is a file that this builds.
    """

    name: str
    kind: str
    sources: Tuple[str, ...]
    checksum: Optional[Checksum] = None
    volblocksize: int = 0
    limits: Limits = Limits()
    sets: Optional[Sets] = None
    builder: Optional[Builder] = None

    def key(self) -> Dict[str, Any]:
        """What must be the same for the work of an earlier run to be of use."""
        return {
            "kind": self.kind,
            "sources": list(self.sources),
            "checksum": str(self.checksum or ""),
            **({"sets": self.sets.key()} if self.sets is not None else {}),
            **({"built": self.builder.key()} if self.builder is not None else {}),
        }


class Maker:
    """Makes one image. ``naming`` is the lock under which other tasks see names appear and go.

    ``replaces`` is the image of that name which goes when the new one is complete.
    """

    def __init__(
        self, host: Host, store: Store, wanted: Wanted, naming: ContextManager[None], replaces: Optional[Image] = None
    ) -> None:
        self._host = host
        self._store = store
        self._wanted = wanted
        self._naming = naming
        self._replaces = replaces
        self._zfs = Zfs(host)
        self._progress = Progress(wanted.name, DOWNLOADING, wanted=wanted.key())
        self._said = 0.0

    def make(self) -> Image:
        """Make the image, or finish what an earlier run began.

        ApiaryError with what went wrong; then nothing has the image's name that did not have it before.
        """
        found = self._found()
        if found is not None and found.image is not None:
            return self._name(found.image)
        self.clear(keep_download=found is not None)
        if found is not None and self._downloaded(found.part) >= found.part.done:
            self._progress = replace(self._progress, part=found.part)
        try:
            image = self._build(self._progress.part)
        except DownloadError:
            raise
        except ApiaryError as error:
            self._clear_after(error)
            raise
        return self._name(image)

    def _found(self) -> Optional[Progress]:
        """What an earlier run with the same wishes left, if that is of use."""
        path = self._store.partial(self._wanted.name, "json")
        text = self._host.read(path)
        if text is None:
            return None
        with contextlib.suppress(ApiaryError):
            progress = load_progress(text, path)
            if progress.wanted == self._wanted.key():
                return progress
        return None

    def _downloaded(self, part: Part) -> int:
        path = self._store.partial(self._wanted.name, "download")
        if self._wanted.sets is not None:
            path = f"{set_image.directory_of(self._store, self._wanted.name)}/{file_name(part.url)}"
        status = self._host.stat(path)
        return status.st_size if status is not None else 0

    def clear(self, keep_download: bool = False) -> None:
        """Remove everything that is in the making, or all but what was downloaded."""
        name, store = self._wanted.name, self._store
        if store.dataset and store.partial_volume(name) in read_datasets(self._host, store.dataset, ("type",)):
            self._zfs.destroy(store.partial_volume(name), recursive=True)
        for what in ("raw", "qcow2") if keep_download else ("raw", "qcow2", "download", "json"):
            self._host.unlink(store.partial(name, what))
        set_image.clear(self._host, store, name, keep_download)
        self._host.rmtree(store.partial(name, "tree"))

    def _clear_after(self, error: ApiaryError) -> None:
        try:
            self.clear()
        except ApiaryError as trouble:
            raise ApiaryError(f"{error}; clearing away what was begun failed as well: {trouble}") from error
        if is_full(error):
            place, free = self._store.dataset or self._store.directory, readable(room(self._host, self._store))
            raise ApiaryError(
                f"{error}; what was written has been removed again, and {place} has {free} free; {ADVICE}"
            ) from error

    def _build(self, part: Part) -> Image:
        name, wanted = self._wanted.name, self._wanted
        fetched, path, kind = self._bytes(part)
        size = self._size_of(path)
        if size % _SECTOR:
            raise ApiaryError(
                f"{fetched.origin} holds {size} bytes, no whole number of {_SECTOR}-byte sectors: "
                "it is cut off, or no disk image"
            )
        room = -(-size // _VOLUME_UNIT) * _VOLUME_UNIT if wanted.kind == ZVOL else size
        image = Image(
            name=name,
            kind=wanted.kind,
            sources=wanted.sources,
            origin=fetched.origin,
            checksum=str(wanted.checksum or ""),
            digests=fetched.digests,
            format=kind,
            size=room,
            virtual_size=size,
            made=int(time.time()),
            sets=wanted.sets.key() if wanted.sets is not None else {},
            built=wanted.builder.key() if wanted.builder is not None else {},
        )
        self._write(fetched, path, image)
        self._progress = replace(self._progress, phase=READY, percent=100, image=image)
        self._save()
        return image

    def _bytes(self, part: Part) -> Tuple[Fetched, str, str]:
        """What was at the source, the file with the bytes of the disk, and in which form they came."""
        if self._wanted.builder is not None:
            return self._from_builder(self._wanted.builder)
        return self._from_source(part) if self._wanted.sets is None else self._from_sets(self._wanted.sets, part)

    def _from_source(self, part: Part) -> Tuple[Fetched, str, str]:
        store, wanted = self._store, self._wanted
        fetcher = Fetcher(self._host, store, wanted.name, wanted.sources, wanted.checksum, wanted.limits, self._say)
        fetched = fetcher.fetch(store.partial(wanted.name, "download"), part)
        path, kind = self._unpacked(fetched)
        return fetched, path, kind

    def _from_sets(self, sets: Sets, part: Part) -> Tuple[Fetched, str, str]:
        store, wanted = self._store, self._wanted
        builder = set_image.SetBuilder(
            self._host, store, wanted.name, sets, wanted.sources, wanted.checksum, wanted.limits, self._say
        )
        fetched = builder.build(store.partial(wanted.name, "raw"), part)
        return fetched, fetched.path, "sets"

    def _from_builder(self, builder: Builder) -> Tuple[Fetched, str, str]:
        store, name = self._store, self._wanted.name
        self._say(BUILDING, 0, None)
        check_space(self._host, store, f"image {name}: its parts and the disk of them take", builder.space())
        directory = store.partial(name, "tree")
        self._host.mkdir(directory, 0o700)
        fetched = builder.build(self._host, directory, store.partial(name, "raw"))
        _sync(fetched.path)
        return fetched, fetched.path, "built"

    # out of its wrappings

    def _unpacked(self, fetched: Fetched) -> Tuple[str, str]:
        """The file with the bytes of the disk, and in which form they came, such as ``raw.xz``."""
        kind = formats.detect(self._head(fetched.path), fetched.origin)
        path, ending = fetched.path, ""
        if kind in formats.COMPRESSIONS:
            raw = self._store.partial(self._wanted.name, "raw")
            total = self._size_of(path)
            self._say(UNCOMPRESSING, 0, None)
            uncompress(self._host, kind, path, raw, fetched.origin, self._noting(UNCOMPRESSING, total))
            path, ending = raw, f".{kind}"
            kind = formats.detect_inner(self._head(path), f"what {fetched.origin} holds")
        if kind == formats.QCOW2:
            path = self._converted(path, fetched)
        if self._wanted.kind == ISO and kind != formats.RAW:
            raise ApiaryError(f"{fetched.origin} is a qcow2 image, not an ISO image; give another kind")
        return path, kind + ending

    def _converted(self, path: str, fetched: Fetched) -> str:
        header = self._host.read_bytes(path, HEADER) or b""
        parse_header(header, fetched.origin)
        packed, raw = path, self._store.partial(self._wanted.name, "raw")
        if path == raw:
            # Uncompressed a moment ago to the name that is needed now.
            packed = self._store.partial(self._wanted.name, "qcow2")
            self._host.rename(raw, packed)
        self._say(CONVERTING, 0, None)
        convert_qcow2(self._host, packed, raw, fetched.origin, self._noting(CONVERTING, 100))
        return raw

    # to its place

    def _write(self, fetched: Fetched, path: str, image: Image) -> None:
        raw = self._store.partial(image.name, "raw")
        if image.kind == ZVOL:
            self._write_volume(path, image)
        elif path == fetched.path and fetched.ours:
            self._host.rename(path, raw)
        elif path != raw:
            self._say(WRITING, 0, None)
            self._check_room(path)
            copy_sparse(path, raw, image.size, regular=True, note=self._noting(WRITING, image.virtual_size))

    def _write_volume(self, path: str, image: Image) -> None:
        volume = self._store.partial_volume(image.name)
        self._say(WRITING, 0, None)
        self._check_room(path)
        self._zfs.create_volume(volume, image.size, sparse=True, block=self._wanted.volblocksize or None)
        node = volume_node(volume)
        copy_sparse(path, node, image.virtual_size, regular=False, note=self._noting(WRITING, image.virtual_size))
        golden = f"{volume}@{self._store.snapshot(image.name).partition('@')[2]}"
        self._host.run(["zfs", "snapshot", golden], what=f"cannot make the snapshot {golden}")

    def _check_room(self, path: str) -> None:
        status = self._host.stat(path)
        takes = status.st_blocks * 512 if status is not None else 0
        check_space(self._host, self._store, f"image {self._wanted.name} takes", takes)

    # under its name

    def _name(self, image: Image) -> Image:
        """Give a finished image its name, also if an earlier run has done so in part."""
        with self._naming:
            if image.kind == ZVOL:
                self._name_volume(image)
            else:
                self._name_file(image)
            self._remove_replaced(image)
            self._host.write(self._store.record(image.name), dump_image(image), mode=0o600)
        self.clear()
        return image

    def _name_file(self, image: Image) -> None:
        raw, path = self._store.partial(image.name, "raw"), self._store.file(image.name, image.kind)
        if self._host.lstat(raw) is None:
            return
        if self._replaces is None and self._host.lstat(path) is not None:
            raise ApiaryError(f"{path} is there and belongs to no image; move it away and run this again")
        self._host.rename(raw, path)

    def _name_volume(self, image: Image) -> None:
        partial, volume = self._store.partial_volume(image.name), self._store.volume(image.name)
        datasets = read_datasets(self._host, self._store.dataset, ("type",))
        if partial not in datasets:
            return
        if volume in datasets:
            if self._replaces is None:
                raise ApiaryError(f"{volume} is there and belongs to no image; rename it and run this again")
            # ZFS refuses if somebody cloned it in the meantime.
            self._zfs.destroy(volume, recursive=True)
        self._host.run(["zfs", "rename", partial, volume], what=f"cannot name the image {volume}")
        self._zfs.wait_for_node(volume)

    def _remove_replaced(self, image: Image) -> None:
        """The data of the image that is replaced, where the new one has another place."""
        old = self._replaces
        if old is None or (old.kind, old.name) == (image.kind, image.name):
            return
        remove_data(self._host, self._store, old)

    # helpers

    def _noting(self, phase: str, total: int) -> Note:
        return lambda done: self._say(phase, percent(done, total), None)

    def _head(self, path: str) -> bytes:
        return self._host.read_bytes(path, formats.HEAD) or b""

    def _size_of(self, path: str) -> int:
        status = self._host.stat(path)
        if status is None:
            raise ApiaryError(f"{path} is gone; somebody removed it while the image was being made")
        return status.st_size

    def _say(self, phase: str, done: int, part: Optional[Part]) -> None:
        """Let other tasks know; not more often than every other second, but for a new phase and what was received."""
        now = time.monotonic()
        changed = phase != self._progress.phase or part is not None
        self._progress = replace(self._progress, phase=phase, percent=done, part=part or self._progress.part)
        if changed or now - self._said >= _SAY_EVERY:
            self._said = now
            self._save()

    def _save(self) -> None:
        path = self._store.partial(self._wanted.name, "json")
        self._host.write(path, dump_progress(self._progress), mode=0o600)


def _sync(path: str) -> None:
    """See to it that a file outlives a power failure from now on. FileError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FileError("write to the disk", path, error) from error


def remove_data(host: Host, store: Store, image: Image) -> None:
    """The volume of an image with its snapshot, or its file; what is missing is fine."""
    if image.kind != ZVOL:
        host.unlink(store.file(image.name, image.kind))
    elif store.volume(image.name) in read_datasets(host, store.dataset, ("type",)):
        Zfs(host).destroy(store.volume(image.name), recursive=True)
