# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a file of an image is, by its first bytes: never by its name."""

from __future__ import annotations

from typing import Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError

XZ, GZ, BZ2, ZST = "xz", "gz", "bz2", "zst"
COMPRESSIONS = (XZ, GZ, BZ2, ZST)
RAW, QCOW2 = "raw", "qcow2"

#: Bytes that detect() wants to see.
HEAD = 512

_MAGIC: Tuple[Tuple[bytes, str], ...] = (
    (b"\xfd7zXZ\0", XZ),
    (b"\x1f\x8b\x08", GZ),
    (b"BZh", BZ2),
    (b"\x28\xb5\x2f\xfd", ZST),
    (b"QFI\xfb", QCOW2),
)
# What people take for an image and is none that bhyve could use: offset, bytes, what it is, what to do.
_REFUSED: Tuple[Tuple[int, bytes, str, str], ...] = (
    (0, b"KDMV", "a VMDK image", "convert it with `qemu-img convert -O raw`"),
    (0, b"# Disk DescriptorFile", "the descriptor of a VMDK image", "convert it with `qemu-img convert -O raw`"),
    (0, b"vhdxfile", "a VHDX image", "convert it with `qemu-img convert -O raw`"),
    (0, b"conectix", "a VHD image", "convert it with `qemu-img convert -O raw`"),
    (64, b"\x7f\x10\xda\xbe", "a VDI image", "convert it with `qemu-img convert -O raw`"),
    (0, b"PK\x03\x04", "a ZIP archive", "unpack it and give the image that is in it"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and give the image that is in it"),
    (0, b"Rar!", "a RAR archive", "unpack it and give the image that is in it"),
    (257, b"ustar", "a tar archive", "unpack it and give the image that is in it"),
)
_PAGES = (b"<!doctype html", b"<html", b"<?xml")


def detect(head: bytes, what: str) -> str:
    """``raw``, ``qcow2`` or a compression, by a file's first HEAD bytes; ApiaryError for what is no disk image.

    ``what`` names the file in the message.
    """
    if not head:
        raise ApiaryError(f"{what} is empty")
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    for offset, magic, kind, advice in _REFUSED:
        if head[offset : offset + len(magic)] == magic:
            raise ApiaryError(f"{what} is {kind}, not a raw or qcow2 image; {advice}")
    if head.lstrip().lower().startswith(_PAGES):
        raise ApiaryError(f"{what} is a web page, not an image; look at its address in a browser")
    return RAW


def detect_inner(head: bytes, what: str) -> str:
    """As detect(), for what came out of a compressed file: that may not be compressed again. ApiaryError."""
    kind = detect(head, what)
    if kind in COMPRESSIONS:
        raise ApiaryError(f"{what} is compressed twice ({kind} within); uncompress it once by hand")
    return kind
