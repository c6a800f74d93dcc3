# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small pool that is full: what ZFS refuses then and in which words, and that what was there stays."""

from __future__ import annotations

import random

import pytest
from zfslab import Lab

MEBIBYTE = random.Random(1).randbytes(1 << 20)  # cannot be compressed
NOTHING_LEFT = 512 << 10


@pytest.fixture
def small(bare: Lab) -> Lab:
    """A pool of 128 MiB, of which ZFS keeps about half for itself, with a sparse volume."""
    bare.zpool("create", "small", "ada2")
    bare.zfs("create", "-s", "-V", "512M", "small/thin")
    return bare


def room(lab: Lab) -> int:
    return int(lab.value("available", "small"))


def fill(lab: Lab, left: int = NOTHING_LEFT) -> None:
    """Write to the sparse volume, and let somebody else have reserved the rest of the pool but so many bytes.

    The last bytes of a pool ZFS gives out one by one, which takes minutes.
    """
    lab.volume("small/thin").write(MEBIBYTE * 8)
    lab.zfs("create", "-o", f"reservation={room(lab) - left}", "small/rest")


def test_what_was_written_is_no_longer_available(small: Lab) -> None:
    before = room(small)
    small.volume("small/thin").write(MEBIBYTE * 8)
    taken = before - room(small)
    assert 8 << 20 <= taken <= 9 << 20
    assert small.value("usedbydataset", "small/thin") == small.value("referenced", "small/thin")


def test_nothing_is_made_in_a_full_pool(small: Lab) -> None:
    fill(small)
    assert small.refused("zfs", "create", "-V", "16M", "small/v") == "cannot create 'small/v': out of space\n"
    assert small.refused("zfs", "create", "-o", "reservation=16M", "small/f") == (
        "cannot create 'small/f': out of space\n"
    )
    assert small.names("-r", "small") == ["small", "small/rest", "small/thin"]


def test_a_thick_volume_is_not_grown_beyond_the_pool(small: Lab) -> None:
    small.zfs("create", "-V", "8M", "small/v")
    fill(small)
    assert small.refused("zfs", "set", "volsize=32M", "small/v") == (
        "cannot set property for 'small/v': size is greater than available space\n"
    )
    assert small.refused("zfs", "set", "refreservation=32M", "small/v") == (
        "cannot set property for 'small/v': size is greater than available space\n"
    )
    assert (small.value("volsize", "small/v"), small.volume("small/v").size()) == (str(8 << 20), 8 << 20)
    small.zfs("set", "volsize=1G", "small/thin")


def test_a_thick_volume_has_no_snapshot_in_a_full_pool(small: Lab) -> None:
    small.zfs("create", "-V", "8M", "small/v")
    small.volume("small/v").write(MEBIBYTE * 6)
    fill(small, left=4 << 20)
    assert small.refused("zfs", "snapshot", "small/v@s") == ("cannot create snapshot 'small/v@s': out of space\n")
    assert small.refused("zfs", "snapshot", "-r", "small@s") == (
        "cannot create snapshot 'small/v@s': out of space\nno snapshots were created\n"
    )
    assert small.names("-t", "snapshot") == []
    small.zfs("snapshot", "small/thin@s")
    assert small.volume("small/v").read()[: 1 << 20] == MEBIBYTE


def test_a_stream_that_does_not_fit_leaves_nothing(small: Lab) -> None:
    small.zpool("create", "other", "ada3")
    small.zfs("create", "-s", "-V", "16M", "other/big")
    small.volume("other/big").write(MEBIBYTE * 12)
    small.zfs("snapshot", "other/big@s")
    stream = small.send("other/big@s")
    fill(small, left=4 << 20)
    assert "out of space" in small.refused("zfs", "receive", "small/copy", data=stream)
    assert small.names("-r", "small") == ["small", "small/rest", "small/thin"]
    small.zfs("destroy", "small/rest")
    small.zfs("receive", "small/copy", data=stream)
    assert small.volume("small/copy").read()[: 1 << 20] == MEBIBYTE


@pytest.mark.standin("of so short a stream OpenZFS has written nothing yet when it finds that there is no room")
def test_a_stream_that_did_not_fit_is_resumed_when_there_is_room(small: Lab) -> None:
    small.zpool("create", "other", "ada3")
    small.zfs("create", "-s", "-V", "16M", "other/big")
    small.volume("other/big").write(MEBIBYTE * 12)
    small.zfs("snapshot", "other/big@s")
    fill(small, left=4 << 20)
    assert "out of space" in small.refused("zfs", "receive", "-s", "small/copy", data=small.send("other/big@s"))
    token = small.value("receive_resume_token", "small/copy")
    small.zfs("destroy", "small/rest")
    small.zfs("receive", "-s", "small/copy", data=small.send("-t", token))
    assert small.volume("small/copy").read()[: 12 << 20] == MEBIBYTE * 12


def test_a_clone_takes_nothing_but_its_reservation_does(small: Lab) -> None:
    small.zfs("create", "-s", "-V", "16M", "small/v")
    small.zfs("snapshot", "small/v@s")
    fill(small, left=4 << 20)
    assert small.refused("zfs", "clone", "-o", "refreservation=16M", "small/v@s", "small/c") == (
        "cannot create 'small/c': out of space\n"
    )
    # Another name, for on Linux that clone is there all the same: udev has it open when ZFS would take it back.
    small.zfs("clone", "small/v@s", "small/d")
    assert small.refused("zfs", "set", "refreservation=auto", "small/d") == (
        "cannot set property for 'small/d': size is greater than available space\n"
    )
    assert small.value("refreservation", "small/d") == "0"


def test_what_is_destroyed_makes_room(small: Lab) -> None:
    fill(small)
    small.refused("zfs", "create", "-V", "16M", "small/v")
    small.zfs("destroy", "small/rest")
    small.zfs("create", "-V", "16M", "small/v")
