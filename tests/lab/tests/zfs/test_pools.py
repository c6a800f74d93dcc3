# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools: devices, sizes, export and import, mirrors."""

from __future__ import annotations

from zfslab import Lab


def test_a_pool_has_the_size_that_zfs_gives_it(lab: Lab) -> None:
    assert lab.zpool("list", "-Hpo", "name,size,health") == "tank\t16642998272\tONLINE\n"


def test_a_device_is_in_one_pool_only(lab: Lab) -> None:
    text = lab.refused("zpool", "create", "-f", "other", "ada1")
    assert "/dev/ada1 is part of active pool 'tank'" in text


def test_status_names_devices_by_their_paths(lab: Lab) -> None:
    assert "\n\t  /dev/ada1  ONLINE       0     0     0\n" in lab.zpool("status", "-P", "tank")
    assert lab.zpool("list", "-vHP", "tank").split("\n")[1].split("\t")[1] == "/dev/ada1"


def test_export_and_import_keep_everything(lab: Lab) -> None:
    lab.zfs("create", "-o", "org.example:a=b", "tank/a")
    lab.zfs("create", "-V", "1M", "tank/v")
    lab.volume("tank/v").write(b"disk")
    lab.zpool("export", "tank")
    assert lab.refused("zfs", "list", "tank") == "cannot open 'tank': dataset does not exist\n"
    assert not lab.node("tank/v").exists()
    lab.zpool("import", "tank", "new")
    assert lab.value("org.example:a", "new/a") == "b"
    assert lab.volume("new/v").read()[:4] == b"disk"
    assert lab.zfs("mount").split() == ["new", "/new", "new/a", "/new/a"]


def test_import_under_another_root(lab: Lab) -> None:
    lab.zpool("export", "tank")
    lab.zpool("import", "-R", "/mnt", "-N", "tank")
    assert lab.value("mountpoint", "tank") == "/mnt/tank"
    assert lab.value("mounted", "tank") == "no"


def test_a_mirror_lives_with_one_device_less(bare: Lab) -> None:
    bare.zpool("create", "m", "mirror", "ada2", "ada3")
    bare.zpool("offline", "m", "ada3")
    assert bare.zpool("list", "-Ho", "health", "m") == "DEGRADED\n"
    assert bare.refused("zpool", "offline", "m", "ada2") == "cannot offline ada2: no valid replicas\n"
    bare.zpool("online", "m", "ada3")
    assert bare.zpool("status", "-x") == "all pools are healthy\n"


def test_a_pool_on_a_file(bare: Lab) -> None:
    file = bare.file("pool.img", 256 << 20)
    bare.zpool("create", "f", file)
    assert file in bare.zpool("status", "f")
    bare.zpool("destroy", "f")
    assert bare.zpool("list", "-H") == ""


def test_no_pool_says_so_where_zfs_does(bare: Lab) -> None:
    assert bare.zpool("list") == "no pools available\n"
    done = bare.run("zfs", "list")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"no datasets available\n")
