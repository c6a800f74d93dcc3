# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of zfs and zpool share."""

from __future__ import annotations

from pathlib import Path

import pytest
from zfslab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A machine with the pool tank."""
    return Lab(tmp_path / "state")
