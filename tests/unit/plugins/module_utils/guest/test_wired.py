# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.wired import (
    WiredMemory,
    Wish,
    check_wired,
    parse_wired,
)

GIB = 1 << 30


@pytest.mark.parametrize("name", ["vm.user_wire_count", "vm.stats.vm.v_user_wire_count"])
def test_the_kernel_counts_pages(name: str) -> None:
    values = {"vm.max_user_wired": str(2 * GIB // 4096), name: "256"}
    assert parse_wired(values) == WiredMemory(2 * GIB, 1 << 20)


def test_a_kernel_without_the_limit_allows_all() -> None:
    assert parse_wired({"vm.stats.vm.v_user_wire_count": "256"}) is None
    check_wired([Wish("web1", 64 * GIB)], None)


def test_what_is_no_number_is_not_taken_for_one() -> None:
    with pytest.raises(UnknownState, match="vm.max_user_wired is 'many'"):
        parse_wired({"vm.max_user_wired": "many"})


def test_the_guests_of_a_task_share_what_is_left() -> None:
    memory = WiredMemory(8 * GIB, 2 * GIB)
    check_wired([Wish("web1", 4 * GIB), Wish("web2", 2 * GIB)], memory)
    with pytest.raises(BadInput, match="guest web2: wired: its 3G of memory are more than the 2G that may still"):
        check_wired([Wish("web1", 4 * GIB), Wish("web2", 3 * GIB)], memory)


def test_a_guest_gives_back_what_it_has() -> None:
    full = WiredMemory(8 * GIB, 8 * GIB)
    check_wired([Wish("web1", 4 * GIB, has=4 * GIB)], full)
    check_wired([Wish("web1", 0, has=4 * GIB), Wish("web2", 4 * GIB)], full)
    # One without wired memory is nothing to a host that has too much of it wired already.
    check_wired([Wish("web3", 0)], WiredMemory(4 * GIB, 8 * GIB))
