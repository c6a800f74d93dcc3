# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ZFS snapshots: one read for those of any number of datasets, and the commands that make, destroy and return to them.

zfs-snapshot(8), zfs-destroy(8), zfs-rollback(8), zfs-hold(8), zfsprops(7).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Dict, List, Mapping, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import (
    DATASETS,
    WITH_POINTS,
    Dataset,
    parse_datasets,
    read_with_points,
)

#: The user property that marks our snapshots: whether the guest ran when it was taken.
STATE = "apiary:state"
STOPPED = "stopped"
CRASH_CONSISTENT = "crash_consistent"

PROPERTIES = (
    "type",
    "creation",
    "createtxg",
    "used",
    "referenced",
    "available",
    "written",
    "refreservation",
    "usedbyrefreservation",
    "volsize",
    "clones",
    "userrefs",
    STATE,
)


@dataclass(frozen=True)
class Point:
    """A snapshot or bookmark of one dataset. ``state`` is '' when it is not ours; sizes are bytes, ``created`` epoch.

    ``txg`` orders the points of a pool in time, more finely than ``created`` does.
    """

    dataset: str
    name: str
    txg: int
    created: int = 0
    used: int = 0
    referenced: int = 0
    volsize: int = 0
    clones: Tuple[str, ...] = ()
    holds: int = 0
    state: str = ""
    bookmark: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.dataset}{'#' if self.bookmark else '@'}{self.name}"


@dataclass(frozen=True)
class Storage:
    """Datasets with their space, and their snapshots and bookmarks in the order of their making.

    ``tags``: by whom snapshots are held, by their full names, as far as somebody asked.
    """

    datasets: Dict[str, Dataset] = field(default_factory=dict)
    points: Tuple[Point, ...] = ()
    tags: Dict[str, List[str]] = field(default_factory=dict)

    def holders(self, snapshot: str) -> str:
        """A snapshot and by whom it is held, for a message."""
        tags = self.tags.get(snapshot)
        return f"{snapshot} by {', '.join(tags)}" if tags else snapshot

    def below(self, name: str) -> List[Dataset]:
        """A dataset and all below it, by name."""
        return [self.datasets[other] for other in sorted(self.datasets) if is_within(other, name)]

    def points_below(self, name: str) -> List[Point]:
        """The snapshots and bookmarks of a dataset and of all below it."""
        return [point for point in self.points if is_within(point.dataset, name)]


def is_within(name: str, dataset: str) -> bool:
    """Whether a dataset is this one or below it."""
    return name == dataset or name.startswith(f"{dataset}/")


def parse_storage(text: str) -> Storage:
    """Read ``zfs get -Hp -o name,property,value,source`` of :data:`PROPERTIES`; UnknownState for anything else."""
    return _storage(parse_datasets(text, WITH_POINTS))


def _storage(found: Mapping[str, Dataset]) -> Storage:
    datasets = {name: one for name, one in found.items() if one.type in DATASETS}
    points = [_point(one) for one in found.values() if one.type not in DATASETS]
    return Storage(datasets, tuple(sorted(points, key=lambda point: (point.txg, point.full_name))))


def _point(one: Dataset) -> Point:
    bookmark = one.type == "bookmark"
    dataset, _sign, name = one.name.partition("#" if bookmark else "@")
    clones = one.value("clones")
    return Point(
        dataset=dataset,
        name=name,
        txg=one.size("createtxg"),
        created=one.size("creation"),
        used=0 if bookmark else one.size("used"),
        referenced=0 if bookmark else one.size("referenced"),
        volsize=0 if bookmark else one.size("volsize"),
        # Where there are none, `-` or nothing at all is printed.
        clones=tuple(clones.split(",")) if clones not in ("-", "") else (),
        holds=0 if bookmark else one.size("userrefs"),
        # A snapshot of a dataset whose state was set inherits that; only what was set on itself makes it ours.
        state=one.own(STATE),
        bookmark=bookmark,
    )


def read_storage(host: Host, datasets: Sequence[str]) -> Storage:
    """These datasets, which exist, and all below them, with their snapshots and bookmarks: one command, or none."""
    return _storage(read_with_points(host, datasets, PROPERTIES))


def with_tags(host: Host, storage: Storage) -> Storage:
    """The same, with the tags of what is held: one command if anything is, else none."""
    held = [point.full_name for point in storage.points if point.holds]
    return replace(storage, tags=read_holds(host, held)) if held else storage


def read_holds(host: Host, snapshots: Sequence[str]) -> Dict[str, List[str]]:
    """The tags that hold these snapshots (full names), by snapshot."""
    held: Dict[str, List[str]] = {}
    answer = host.run(["zfs", "holds", "-H", *snapshots], what="cannot read who holds the snapshots")
    for line in answer.stdout.splitlines():
        fields = line.split("\t")
        if len(fields) != 3:
            raise UnknownState(f"`zfs holds -H` printed a line that cannot be read: {line!r}")
        held.setdefault(fields[0], []).append(fields[1])
    return held


def take(host: Host, snapshots: Sequence[str], state: str) -> None:
    """Snapshots of datasets of one pool and of all below them, at one moment: all or none are made."""
    host.run(
        ["zfs", "snapshot", "-r", "-o", f"{STATE}={state}", *snapshots],
        what=f"cannot take the snapshot {', '.join(snapshots)}",
    )


def destroy(host: Host, dataset: str, names: Sequence[str]) -> None:
    """Destroy the snapshots of these names on a dataset and on all below it, in one transaction.

    Never a clone: ZFS refuses them all when one of them has a clone or is held.
    """
    host.run(
        ["zfs", "destroy", "-r", f"{dataset}@{','.join(names)}"],
        what=f"cannot destroy the snapshots {', '.join(names)} of {dataset}",
    )


def roll_back(host: Host, snapshot: str, destroy_newer: bool) -> None:
    """Let a dataset be what it was, by the full name of its snapshot; newer snapshots and bookmarks go if told so.

    ZFS does this under a guest that has the volume open, without a word: see to it before.
    """
    flags = ["-r"] if destroy_newer else []
    host.run(["zfs", "rollback", *flags, snapshot], what=f"cannot roll back to {snapshot}")
