# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checksums as declared, and files of them as real projects publish them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput, FileError
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.checksum import (
    Checksum,
    digests_of,
    find_digest,
    parse_checksum,
)

A, B = "a1" * 32, "b2" * 32
C = "c" * 64
LONG = "c3" * 64


@pytest.mark.parametrize(
    ("text", "value", "by_file"),
    [
        (f"sha256:{A}", A, False),
        (f"SHA256:{A.upper()}", A, False),
        (f" sha512:{LONG} ", LONG, False),
        ("sha256:https://example.org/SHA256SUMS", "https://example.org/SHA256SUMS", True),
        ("sha512:/var/tmp/SHA512SUMS", "/var/tmp/SHA512SUMS", True),
    ],
)
def test_a_checksum_is_a_digest_or_where_one_is(text: str, value: str, by_file: bool) -> None:
    checksum = parse_checksum(text, "checksum")
    assert (checksum.value, checksum.by_file) == (value, by_file)
    assert parse_checksum(str(checksum), "checksum") == checksum


@pytest.mark.parametrize(
    "text",
    [A, f"md5:{A}", f"sha256:{A[:-1]}", f"sha256:{LONG}", f"sha256:{'g' * 64}", "sha256:ftp://x/SUMS", "sha256:", ""],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="^checksum: "):
        parse_checksum(text, "checksum")


GNU = f"{A}  disk.qcow2\n{B} *other.qcow2\n"
BSD = f"SHA256 (disk.qcow2) = {A}\nSHA256 (other.qcow2) = {B}\n"
SIGNED = f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{A} *disk.qcow2\n-----BEGIN PGP SIGNATURE-----\nxyz\n"
FEDORA = f"# disk.qcow2: 1234 bytes\nSHA256 (disk.qcow2) = {A}\n"
BOTH = f"SHA512 (disk.qcow2) = {LONG}\nSHA256 (disk.qcow2) = {A}\n"
PATHS = f"{A}  ./images/disk.qcow2\r\n{B}  ./images/disk.qcow2.torrent\r\n"


@pytest.mark.parametrize("text", [GNU, BSD, SIGNED, FEDORA, BOTH, PATHS, f"{A}\n", f"{A.upper()}  disk.qcow2"])
def test_the_digest_is_found_by_the_files_name(text: str) -> None:
    assert find_digest(text, "sha256", ["disk.qcow2"], "SUMS") == A


def test_the_name_at_any_mirror_will_do() -> None:
    assert find_digest(GNU, "sha256", ["latest.qcow2", "other.qcow2"], "SUMS") == B


def test_of_files_of_one_name_the_path_tells() -> None:
    text = f"{B}  ./netboot/gtk/netboot.tar.gz\n{A}  ./netboot/netboot.tar.gz\n"
    assert find_digest(text, "sha256", ["/debian/current/images/netboot/netboot.tar.gz"], "SUMS") == A
    assert find_digest(text, "sha256", ["/debian/current/images/netboot/gtk/netboot.tar.gz"], "SUMS") == B
    assert find_digest(f"{text}{C}  netboot.tar.gz\n", "sha256", ["/images/netboot.tar.gz"], "SUMS") == C
    for elsewhere in ("netboot.tar.gz", "/var/images/netboot.tar.gz"):
        with pytest.raises(ApiaryError, match="SUMS has more than one sha256 digest for netboot"):
            find_digest(text, "sha256", [elsewhere], "SUMS")


def test_the_longer_digest_is_told_from_the_shorter() -> None:
    assert find_digest(BOTH, "sha512", ["disk.qcow2"], "SUMS") == LONG


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GNU, "SUMS has no sha256 digest for disk; it has disk.qcow2, other.qcow2"),
        ("<html>not found</html>", "it has no sha256 digest at all"),
        (f"{A}  disk\n{B}  disk\n", "more than one"),
        (f"{LONG}  disk\n", "no sha256 digest"),
    ],
)
def test_a_file_without_the_digest_says_what_it_has(text: str, reason: str) -> None:
    with pytest.raises(ApiaryError, match=reason):
        find_digest(text, "sha256", ["disk"], "SUMS")


def test_digests_of_a_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10000
    (tmp_path / "x").write_bytes(content)
    told: list[int] = []
    digests = digests_of(str(tmp_path / "x"), ["sha256", "sha512"], told.append)
    assert digests == {name: hashlib.new(name, content).hexdigest() for name in ("sha256", "sha512")}
    assert told[-1] == len(content)
    assert str(Checksum("sha256", digests["sha256"])) == f"sha256:{digests['sha256']}"
    with pytest.raises(FileError, match="cannot read .*missing"):
        digests_of(str(tmp_path / "missing"), ["sha256"], told.append)
