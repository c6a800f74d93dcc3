# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How large an .xz file is when it is uncompressed, from the index at its end ("The .xz File Format", 2.1 and 4)."""

from __future__ import annotations

import os
import zlib
from typing import Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import FileError

_FOOTER = 12
_LARGEST_INDEX = 64 << 20


def uncompressed_size(path: str) -> Optional[int]:
    """Bytes, or None if the file is no .xz file of one stream. FileError when it cannot be read."""
    try:
        with open(path, "rb") as file:
            end = file.seek(0, os.SEEK_END)
            if end < 2 * _FOOTER:
                return None
            file.seek(end - _FOOTER)
            footer = file.read(_FOOTER)
            size = (int.from_bytes(footer[4:8], "little") + 1) * 4
            if footer[10:] != b"YZ" or size > min(end - 2 * _FOOTER, _LARGEST_INDEX):
                return None
            file.seek(end - _FOOTER - size)
            return index_total(file.read(size))
    except OSError as error:
        raise FileError("read", path, error) from error


def index_total(index: bytes) -> Optional[int]:
    """The sum of the uncompressed sizes of an index; None if it is none."""
    if index[:1] != b"\0" or zlib.crc32(index[:-4]) != int.from_bytes(index[-4:], "little"):
        return None
    try:
        count, position = _number(index, 1)
        total = 0
        for _record in range(count):
            _unpadded, position = _number(index, position)
            size, position = _number(index, position)
            total += size
        return total
    except IndexError:
        return None


def _number(data: bytes, position: int) -> Tuple[int, int]:
    """A number of variable length, and the place behind it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, position
        shift += 7
