# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which disks the host itself uses: GEOM lets nobody else open them for writing."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List

from . import state


def _devices(vdevs: List[Dict[str, Any]]) -> Iterator[str]:
    """The device paths of a pool's virtual devices, whatever they are grouped in."""
    for vdev in vdevs:
        path = vdev.get("path")
        if path:
            yield path if path.startswith("/") else f"/dev/{path}"
        yield from _devices(vdev.get("children", []))


def _covers(path: str, device: str) -> bool:
    """Whether ``device`` is ``path`` or a partition of it."""
    rest = device[len(path) :]
    return device.startswith(path) and (not rest or (rest[0] in "ps" and rest[1:2].isdigit()))


def by_host(path: str) -> bool:
    """Whether a device is mounted by the host or belongs to an imported pool. Plain files and volumes are nobody's."""
    if not path.startswith("/dev/") or path.startswith("/dev/zvol/"):
        return False
    imported = state.peek("kernel", "zpool").get("imported", [])
    for guid, pool in state.peek("disk", "zpool").get("pools", {}).items():
        if guid in imported and any(_covers(path, device) for device in _devices(pool.get("vdevs", []))):
            return True
    from .system import mounts

    return any(_covers(path, mount.source) for mount in mounts.table())
