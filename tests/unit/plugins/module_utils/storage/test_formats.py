# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a file is by its first bytes, and which qcow2 images are refused."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.formats import detect, detect_inner
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.qcow2 import parse_header


def qcow2(version: int = 3, backing: int = 0, size: int = 1 << 30, encryption: int = 0, features: int = 0) -> bytes:
    """A header as in QEMU's docs/interop/qcow2.txt."""
    head = struct.pack(">4sIQIIQII", b"QFI\xfb", version, backing, 0, 16, size, encryption, 1)
    head += struct.pack(">QQIIQ", 0, 0, 0, 0, 0)[:24]
    head += struct.pack(">QQQII", features, 0, 0, 4, 104)
    return head.ljust(512, b"\0")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (lzma.compress(b"x"), "xz"),
        (gzip.compress(b"x"), "gz"),
        (bz2.compress(b"x"), "bz2"),
        (b"\x28\xb5\x2f\xfd\x04", "zst"),
        (qcow2(), "qcow2"),
        (bytes(512), "raw"),
        (b"\xeb\x3c\x90" + bytes(507) + b"\x55\xaa", "raw"),
        (b"\0", "raw"),
    ],
    ids=["xz", "gz", "bz2", "zst", "qcow2", "zeros", "mbr", "short"],
)
def test_the_first_bytes_tell(content: bytes, kind: str) -> None:
    assert detect(content, "it") == kind


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"KDMV" + bytes(508), "a VMDK image.*qemu-img convert"),
        (b"vhdxfile", "a VHDX image"),
        (b"PK\x03\x04", "a ZIP archive.*unpack it"),
        (bytes(257) + b"ustar\0", "a tar archive"),
        (bytes(64) + b"\x7f\x10\xda\xbe", "a VDI image"),
        (b"\n<!DOCTYPE HTML>\n<html>", "a web page"),
    ],
    ids=["empty", "vmdk", "vhdx", "zip", "tar", "vdi", "html"],
)
def test_what_is_no_disk_is_named(content: bytes, reason: str) -> None:
    with pytest.raises(ApiaryError, match=reason):
        detect(content, "it")


def test_a_file_that_is_compressed_twice_is_refused() -> None:
    with pytest.raises(ApiaryError, match="compressed twice .gz within"):
        detect_inner(gzip.compress(b"x"), "it")


@pytest.mark.parametrize("version", [2, 3])
def test_a_whole_qcow2_image_tells_its_size(version: int) -> None:
    assert parse_header(qcow2(version, size=5 << 30), "it").size == 5 << 30


def test_an_image_that_was_not_closed_properly_is_taken() -> None:
    assert parse_header(qcow2(features=1), "it").version == 3


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (qcow2(backing=200), "backing file"),
        (qcow2(2, backing=200), "backing file"),
        (qcow2(encryption=2), "encrypted"),
        (qcow2(features=1 << 2), "data is in another file"),
        (qcow2(features=1 << 1), "marked as corrupt"),
        (qcow2(features=1 << 9), "unknown incompatible features .0x200."),
        (qcow2(1), "version 1"),
        (qcow2(size=0), "no whole number"),
        (qcow2(size=1000), "1000 bytes, which is no whole number"),
        (qcow2()[:40], "cut off"),
        (qcow2()[:90], "cut off"),
        (bytes(104), "not a qcow2 image"),
    ],
    ids=[str(number) for number in range(12)],
)
def test_a_qcow2_image_that_must_not_be_used_is_refused(header: bytes, reason: str) -> None:
    with pytest.raises(ApiaryError, match=f"^it .*{reason}"):
        parse_header(header, "it")
