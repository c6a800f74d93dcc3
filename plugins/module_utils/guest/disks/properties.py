# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ZFS properties that disks declare: which are to be read, which differ, and the steps that set them right."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Optional, Sequence, Set, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.merge import property_value
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import ZVOL, Disk
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.properties import FIXED, for_command, same, without
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import OWN_SOURCES, Zfs, read_datasets

_UNKNOWN = re.compile(r"invalid property '(?P<name>[^']+)'")


@dataclass(frozen=True)
class SetProperties(Change):
    """Properties of a volume, all with one command, and those that are inherited again."""

    volume: str
    values: Tuple[Tuple[str, str], ...]
    inherited: Tuple[str, ...] = ()

    def describe(self) -> str:
        parts = [f"set {', '.join(f'{name}={value}' for name, value in self.values)}"] if self.values else []
        parts += [f"inherit {', '.join(self.inherited)}"] if self.inherited else []
        return f"{' and '.join(parts)} on volume {self.volume}"

    def apply(self, host: Host) -> None:
        zfs = Zfs(host)
        if self.values:
            zfs.set(self.volume, dict(self.values))
        for name in self.inherited:
            zfs.inherit(self.volume, name)


def names_to_read(desired: Sequence[Desired]) -> List[str]:
    """The properties that this task has to know of the volumes, sorted; [] if it declares none."""
    names: Set[str] = set()
    for one in desired:
        if one.record is None:
            continue
        for disk in one.guest.disks:
            names.update(name for name, _value in disk.properties)
        for given in one.given_disks.values():
            names.update(str(name) for name in given.get("properties") or ())
    return sorted(names)


def read_properties(host: Host, desired: Sequence[Desired], observed: Observed) -> Observed:
    """What is observed, with the properties that the task's disks declare: one command, whatever their number.

    BadInput when this host's ZFS does not know one of them.
    """
    names = names_to_read(desired)
    if not names or not observed.with_zfs:
        return observed
    try:
        found = read_datasets(host, observed.conf.layout.dataset, names)
    except CommandError as error:
        unknown = _UNKNOWN.search(error.stderr)
        if unknown is None:
            raise
        name = unknown["name"]
        whose = _whose(name, desired)
        raise BadInput(f"{whose}properties: this host's ZFS has no property {name} (zfsprops(7))") from error
    datasets = {
        name: replace(dataset, props={**dataset.props, **found[name].props}) if name in found else dataset
        for name, dataset in observed.datasets.items()
    }
    return replace(observed, datasets=datasets)


def _whose(name: str, desired: Sequence[Desired]) -> str:
    for one in desired:
        for disk in one.guest.disks if one.record is not None else ():
            given = one.given_disks.get(disk.name, {}).get("properties") or {}
            if name in dict(disk.properties) or name in given:
                return f"guest {one.name}: disk {disk.name}: "
    return ""


def creation_properties(disk: Disk) -> Dict[str, str]:
    """The properties to give to a new volume or clone, as zfs(8) takes them."""
    return {name: for_command(name, value) for name, value in disk.properties}


def plan_properties(one: Desired, disk: Disk, observed: Observed) -> Optional[SetProperties]:
    """The step that sets an existing volume's properties right, None if there is nothing to do.

    BadInput when one that is fixed at creation differs.
    """
    volume = observed.datasets.get(observed.conf.layout.volume(one.name, disk.name)) if disk.backing in ZVOL else None
    if volume is None:
        return None
    at = f"guest {one.name}: disk {disk.name}: properties: "
    values: List[Tuple[str, str]] = []
    for name, declared in disk.properties:
        actual = volume.value(name)
        if same(name, declared, actual, disk.size):
            continue
        if name in FIXED:
            raise BadInput(
                f"{at}{name} is {actual} and cannot become {declared}, it is fixed at creation (zfsprops(7)); "
                "make another disk and copy the data in the guest"
            )
        values.append((name, for_command(name, declared)))
    inherited: List[str] = []
    for name in _given_up(one, disk):
        value = without(name, disk.backing == "zvol")
        if value is None and volume.source(name) in OWN_SOURCES:
            inherited.append(name)
        elif value is not None and not same(name, value, volume.value(name), disk.size):
            values.append((name, value))
    return SetProperties(one.name, volume.name, tuple(values), tuple(inherited)) if values or inherited else None


def _given_up(one: Desired, disk: Disk) -> List[str]:
    """The properties that the task gives as ''."""
    given: Mapping[str, object] = one.given_disks.get(disk.name, {}).get("properties") or {}
    return sorted(str(name) for name, value in given.items() if property_value(str(name), value) == "")


def makes_read_only(change: Change) -> bool:
    """Whether a step takes a volume away from whoever writes to it."""
    return isinstance(change, SetProperties) and ("readonly", "on") in change.values
