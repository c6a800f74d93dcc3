# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices of a pool: layout, sizes, states (zpoolconcepts(7))."""

from __future__ import annotations

from typing import Iterator, List

from .model import Doc

LABELS = 4718592  # four labels and the boot block of a device
MINIMUM = 64 << 20
SMALLEST_SLOP = 128 << 20
LARGEST_SLOP = 128 << 30
_METASLAB_SHIFT = 29


def leaves(vdev: Doc) -> Iterator[Doc]:
    """The disks and files below a vdev."""
    if not vdev.get("children"):
        yield vdev
    for child in vdev.get("children", ()):
        yield from leaves(child)


def all_leaves(pool: Doc) -> List[Doc]:
    return [leaf for vdev in pool["vdevs"] for leaf in leaves(vdev)]


def capacity(vdev: Doc) -> int:
    """What one top-level vdev adds to the pool: whole metaslabs."""
    sizes = [int(leaf["size"]) for leaf in leaves(vdev)]
    smallest = min(sizes) - LABELS
    shift = _METASLAB_SHIFT
    count = smallest >> shift
    if count < 16:
        shift = max((smallest // 16).bit_length(), 24)
    elif count > 200:
        shift = (smallest // 200).bit_length()
    whole = (smallest >> shift) << shift
    return whole * len(sizes) if vdev["type"].startswith("raidz") else whole


def size(pool: Doc) -> int:
    """zpool's `size`, in bytes."""
    return sum(capacity(vdev) for vdev in pool["vdevs"])


def parity(pool: Doc) -> int:
    """Bytes of `size` that parity takes."""
    return sum(
        capacity(vdev) * int(vdev["type"][5:] or 1) // len(vdev["children"])
        for vdev in pool["vdevs"]
        if vdev["type"].startswith("raidz")
    )


def usable(pool: Doc) -> int:
    """What datasets can have: the size without parity and without the slop that ZFS keeps for itself."""
    whole = size(pool) - parity(pool)
    slop = min(max(whole >> 5, min(SMALLEST_SLOP, whole >> 1)), LARGEST_SLOP)
    return whole - slop


def health(vdev: Doc) -> str:
    if not vdev.get("children"):
        return str(vdev.get("state", "ONLINE"))
    states = [health(child) for child in vdev["children"]]
    good = states.count("ONLINE")
    if good == len(states):
        return "ONLINE"
    spare = len(states) - 1 if vdev["type"] == "mirror" else int(vdev["type"][5:] or 1)
    return "DEGRADED" if len(states) - good <= spare else "UNAVAIL"


def pool_health(pool: Doc) -> str:
    states = [health(vdev) for vdev in pool["vdevs"]]
    for state in ("UNAVAIL", "DEGRADED"):
        if state in states:
            return state
    return "ONLINE"
