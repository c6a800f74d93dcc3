# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The container of exports: tar(1) reads it, and no damage goes unnoticed."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path
from typing import Dict

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.container import SUMS, Writer, _header, open_reader

FIRST = b'{"first": true}\n'
MEMBERS = {"guest.json": b"{}\n", "disks/root.zfs.zst": b"stream" * 1000, "files/empty": b""}


def written(path: Path) -> Dict[str, str]:
    """A container with MEMBERS; their checksums."""
    with open(path, "w+b") as file:
        writer = Writer(file, "manifest.json", len(FIRST), 1700000000)
        for name, data in MEMBERS.items():
            assert writer.add(name, [data[:10], data[10:]])[0] == len(data)
        writer.finish(FIRST)
        return writer.sums


def read(path: Path, sums: Dict[str, str]) -> Dict[str, bytes]:
    """All members but the first and the checksums."""
    with open_reader(str(path)) as reader:
        first = reader.first("manifest.json", 1 << 20)
        extents = dict(reader.members(len(first)))
        found = {name: b"".join(reader.chunks(name, extents[name], sums[name])) for name in extents}
        return {name: data for name, data in found.items() if name != SUMS}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.apiary"
    assert read(path, written(path)) == MEMBERS


def test_tar_and_sha256sum_read_it(tmp_path: Path) -> None:
    path = tmp_path / "x.apiary"
    written(path)
    listing = subprocess.run(["tar", "-tf", str(path)], capture_output=True, text=True, check=True).stdout.split()
    assert listing == ["manifest.json", *MEMBERS, SUMS]
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "-xf", str(path), "-C", str(out)], check=True)
    assert (out / "disks/root.zfs.zst").read_bytes() == MEMBERS["disks/root.zfs.zst"]
    subprocess.run(["sha256sum", "--quiet", "-c", SUMS], cwd=out, check=True)


def test_a_member_of_more_than_8_gib_has_its_size_in_the_header() -> None:
    header = _header("disks/big.img.zst", 9 << 40, 0o600, 0)
    assert len(header) == 512
    assert tarfile.TarInfo.frombuf(header, "utf-8", "strict").size == 9 << 40


def test_every_cut_and_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.apiary"
    sums = written(path)
    whole = path.read_bytes()
    end = whole.index(b"  files/empty\n")
    for size in [0, 100, 512, 513, 1024, 1100, 2000, len(whole) // 2, end]:
        path.write_bytes(whole[:size])
        with pytest.raises(ApiaryError, match=r"cut off|not an export"):
            read(path, sums)
    for name, data in MEMBERS.items():
        if data:
            place = whole.index(data)
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(ApiaryError, match=f"damaged: {name}"):
                read(path, sums)


def test_another_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    path.write_bytes(b"root:*:0:0::/root:/bin/sh\n" * 100)
    with pytest.raises(ApiaryError, match=r"passwd is not an export of a guest"):
        read(path, {})
    with pytest.raises(ApiaryError, match=r"cannot read .*nothing: No such file"):
        read(tmp_path / "nothing", {})
