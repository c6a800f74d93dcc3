# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes and files as compressed streams: zfs-send(8), zfs-receive(8), zstd(1), and what tells that they are the same.

A bookmark stays on each volume of which a stream was made (zfs-bookmark(8)); it takes no space, and ZFS tells what was
written since.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import Dict, Generator, Iterable, Iterator, List, Mapping, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import (
    ApiaryError,
    CommandError,
    FileError,
    UnknownState,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.pipes import CHUNK, pipeline, run_pipeline
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import STATE
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.sparse import SparseWriter
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import (
    Dataset,
    Zfs,
    read_with_points,
    volume_node,
)

#: The snapshot that an export is made of, and the bookmark that stays when it goes.
MARK = "apiary-export"
#: The name of the snapshot that comes with a received stream.
RECEIVED = "apiary-import"

_WRITTEN = f"written#{MARK}"
_PROPERTIES = ("type", "guid", "volsize", "volblocksize", "referenced", STATE, _WRITTEN)

#: Pieces of what is read; what is started for it ends with close().
Chunks = Generator[bytes, None, None]

COMPRESS = ("zstd", "-q", "-c")
DECOMPRESS = ("zstd", "-q", "-d", "-c")


@dataclass(frozen=True)
class Marks:
    """Datasets with their snapshots and bookmarks, by full name."""

    found: Dict[str, Dataset] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether a dataset, snapshot (``@``) or bookmark (``#``) is there."""
        return name in self.found

    def size(self, name: str, prop: str) -> int:
        """A property that is a number of bytes, 0 where there is none."""
        return self.found[name].size(prop)

    def guid(self, name: str) -> str:
        """The GUID of a dataset, snapshot or bookmark; that of a bookmark is its snapshot's."""
        return self.found[name].value("guid")

    def state(self, snapshot: str) -> str:
        """stopped or crash_consistent; '' when bhyve_snapshot did not take it."""
        return self.found[snapshot].own(STATE)

    def unwritten(self, volume: str) -> str:
        """The GUID of the snapshot that the last export was made of, if nothing was written since; else ''."""
        mark = f"{volume}#{MARK}"
        if mark in self.found and volume in self.found and self.found[volume].value(_WRITTEN) == "0":
            return self.guid(mark)
        return ""


def read_marks(host: Host, datasets: Sequence[str]) -> Marks:
    """These datasets, which exist, and all below them, with snapshots and bookmarks: one command, or none."""
    return Marks(read_with_points(host, datasets, _PROPERTIES))


def take(host: Host, dataset: str) -> None:
    """The snapshot of a dataset and of all below it that an export is made of."""
    host.run(["zfs", "snapshot", "-r", f"{dataset}@{MARK}"], what=f"cannot take the snapshot {dataset}@{MARK}")


def drop(host: Host, dataset: str, snapshot: str) -> None:
    """Destroy the snapshots of this name on a dataset and on all below it."""
    host.run(
        ["zfs", "destroy", "-r", f"{dataset}@{snapshot}"], what=f"cannot destroy the snapshot {dataset}@{snapshot}"
    )


def mark(host: Host, volume: str, marks: Marks) -> None:
    """Let a volume's bookmark be that of its snapshot. A pool that can have none does without: see Marks.unwritten."""
    name = f"{volume}#{MARK}"
    if marks.has(name):
        host.run(["zfs", "destroy", name], what=f"cannot destroy the bookmark {name}")
    what, argv = f"cannot make the bookmark {name}", ["zfs", "bookmark", f"{volume}@{MARK}", name]
    result = host.run(argv, what=what, accept=(0, 1))
    if result.rc != 0 and "bookmark feature not enabled" not in result.stderr:
        raise CommandError(what, result.argv, result.rc, result.stdout, result.stderr)


def sent(host: Host, snapshot: str) -> Chunks:
    """The compressed stream of a volume's snapshot."""
    # -L: volumes with blocks larger than 128 KiB arrive with the same blocks.
    commands = (("zfs", "send", "-L", snapshot), COMPRESS)
    with pipeline(host, commands, what=f"cannot send {snapshot}") as output:
        yield from _read(output.fileno())


def compressed(host: Host, path: str) -> Chunks:
    """The compressed content of a file or device."""
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(_opened(path))
        what = f"cannot compress {path}"
        output = stack.enter_context(pipeline(host, (COMPRESS,), what=what, source=source))
        yield from _read(output.fileno())


def plain(path: str) -> Chunks:
    """The content of a file as it is."""
    with _opened(path) as descriptor:
        try:
            yield from _read(descriptor)
        except OSError as error:
            raise FileError("read", path, error) from error


@contextlib.contextmanager
def cloned(host: Host, snapshot: str, clone: str) -> Iterator[str]:
    """The device node of a snapshot's content, by a clone that lives as long as the block."""
    host.run(["zfs", "clone", snapshot, clone], what=f"cannot clone {snapshot}")
    zfs = Zfs(host)
    try:
        zfs.wait_for_node(clone)
        yield volume_node(clone)
    except BaseException:
        with contextlib.suppress(ApiaryError):
            zfs.destroy(clone)
        raise
    zfs.destroy(clone)


def receive(host: Host, chunks: Iterable[bytes], volume: str, properties: Mapping[str, str]) -> None:
    """Make a volume from a compressed stream. Its snapshot is named RECEIVED; its space is not reserved."""
    options: List[str] = []
    for name, value in properties.items():
        options += ["-o", f"{name}={value}"]
    commands = (DECOMPRESS, ("zfs", "receive", "-u", *options, f"{volume}@{RECEIVED}"))
    run_pipeline(host, commands, what=f"cannot receive the volume {volume}", source=chunks)


def write_image(host: Host, chunks: Iterable[bytes], path: str, size: int) -> None:
    """Write a compressed image to a file, or to a volume that is all zero; FileError or CommandError.

    An image of another size than ``size`` bytes is refused before it is written beyond.
    """
    what = f"cannot write {path}"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        raise FileError("write", path, error) from error
    try:
        with pipeline(host, (DECOMPRESS,), what=what, source=chunks) as output:
            writer = SparseWriter(descriptor)
            for data in _read(output.fileno()):
                if writer.position + len(data) > size:
                    raise UnknownState(f"{what}: the image has more than the {size} bytes that the export speaks of")
                writer.write(data)
        if writer.position != size:
            raise UnknownState(f"{what}: the image has {writer.position} bytes, the export speaks of {size}")
        os.fsync(descriptor)
    except OSError as error:
        raise FileError("write", path, error) from error
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise FileError("read", path, error) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> Iterator[bytes]:
    while True:
        data = os.read(descriptor, CHUNK)
        if not data:
            return
        yield data
