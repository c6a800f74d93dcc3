# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The format of `zfs send` here: a stream of records that carries real content. (Not OpenZFS's own format.)

A stream is MAGIC, then records: eight bytes of lengths, a header in JSON, data. A snapshot is `begin`, `put` (a file, a
directory, a link, or a volume), `data` (a part of a file), `gone` (for incremental ones), `end`. `last` ends the
stream, so that one that was cut off is noticed.
"""

from __future__ import annotations

import binascii
import json
import os
import stat
import struct
import zlib
from typing import Any, BinaryIO, Dict, Iterator, List, NamedTuple, Optional, Tuple

from . import content
from .errors import ZfsError

MAGIC = b"STANDIN-ZFS-STREAM-1\n"
_LENGTHS = struct.Struct(">II")
_PART = 1 << 17
Header = Dict[str, Any]


class Record(NamedTuple):
    header: Header
    data: bytes


class Truncated(Exception):
    """The stream ends before its end."""


def write(output: BinaryIO, header: Header, data: bytes = b"") -> None:
    text = json.dumps(header, separators=(",", ":")).encode()
    output.write(_LENGTHS.pack(len(text), len(data)) + text + data)


def read(source: BinaryIO) -> Iterator[Record]:
    """The records after MAGIC. Truncated when the source ends before the record `last`."""
    while True:
        lengths = _exactly(source, _LENGTHS.size)
        header_length, data_length = _LENGTHS.unpack(lengths)
        header: Header = json.loads(_exactly(source, header_length))
        record = Record(header, _exactly(source, data_length))
        yield record
        if header["kind"] == "last":
            return


def _exactly(source: BinaryIO, length: int) -> bytes:
    data = source.read(length)
    if len(data) != length:
        raise Truncated()
    return data


def records(object_id: str, base_id: Optional[str]) -> Iterator[Record]:
    """The content of a snapshot, or what differs from an older one; always in the same order."""
    top = content.path(object_id)
    now = content.kept_shape(object_id)
    before = content.kept_shape(base_id) if base_id else {}
    for name in sorted(set(before) - set(now), reverse=True):
        yield Record({"kind": "gone", "path": name}, b"")
    if os.path.isdir(top) and "" not in now:
        yield Record(_meta("", top), b"")
    for name in sorted(now):
        grown = base_id and not name and os.path.getsize(content.path(base_id)) != os.path.getsize(top)
        if base_id and before.get(name, [])[:2] == now[name][:2] and not grown:
            continue
        place = os.path.join(top, name) if name else top
        header = _meta(name, place)
        yield Record(header, b"")
        if header["type"] == "file":
            yield from _parts(name, place)


def _meta(name: str, place: str) -> Header:
    info = os.lstat(place)
    header: Header = {
        "kind": "put",
        "path": name,
        "mode": stat.S_IMODE(info.st_mode),
        "uid": info.st_uid,
        "gid": info.st_gid,
        "mtime": info.st_mtime_ns,
        "atime": info.st_atime_ns,
        "type": "other",
    }
    if stat.S_ISDIR(info.st_mode):
        header["type"] = "directory"
    elif stat.S_ISLNK(info.st_mode):
        header.update(type="link", target=os.readlink(place))
    elif stat.S_ISREG(info.st_mode):
        header.update(type="file", size=info.st_size)
    return header


def _parts(name: str, place: str) -> Iterator[Record]:
    with open(place, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        for start, end in content.extents(stream.fileno(), size):
            while start < end:
                data = os.pread(stream.fileno(), min(_PART, end - start), start)
                yield Record({"kind": "data", "path": name, "at": start}, data)
                start += len(data)


class Applier:
    """Writes records into an object (the content of the dataset that receives)."""

    def __init__(self, object_id: str) -> None:
        self.top = content.path(object_id)
        self._times: List[Tuple[str, Header]] = []

    def apply(self, record: Record) -> None:
        header = record.header
        place = os.path.join(self.top, header["path"]) if header["path"] else self.top
        if header["kind"] == "gone":
            if os.path.isdir(place) and not os.path.islink(place):
                os.rmdir(place)
            else:
                os.unlink(place)
        elif header["kind"] == "data":
            descriptor = os.open(place, os.O_WRONLY)
            try:
                os.pwrite(descriptor, record.data, header["at"])
            finally:
                os.close(descriptor)
        else:
            self._put(place, header)

    def _put(self, place: str, header: Header) -> None:
        if header["type"] == "directory":
            os.makedirs(place, exist_ok=True)
        elif header["type"] == "link":
            if os.path.lexists(place):
                os.unlink(place)
            os.symlink(header["target"], place)
        elif header["type"] == "file":
            with open(place, "wb") as stream:
                stream.truncate(header["size"])
        else:
            return
        self._times.append((place, header))

    def finish(self) -> None:
        """Owners, modes and times, once all is written."""
        for place, header in reversed(self._times):
            if os.geteuid() == 0:
                os.lchown(place, header["uid"], header["gid"])
            if header["type"] != "link":
                os.chmod(place, header["mode"])
            os.utime(place, ns=(header["atime"], header["mtime"]), follow_symlinks=False)
        self._times = []


def token(facts: Header) -> str:
    """A receive_resume_token: version, checksum, length, compressed facts."""
    plain = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
    packed = zlib.compress(plain)
    return f"1-{zlib.crc32(packed):x}-{len(plain):x}-{packed.hex()}"


def parse_token(text: str) -> Header:
    """The facts of a token; ZfsError for one that is damaged."""
    try:
        version, checksum, _length, packed_hex = text.split("-")
        packed = bytes.fromhex(packed_hex)
        if version != "1" or zlib.crc32(packed) != int(checksum, 16):
            raise ValueError(text)
        facts: Header = json.loads(zlib.decompress(packed))
        return facts
    except (ValueError, zlib.error, binascii.Error):
        raise ZfsError("cannot resume send: resume token is corrupt (incorrect checksum)", 255) from None
