# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the network share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator

import pytest
from networklab import Kernel
from standin.host import StandinHost
from standin.settings import Settings


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    """FreeBSD 14.3 with lo0 only."""
    return Kernel(tmp_path)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    """A running stand-in host with one network card."""
    if os.geteuid() != 0:
        pytest.skip("a stand-in host needs root")
    directory = tmp_path_factory.mktemp("lab")
    settings = Settings(hostname="net1", zfs=False, uplinks={"em0": "wire"})
    with StandinHost("net1", str(directory / "net1"), settings) as running:
        yield running
