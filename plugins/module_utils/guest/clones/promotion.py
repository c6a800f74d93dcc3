# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's volumes depend no longer on the guest that they were cloned from, which then depends on them."""

from __future__ import annotations

from typing import Dict, List, Mapping

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.changes import Promote
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.origin import BASE
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import ZVOL
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import Point


def promotion(one: Desired, cloned: Mapping[str, str], observed: Observed) -> List[Change]:
    """The steps of a promotion, if the task asks for it. ``cloned``: volumes that it makes, with their origins."""
    return [Promote(one.name, volume, origin) for volume, origin in _to_promote(one, cloned, observed).items()]


def check_promotion(one: Desired, cloned: Mapping[str, str], observed: Observed) -> None:
    """BadInput when a promotion would take something from the other guest that it is to keep."""
    for volume, origin in _to_promote(one, cloned, observed).items():
        dataset, _sign, name = origin.partition("@")
        guest = _guest_of(dataset, observed)
        owner = observed.guest(guest).record
        at = f"guest {one.name}: promote: "
        if owner is not None and owner.guest.protected:
            raise BadInput(
                f"{at}guest {guest} is protected, and its volumes would become clones of this one's; clone_mode: copy "
                "makes a guest that depends on nothing"
            )
        lost = [point.name for point in _moving(dataset, name, observed) if point.name != name]
        if lost:
            raise BadInput(
                f"{at}the snapshots {', '.join(lost)} of {dataset} would go over to {volume}, and guest {guest} could "
                "not be rolled back to them; destroy them first (bhyve_snapshot), or use clone_mode: copy"
            )


def promotion_warnings(one: Desired, cloned: Mapping[str, str], observed: Observed) -> List[str]:
    """What the user should know of a promotion: whose snapshot goes over."""
    result: Dict[str, str] = {}
    for origin in _to_promote(one, cloned, observed).values():
        dataset, _sign, name = origin.partition("@")
        guest = _guest_of(dataset, observed)
        if any(point.name == name for point in _moving(dataset, name, observed)):
            result[guest] = (
                f"guest {one.name}: promote: the snapshot {name} of guest {guest} goes over to this guest; {guest} "
                "cannot be rolled back to it any more"
            )
    return list(result.values())


def _to_promote(one: Desired, cloned: Mapping[str, str], observed: Observed) -> Dict[str, str]:
    """The volumes to promote with their origins: those that depend on another guest. An image's stay clones."""
    if one.record is None or not one.request.get("promote"):
        return {}
    layout = observed.conf.layout
    prefix, own = f"{layout.dataset}/", f"{layout.guest_dataset(one.name)}/"
    found: Dict[str, str] = {}
    for disk in one.guest.disks:
        volume = observed.datasets.get(layout.volume(one.name, disk.name)) if disk.backing in ZVOL else None
        origin = volume.value("origin") if volume is not None else "-"
        if volume is not None and origin.startswith(prefix) and not origin.startswith((own, f"{prefix}.")):
            found[volume.name] = origin
    return {**found, **cloned}


def _guest_of(dataset: str, observed: Observed) -> str:
    return dataset[len(observed.conf.layout.dataset) + 1 :].partition("/")[0]


def _moving(dataset: str, snapshot: str, observed: Observed) -> List[Point]:
    """The snapshots, but for those of clones, that a promotion takes from a volume: its origin and all older ones."""
    points = [point for point in observed.storage.points if point.dataset == dataset and not point.bookmark]
    base = next((point for point in points if point.name == snapshot), None)
    older = [point for point in points if base is None or point.txg <= base.txg]
    return [point for point in older if not point.name.startswith(BASE)]
