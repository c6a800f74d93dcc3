# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How tasks take turns."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils import locks
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The host lock, in a directory that is not there yet."""
    path = tmp_path / "run" / "host.lock"
    monkeypatch.setattr(locks, "HOST_LOCK", str(path))
    monkeypatch.setattr(locks, "HOST_TIMEOUT", 0.0)
    return path


def test_one_task_at_a_time_has_the_host(path: Path) -> None:
    with locks.host_lock(Host()), pytest.raises(ApiaryError, match=r"host\.lock"), locks.host_lock(Host()):
        pass
    with locks.host_lock_unless(False, Host()), pytest.raises(ApiaryError), locks.host_lock(Host()):
        pass
    with locks.host_lock(Host()):
        pass


def test_check_mode_waits_for_nobody_and_leaves_no_file(path: Path) -> None:
    with locks.host_lock_unless(True, Host()):
        assert not path.parent.exists()
    with locks.host_lock(Host()), locks.host_lock_unless(True, Host()):
        pass
