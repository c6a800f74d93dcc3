# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mkimg(1), with the scheme gpt and the format raw."""

from __future__ import annotations

import errno
import os
import struct
import sys
import uuid
import zlib
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from .. import paths
from ..system import cli

PATHS = ("/usr/bin/mkimg",)

_FORMATS = "vmdk vhdx vhdf vhd raw qcow2 qcow"
_SCHEMES = "vtoc8 mbr gpt ebr bsd apm"
_SECTOR = 512
#: Sectors of the table of partitions: the 16 KiB that UEFI wants at least.
_TABLE = 32
_TYPES = {
    "efi": "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
    "freebsd": "516e7cb4-6ecf-11d6-8ff8-00022d09712b",
    "freebsd-boot": "83bd6b9d-7f41-11dc-be0b-001560b84f0f",
    "freebsd-swap": "516e7cb5-6ecf-11d6-8ff8-00022d09712b",
    "freebsd-ufs": "516e7cb6-6ecf-11d6-8ff8-00022d09712b",
    "freebsd-zfs": "516e7cba-6ecf-11d6-8ff8-00022d09712b",
    "ms-basic-data": "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",
}
_NAMESPACE = uuid.UUID("2c6dc0c1-0d5d-4a4c-9f3c-0d6c1c7d8f55")


@dataclass
class _Partition:
    type: str
    label: str
    path: str  # its content, or
    size: int  # bytes of nothing
    start: int = 0  # in sectors, as is the length
    length: int = 0


class _Failure(Exception):
    """errc(3): the exit status and the text."""

    def __init__(self, status: int, text: str, number: int) -> None:
        super().__init__(f"{text}: {os.strerror(number)}")
        self.status = status


def _usage(why: str) -> int:
    print(f"mkimg: error: {why}\n\nusage: mkimg <options>", file=sys.stderr)
    return cli.EX_USAGE


def _number(text: str) -> int:
    """expand_number(3)."""
    units = {"k": 10, "m": 20, "g": 30, "t": 40}
    shift = units.get(text[-1:].lower(), 0)
    digits = text[:-1] if shift else text
    if not digits.isdigit():
        raise ValueError(text)
    return int(digits) << shift


def _partition(text: str) -> Optional[_Partition]:
    """``type[/label]:=file`` or ``type[/label]::size``; None for ``-``, an entry that is not used."""
    if text == "-":
        return None
    alias, colon, rest = text.partition(":")
    kind, label = alias.partition("/")[::2]
    if not colon or not kind or ("/" in alias and not label) or rest[:1] not in (":", "=", "-"):
        raise _Failure(cli.EX_DATAERR, "partition", errno.EINVAL)
    contents, _colon, offset = rest[1:].partition(":")
    if rest[0] == "-" or offset:
        cli.not_built("mkimg", "a command or an offset of a partition")
    try:
        return _Partition(kind, label, contents if rest[0] == "=" else "", 0 if rest[0] == "=" else _number(contents))
    except ValueError:
        raise _Failure(cli.EX_DATAERR, "partition", errno.EINVAL) from None


def _lay_out(partitions: Sequence[Optional[_Partition]], block: int) -> int:
    """Give each partition its place; the sectors of the image. ``block`` is the physical block size in sectors."""
    for number, one in enumerate(partitions, 1):
        if one is not None and (one.type not in _TYPES or len(one.label) > 36):
            raise _Failure(cli.EX_DATAERR, f"partition {number}", errno.EINVAL)
    place = _round(_TABLE + 2, block)
    for number, one in enumerate(partitions, 1):
        if one is None:
            continue
        size = one.size
        if one.path:
            try:
                size = os.stat(paths.root(one.path)).st_size
            except OSError as error:
                raise _Failure(74, f"partition {number}", error.errno or 0) from None
        one.start, one.length = place, -(-size // _SECTOR)
        place = _round(one.start + one.length, block)
    return _round(place + _TABLE + 1, block)


def _round(sectors: int, block: int) -> int:
    return -(-sectors // block) * block


def _identifier(predictable: bool, what: str) -> bytes:
    return (uuid.uuid5(_NAMESPACE, what) if predictable else uuid.uuid1()).bytes_le


def _table(partitions: Sequence[Optional[_Partition]], predictable: bool) -> bytes:
    entries = b""
    for number, one in enumerate(partitions):
        if one is None:
            entries += bytes(128)
            continue
        kind, own = uuid.UUID(_TYPES[one.type]).bytes_le, _identifier(predictable, f"partition {number}")
        span = struct.pack("<QQQ", one.start, one.start + one.length - 1, 0)
        entries += kind + own + span + one.label.encode("utf-16-le").ljust(72, b"\0")
    return entries.ljust(_TABLE * _SECTOR, b"\0")


def _header(sectors: int, disk: bytes, table: bytes, first: bool) -> bytes:
    """A GPT header (UEFI specification, 5.3.2): the one at the beginning or the one at the end."""
    own, other, place = (1, sectors - 1, 2) if first else (sectors - 1, 1, sectors - _TABLE - 1)

    def packed(crc: int) -> bytes:
        return struct.pack(
            "<8sIIIIQQQQ16sQIII",
            b"EFI PART",
            0x10000,
            92,
            crc,
            0,
            own,
            other,
            _TABLE + 2,
            sectors - _TABLE - 2,
            disk,
            place,
            _TABLE * _SECTOR // 128,
            128,
            zlib.crc32(table),
        )

    return packed(zlib.crc32(packed(0))).ljust(_SECTOR, b"\0")


def _protective(bootcode: bytes, sectors: int) -> bytes:
    entry = struct.pack("<BBBBBBBBII", 0, 0, 2, 0, 0xEE, 0xFF, 0xFF, 0xFF, 1, min(sectors - 1, 0xFFFFFFFF))
    # DOSPARTOFF is 446: what the boot code has behind that goes.
    return bootcode[:446].ljust(446, b"\0") + entry + bytes(48) + b"\x55\xaa"


def _write(
    target: int, partitions: Sequence[Optional[_Partition]], sectors: int, boot: bytes, predictable: bool
) -> None:
    table = _table(partitions, predictable)
    disk = _identifier(predictable, "disk")
    os.ftruncate(target, sectors * _SECTOR)
    os.pwrite(target, _protective(boot, sectors), 0)
    os.pwrite(target, _header(sectors, disk, table, True) + table, _SECTOR)
    os.pwrite(target, table + _header(sectors, disk, table, False), (sectors - _TABLE - 1) * _SECTOR)
    for one in partitions:
        if one is None or not one.path:
            continue
        with open(paths.root(one.path), "rb") as source:
            place = one.start * _SECTOR
            while True:
                data = source.read(1 << 20)
                if not data:
                    break
                if data.count(0) != len(data):
                    os.pwrite(target, data, place)
                place += len(data)


def _make(options: Sequence[Tuple[str, str]]) -> int:
    given: Dict[str, str] = dict(options)
    for letter in given:
        if letter in "aCcHSTv":
            cli.not_built("mkimg", f"-{letter}")
    if given.get("f", "raw") not in _FORMATS.split():
        raise _Failure(cli.EX_DATAERR, "format", errno.EINVAL)
    if given.get("f", "raw") != "raw":
        cli.not_built("mkimg", f"the format {given['f']}")
    if given.get("s", "gpt") not in _SCHEMES.split():
        raise _Failure(cli.EX_DATAERR, "scheme", errno.EINVAL)
    partitions: List[Optional[_Partition]] = [_partition(value) for letter, value in options if letter == "p"]
    if "s" not in given and partitions:
        return _usage("no scheme")
    if not partitions:
        return _usage("no partitions")
    if given["s"] != "gpt":
        cli.not_built("mkimg", f"the scheme {given['s']}")
    block = _block(given.get("P", str(_SECTOR)))
    boot = _bootcode(given["b"]) if "b" in given else b""
    target = 1
    if "o" in given:
        # Before anything is looked at, as getopt comes by: what was there is gone when the rest fails.
        target = os.open(paths.root(given["o"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    else:
        cli.not_built("mkimg", "writing to stdout")
    try:
        _write(target, partitions, _lay_out(partitions, block), boot, "y" in given)
    except OSError as error:
        raise _Failure(74, "writing image", error.errno or 0) from None
    finally:
        os.close(target)
    return 0


def _block(text: str) -> int:
    try:
        size = _number(text)
    except ValueError:
        size = 0
    if size < _SECTOR or size > 1 << 31 or size & (size - 1):
        raise _Failure(cli.EX_DATAERR, "physical sector size", errno.EINVAL)
    return size // _SECTOR


def _bootcode(path: str) -> bytes:
    try:
        with open(paths.root(path), "rb") as file:
            content = file.read()
    except OSError as error:
        raise _Failure(cli.EX_UNAVAILABLE, path, error.errno or 0) from None
    if len(content) > _SECTOR:
        raise _Failure(cli.EX_DATAERR, "boot code", errno.EFBIG)
    return content


def main(argv: Sequence[str]) -> int:
    longs = {"--formats": _FORMATS, "--schemes": _SCHEMES, "--version": "mkimg 20211126 (64-bit)"}
    for word in argv[1:]:
        if word in longs:
            print(longs[word])
            return 0
    try:
        options, words = cli.getopt(argv, "a:b:c:C:f:o:p:s:vyH:P:S:T:")
    except cli.OptionError as error:
        print(f"mkimg: {error}", file=sys.stderr)
        return _usage("unknown option")
    if words:
        return _usage("trailing arguments")
    try:
        return _make(options)
    except _Failure as failure:
        cli.warn("mkimg", str(failure))
        return failure.status
    except OSError as error:
        cli.warn("mkimg", f"{error.filename}: {cli.strerror(error)}")
        return cli.EX_CANTCREAT
