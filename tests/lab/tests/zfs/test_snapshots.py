# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of many datasets at once: made and destroyed together or not at all, marked, read below .zfs."""

from __future__ import annotations

import random

from zfslab import Lab


def test_a_snapshot_of_all_below_is_marked_everywhere(lab: Lab) -> None:
    lab.zfs("create", "tank/a")
    lab.zfs("create", "-s", "-V", "16M", "tank/a/v")
    lab.zfs("snapshot", "-r", "-o", "org.example:state=good", "tank/a@s")
    got = lab.zfs("get", "-Hp", "-r", "-t", "snapshot", "-o", "name,value,source", "org.example:state", "tank/a")
    assert got == "tank/a@s\tgood\tlocal\ntank/a/v@s\tgood\tlocal\n"


def test_snapshots_that_do_not_all_fit_are_not_made(lab: Lab) -> None:
    """Each volume's refreservation must fit again, by itself: those of the others in the same command do not count."""
    free = int(lab.value("available", "tank"))
    size = str((free * 2 // 5) // (1 << 20) << 20)
    lab.zfs("create", "-o", f"quota={free}", "tank/a")
    for name, written in (("tank/a/v", 8 << 20), ("tank/a/w", 16 << 20)):
        lab.zfs("create", "-s", "-V", size, name)
        lab.volume(name).write(random.Random(1).randbytes(written))
        lab.zfs("set", f"refreservation={size}", name)
    lab.zfs("set", f"quota={int(lab.value('used', 'tank/a')) + (12 << 20)}", "tank/a")
    text = lab.refused("zfs", "snapshot", "-r", "tank/a@s")
    assert text == "cannot create snapshot 'tank/a/w@s': out of space\nno snapshots were created\n"
    assert lab.names("-t", "snapshot", "-r", "tank/a") == []
    lab.zfs("set", f"quota={int(lab.value('used', 'tank/a')) + (20 << 20)}", "tank/a")
    lab.zfs("snapshot", "-r", "tank/a@s")


def test_a_held_snapshot_keeps_the_others_of_the_command(lab: Lab) -> None:
    lab.zfs("create", "tank/a")
    lab.zfs("create", "tank/a/b")
    lab.zfs("snapshot", "-r", "tank/a@one")
    lab.zfs("snapshot", "-r", "tank/a@two")
    lab.zfs("hold", "keep", "tank/a/b@two")
    assert lab.refused("zfs", "destroy", "-r", "tank/a@one,two") == (
        "cannot destroy snapshot tank/a/b@two: dataset is busy\n"
    )
    assert len(lab.zfs("list", "-H", "-t", "snapshot", "-r", "tank/a").splitlines()) == 4
    lab.zfs("release", "keep", "tank/a/b@two")
    lab.zfs("destroy", "-r", "tank/a@one,two")
    assert lab.zfs("list", "-H", "-t", "snapshot", "-r", "tank/a") == ""


def test_a_file_system_shows_its_snapshots(lab: Lab) -> None:
    lab.zfs("create", "tank/a")
    top = lab.content("tank/a")
    (top / "file").put(b"old")
    lab.zfs("snapshot", "tank/a@s")
    (top / "file").put(b"new and longer")
    assert (top / ".zfs/snapshot/s/file").read() == b"old"
    lab.zfs("rename", "tank/a@s", "tank/a@t")
    assert (top / ".zfs/snapshot").names() == ["t"]
    lab.zfs("rollback", "tank/a@t")
    assert (top / "file").read() == b"old"
    assert lab.value("written", "tank/a") == "0"
    assert not (top / ".zfs/snapshot/t/.zfs").exists()
    lab.zfs("destroy", "tank/a@t")
    assert top.names() == ["file"]


def test_what_was_written_since_a_snapshot_or_a_bookmark_of_one_that_is_gone(lab: Lab) -> None:
    lab.zfs("create", "-V", "1M", "tank/v")
    lab.volume("tank/v").write(b"old")
    lab.zfs("snapshot", "tank/v@one")
    lab.zfs("bookmark", "tank/v@one", "tank/v#one")
    assert (lab.value("written@one", "tank/v"), lab.value("written#one", "tank/v")) == ("0", "0")
    lab.zfs("destroy", "tank/v@one")
    assert (lab.value("written@one", "tank/v"), lab.value("written#one", "tank/v")) == ("-", "0")
    lab.volume("tank/v").write(b"new")
    assert int(lab.value("written#one", "tank/v")) > 0
