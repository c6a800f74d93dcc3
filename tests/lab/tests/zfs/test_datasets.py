# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""File systems: names, properties and where they come from, space that adds up, what destroy refuses."""

from __future__ import annotations

import os
import random

import pytest
from zfslab import Lab

MEBIBYTE = random.Random(1).randbytes(1 << 20)  # cannot be compressed
#: What a file takes beyond its data, at most: nothing in the stand-in.
METADATA = (64 << 10) if os.environ.get("APIARY_ZFS") == "real" else 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("tank/a", "dataset already exists"),
        ("nosuch/x", "no such pool 'nosuch'"),
        ("tank/b/c", "parent does not exist"),
        ("tank", "missing dataset name"),
        ("tank/x@y", "snapshot delimiter '@' is not expected here"),
        ("tank/x/", "trailing slash in name"),
        ("tank//x", "empty component or misplaced '@' or '#' delimiter in name"),
        ("tank/x*", "invalid character '*' in name"),
        ("tank/" + "x" * 252, "name is too long"),
        ("tank/..", "parent reference, '..' is found in name"),
    ],
)
def test_names_that_cannot_be(lab: Lab, name: str, reason: str) -> None:
    lab.zfs("create", "tank/a")
    assert lab.refused("zfs", "create", name) == f"cannot create '{name}': {reason}\n"


def test_a_dry_run_creates_nothing(lab: Lab) -> None:
    assert lab.zfs("create", "-n", "-v", "tank/x") == "would create tank/x\n"
    assert lab.names("-r", "tank") == ["tank"]


def test_a_child_inherits_until_it_has_its_own(lab: Lab) -> None:
    lab.zfs("create", "-o", "compression=zstd", "-o", "org.example:who=me", "tank/a")
    lab.zfs("create", "tank/a/b")
    get = ("get", "-Hpo", "value,source", "compression,org.example:who,mountpoint", "tank/a/b")
    assert lab.zfs(*get) == "zstd\tinherited from tank/a\nme\tinherited from tank/a\n/tank/a/b\tdefault\n"
    lab.zfs("set", "compression=off", "mountpoint=/x", "tank/a/b")
    assert lab.zfs(*get) == "off\tlocal\nme\tinherited from tank/a\n/x\tlocal\n"
    lab.zfs("inherit", "compression", "tank/a/b")
    assert lab.zfs(*get).startswith("zstd\tinherited from tank/a\n")


def test_quota_and_reservation_are_not_inherited(lab: Lab) -> None:
    lab.zfs("create", "-o", "quota=1G", "-o", "reservation=100M", "tank/a")
    lab.zfs("create", "tank/a/b")
    assert lab.zfs("get", "-Hpo", "value,source", "quota,reservation", "tank/a/b") == "0\tdefault\n0\tdefault\n"
    assert int(lab.value("available", "tank/a/b")) < 1 << 30


def test_several_properties_are_set_all_or_none(lab: Lab) -> None:
    lab.zfs("create", "tank/a")
    assert "'atime' must be one of 'on | off'" in lab.refused("zfs", "set", "exec=off", "atime=maybe", "tank/a")
    assert lab.value("exec", "tank/a") == "on"


def test_space_adds_up(lab: Lab) -> None:
    lab.zfs("create", "tank/a")
    lab.zfs("create", "-V", "256M", "tank/a/v")
    (lab.content("tank/a") / "file").put(MEBIBYTE)
    parts = ("usedbydataset", "usedbysnapshots", "usedbychildren", "usedbyrefreservation")
    for name in ("tank", "tank/a", "tank/a/v"):
        assert int(lab.value("used", name)) == sum(int(lab.value(part, name)) for part in parts)
    assert int(lab.value("usedbychildren", "tank/a")) == int(lab.value("used", "tank/a/v"))
    assert 0 <= int(lab.value("referenced", "tank/a")) - 24576 - (1 << 20) <= METADATA


def test_an_overwritten_file_stays_in_its_snapshot_alone(lab: Lab) -> None:
    lab.zfs("create", "tank/a")
    file = lab.content("tank/a") / "file"
    file.put(MEBIBYTE)
    lab.zfs("snapshot", "tank/a@s")
    assert lab.value("used", "tank/a@s") == "0"
    assert lab.value("written", "tank/a") == "0"
    file.put(MEBIBYTE[::-1])
    for name, dataset in (("used", "tank/a@s"), ("usedbysnapshots", "tank/a"), ("written", "tank/a")):
        assert 0 <= int(lab.value(name, dataset)) - (1 << 20) <= METADATA, name


def test_destroy_names_what_is_in_its_way_and_leaves_it(lab: Lab) -> None:
    lab.zfs("create", "-p", "tank/a/b")
    lab.zfs("snapshot", "tank/a/b@s")
    lab.zfs("clone", "tank/a/b@s", "tank/c")
    text = lab.refused("zfs", "destroy", "tank/a")
    assert text.startswith("cannot destroy 'tank/a': filesystem has children\nuse '-r' to destroy")
    text = lab.refused("zfs", "destroy", "-r", "tank/a")
    assert text == (
        "cannot destroy 'tank/a': filesystem has dependent clones\n"
        "use '-R' to destroy the following datasets:\ntank/c\n"
    )
    assert lab.names("-r", "tank") == ["tank", "tank/a", "tank/a/b", "tank/c"]
    lab.zfs("destroy", "-R", "tank/a")
    assert lab.names("-r", "tank") == ["tank"]


def test_destroying_web1_leaves_web10_and_web_1(lab: Lab) -> None:
    for name in ("web1", "web10", "web.1"):
        lab.zfs("create", f"tank/{name}")
    lab.zfs("destroy", "-r", "tank/web1")
    assert lab.names("-r", "tank") == ["tank", "tank/web.1", "tank/web10"]


def test_promote_turns_the_dependency_round(lab: Lab) -> None:
    lab.zfs("create", "tank/a")
    lab.zfs("snapshot", "tank/a@s")
    lab.zfs("clone", "tank/a@s", "tank/c")
    lab.zfs("promote", "tank/c")
    assert lab.value("origin", "tank/a") == "tank/c@s"
    lab.zfs("destroy", "tank/a")
    assert lab.names("-r", "-t", "all", "tank") == ["tank", "tank/c", "tank/c@s"]


def test_a_held_snapshot_stays_until_it_is_released(lab: Lab) -> None:
    lab.zfs("create", "tank/a")
    lab.zfs("snapshot", "tank/a@s")
    lab.zfs("hold", "keep", "tank/a@s")
    assert lab.refused("zfs", "destroy", "tank/a@s") == "cannot destroy snapshot tank/a@s: dataset is busy\n"
    lab.zfs("destroy", "-d", "tank/a@s")
    assert lab.value("defer_destroy", "tank/a@s") == "on"
    lab.zfs("release", "keep", "tank/a@s")
    assert lab.names("-r", "-t", "snapshot", "tank") == []


def test_rename_takes_children_snapshots_and_origins_along(lab: Lab) -> None:
    lab.zfs("create", "-p", "tank/a/b")
    lab.zfs("snapshot", "tank/a/b@s")
    lab.zfs("clone", "tank/a/b@s", "tank/c")
    lab.zfs("rename", "tank/a", "tank/z")
    assert lab.names("-r", "-t", "all", "tank") == ["tank", "tank/c", "tank/z", "tank/z/b", "tank/z/b@s"]
    assert lab.value("origin", "tank/c") == "tank/z/b@s"
    assert lab.value("mounted", "tank/z/b") == "yes"


def test_list_sorts_filters_and_limits(lab: Lab) -> None:
    lab.zfs("create", "-p", "tank/a/b")
    lab.zfs("create", "-V", "1M", "tank/v")
    lab.zfs("snapshot", "-r", "tank@s")
    assert lab.names("-d", "1", "tank") == ["tank", "tank/a", "tank/v"]
    assert lab.names("-t", "volume") == ["tank/v"]
    assert lab.names("-t", "snapshot", "tank/a") == ["tank/a@s"]
    assert lab.names("-r", "-S", "name", "tank") == ["tank/v", "tank/a/b", "tank/a", "tank"]
    assert lab.names("-r", "-s", "createtxg", "tank") == ["tank", "tank/a", "tank/a/b", "tank/v"]


def test_a_dataset_without_its_key_is_not_mounted(lab: Lab) -> None:
    lab.zfs("create", "-o", "encryption=on", "-o", "keyformat=passphrase", "tank/e", data="secretpass\n")
    lab.zfs("unmount", "tank/e")
    lab.zfs("unload-key", "tank/e")
    assert lab.value("keystatus", "tank/e") == "unavailable"
    assert lab.refused("zfs", "mount", "tank/e") == "cannot mount 'tank/e': encryption key not loaded\n"
    lab.zfs("mount", "-a")
    assert lab.value("mounted", "tank/e") == "no"
    lab.refused("zfs", "load-key", "tank/e", status=255, data=b"wrongpass\n")
    lab.zfs("load-key", "tank/e", data="secretpass\n")
    lab.zfs("mount", "tank/e")
    assert lab.value("mounted", "tank/e") == "yes"


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        pytest.param(("list", "-j"), "invalid option 'j'", marks=pytest.mark.standin("OpenZFS 2.3 has it")),
        (("get", "nosuch", "tank"), "bad property list: invalid property 'nosuch'"),
    ],
)
def test_what_14_does_not_have_is_a_usage_error(lab: Lab, argv: tuple[str, ...], text: str) -> None:
    assert lab.refused("zfs", *argv, status=2).split("\n")[0] == text


@pytest.mark.standin("what it cannot do")
def test_what_is_not_built_fails_loudly(lab: Lab) -> None:
    assert lab.refused("zfs", "userspace", "tank", status=99) == "STANDIN: zfs: userspace is not built\n"
