# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which disks the host uses itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.mounts import (
    Mount,
    PoolMember,
    parse_mounts,
    parse_pool_members,
)

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"


def test_mounted_file_systems() -> None:
    text = (FIXTURES / "mount-p.txt").read_text() + "tank\t\t\t/tank\t\t\tzfs\trw,noatime,nfsv4acls \t0 0\n"
    assert parse_mounts(text) == [
        Mount("/dev/gpt/rootfs", "/", "ufs", "rw"),
        Mount("devfs", "/dev", "devfs", "rw"),
        Mount("tank", "/tank", "zfs", "rw,noatime,nfsv4acls"),
    ]


def test_names_with_blanks_and_long_names() -> None:
    text = "bad name/child\t\t/bad name/child zfs\trw\t0 0\nzroot/usr/local/poudriere/data /usr/local zfs rw 0 0\n"
    assert [(mount.device, mount.point) for mount in parse_mounts(text)] == [
        ("bad name/child", "/bad name/child"),
        ("zroot/usr/local/poudriere/data", "/usr/local"),
    ]


def test_a_mount_that_cannot_be_read_is_unknown() -> None:
    with pytest.raises(UnknownState, match="mount -p"):
        parse_mounts("/dev/ada0p2 /\n")


def test_disks_of_a_pool() -> None:
    text = (FIXTURES / "zpool-status-P.txt").read_text()
    assert parse_pool_members(text) == [PoolMember("tank", "/dev/vtbd1")]


def test_mirrors_logs_spares_and_files_of_several_pools() -> None:
    text = (
        "  pool: a\n state: DEGRADED\nconfig:\n\n\tNAME               STATE     READ WRITE CKSUM\n"
        "\ta                  DEGRADED     0     0     0\n\t  mirror-0         DEGRADED     0     0     0\n"
        "\t    /dev/ada0p3    ONLINE       0     0     0\n"
        "\t    /dev/ada1p3    UNAVAIL      0     0     0  cannot open\n"
        "\tlogs\n\t  /dev/nvd0        ONLINE       0     0     0\n\tspares\n\t  /dev/ada9        AVAIL\n\n"
        "errors: No known data errors\n\n"
        "  pool: b\nconfig:\n\n\tb          ONLINE 0 0 0\n\t  /var/b file  ONLINE 0 0 0\n"
    )
    assert [(member.pool, member.path) for member in parse_pool_members(text)] == [
        ("a", "/dev/ada0p3"),
        ("a", "/dev/ada1p3"),
        ("a", "/dev/nvd0"),
        ("a", "/dev/ada9"),
        ("b", "/var/b file"),
    ]


def test_no_pools() -> None:
    assert parse_pool_members("") == []
