# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots as a guest has them: those of one name on its dataset and on its volumes are one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import Point, Storage


@dataclass(frozen=True)
class GuestSnapshot:
    """One snapshot of a guest: its points in the order of their making."""

    name: str
    dataset: str
    points: Tuple[Point, ...]

    @property
    def whole(self) -> bool:
        """Whether the guest's own dataset, which holds its record, is in it."""
        return any(point.dataset == self.dataset for point in self.points)

    @property
    def state(self) -> str:
        """stopped or crash_consistent, '' when it was not taken by us."""
        return self.points[0].state if self.ours else ""

    @property
    def ours(self) -> bool:
        """Whether all that bears its name was taken by us."""
        return all(point.state for point in self.points)

    @property
    def created(self) -> int:
        return max(point.created for point in self.points)

    @property
    def txg(self) -> int:
        return max(point.txg for point in self.points)

    @property
    def disks(self) -> List[str]:
        """The volumes in it, by the names of their disks."""
        prefix = f"{self.dataset}/"
        return sorted(point.dataset[len(prefix) :] for point in self.points if point.dataset.startswith(prefix))

    @property
    def clones(self) -> List[str]:
        return sorted(clone for point in self.points for clone in point.clones)

    @property
    def held(self) -> List[str]:
        """Full names of its points that somebody holds."""
        return [point.full_name for point in self.points if point.holds]

    def point(self, dataset: str) -> Point:
        """Its point on one dataset; KeyError if there is none."""
        for point in self.points:
            if point.dataset == dataset:
                return point
        raise KeyError(dataset)


def guest_snapshots(dataset: str, storage: Storage) -> Dict[str, GuestSnapshot]:
    """The snapshots of the guest with this dataset by name, oldest first."""
    found: Dict[str, List[Point]] = {}
    for point in storage.points_below(dataset):
        if not point.bookmark:
            found.setdefault(point.name, []).append(point)
    snapshots = [GuestSnapshot(name, dataset, tuple(points)) for name, points in found.items()]
    return {one.name: one for one in sorted(snapshots, key=lambda one: (one.txg, one.name))}


def described(snapshot: GuestSnapshot) -> Dict[str, Any]:
    """A snapshot for the user."""
    return {
        "name": snapshot.name,
        "created": snapshot.created,
        "used": sum(point.used for point in snapshot.points),
        "referenced": sum(point.referenced for point in snapshot.points),
        "consistency": snapshot.state or None,
        "complete": snapshot.whole,
        "disks": snapshot.disks,
        "clones": snapshot.clones,
        "held": bool(snapshot.held),
    }


def listed(dataset: str, storage: Storage) -> List[Dict[str, Any]]:
    """All snapshots of a guest for the user, oldest first."""
    return [described(one) for one in guest_snapshots(dataset, storage).values()]


def summary(snapshots: Mapping[str, GuestSnapshot]) -> Dict[str, str]:
    """The snapshots of a guest for a diff."""
    return {name: one.state or "not taken by this collection" for name, one in snapshots.items()}
