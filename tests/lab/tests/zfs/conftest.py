# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of zfs and zpool share.

They are about the stand-in's commands, or with ``APIARY_ZFS=real`` about OpenZFS itself in a virtual machine, whose
image is in the directory ``APIARY_ZFS_IMAGE``. A test marked ``standin`` is about the stand-in alone, for a reason.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator, List, Optional

import pytest
from reallab import RealLab
from zfslab import Lab
from zfsvm.machine import Machine

_REAL = os.environ.get("APIARY_ZFS") == "real"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "standin(reason): not about what OpenZFS does, but about its stand-in")


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    if not _REAL:
        return
    for item in items:
        marker = item.get_closest_marker("standin")
        if marker is not None:
            item.add_marker(pytest.mark.skip(reason=f"only of the stand-in: {marker.args[0]}"))


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Optional[Machine]]:
    """The virtual machine, if the tests are about OpenZFS itself."""
    if not _REAL:
        yield None
        return
    running = Machine(Path(os.environ["APIARY_ZFS_IMAGE"]), tmp_path_factory.mktemp("zfsvm"))
    try:
        yield running
    finally:
        running.close()


@pytest.fixture
def bare(tmp_path: Path, machine: Optional[Machine]) -> Iterator[Lab]:
    """A machine without a pool."""
    if machine is None:
        yield Lab(tmp_path / "state")
        return
    lab = RealLab(machine)
    yield lab
    lab.clear()


@pytest.fixture
def lab(bare: Lab) -> Lab:
    """A machine with the pool tank."""
    bare.zpool("create", "tank", "ada1")
    return bare
