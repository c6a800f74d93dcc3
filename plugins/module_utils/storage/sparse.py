# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing disk contents with their holes kept: what is zero is not written."""

from __future__ import annotations

import errno
import os
from typing import Callable, Iterator, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import FileError

#: What is zero throughout is left out in pieces of this size: the default block of a ZFS volume.
BLOCK = 16 << 10
CHUNK = 1 << 20
_ZEROS = bytes(CHUNK)

#: Told how many bytes of the input are done.
Note = Callable[[int], None]


def nothing(_done: int) -> None:
    """A Note that nobody wants."""


def runs(chunk: bytes) -> Iterator[Tuple[int, int]]:
    """The parts of a chunk that are not zero, as (start, end), in whole blocks (the last one may be shorter)."""
    if chunk == _ZEROS[: len(chunk)]:
        return
    start = -1
    for position in range(0, len(chunk), BLOCK):
        block = chunk[position : position + BLOCK]
        if block == _ZEROS[: len(block)]:
            if start >= 0:
                yield start, position
            start = -1
        elif start < 0:
            start = position
    if start >= 0:
        yield start, len(chunk)


class SparseWriter:
    """Appends to a file, or to a volume that is all zero, without writing zeros.

    ``position`` counts every byte, also those left out; finish() gives a regular file its full length and brings
    everything to the disk. OSError as it comes: the caller knows what is being written.
    """

    def __init__(self, descriptor: int, position: int = 0) -> None:
        self.position = position
        self._descriptor = descriptor

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        for start, end in runs(data):
            while start < end:
                start += os.pwrite(self._descriptor, view[start:end], self.position + start)
        self.position += len(data)

    def skip(self, count: int) -> None:
        """Pass over bytes that are zero."""
        self.position += count

    def finish(self, regular: bool) -> None:
        if regular:
            os.ftruncate(self._descriptor, self.position)
        os.fsync(self._descriptor)


def extents(descriptor: int, size: int) -> Iterator[Tuple[int, int]]:
    """The parts of a file that hold data, as (start, end); all of it where the system does not tell (devices)."""
    position = 0
    while position < size:
        try:
            start = os.lseek(descriptor, position, os.SEEK_DATA)
            end = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return  # nothing but a hole up to the end
            yield position, size
            return
        yield start, end
        position = end


def copy_sparse(source: str, target: str, size: int, *, regular: bool, note: Note = nothing) -> None:
    """Copy ``size`` bytes of a file or volume to a new file (``regular``, mode 0600) or to a volume that is all zero.

    Where the file system can share blocks between files (block_cloning of OpenZFS, reflinks), a regular copy does:
    copy_file_range(2) decides. FileError; the target is left for the caller to remove.
    """
    flags = os.O_WRONLY | os.O_CLOEXEC | (os.O_CREAT | os.O_TRUNC if regular else 0)
    try:
        with open(source, "rb", buffering=0) as file:
            descriptor = os.open(target, flags, 0o600)
            try:
                writer = SparseWriter(descriptor)
                for start, end in extents(file.fileno(), size):
                    writer.skip(start - writer.position)
                    if not (regular and _share(file.fileno(), descriptor, start, end)):
                        _copy(file.fileno(), writer, start, end, note)
                    writer.position = end
                    note(end)
                writer.position = size
                writer.finish(regular)
            finally:
                os.close(descriptor)
    except OSError as error:
        raise FileError(f"copy {source} to", target, error) from error


def _copy(source: int, writer: SparseWriter, start: int, end: int, note: Note) -> None:
    while start < end:
        data = os.pread(source, min(CHUNK, end - start), start)
        if not data:
            raise OSError(errno.EIO, "it is shorter than it was")
        writer.write(data)
        start += len(data)
        note(start)


def _share(source: int, target: int, start: int, end: int) -> bool:
    """Let the system copy, by sharing blocks if it can; whether it did. Not every Python knows the call."""
    if not hasattr(os, "copy_file_range"):
        return False
    while start < end:
        try:
            done = os.copy_file_range(source, target, min(end - start, 1 << 30), start, start)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                raise
            return False
        if not done:
            return False
        start += done
    return True
