# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What preparing changed is taken back, what others changed since is left."""

from __future__ import annotations

from ansible_collections.apiary.bhyve.plugins.module_utils.system.made import Lines, note, take_back


def test_only_what_changes_is_noted_and_its_first_value_stays() -> None:
    lines: Lines = {}
    note(lines, {"a": "0", "b": "1"}, {"a": "1", "b": "1", "c": "1"})
    assert lines == {"a": {"before": "0", "set": "1"}, "c": {"before": None, "set": "1"}}
    note(lines, {"a": "1", "c": "1"}, {"a": "2", "c": "1"})
    assert lines["a"] == {"before": "0", "set": "2"}


def test_what_somebody_changed_after_us_is_theirs() -> None:
    lines: Lines = {
        "a": {"before": "0", "set": "1"},
        "b": {"before": None, "set": "1"},
        "c": {"before": "x", "set": None},
    }
    assert take_back(lines, {"a": "1", "b": "7"}) == {"a": "0", "c": "x"}
