# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A tar file whose members are streamed into it, their sizes and checksums not known beforehand.

tarfile(5) wants a member's size in front of it. The file is a regular one, so that the header is written when the
member's end has come. The first member has a fixed size that is reserved, and is written last. tar(1) reads it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tarfile
from typing import BinaryIO, Dict, Iterable, Iterator, NamedTuple, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError

BLOCK = tarfile.BLOCKSIZE
CHUNK = 1 << 20
#: The last member: the checksums of all others, as sha256sum(1) reads them.
SUMS = "SHA256SUMS"
_END = bytes(2 * BLOCK)
_PRIVATE = 0o600


class Extent(NamedTuple):
    """Where a member's data is in the file, and its mode."""

    offset: int
    size: int
    mode: int


def _header(name: str, size: int, mode: int, mtime: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, mode, mtime
    info.uname, info.gname = "root", "wheel"
    header = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    if len(header) != BLOCK:
        raise ApiaryError(f"the name {name} is too long for a member of an export")
    return header


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


class Writer:
    """Writes the file. OSError as it comes: the caller knows which file it is."""

    def __init__(self, file: BinaryIO, first: str, first_size: int, mtime: int) -> None:
        self.sums: Dict[str, str] = {}
        self._file = file
        self._first, self._first_size = first, first_size
        self._mtime = mtime
        file.write(bytes(BLOCK + first_size) + _padding(first_size))

    def add(self, name: str, chunks: Iterable[bytes], mode: int = _PRIVATE) -> Tuple[int, str]:
        """Append a member; its size and SHA-256."""
        place = self._file.tell()
        self._file.write(bytes(BLOCK))
        digest, size = hashlib.sha256(), 0
        for chunk in chunks:
            self._file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        self._file.write(_padding(size))
        end = self._file.tell()
        self._file.seek(place)
        self._file.write(_header(name, size, mode, self._mtime))
        self._file.seek(end)
        self.sums[name] = digest.hexdigest()
        return size, self.sums[name]

    def finish(self, first: bytes) -> None:
        """Write the first member, which has exactly the size that was reserved, the checksums and the end."""
        if len(first) != self._first_size:
            raise ValueError(f"{self._first} has {len(first)} bytes, {self._first_size} were reserved")
        sums = {self._first: hashlib.sha256(first).hexdigest(), **self.sums}
        text = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
        self.add(SUMS, [text.encode("utf-8", "surrogateescape")])
        self._file.write(_END)
        self._file.seek(0)
        self._file.write(_header(self._first, len(first), _PRIVATE, self._mtime) + first)
        self._file.flush()
        os.fsync(self._file.fileno())


class Reader:
    """Reads the file. ApiaryError, which names it, for one that is damaged or cut off."""

    def __init__(self, file: BinaryIO, path: str) -> None:
        self.path = path
        self._file = file

    def first(self, name: str, most: int) -> bytes:
        """The first member, which has this name and at most this size; ApiaryError for any other file."""
        found, extent = self._member(0, f"{self.path} is not an export of a guest")
        if found != name or extent.size > most:
            raise ApiaryError(f"{self.path} is not an export of a guest: it does not begin with {name}")
        data = self._read(extent.offset, extent.size)
        if len(data) != extent.size:
            raise self._cut(name)
        return data

    def members(self, first_size: int) -> Iterator[Tuple[str, Extent]]:
        """The members after the first one, which has this size, up to the checksums."""
        place = _after(Extent(BLOCK, first_size, 0))
        while True:
            name, extent = self._member(place, f"{self.path} is damaged")
            yield name, extent
            if name == SUMS:
                return
            place = _after(extent)

    def chunks(self, name: str, extent: Extent, digest: str) -> Iterator[bytes]:
        """A member's data; ApiaryError at its end when its SHA-256 is another one."""
        sum256 = hashlib.sha256()
        position, end = extent.offset, extent.offset + extent.size
        while position < end:
            data = self._read(position, min(CHUNK, end - position))
            if not data:
                raise self._cut(name)
            sum256.update(data)
            yield data
            position += len(data)
        if sum256.hexdigest() != digest:
            raise ApiaryError(
                f"{self.path} is damaged: {name} has the SHA-256 {sum256.hexdigest()}, and {digest} was written"
            )

    def _member(self, place: int, otherwise: str) -> Tuple[str, Extent]:
        header = self._read(place, BLOCK)
        if place and len(header) < BLOCK:
            raise self._cut("a member")
        try:
            info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise ApiaryError(f"{otherwise}: no member of a tar file is at byte {place} ({error})") from error
        return info.name, Extent(place + BLOCK, info.size, info.mode)

    def _read(self, position: int, size: int) -> bytes:
        try:
            self._file.seek(position)
            return self._file.read(size)
        except OSError as error:
            raise ApiaryError(f"cannot read {self.path}: {error.strerror}") from error

    def _cut(self, name: str) -> ApiaryError:
        return ApiaryError(f"{self.path} is cut off: it ends in the middle of {name}; copy it again")


def _after(extent: Extent) -> int:
    return extent.offset + extent.size + len(_padding(extent.size))


@contextlib.contextmanager
def open_reader(path: str) -> Iterator[Reader]:
    """A reader of a file; ApiaryError when it cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ApiaryError(f"cannot read {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        yield Reader(file, path)
