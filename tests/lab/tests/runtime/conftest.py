# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in host with the runtime installed."""

from __future__ import annotations

import os
from typing import Iterator

import pytest
from runtimelab import BRIDGE, Hive
from standin.host import StandinHost


@pytest.fixture(scope="session")
def hive_host() -> Iterator[Hive]:
    if os.geteuid() != 0:
        pytest.skip("the stand-in host needs root")
    host = StandinHost(f"runtime{os.getpid()}")
    host.up()
    try:
        hive = Hive(host)
        hive.install()
        hive.sh(f"ifconfig {BRIDGE} create up")
        yield hive
    finally:
        host.destroy()


@pytest.fixture
def hive(hive_host: Hive) -> Iterator[Hive]:
    hive_host.host.set_faults([])
    yield hive_host
    hive_host.clear()
