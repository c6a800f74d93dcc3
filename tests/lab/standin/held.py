# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which disks the host itself uses: GEOM lets nobody else open them for writing."""

from __future__ import annotations

from typing import Any, Iterator

from . import state


def _device_names(value: Any) -> Iterator[str]:
    """Every device path in a pool's description, however deep."""
    if isinstance(value, str):
        yield value if value.startswith("/dev/") else f"/dev/{value}"
    elif isinstance(value, dict):
        for key in ("path", "vdevs", "children", "device", "devices"):
            if key in value:
                yield from _device_names(value[key])
    elif isinstance(value, list):
        for item in value:
            yield from _device_names(item)


def by_host(path: str) -> bool:
    """Whether a device below /dev is mounted by the host or belongs to an imported pool. Plain files are nobody's."""
    if not path.startswith("/dev/") or path.startswith("/dev/zvol/"):
        return _mounted(path)
    imported = state.peek("kernel", "zpool").get("imported", [])
    for name, pool in state.peek("disk", "zpool").get("pools", {}).items():
        if name in imported and path in set(_device_names(pool)):
            return True
    return _mounted(path)


def _mounted(path: str) -> bool:
    mounted = state.peek("kernel", "mount").get("mounted", {})
    return path.startswith("/dev/") and any(entry.get("device") == path for entry in mounted.values())
