# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zfs in a stand-in host: real mounts, boot, power cut, what a mounted or open dataset refuses."""

from __future__ import annotations

import os
from typing import Iterator

import pytest
from polls import until
from standin.host import StandinHost
from standin.settings import Settings

pytestmark = pytest.mark.standin("a whole host, with its boots and mounts")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    if os.geteuid() != 0:
        pytest.skip("a stand-in host needs root")
    directory = tmp_path_factory.mktemp("lab")
    with StandinHost("zfs1", str(directory / "zfs1"), Settings(hostname="zfs1")) as running:
        running.sh("zfs create -o mountpoint=/data -o volmode=dev zroot/data", check=True)
        yield running


def test_the_host_comes_with_the_pool_that_it_booted_from(host: StandinHost) -> None:
    assert host.sh("zfs get -Hpo value mounted,mountpoint zroot/ROOT/default").stdout == "yes\n/\n"
    assert host.sh("zpool get -Hpo value bootfs zroot").stdout == "zroot/ROOT/default\n"
    refused = host.sh("zpool export zroot")
    assert refused.returncode == 1
    assert "busy" in refused.stderr


def test_a_mounted_dataset_has_its_own_files_and_an_unmounted_one_an_empty_directory(host: StandinHost) -> None:
    host.sh("zfs create zroot/data/a && echo inside > /data/a/file", check=True)
    host.sh("zfs unmount zroot/data/a", check=True)
    assert host.sh("ls /data/a").stdout == ""
    host.sh("zfs mount zroot/data/a", check=True)
    assert host.read("/data/a/file") == "inside\n"


def test_a_directory_in_use_is_not_unmounted(host: StandinHost) -> None:
    host.sh("zfs create zroot/data/b", check=True)
    done = host.sh("cd /data/b && zfs destroy zroot/data/b")
    assert (done.returncode, done.stderr) == (1, "cannot unmount '/data/b': pool or dataset is busy\n")
    host.sh("zfs destroy zroot/data/b", check=True)
    assert not host.exists_in("/data/b")


def test_a_new_mount_point_moves_the_files(host: StandinHost) -> None:
    host.sh("zfs create -p zroot/data/c/d && echo deep > /data/c/d/file", check=True)
    host.sh("zfs set mountpoint=/elsewhere zroot/data/c", check=True)
    assert host.read("/elsewhere/d/file") == "deep\n"
    assert not host.exists_in("/data/c/d/file")
    host.sh("zfs rename zroot/data/c/d zroot/data/e", check=True)
    assert host.read("/data/e/file") == "deep\n"


def test_a_rollback_shows_in_the_mounted_directory(host: StandinHost) -> None:
    host.sh("zfs create zroot/data/r && echo one > /data/r/f && zfs snapshot zroot/data/r@s", check=True)
    host.sh("echo two > /data/r/f && zfs rollback zroot/data/r@s", check=True)
    assert host.read("/data/r/f") == "one\n"


def test_a_volume_that_a_process_has_open_is_busy_until_it_ends(host: StandinHost) -> None:
    host.sh("zfs create -V 1M zroot/data/v", check=True)
    assert until(lambda: host.exists_in("/dev/zvol/zroot/data/v"))
    done = host.sh("exec 3<>/dev/zvol/zroot/data/v; zfs destroy zroot/data/v")
    assert (done.returncode, done.stderr) == (1, "cannot destroy 'zroot/data/v': dataset is busy\n")
    host.sh("zfs destroy zroot/data/v", check=True)


def test_mount_tells_what_is_mounted(host: StandinHost) -> None:
    lines = host.sh("mount -p", check=True).stdout.split("\n")
    assert [line.split()[:3] for line in lines if line.startswith("zroot/data\t")] == [["zroot/data", "/data", "zfs"]]


def test_one_read_of_everything_is_one_command(host: StandinHost) -> None:
    host.clear_commands()
    host.sh("zfs get -Hp -r -t filesystem,volume type,mounted zroot", check=True)
    assert [call.argv[0] for call in host.commands() if call.argv[0] == "zfs"] == ["zfs"]


def test_after_a_power_cut_all_is_mounted_again_and_the_nodes_are_back(host: StandinHost) -> None:
    host.sh("zfs create -V 1M zroot/data/p && echo kept > /data/kept", check=True)
    assert until(lambda: host.exists_in("/dev/zvol/zroot/data/p"))
    host.sh("printf disk | dd of=/dev/zvol/zroot/data/p conv=notrunc", check=True)
    host.power_cut()
    host.boot()
    assert host.read("/data/kept") == "kept\n"
    assert until(lambda: host.exists_in("/dev/zvol/zroot/data/p"))
    assert host.read_bytes("/dev/zvol/zroot/data/p")[:4] == b"disk"


def test_after_a_power_cut_a_dataset_without_its_key_stays_closed(host: StandinHost) -> None:
    create = "echo secretpass | zfs create -o encryption=on -o keyformat=passphrase zroot/data/enc"
    host.sh(f"{create} && echo hidden > /data/enc/file", check=True)
    host.power_cut()
    host.boot()
    assert host.sh("zfs get -Hpo value mounted,keystatus zroot/data/enc").stdout == "no\nunavailable\n"
    assert host.sh("ls /data/enc").stdout == ""
    host.sh("echo secretpass | zfs load-key zroot/data/enc && zfs mount zroot/data/enc", check=True)
    assert host.read("/data/enc/file") == "hidden\n"


def test_an_orderly_shutdown_and_boot(host: StandinHost) -> None:
    host.sh("echo again > /data/again", check=True)
    host.down()
    host.boot()
    assert host.read("/data/again") == "again\n"


def test_users_other_than_root_may_look_only(host: StandinHost) -> None:
    become = "/.linux/usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups"
    assert host.sh(f"{become} zfs list -Ho name zroot/data").stdout == "zroot/data\n"
    refused = host.sh(f"{become} zfs create zroot/data/mine")
    assert (refused.returncode, refused.stderr) == (1, "cannot create 'zroot/data/mine': permission denied\n")
    assert host.sh("zfs list -Ho name zroot/data/mine").returncode == 1


def test_a_host_without_zfs_has_no_pool(host: StandinHost, tmp_path: object) -> None:
    with StandinHost("ufs1", f"{tmp_path}/ufs1", Settings(hostname="ufs1", zfs=False)) as other:
        assert other.sh("zpool list -H").stdout == ""
        assert other.sh("zfs list").stderr == "no datasets available\n"


def test_dd_to_a_node_keeps_the_volumes_size_as_a_device_does(host: StandinHost) -> None:
    host.sh("zfs create -V 1M zroot/data/dd", check=True)
    assert until(lambda: host.exists_in("/dev/zvol/zroot/data/dd"))
    host.sh("printf abc | dd of=/dev/zvol/zroot/data/dd", check=True)
    assert host.sh("diskinfo /dev/zvol/zroot/data/dd").stdout.split("\t")[2] == str(1 << 20)
    assert host.read_bytes("/dev/zvol/zroot/data/dd")[:4] == b"abc\0"


def test_a_second_pool_is_back_after_a_power_cut(host: StandinHost) -> None:
    host.sh("zpool create extra ada1 && echo there > /extra/file", check=True)
    host.power_cut()
    assert not host.is_up()
    host.boot()
    assert host.read("/extra/file") == "there\n"
    host.sh("zpool destroy extra", check=True)
    assert not host.exists_in("/extra/file")
