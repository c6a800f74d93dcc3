# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a step takes of a pool, and the one error when it does not fit."""

from __future__ import annotations

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import space

GIB = 1 << 30
BLOCK = 16384


def test_a_thick_volume_takes_its_size_and_its_indirect_blocks() -> None:
    # 20G with 16K blocks: the refreservation that `zfs create -V 20G` of OpenZFS 2.2 sets.
    assert space.thick_volume(20 * GIB, BLOCK) - 20 * GIB > 0
    assert space.thick_volume(20 * GIB, BLOCK) < 21 * GIB


@pytest.mark.parametrize(
    "before, after, reserved, takes",
    [
        (20 * GIB, 20 * GIB, 21 * GIB, False),
        (20 * GIB, 40 * GIB, 21 * GIB, True),
        (20 * GIB, 40 * GIB, 0, False),
        (20 * GIB, 40 * GIB, 10 * GIB, False),
    ],
)
def test_growing_takes_only_what_is_reserved(before: int, after: int, reserved: int, takes: bool) -> None:
    assert (space.grown_volume(before, after, BLOCK, reserved) >= after - before > 0) is takes


def test_a_larger_reservation_takes_what_is_not_written_yet() -> None:
    assert space.more_reserved(10 * GIB, 0, 4 * GIB) == 6 * GIB
    assert space.more_reserved(10 * GIB, 8 * GIB, 4 * GIB) == 2 * GIB
    assert space.more_reserved(2 * GIB, 8 * GIB, 4 * GIB) == 0


def test_a_snapshot_of_a_thick_volume_takes_what_is_written() -> None:
    assert space.snapshot(4 * GIB, 20 * GIB) == 4 * GIB
    assert space.snapshot(4 * GIB, 0) == 0
    assert space.snapshot(30 * GIB, 20 * GIB) == 20 * GIB


def test_what_fits_together_is_fine() -> None:
    space.check_room([space.Need("a", GIB), space.Need("b", GIB)], 2 * GIB, "zroot", "free some")


def test_what_does_not_fit_together_is_one_error_with_the_numbers() -> None:
    needs = [space.Need(f"guest web{number}: disk root", GIB) for number in range(7)]
    with pytest.raises(BadInput) as caught:
        space.check_room(needs, 5 * GIB, "zroot/apiary", "free some")
    text = str(caught.value)
    assert text.startswith("not enough space: guest web0: disk root 1.0 GiB, ")
    assert text.endswith("and 2 more, 7.0 GiB together, and zroot/apiary has 5.0 GiB free; free some")


@pytest.mark.parametrize("size, text", [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (GIB, "1.0 GiB")])
def test_sizes_for_humans(size: int, text: str) -> None:
    assert space.readable(size) == text
