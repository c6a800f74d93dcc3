# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The contents of datasets: directories and sparse files below the lab's disk, which survive a power cut.

A file system is a directory that is bind-mounted, a volume one sparse file, a snapshot a copy of either (by reflink
where the lab's disk can). Where ZFS shares blocks, the accounting here shares whole files: a file that was rewritten in
part counts whole.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from typing import Dict, Iterator, List, Optional, Tuple

from .. import paths, state

FICLONE = 0x40049409
SNAPDIR = ".zfs"  # see snapdirs.py; belongs to no snapshot and to no stream
LARGEST_FILE = 8 << 40  # ext4 ends at 16 TiB; a larger volume has its size in its properties only
Shape = Dict[str, List[int]]  # path within the dataset -> [mtime in ns, size, bytes allocated]


def directory() -> str:
    return os.path.join(paths.DISK, "zfs")


def path(object_id: str) -> str:
    """Where the content of a dataset or snapshot is."""
    return os.path.join(directory(), object_id)


def _shape_path(object_id: str) -> str:
    return path(object_id) + ".shape"


def create_filesystem(object_id: str) -> None:
    os.makedirs(path(object_id), 0o755)


def create_volume(object_id: str, size: int) -> None:
    os.makedirs(directory(), exist_ok=True)
    with open(path(object_id), "wb") as stream:
        os.fchmod(stream.fileno(), 0o640)
        stream.truncate(min(size, LARGEST_FILE))


def resize_volume(object_id: str, size: int) -> None:
    """A larger volume holds no more data: its time stays, by which it is told whether it was written to."""
    where = path(object_id)
    before = os.stat(where)
    os.truncate(where, min(size, LARGEST_FILE))
    if size >= before.st_size:
        os.utime(where, ns=(before.st_atime_ns, before.st_mtime_ns))


def mend_volume(node: str) -> None:
    """Give a volume its length again, should somebody have opened its node as a file to be overwritten from the start.

    A device keeps its size whatever is done to it; the file behind a node here does not.
    """
    real = os.path.realpath(node)
    if os.path.dirname(real) != os.path.realpath(directory()):
        return
    for pool in state.peek("disk", "zpool").get("pools", {}).values():
        for dataset in pool["datasets"].values():
            if dataset["object"] == os.path.basename(real) and dataset["type"] == "volume":
                size = min(int(dataset["props"]["volsize"]), LARGEST_FILE)
                if os.stat(real).st_size != size:
                    os.truncate(real, size)


def destroy(object_id: str) -> None:
    where = path(object_id)
    if os.path.isdir(where):
        _remove(where)
    elif os.path.exists(where):
        os.unlink(where)
    if os.path.exists(_shape_path(object_id)):
        os.unlink(_shape_path(object_id))


def copy(source_id: str, target_id: str) -> None:
    """A new object with the same content."""
    source, target = path(source_id), path(target_id)
    if os.path.isdir(source):
        os.mkdir(target)
        _copy_directory(source, target)
    else:
        _copy_file(source, target)


def restore(source_id: str, target_id: str) -> None:
    """Put a snapshot's content into an object that may be mounted or open: its own inode stays."""
    source, target = path(source_id), path(target_id)
    if not os.path.isdir(source):
        _copy_file(source, target)
        return
    for entry in os.scandir(target):
        if entry.name == SNAPDIR:
            continue
        if entry.is_dir(follow_symlinks=False):
            _remove(entry.path)
        else:
            os.unlink(entry.path)
    _copy_directory(source, target)


def _copy_directory(source: str, target: str) -> None:
    linked: Dict[Tuple[int, int], str] = {}
    pending = [(source, target)]
    done: List[Tuple[str, str]] = []
    while pending:
        old, new = pending.pop()
        done.append((old, new))
        for entry in os.scandir(old):
            if old == source and entry.name == SNAPDIR:
                continue
            place = os.path.join(new, entry.name)
            info = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                os.mkdir(place)
                pending.append((entry.path, place))
            elif stat.S_ISREG(info.st_mode):
                first = linked.get((info.st_dev, info.st_ino))
                if first is not None:
                    os.link(first, place)
                    continue
                _copy_file(entry.path, place)
                if info.st_nlink > 1:
                    linked[(info.st_dev, info.st_ino)] = place
            elif stat.S_ISLNK(info.st_mode):
                os.symlink(os.readlink(entry.path), place)
                _copy_metadata(entry.path, place, info)
            elif not stat.S_ISSOCK(info.st_mode):
                os.mknod(place, info.st_mode, info.st_rdev)
                _copy_metadata(entry.path, place, info)
    for old, new in reversed(done):
        _copy_metadata(old, new, os.lstat(old))


def _copy_metadata(source: str, target: str, info: os.stat_result) -> None:
    if os.geteuid() == 0:
        os.lchown(target, info.st_uid, info.st_gid)
    if not stat.S_ISLNK(info.st_mode):
        os.chmod(target, stat.S_IMODE(info.st_mode))
    os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns), follow_symlinks=False)


def _copy_file(source: str, target: str) -> None:
    with open(source, "rb") as old:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as new:
            info = os.fstat(old.fileno())
            try:
                fcntl.ioctl(new.fileno(), FICLONE, old.fileno())
                os.ftruncate(new.fileno(), info.st_size)
            except OSError:
                os.ftruncate(new.fileno(), 0)
                os.ftruncate(new.fileno(), info.st_size)
                for start, end in extents(old.fileno(), info.st_size):
                    _copy_range(old.fileno(), new.fileno(), start, end)
    _copy_metadata(source, target, info)


def extents(descriptor: int, size: int) -> Iterator[Tuple[int, int]]:
    """The parts of a file that hold data, as (start, end)."""
    position = 0
    while position < size:
        try:
            start = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError:
            return  # ENXIO: nothing but a hole up to the end
        end = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        yield start, end
        position = end


def _copy_range(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        copied = os.copy_file_range(source, target, min(end - start, 1 << 30), start, start)
        if not copied:
            return
        start += copied


def shape(object_id: str) -> Shape:
    """What is in a live dataset now."""
    where = path(object_id)
    if not os.path.isdir(where):
        info = os.stat(where)
        return {"": [info.st_mtime_ns, 0, info.st_blocks * 512]}
    found: Shape = {}
    pending = [where]
    while pending:
        for entry in os.scandir(pending.pop()):
            info = entry.stat(follow_symlinks=False)
            name = entry.path[len(where) + 1 :]
            if name == SNAPDIR:
                continue
            if stat.S_ISDIR(info.st_mode):
                pending.append(entry.path)
                found[name] = [0, 0, 0]
            else:
                found[name] = [info.st_mtime_ns, info.st_size, info.st_blocks * 512]
    return found


def keep_shape(object_id: str, value: Shape) -> None:
    """Note what a snapshot holds, so that space can be told without reading it again."""
    with open(_shape_path(object_id), "w", encoding="utf-8", errors="surrogateescape") as stream:
        json.dump(value, stream)


def kept_shape(object_id: str) -> Shape:
    try:
        with open(_shape_path(object_id), encoding="utf-8", errors="surrogateescape") as stream:
            value: Shape = json.load(stream)
            return value
    except FileNotFoundError:
        return shape(object_id)


def size_of(value: Shape, without: Optional[Shape] = None) -> int:
    """Bytes allocated by the files of one shape that the other does not have unchanged."""
    if not without:
        return sum(entry[2] for entry in value.values())
    return sum(entry[2] for name, entry in value.items() if without.get(name, entry[:0])[:2] != entry[:2])


def _remove(directory: str) -> None:
    import shutil  # with all its archivers: few calls remove anything

    shutil.rmtree(directory)
