# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disk files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import FileError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.files import create_file, grow_file

SIZE = 3 << 20


def test_a_sparse_file_has_its_size_and_no_blocks(tmp_path: Path) -> None:
    path = tmp_path / "root.img"
    create_file(Host(), str(path), SIZE, sparse=True)
    assert path.stat().st_size == SIZE
    assert path.stat().st_blocks * 512 < SIZE
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_full_file_is_allocated_also_where_the_file_system_cannot_allocate_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, start: int, length: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    create_file(Host(), str(tmp_path / "a.img"), SIZE, sparse=False)
    monkeypatch.setattr(os, "posix_fallocate", refuse)
    create_file(Host(), str(tmp_path / "b.img"), SIZE + 1, sparse=False)
    assert (tmp_path / "a.img").stat().st_blocks * 512 >= SIZE
    assert (tmp_path / "b.img").read_bytes() == b"\0" * (SIZE + 1)


def test_an_existing_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "root.img"
    path.write_bytes(b"data")
    with pytest.raises(FileError, match="File exists"):
        create_file(Host(), str(path), SIZE, sparse=True)
    assert path.read_bytes() == b"data"


def test_a_full_disk_leaves_no_half_made_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, start: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(FileError, match="No space left on device"):
        create_file(Host(), str(tmp_path / "root.img"), SIZE, sparse=False)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("sparse", [True, False])
def test_growing_keeps_the_data_and_never_shrinks(tmp_path: Path, sparse: bool) -> None:
    path = tmp_path / "root.img"
    path.write_bytes(b"data")
    grow_file(str(path), SIZE, sparse)
    assert path.stat().st_size == SIZE
    assert path.read_bytes()[:4] == b"data"
    grow_file(str(path), 1, sparse)
    assert path.stat().st_size == SIZE
