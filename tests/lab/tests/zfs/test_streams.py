# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""send and receive: content arrives, increments, resuming, refusals."""

from __future__ import annotations

import random

import pytest
from zfslab import Lab

# What cannot be compressed.
ONE, TWO = random.Random(1).randbytes(300000), random.Random(2).randbytes(300000)


@pytest.fixture
def source(lab: Lab) -> Lab:
    """tank/a with a file in two snapshots."""
    lab.zfs("create", "-o", "org.example:who=me", "tank/a")
    directory = lab.content("tank/a") / "dir"
    directory.make_directory()
    (directory / "file").put(ONE)
    lab.zfs("snapshot", "tank/a@one")
    (directory / "file").put(TWO)
    (directory / "new").make_link("file")
    lab.zfs("snapshot", "tank/a@two")
    return lab


def test_a_full_stream_brings_the_content(source: Lab) -> None:
    source.zfs("receive", "tank/b", data=source.send("tank/a@one"))
    assert (source.content("tank/b") / "dir/file").read() == ONE
    assert source.value("guid", "tank/b@one") == source.value("guid", "tank/a@one")
    assert source.value("org.example:who", "tank/b") == "-"


def test_an_increment_needs_its_source_and_brings_the_rest(source: Lab) -> None:
    increment = source.send("-i", "@one", "tank/a@two")
    assert "destination 'tank/b' does not exist" in source.refused("zfs", "receive", "tank/b", data=increment)
    source.zfs("receive", "tank/b", data=source.send("tank/a@one"))
    source.zfs("receive", "tank/b", data=increment)
    assert (source.content("tank/b") / "dir/file").read() == TWO
    assert (source.content("tank/b") / "dir/new").is_link()


def test_a_changed_target_is_not_overwritten_without_force(source: Lab) -> None:
    source.zfs("receive", "tank/b", data=source.send("tank/a@one"))
    (source.content("tank/b") / "mine").put(b"x")
    increment = source.send("-i", "@one", "tank/a@two")
    assert "has been modified\nsince most recent snapshot" in source.refused("zfs", "receive", "tank/b", data=increment)
    source.zfs("receive", "-F", "tank/b", data=increment)
    assert not (source.content("tank/b") / "mine").exists()


def test_a_cut_stream_is_resumed_from_where_it_ended(source: Lab) -> None:
    whole = source.send("tank/a@two")
    text = source.refused("zfs", "receive", "-s", "tank/b", data=whole[: len(whole) // 2])
    assert "Partially received snapshot is saved." in text
    token = source.value("receive_resume_token", "tank/b")
    rest = source.send("-t", token)
    assert len(rest) < len(whole)
    source.zfs("receive", "-s", "tank/b", data=rest)
    assert (source.content("tank/b") / "dir/file").read() == TWO
    assert source.value("receive_resume_token", "tank/b") == "-"


def test_a_cut_stream_can_be_given_up(source: Lab) -> None:
    whole = source.send("tank/a@two")
    source.refused("zfs", "receive", "-s", "tank/b", data=whole[: len(whole) // 2])
    source.zfs("receive", "-A", "tank/b")
    assert source.names("-r", "tank") == ["tank", "tank/a"]


def test_a_cut_stream_leaves_nothing_without_s(source: Lab) -> None:
    whole = source.send("tank/a@two")
    source.refused("zfs", "receive", "tank/b", data=whole[: len(whole) // 2])
    assert source.names("-r", "tank") == ["tank", "tank/a"]


def test_a_replication_stream_brings_snapshots_properties_and_children(source: Lab) -> None:
    source.zfs("create", "-V", "1M", "tank/a/v")
    source.volume("tank/a/v").write(b"disk")
    source.zfs("snapshot", "-r", "tank/a@all")
    source.zfs("receive", "-u", "tank/b", data=source.send("-R", "tank/a@all"))
    assert source.names("-r", "-t", "snapshot", "tank/b") == ["tank/b@one", "tank/b@two", "tank/b@all", "tank/b/v@all"]
    assert source.zfs("get", "-Hpo", "value,source", "org.example:who", "tank/b") == "me\treceived\n"
    assert source.volume("tank/b/v").read()[:4] == b"disk"
    assert source.value("mounted", "tank/b") == "no"


def test_garbage_is_no_stream(lab: Lab) -> None:
    assert lab.refused("zfs", "receive", "tank/x", data=b"hello") == "cannot receive: failed to read from stream\n"
