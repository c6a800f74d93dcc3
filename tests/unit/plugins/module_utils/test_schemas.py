# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of ours that a newer release has written are not guessed at."""

from __future__ import annotations

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils import schemas
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState


def test_what_this_release_or_an_older_one_has_written_is_read() -> None:
    assert schemas.parse('{"schema": 2, "a": 1}', 2, "/x.json") == {"schema": 2, "a": 1}
    assert schemas.parse('{"schema": 1}', 2, "/x.json") == {"schema": 1}


def test_what_a_newer_one_has_written_is_not() -> None:
    with pytest.raises(UnknownState, match="^/x.json has schema 3: update the collection on the controller$"):
        schemas.parse('{"schema": 3}', 2, "/x.json")


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "7", "{}", '{"schema": null}', '{"schema": "x"}'])
def test_anything_else_is_for_whoever_reads_it_to_explain(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        schemas.parse(text, 2, "/x.json")
