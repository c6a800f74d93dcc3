# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every failure of a module tells."""

from __future__ import annotations

import os

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput, CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.module import error_details, require_root


def test_the_parts_of_a_failed_command_are_keys_of_their_own() -> None:
    error = CommandError("cannot do it", ["zfs", "create", "zroot/a b"], 1, "out", "no room\n")
    assert error_details(error) == {
        "cmd": ["zfs", "create", "zroot/a b"],
        "rc": 1,
        "stdout": "out",
        "stderr": "no room\n",
    }


def test_the_command_behind_an_error_is_told_too() -> None:
    try:
        try:
            raise CommandError("cannot do it", ["zfs"], 2)
        except CommandError as cause:
            raise ApiaryError("web1 cannot be made") from cause
    except ApiaryError as error:
        assert error_details(error)["rc"] == 2
    assert error_details(BadInput("memory: 8 has no unit")) == {}


def test_not_root_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1001)
    with pytest.raises(BadInput, match=r"^not root: .*`become: true`$"):
        require_root()
