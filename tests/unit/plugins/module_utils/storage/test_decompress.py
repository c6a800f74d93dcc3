# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Holes are kept, and what is packed comes out whole or not at all."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import shutil
import subprocess
from pathlib import Path
from typing import Callable, Dict, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, FileError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.decompress import is_full, uncompress
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.sparse import copy_sparse, runs

BLOCK = 16 << 10
DATA = random.Random(4).randbytes(BLOCK)
HOLE = bytes(BLOCK)
DISK = DATA + HOLE * 100 + DATA * 3 + b"\0" * 511 + b"x" + HOLE * 200
PACK: Dict[str, Callable[[bytes], bytes]] = {"xz": lzma.compress, "gz": gzip.compress, "bz2": bz2.compress}


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        (HOLE * 3, []),
        (DATA, [(0, BLOCK)]),
        (HOLE + DATA + DATA + HOLE, [(BLOCK, 3 * BLOCK)]),
        (DATA + HOLE + DATA, [(0, BLOCK), (2 * BLOCK, 3 * BLOCK)]),
        (HOLE + b"x", [(BLOCK, BLOCK + 1)]),
        (HOLE + b"\0\0", []),
        (b"", []),
    ],
    ids=["holes", "data", "middle", "ends", "short", "short-hole", "empty"],
)
def test_runs(chunk: bytes, expected: object) -> None:
    assert list(runs(chunk)) == expected


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_a_copy_has_the_same_bytes_and_holes_where_it_is_zero(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(DISK)
    told: List[int] = []
    copy_sparse(str(source), str(target), len(DISK), regular=True, note=told.append)
    assert target.read_bytes() == DISK
    assert target.stat().st_mode & 0o777 == 0o600
    assert told[-1] == len(DISK)


def test_a_copy_into_a_volume_leaves_its_size_and_its_zeros(tmp_path: Path) -> None:
    source, volume = tmp_path / "a", tmp_path / "b"
    source.write_bytes(DISK)
    with open(volume, "wb") as file:
        file.truncate(len(DISK) + (1 << 20))
    copy_sparse(str(source), str(volume), len(DISK), regular=False)
    assert volume.read_bytes() == DISK + bytes(1 << 20)
    assert allocated(volume) < 8 * BLOCK


def test_a_copy_that_fails_names_both_ends(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=f"cannot copy {tmp_path}/a to {tmp_path}/b: No such file"):
        copy_sparse(f"{tmp_path}/a", f"{tmp_path}/b", 1, regular=True)


@pytest.mark.parametrize("kind", sorted(PACK))
def test_what_was_packed_comes_out_with_holes(tmp_path: Path, kind: str) -> None:
    (tmp_path / "packed").write_bytes(PACK[kind](DISK))
    told: List[int] = []
    size = uncompress(Host(), kind, f"{tmp_path}/packed", f"{tmp_path}/raw", "it", told.append)
    assert (tmp_path / "raw").read_bytes() == DISK
    assert size == len(DISK)
    assert allocated(tmp_path / "raw") < 8 * BLOCK
    assert told[-1] == (tmp_path / "packed").stat().st_size


def test_several_streams_one_after_the_other_are_one_file(tmp_path: Path) -> None:
    (tmp_path / "packed").write_bytes(lzma.compress(DATA) + lzma.compress(DISK))
    uncompress(Host(), "xz", f"{tmp_path}/packed", f"{tmp_path}/raw", "it", lambda done: None)
    assert (tmp_path / "raw").read_bytes() == DATA + DISK


@pytest.mark.parametrize("kind", sorted(PACK))
def test_what_is_cut_off_is_said_to_be(tmp_path: Path, kind: str) -> None:
    packed = PACK[kind](DISK)
    (tmp_path / "packed").write_bytes(packed[: len(packed) * 2 // 3])
    with pytest.raises(ApiaryError, match="^it is cut off: the compressed data ends too early"):
        uncompress(Host(), kind, f"{tmp_path}/packed", f"{tmp_path}/raw", "it", lambda done: None)


@pytest.mark.parametrize("kind", sorted(PACK))
def test_what_is_damaged_is_said_to_be(tmp_path: Path, kind: str) -> None:
    packed = bytearray(PACK[kind](DISK))
    packed[len(packed) // 2] ^= 0xFF
    packed[len(packed) // 2 + 1] ^= 0xFF
    (tmp_path / "packed").write_bytes(bytes(packed))
    with pytest.raises(ApiaryError, match="^it is (damaged|cut off)"):
        uncompress(Host(), kind, f"{tmp_path}/packed", f"{tmp_path}/raw", "it", lambda done: None)


@pytest.mark.skipif(shutil.which("zstd", path="/usr/bin:/bin:/usr/local/bin") is None, reason="no zstd(1) here")
def test_zstd(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(DISK)
    subprocess.run(["zstd", "-q", "x", "-o", "packed"], cwd=tmp_path, check=True)
    host = Host()
    told: List[int] = []
    assert uncompress(host, "zst", f"{tmp_path}/packed", f"{tmp_path}/raw", "it", told.append) == len(DISK)
    assert (tmp_path / "raw").read_bytes() == DISK
    assert told[-1] == (tmp_path / "packed").stat().st_size
    assert host.commands == [("zstd", "-q", "-d", "-c")]
    (tmp_path / "packed").write_bytes((tmp_path / "packed").read_bytes()[:5000])
    with pytest.raises(ApiaryError, match="it cannot be uncompressed.*exited 1.*premature end"):
        uncompress(host, "zst", f"{tmp_path}/packed", f"{tmp_path}/raw", "it", told.append)


def test_a_full_disk_is_known_by_its_error(tmp_path: Path) -> None:
    (tmp_path / "packed").write_bytes(gzip.compress(DISK))
    with pytest.raises(FileError, match="cannot write the image /dev/full: No space left") as raised:
        uncompress(Host(), "gz", f"{tmp_path}/packed", "/dev/full", "it", lambda done: None)
    assert is_full(raised.value)
    assert not is_full(ApiaryError("wrong checksum"))
