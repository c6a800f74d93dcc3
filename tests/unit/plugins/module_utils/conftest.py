# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lets the unit tests run as anybody."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def files_of_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that a host would give to root stay those of whoever runs the tests: only root can give them away."""

    def leave(descriptor: int, uid: int, gid: int) -> None:
        os.fstat(descriptor)
        assert (uid, gid) == (0, 0)

    monkeypatch.setattr(os, "fchown", leave)
