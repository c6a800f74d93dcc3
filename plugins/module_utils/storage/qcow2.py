# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The header of a qcow2 image (the format's specification: docs/interop/qcow2.txt of QEMU)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError

#: Bytes that parse_header() wants to see.
HEADER = 104

_V2 = struct.Struct(">4sIQIIQII")
_FEATURES = struct.Struct(">Q")
_CORRUPT, _DATA_FILE, _KNOWN = 1 << 1, 1 << 2, 0b11111


@dataclass(frozen=True)
class Header:
    """What counts for us: the size that a guest sees, in bytes."""

    version: int
    size: int


def parse_header(head: bytes, what: str) -> Header:
    """Read the header of a qcow2 image. ApiaryError, beginning with ``what``, for one that must not be used.

    An image with a backing file or an external data file would let its maker name files of this host, which would
    then become part of the disk.
    """
    if len(head) < _V2.size:
        raise ApiaryError(f"{what} is cut off: it ends within the qcow2 header")
    magic, version, backing, _length, _bits, size, encryption, _l1 = _V2.unpack_from(head)
    if magic != b"QFI\xfb":
        raise ApiaryError(f"{what} is not a qcow2 image")
    if version not in (2, 3):
        raise ApiaryError(f"{what} is a qcow image of version {version}; known are 2 and 3")
    if backing:
        raise ApiaryError(
            f"{what} is a qcow2 image with a backing file, only a part of a disk; "
            "make it whole where the backing file is: `qemu-img convert -O qcow2 IN OUT`"
        )
    if encryption:
        raise ApiaryError(f"{what} is an encrypted qcow2 image; decrypt it first (qemu-img convert)")
    if version == 3:
        if len(head) < HEADER:
            raise ApiaryError(f"{what} is cut off: it ends within the qcow2 header")
        _check_features(_FEATURES.unpack_from(head, _V2.size + 24)[0], what)
    if not size or size % 512:
        raise ApiaryError(f"{what} is a qcow2 image of {size} bytes, which is no whole number of 512-byte sectors")
    return Header(version, size)


def _check_features(features: int, what: str) -> None:
    if features & _DATA_FILE:
        raise ApiaryError(f"{what} is a qcow2 image whose data is in another file; convert it to a whole one first")
    if features & _CORRUPT:
        raise ApiaryError(f"{what} is a qcow2 image marked as corrupt; fetch or make it anew")
    if features & ~_KNOWN:
        raise ApiaryError(f"{what} is a qcow2 image with unknown incompatible features ({features:#x})")
