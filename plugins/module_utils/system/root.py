# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the guests live: a ZFS dataset, or a plain directory on a host without ZFS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, Mapping

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import parse_size
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import PROPERTIES, Dataset, Zfs, read_datasets
from ansible_collections.apiary.bhyve.plugins.module_utils.system.files import MakeDirectory

#: Inherited by all volumes below, so that the host never looks at partitions inside guests' disks.
_VOLMODE = {"volmode": "dev"}


@dataclass(frozen=True)
class CreateRoot(Change):
    """Make the root dataset and mount it; ``subject`` is its name."""

    mountpoint: str
    properties: Dict[str, str] = field(default_factory=dict)

    def describe(self) -> str:
        given = ", ".join(f"{key}={value}" for key, value in self.properties.items())
        return f"create the dataset {self.subject}, mounted on {self.mountpoint}, with {given}"

    def apply(self, host: Host) -> None:
        Zfs(host).create_filesystem(self.subject, {"mountpoint": self.mountpoint, **self.properties}, parents=True)


@dataclass(frozen=True)
class SetProperties(Change):
    """Set properties of the root dataset."""

    properties: Dict[str, str] = field(default_factory=dict)

    def describe(self) -> str:
        return f"set {', '.join(f'{key}={value}' for key, value in self.properties.items())} on {self.subject}"

    def apply(self, host: Host) -> None:
        Zfs(host).set(self.subject, self.properties)


@dataclass(frozen=True)
class MountRoot(Change):
    """Mount the root dataset."""

    mountpoint: str

    def describe(self) -> str:
        return f"mount {self.subject} on {self.mountpoint}"

    def apply(self, host: Host) -> None:
        Zfs(host).mount(self.subject)


@dataclass(frozen=True)
class DestroyRoot(Change):
    """Destroy the empty root dataset."""

    def describe(self) -> str:
        return f"destroy the empty dataset {self.subject}"

    def apply(self, host: Host) -> None:
        Zfs(host).destroy(self.subject)


def plan_root(host: Host, plan: Plan, root: str, dataset: str, properties: Mapping[str, str]) -> bool:
    """Plan that guests have their place; says whether it has to be made.

    BadInput when the pool is missing or ``dataset`` is mounted elsewhere, UnknownState when the place is taken.
    """
    if not dataset:
        if properties:
            raise BadInput("dataset_properties need a dataset, and dataset is empty: the root is a plain directory")
        if _is_directory(host, root):
            return False
        plan.add(MakeDirectory(root, 0o755))
        return True
    wanted = {**_VOLMODE, **properties}
    found = read_datasets(host, dataset, [*PROPERTIES, *properties], recursive=False).get(dataset)
    if found is None:
        _check_pool(host, dataset)
        _check_empty(host, root, dataset)
        plan.add(CreateRoot(dataset, root, wanted))
        plan.before[dataset], plan.after[dataset] = {}, {"mountpoint": root, **wanted}
        return True
    if found.is_volume or found.value("mountpoint") != root:
        raise BadInput(
            f"dataset: {dataset} is a {found.type} mounted on {found.value('mountpoint')}, and root is {root}; "
            "give the root that it has, or another dataset"
        )
    differing = {name: value for name, value in wanted.items() if not _same(found.value(name), value)}
    if differing:
        plan.add(SetProperties(dataset, differing))
        plan.before[dataset] = {name: found.value(name) for name in differing}
        plan.after[dataset] = dict(differing)
    if not found.mounted:
        _check_empty(host, root, dataset)
        plan.add(MountRoot(dataset, root))
    return False


def read_root(host: Host, dataset: str) -> Dict[str, Dataset]:
    """The root dataset and all below it; empty without ZFS."""
    return read_datasets(host, dataset) if dataset else {}


def _check_pool(host: Host, dataset: str) -> None:
    pool = dataset.partition("/")[0]
    if "/" not in dataset or not read_datasets(host, pool, [], recursive=False):
        raise BadInput(
            f"dataset: {dataset!r} is not in a pool of this host; name one such as POOL/apiary with an imported pool "
            "(`zpool list`), or give '' to keep guests in the plain directory root"
        )


def _check_empty(host: Host, root: str, dataset: str) -> None:
    if _is_directory(host, root) and host.listdir(root):
        raise UnknownState(
            f"{root} is not empty, and the dataset {dataset} would hide what is in it; "
            "move that away, or give another root"
        )


def _is_directory(host: Host, path: str) -> bool:
    if host.stat(path) is None:
        return False
    # Anything but a directory cannot be listed, which is an error that says so.
    host.listdir(path)
    return True


def _same(value: str, wanted: str) -> bool:
    """Whether a property has the wanted value, sizes spelt either way."""
    if value == wanted:
        return True
    if not value.isdigit():
        return False
    try:
        return int(value) == parse_size(wanted, "dataset_properties")
    except BadInput:
        return False
