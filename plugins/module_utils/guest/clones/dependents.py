# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones and what they were cloned from: what a task destroys of both goes in an order in which ZFS destroys it. Pure.

ZFS destroys no dataset as long as there are clones of it (zfs-destroy(8)), and neither do we make it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, Sequence, Set, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import is_within

#: For a guest those of whom something has to be destroyed first.
Needs = Dict[str, Tuple[str, ...]]


@dataclass(frozen=True)
class Destroyed:
    """What a task destroys: datasets, each with all below it, and of which guest each is.

    ``clones``: the clones that there are, with what each was cloned from.
    """

    datasets: Mapping[str, str]
    clones: Sequence[Tuple[str, str]]

    def owner(self, dataset: str) -> str:
        """The guest with which a dataset goes, '' if it stays."""
        return next((guest for top, guest in self.datasets.items() if is_within(dataset, top)), "")

    def clones_of(self, dataset: str) -> List[str]:
        """The clones of a dataset, and of all below it, that are not below it themselves."""
        return [name for name, origin in self.clones if is_within(origin, dataset) and not is_within(name, dataset)]

    def check(self, what: str, dataset: str) -> None:
        """BadInput when a dataset is to go, ``what`` says whose, and there are clones of it that do not go before."""
        guest = self.datasets.get(dataset)
        dependents = [clone for clone in self.clones_of(dataset) if self.owner(clone) in ("", guest)]
        if dependents:
            raise BadInput(
                f"{what}: {dataset} cannot be destroyed, these are clones of it: {', '.join(dependents)}; "
                "destroy or promote them first"
            )


def destroyed(desired: Sequence[Desired], observed: Observed) -> Destroyed:
    """What a task destroys of what there is."""
    layout = observed.conf.layout
    names: Dict[str, str] = {}
    for one in desired:
        if one.record is None and one.destroy:
            names[layout.guest_dataset(one.name)] = one.name
        names.update((layout.volume(one.name, gone.name), one.name) for gone in one.removed if gone.destroy)
    origins = ((one.name, one.value("origin").partition("@")[0]) for one in observed.datasets.values())
    there = {name: guest for name, guest in names.items() if name in observed.datasets}
    return Destroyed(there, sorted((name, origin) for name, origin in origins if origin != "-"))


def destroy_needs(desired: Sequence[Desired], observed: Observed) -> Needs:
    """Which guests' clones go before what they were cloned from. BadInput when guests are clones of each other."""
    going = destroyed(desired, observed)
    needs: Dict[str, Set[str]] = {}
    for dataset, guest in going.datasets.items():
        owners = {going.owner(clone) for clone in going.clones_of(dataset)} - {"", guest}
        if owners:
            needs.setdefault(guest, set()).update(owners)
    found = {guest: tuple(sorted(owners)) for guest, owners in needs.items()}
    in_order([one.name for one in desired], found)
    return found


def in_order(names: Sequence[str], needs: Mapping[str, Sequence[str]]) -> List[str]:
    """Names in their order, but each after those that it needs. BadInput when that leads back to itself."""
    result: Dict[str, None] = {}

    def add(name: str, path: Tuple[str, ...]) -> None:
        if name in path:
            circle = " and ".join(sorted(path[path.index(name) :]))
            raise BadInput(
                f"vms: {circle} cannot be destroyed together, each has disks that are clones of another's; promote one "
                "of them first"
            )
        for need in needs.get(name, ()):
            if need not in result:
                add(need, (*path, name))
        result[name] = None

    for name in names:
        if name not in result:
            add(name, ())
    return list(result)
