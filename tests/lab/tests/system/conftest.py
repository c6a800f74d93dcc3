# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One stand-in host for the tests of processes, services and kernel knobs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator

import pytest
from standin.host import StandinHost


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    if os.geteuid() != 0:
        pytest.skip("a stand-in host needs root")
    with StandinHost("sys1", str(tmp_path_factory.mktemp("system") / "sys1")) as running:
        yield running


@pytest.fixture
def other(tmp_path: Path) -> Iterator[StandinHost]:
    """A host of one's own, to be switched off and on."""
    if os.geteuid() != 0:
        pytest.skip("a stand-in host needs root")
    new = StandinHost("sys2", str(tmp_path / "sys2"))
    try:
        yield new
    finally:
        new.destroy()
