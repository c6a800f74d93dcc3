# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted on the host, as statfs(2) would tell: its root, devfs, the pools' datasets."""

from __future__ import annotations

import os
from typing import Any, Dict, List, NamedTuple

from .. import paths, state


class Mount(NamedTuple):
    """A mounted file system; ``options`` as mount -p prints them."""

    source: str
    directory: str
    type: str
    options: str


def _datasets() -> List[Mount]:
    from ..zfs import mounts
    from ..zfs.session import session

    with session(["mount"]) as current:
        return [Mount(name, where, "zfs", options) for name, where, options in mounts.listing(current.model)]


def table() -> List[Mount]:
    """All of it, the root first."""
    host: Dict[str, Any] = state.peek("disk", "host")
    found = _datasets() if host.get("zfs") or state.peek("disk", "zpool").get("pools") else []
    root = [mount for mount in found if mount.directory == "/"]
    if not root:
        root = [Mount("/dev/gpt/rootfs", "/", "ufs", "rw")]
    rest = [mount for mount in found if mount.directory != "/"]
    return [*root[:1], Mount("devfs", "/dev", "devfs", "rw"), *rest]


def of_path(path: str, mounts: List[Mount]) -> Mount:
    """The file system that a path lies on."""
    best = mounts[0]
    for mount in mounts:
        inside = path == mount.directory or path.startswith(mount.directory.rstrip("/") + "/")
        if inside and len(mount.directory) >= len(best.directory):
            best = mount
    return best


def of_file(path: str) -> Mount:
    """The file system of a file that exists (links followed). FileNotFoundError otherwise."""
    real = os.path.realpath(paths.root(path))
    os.stat(real)
    return of_path(real, table())
