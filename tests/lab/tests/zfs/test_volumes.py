# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes: sizes and reservations, real content, nodes that appear late or never."""

from __future__ import annotations

import random

import pytest
from polls import until
from zfslab import Lab


def test_a_thick_volume_reserves_its_size_and_a_sparse_one_nothing(lab: Lab) -> None:
    lab.zfs("create", "-V", "1G", "tank/thick")
    lab.zfs("create", "-s", "-V", "100T", "tank/thin")
    assert lab.value("refreservation", "tank/thick") == "1092616192"
    assert lab.value("used", "tank/thick") == "1092616192"
    assert lab.value("refreservation", "tank/thin") == "0"
    assert lab.value("used", "tank/thin") == "12288"


def test_a_size_is_rounded_up_to_whole_blocks(lab: Lab) -> None:
    lab.zfs("create", "-V", "1000", "tank/v")
    assert lab.value("volsize", "tank/v") == "16384"


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ("1073741825", "'volsize' must be a multiple of volume block size (16K)"),
        ("0", "'volsize' cannot be zero"),
        ("100T", "size is greater than available space"),
    ],
)
def test_a_wrong_new_size_is_refused_and_changes_nothing(lab: Lab, size: str, reason: str) -> None:
    lab.zfs("create", "-V", "1G", "tank/v")
    assert lab.refused("zfs", "set", f"volsize={size}", "tank/v") == f"cannot set property for 'tank/v': {reason}\n"
    assert lab.value("volsize", "tank/v") == "1073741824"


def test_the_reservation_of_a_thick_volume_follows_its_size(lab: Lab) -> None:
    lab.zfs("create", "-V", "1G", "tank/v")
    lab.zfs("set", "volsize=2G", "tank/v")
    assert lab.value("refreservation", "tank/v") == "2183135232"
    assert lab.volume("tank/v").size() == 2 << 30


def test_what_does_not_fit_into_the_pool_is_refused(lab: Lab) -> None:
    assert lab.refused("zfs", "create", "-V", "100G", "tank/v") == "cannot create 'tank/v': out of space\n"
    assert lab.names("-r", "tank") == ["tank"]


def test_a_snapshot_of_a_thick_volume_needs_room_to_overwrite_it(lab: Lab) -> None:
    lab.zfs("create", "-V", "8G", "tank/v")
    lab.volume("tank/v").write(random.Random(1).randbytes(64 << 20))
    before = int(lab.value("available", "tank"))
    lab.zfs("snapshot", "tank/v@a")
    assert before - int(lab.value("available", "tank")) >= 64 << 20


def test_content_survives_snapshot_rollback_and_clone(lab: Lab) -> None:
    lab.zfs("create", "-V", "1M", "tank/v")
    node = lab.volume("tank/v")
    node.write(b"first")
    lab.zfs("snapshot", "tank/v@a")
    node.write(b"later")
    lab.zfs("clone", "tank/v@a", "tank/c")
    assert lab.volume("tank/c").read()[:5] == b"first"
    lab.zfs("rollback", "tank/v@a")
    assert node.read()[:5] == b"first"
    assert node.size() == 1 << 20


def test_rollback_brings_the_size_back(lab: Lab) -> None:
    lab.zfs("create", "-V", "1M", "tank/v")
    lab.zfs("snapshot", "tank/v@a")
    lab.zfs("set", "volsize=2M", "tank/v")
    lab.zfs("rollback", "tank/v@a")
    assert lab.value("volsize", "tank/v") == str(1 << 20)


def test_nodes_follow_a_rename_and_go_with_a_destroy(lab: Lab) -> None:
    lab.zfs("create", "tank/vm")
    lab.zfs("create", "-V", "1M", "tank/vm/v")
    lab.volume("tank/vm/v")
    lab.zfs("rename", "tank/vm/v", "tank/vm/w")
    assert lab.node("tank/vm/w").exists() and not lab.node("tank/vm/v").is_link()
    lab.zfs("destroy", "tank/vm/w")
    assert not lab.node("tank/vm").exists()


@pytest.mark.standin("FreeBSD's volmode")
def test_volmode_dev_inherited_always_gives_a_node(lab: Lab) -> None:
    lab.zfs("create", "-o", "volmode=dev", "tank/vm")
    for number in range(6):
        lab.zfs("create", "-V", "1M", f"tank/vm/v{number}")
    assert until(lambda: all(lab.node(f"tank/vm/v{number}").exists() for number in range(6)))


@pytest.mark.standin("what FreeBSD's volmode=dev loses")
def test_volmode_dev_at_creation_loses_nodes_until_none_and_dev_again(lab: Lab) -> None:
    for number in range(6):
        lab.zfs("create", "-V", "1M", "-o", "volmode=dev", f"tank/v{number}")
    lab.zfs("create", "-V", "1M", "tank/last")
    lab.volume("tank/last")
    lost = [number for number in range(6) if not lab.node(f"tank/v{number}").exists()]
    assert 0 < len(lost) < 6
    name = f"tank/v{lost[0]}"
    lab.zfs("set", "volmode=dev", name)
    lab.zfs("create", "-V", "1M", "tank/later")
    lab.volume("tank/later")
    assert not lab.node(name).exists()
    lab.zfs("set", "volmode=none", name)
    lab.zfs("set", "volmode=dev", name)
    lab.volume(name)


def test_volmode_none_has_no_node(lab: Lab) -> None:
    lab.zfs("create", "-V", "1M", "tank/v")
    lab.volume("tank/v")
    lab.zfs("set", "volmode=none", "tank/v")
    assert not lab.node("tank/v").exists()


def test_an_open_volume_is_not_destroyed_but_may_be_renamed_and_then_destroyed(lab: Lab) -> None:
    lab.zfs("create", "-V", "1M", "tank/v")
    with lab.volume("tank/v").opened():
        assert lab.refused("zfs", "destroy", "tank/v") == "cannot destroy 'tank/v': dataset is busy\n"
        lab.zfs("set", "readonly=on", "tank/v")
        lab.zfs("set", "volsize=512K", "tank/v")
        lab.zfs("rename", "tank/v", "tank/w")
        lab.zfs("destroy", "tank/w")
    assert lab.names("-r", "tank") == ["tank"]


@pytest.mark.standin("on Linux the commands do not return while the volume is open")
def test_the_pool_of_an_open_volume_is_busy(lab: Lab) -> None:
    lab.zfs("create", "-V", "1M", "tank/v")
    with lab.volume("tank/v").opened():
        assert lab.refused("zpool", "export", "tank") == "cannot export 'tank': pool is busy\n"
        assert lab.refused("zpool", "destroy", "tank") == "cannot destroy 'tank': pool is busy\n"
    lab.zpool("export", "tank")


@pytest.mark.standin("a volume is a file there")
def test_a_volume_that_was_cut_short_as_a_file_gets_its_size_back_when_a_guest_opens_it(lab: Lab) -> None:
    lab.zfs("create", "-V", "1M", "tank/v")
    node = lab.volume("tank/v")
    node.put(b"short")
    lab.python("from standin.zfs import content; content.mend_volume(sys.argv[1])", str(node))
    assert node.read() == b"short" + bytes((1 << 20) - 5)
