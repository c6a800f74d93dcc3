# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection relies on, through its very own readers and commands: module_utils/storage."""

from __future__ import annotations

import random

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import clones, mounts, snapshots, streams
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Zfs, read_datasets, volume_reservation
from labhost import LabHost
from zfslab import Lab

MEBIBYTE = random.Random(1).randbytes(1 << 20)  # cannot be compressed
KEPT = "apiary:disk=root"


@pytest.fixture
def host(lab: Lab) -> LabHost:
    return LabHost(lab)


@pytest.fixture
def web1(lab: Lab, host: LabHost) -> str:
    """A guest's dataset with a thick and a sparse disk, each with a mebibyte on it."""
    zfs = Zfs(host)
    zfs.create_filesystem("tank/apiary/web1", {"apiary:vm": "web1"}, parents=True)
    zfs.create_volume("tank/apiary/web1/root", 16 << 20, sparse=False, properties={"compression": "off"})
    zfs.create_volume("tank/apiary/web1/data", 8 << 20, sparse=True, block=8192)
    for disk in ("root", "data"):
        lab.volume(f"tank/apiary/web1/{disk}").write(MEBIBYTE)
    return "tank/apiary/web1"


def test_what_is_there(host: LabHost, web1: str) -> None:
    found = read_datasets(host, "tank/apiary")
    assert sorted(found) == ["tank/apiary", web1, f"{web1}/data", f"{web1}/root"]
    root, data = found[f"{web1}/root"], found[f"{web1}/data"]
    assert (root.is_volume, found[web1].is_volume, found[web1].mounted) == (True, False, True)
    assert (root.size("volsize"), root.props["volblocksize"]) == (16 << 20, ("16384", "default"))
    assert root.size("refreservation") == volume_reservation(16 << 20, 16384)
    assert (data.size("refreservation"), data.props["volblocksize"]) == (0, ("8192", "-"))
    assert root.props["mountpoint"] == ("-", "-") and root.props["origin"] == ("-", "-")
    assert found[web1].props["mountpoint"] == (f"/{web1}", "default")
    assert 1 << 20 <= data.size("referenced") <= 5 << 18
    assert root.size("used") >= root.size("refreservation")
    assert 0 < found[web1].size("available") < root.size("available")


def test_what_is_not_there_is_no_error(host: LabHost) -> None:
    assert read_datasets(host, "tank/nosuch") == {}


def test_what_is_in_the_pool(lab: Lab) -> None:
    assert mounts.parse_pool_members(lab.zpool("status", "-P"))


def test_snapshots_of_two_guests_at_one_moment(lab: Lab, host: LabHost, web1: str) -> None:
    lab.zfs("create", "tank/apiary/web2")
    snapshots.take(host, [f"{web1}@good", "tank/apiary/web2@good"], snapshots.CRASH_CONSISTENT)
    found = snapshots.read_storage(host, [web1, "tank/apiary/web2"])
    assert [point.full_name for point in found.points_below(web1)] == [
        f"{web1}/data@good",
        f"{web1}/root@good",
        f"{web1}@good",
    ]
    assert len({point.txg for point in found.points}) == 1
    assert {point.state for point in found.points} == {snapshots.CRASH_CONSISTENT}
    assert {point.volsize for point in found.points} == {0, 8 << 20, 16 << 20}
    assert found.datasets[f"{web1}/root"].value("clones") == "-"


def test_snapshots_are_made_everywhere_or_nowhere(lab: Lab, host: LabHost, web1: str) -> None:
    lab.zfs("snapshot", f"{web1}/root@good")
    with pytest.raises(CommandError) as raised:
        snapshots.take(host, [web1 + "@good"], snapshots.STOPPED)
    assert raised.value.stderr == (
        f"cannot create snapshot '{web1}/root@good': dataset already exists\nno snapshots were created\n"
    )
    assert lab.names("-r", "-t", "snapshot", "tank") == [f"{web1}/root@good"]


def test_the_space_of_a_thick_disk_is_reserved_again_with_its_snapshot(lab: Lab, host: LabHost, web1: str) -> None:
    before = snapshots.read_storage(host, [web1]).datasets[f"{web1}/root"]
    snapshots.take(host, [f"{web1}@good"], snapshots.STOPPED)
    after = snapshots.read_storage(host, [web1]).datasets[f"{web1}/root"]
    more = after.size("used") - before.size("used")
    assert 1 << 20 <= more <= 5 << 18
    assert after.size("usedbyrefreservation") == after.size("refreservation")
    assert after.size("written") == 0


def test_holds_and_clones_are_told(lab: Lab, host: LabHost, web1: str) -> None:
    snapshots.take(host, [f"{web1}@good"], snapshots.STOPPED)
    lab.zfs("hold", "backup", f"{web1}/root@good")
    lab.zfs("hold", "audit", f"{web1}/root@good")
    clones.clone_volume(host, f"{web1}/data@good", "tank/apiary/copy")
    found = snapshots.with_tags(host, snapshots.read_storage(host, ["tank/apiary"]))
    points = {point.full_name: point for point in found.points}
    assert points[f"{web1}/data@good"].clones == ("tank/apiary/copy",)
    assert (points[f"{web1}/root@good"].holds, points[f"{web1}/root@good"].clones) == (2, ())
    assert {name: sorted(tags) for name, tags in found.tags.items()} == {f"{web1}/root@good": ["audit", "backup"]}


def test_snapshots_go_in_one_transaction_and_never_with_a_clone(lab: Lab, host: LabHost, web1: str) -> None:
    for name in ("one", "two", "three"):
        snapshots.take(host, [f"{web1}@{name}"], snapshots.STOPPED)
    snapshots.destroy(host, web1, ["one"])
    clones.clone_volume(host, f"{web1}/data@two", "tank/apiary/copy")
    with pytest.raises(CommandError) as raised:
        snapshots.destroy(host, web1, ["two", "three"])
    assert raised.value.rc == 1
    assert raised.value.stderr == (
        f"cannot destroy '{web1}/data@two': snapshot has dependent clones\n"
        "use '-R' to destroy the following datasets:\ntank/apiary/copy\n"
    )
    assert len(lab.names("-r", "-t", "snapshot", web1)) == 6
    with pytest.raises(CommandError, match="could not find any snapshots to destroy; check snapshot names."):
        snapshots.destroy(host, web1, ["one"])


def test_what_would_be_destroyed(lab: Lab, web1: str) -> None:
    lab.zfs("snapshot", "-r", f"{web1}@good")
    lines = lab.zfs("destroy", "-nvpr", f"{web1}@good").splitlines()
    assert sorted(lines[:-1]) == [f"destroy\t{name}@good" for name in (f"{web1}/data", f"{web1}/root", web1)]
    assert lines[-1].split("\t")[0] == "reclaim" and lines[-1].split("\t")[1].isdigit()
    lines = lab.zfs("destroy", "-nvpr", web1).splitlines()
    assert sorted(lines) == sorted(f"destroy\t{name}" for name in lab.names("-r", "-t", "all", web1))
    assert lines[-2:] == [f"destroy\t{web1}@good", f"destroy\t{web1}"]
    assert len(lab.names("-r", "-t", "all", web1)) == 6


def test_a_rollback_past_newer_snapshots_names_them(lab: Lab, host: LabHost, web1: str) -> None:
    disk = f"{web1}/data"
    for name in ("one", "two", "three"):
        lab.zfs("snapshot", f"{disk}@{name}")
    with pytest.raises(CommandError) as raised:
        snapshots.roll_back(host, f"{disk}@one", destroy_newer=False)
    lines = raised.value.stderr.splitlines()
    assert lines[:2] == [
        f"cannot rollback to '{disk}@one': more recent snapshots or bookmarks exist",
        "use '-r' to force deletion of the following snapshots and bookmarks:",
    ]
    assert sorted(lines[2:]) == [f"{disk}@three", f"{disk}@two"]
    lab.zfs("clone", f"{disk}@three", "tank/copy")
    with pytest.raises(CommandError) as raised:
        snapshots.roll_back(host, f"{disk}@one", destroy_newer=True)
    assert raised.value.stderr == (
        f"cannot rollback to '{disk}@one': clones of previous snapshots exist\n"
        "use '-R' to force deletion of the following clones and dependents:\ntank/copy\n"
    )
    lab.zfs("destroy", "tank/copy")
    snapshots.roll_back(host, f"{disk}@one", destroy_newer=True)
    assert lab.names("-r", "-t", "snapshot", disk) == [f"{disk}@one"]


def test_a_rollback_past_a_newer_bookmark_names_it(lab: Lab, host: LabHost, web1: str) -> None:
    disk = f"{web1}/data"
    lab.zfs("snapshot", f"{disk}@one")
    lab.zfs("snapshot", f"{disk}@two")
    lab.zfs("bookmark", f"{disk}@two", f"{disk}#two")
    lab.zfs("destroy", f"{disk}@two")
    with pytest.raises(CommandError) as raised:
        snapshots.roll_back(host, f"{disk}@one", destroy_newer=False)
    assert f"\n{disk}#two\n" in raised.value.stderr
    snapshots.roll_back(host, f"{disk}@one", destroy_newer=True)
    assert lab.names("-r", "-t", "bookmark", disk) == []


def test_a_promoted_clone_owns_what_came_before(lab: Lab, host: LabHost, web1: str) -> None:
    disk = f"{web1}/data"
    for name in ("one", "two", "three"):
        lab.zfs("snapshot", f"{disk}@{name}")
    clones.clone_volume(host, f"{disk}@two", "tank/apiary/copy")
    lab.zfs("snapshot", "tank/apiary/copy@mine")
    clones.promote(host, "tank/apiary/copy")
    assert lab.names("-r", "-t", "snapshot", "tank/apiary/copy") == [
        f"tank/apiary/copy@{name}" for name in ("one", "two", "mine")
    ]
    assert lab.names("-r", "-t", "snapshot", disk) == [f"{disk}@three"]
    assert lab.value("origin", disk) == "tank/apiary/copy@two"
    assert lab.value("origin", "tank/apiary/copy") == "-"
    with pytest.raises(CommandError, match="not a cloned filesystem"):
        clones.promote(host, "tank/apiary/copy")


def test_a_promotion_that_would_have_two_snapshots_of_a_name(lab: Lab, host: LabHost, web1: str) -> None:
    disk = f"{web1}/data"
    lab.zfs("snapshot", f"{disk}@one")
    clones.clone_volume(host, f"{disk}@one", "tank/apiary/copy")
    lab.zfs("snapshot", "tank/apiary/copy@one")
    with pytest.raises(CommandError) as raised:
        clones.promote(host, "tank/apiary/copy")
    assert raised.value.stderr == (
        f"cannot promote 'tank/apiary/copy': conflicting snapshot 'one' from parent '{disk}@one'\n"
    )
    assert lab.value("origin", "tank/apiary/copy") == f"{disk}@one"


def test_a_base_goes_with_its_last_clone(lab: Lab, host: LabHost, web1: str) -> None:
    snapshots.take(host, [f"{web1}@base"])
    clones.clone_volume(host, f"{web1}/data@base", "tank/apiary/copy")
    clones.drop_base(host, web1, "base", defer=True)
    assert lab.names("-r", "-t", "snapshot", web1) == [f"{web1}/data@base"]
    Zfs(host).destroy("tank/apiary/copy")
    assert lab.names("-r", "-t", "snapshot", web1) == []
    clones.drop_base(host, web1, "base", defer=True)
    clones.drop_base(host, web1, "base", defer=False)


def test_a_guest_is_renamed_with_all_it_has(lab: Lab, host: LabHost, web1: str) -> None:
    lab.zfs("snapshot", "-r", f"{web1}@good")
    lab.zfs("create", "tank/apiary/taken")
    clones.rename(host, web1, "tank/apiary/web9")
    web9 = "tank/apiary/web9"
    assert lab.names("-r", "-t", "all", web9) == [
        f"{web9}{rest}" for rest in ("", "@good", "/data", "/data@good", "/root", "/root@good")
    ]
    assert lab.volume(f"{web9}/root").read()[: 1 << 20] == MEBIBYTE
    assert lab.value("mountpoint", web9) == f"/{web9}"
    with pytest.raises(CommandError) as raised:
        clones.rename(host, web9, "tank/apiary/taken")
    assert raised.value.stderr == f"cannot rename '{web9}': dataset already exists\n"
    with pytest.raises(CommandError) as raised:
        clones.rename(host, web9, "tank/nosuch/web9")
    assert raised.value.stderr == "cannot create 'tank/nosuch/web9': parent does not exist\n"
    with pytest.raises(CommandError) as raised:
        clones.rename(host, web9, f"{web9}/below")
    assert "New dataset name cannot be a descendant of current dataset name" in raised.value.stderr


def test_a_full_copy_depends_on_nothing(lab: Lab, host: LabHost, web1: str) -> None:
    snapshots.take(host, [f"{web1}@base"])
    lab.zfs("receive", "tank/apiary/copy", data=lab.send(f"{web1}/data@base"))
    assert lab.value("origin", "tank/apiary/copy") == "-"
    assert lab.names("-r", "-t", "snapshot", "tank/apiary/copy") == ["tank/apiary/copy@base"]
    assert lab.value("volblocksize", "tank/apiary/copy") == "8192"
    assert lab.value("refreservation", "tank/apiary/copy") == "0"
    assert lab.volume("tank/apiary/copy").read()[: 1 << 20] == MEBIBYTE
    clones.drop_base(host, web1, "base", defer=False)


def test_a_bookmark_tells_whether_anything_was_written_since_an_export(lab: Lab, host: LabHost, web1: str) -> None:
    disk = f"{web1}/data"
    snapshots.take(host, [f"{web1}@{streams.MARK}"])
    streams.mark(host, disk, streams.read_marks(host, [web1]))
    snapshots.destroy(host, web1, [streams.MARK])
    marks = streams.read_marks(host, [web1])
    assert marks.unwritten(disk) == marks.guid(f"{disk}#{streams.MARK}") != ""
    assert marks.unwritten(f"{web1}/root") == ""
    lab.volume(disk).write(MEBIBYTE[::-1])
    assert streams.read_marks(host, [web1]).unwritten(disk) == ""
    snapshots.take(host, [f"{web1}@{streams.MARK}"])
    streams.mark(host, disk, streams.read_marks(host, [web1]))
    marks = streams.read_marks(host, [web1])
    assert marks.unwritten(disk) == marks.guid(f"{disk}@{streams.MARK}")


def test_a_received_volume_has_the_properties_that_were_asked_for(lab: Lab, web1: str) -> None:
    lab.zfs("snapshot", f"{web1}/root@{streams.MARK}")
    stream = lab.send("-L", f"{web1}/root@{streams.MARK}")
    lab.zfs("receive", "-u", "-o", "compression=zstd", "-o", KEPT, f"tank/new@{streams.RECEIVED}", data=stream)
    assert lab.names("-r", "-t", "snapshot", "tank/new") == [f"tank/new@{streams.RECEIVED}"]
    get = ("get", "-Hpo", "value,source", "compression,apiary:disk,refreservation,volsize", "tank/new")
    assert lab.zfs(*get) == "zstd\tlocal\nroot\tlocal\n0\tdefault\n16777216\tlocal\n"
    assert lab.value("guid", f"tank/new@{streams.RECEIVED}") == lab.value("guid", f"{web1}/root@{streams.MARK}")


@pytest.mark.parametrize(
    ("block", "status", "reason"),
    [
        ("512", 0, ""),
        ("131072", 0, ""),
        ("12288", 1, "cannot create 'tank/v': 'volblocksize' must be power of 2 from 512B to 16M\n"),
        ("256", 1, "cannot create 'tank/v': 'volblocksize' must be power of 2 from 512B to 16M\n"),
    ],
)
def test_block_sizes(lab: Lab, block: str, status: int, reason: str) -> None:
    done = lab.run("zfs", "create", "-s", "-b", block, "-V", "16M", "tank/v")
    assert done.returncode == status
    assert done.stderr.decode().endswith(reason)
    if not status:
        assert lab.value("volblocksize", "tank/v") == block


def test_the_block_size_of_a_volume_stays(lab: Lab) -> None:
    lab.zfs("create", "-s", "-V", "16M", "tank/v")
    assert lab.refused("zfs", "set", "volblocksize=8192", "tank/v") == (
        "cannot set property for 'tank/v': 'volblocksize' is readonly\n"
    )


def test_a_volume_shrinks_and_grows_with_its_reservation(lab: Lab, host: LabHost, web1: str) -> None:
    disk = f"{web1}/root"
    Zfs(host).set(disk, {"volsize": str(8 << 20)})
    assert lab.value("refreservation", disk) == str(volume_reservation(8 << 20, 16384))
    Zfs(host).set(disk, {"volsize": str(32 << 20), "compression": "zstd"})
    assert lab.value("refreservation", disk) == str(volume_reservation(32 << 20, 16384))
    assert lab.volume(disk).size() == 32 << 20
    assert lab.volume(disk).read()[: 1 << 20] == MEBIBYTE
    Zfs(host).set(disk, {"refreservation": "auto"})
    Zfs(host).set(disk, {"refreservation": "none"})
    assert lab.value("refreservation", disk) == "0"
    Zfs(host).set(disk, {"refreservation": "auto"})
    assert lab.value("refreservation", disk) == str(volume_reservation(32 << 20, 16384))
