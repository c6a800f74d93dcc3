# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which disks the host uses itself: mounted file systems (mount(8)) and members of pools (zpool(8))."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

MOUNT = ("mount", "-p")
ZPOOL_STATUS = ("zpool", "status", "-P")

_MOUNT = re.compile(r"(?P<device>.+?)\s+(?P<point>/.*?)\s+(?P<type>\S+)\s+(?P<options>\S+)\s+\d+ \d+")
_POOL = re.compile(r"  pool: (?P<name>.+)")
_VDEV = re.compile(r"\t\s+(?P<path>/.+?)\s+(?:[A-Z]+)(?:\s.*)?")


@dataclass(frozen=True)
class Mount:
    """A mounted file system; ``device`` is a dataset's name for ZFS."""

    device: str
    point: str
    type: str
    options: str


@dataclass(frozen=True)
class PoolMember:
    """A disk, partition or file that a pool lives on (also as log, cache or spare)."""

    pool: str
    path: str


def parse_mounts(text: str) -> List[Mount]:
    """Read ``mount -p``; UnknownState for a line that cannot be read."""
    mounts: List[Mount] = []
    for line in text.splitlines():
        match = _MOUNT.fullmatch(line.strip())
        if match is None:
            raise UnknownState(f"`{' '.join(MOUNT)}` printed a line that cannot be read: {line!r}")
        mounts.append(Mount(match["device"], match["point"], match["type"], match["options"]))
    return mounts


def parse_pool_members(text: str) -> List[PoolMember]:
    """Read ``zpool status -P``: the lines of its config tables that are paths. UnknownState."""
    members: List[PoolMember] = []
    pool = ""
    for line in text.splitlines():
        heading = _POOL.fullmatch(line)
        if heading is not None:
            pool = heading["name"]
        vdev = _VDEV.fullmatch(line)
        if vdev is None:
            continue
        if not pool:
            raise UnknownState(f"`{' '.join(ZPOOL_STATUS)}` printed a disk before any pool: {line!r}")
        members.append(PoolMember(pool, vdev["path"]))
    return members


def is_part_of(device: str, disk: str) -> bool:
    """Whether a device is that disk, or a partition or slice of it: /dev/ada0p2 and /dev/ada0s1a of /dev/ada0."""
    rest = device[len(disk) :]
    return device.startswith(disk) and (not rest or (len(rest) > 1 and rest[0] in "ps" and rest[1].isdigit()))


def read_mounts(host: Host) -> List[Mount]:
    """What is mounted."""
    return parse_mounts(host.run(MOUNT, what="cannot list the mounted file systems").stdout)


def read_pool_members(host: Host) -> List[PoolMember]:
    """The disks of all imported pools."""
    return parse_pool_members(host.run(ZPOOL_STATUS, what="cannot list the disks of the ZFS pools").stdout)
