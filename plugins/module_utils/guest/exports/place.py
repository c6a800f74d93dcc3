# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a guest is made before anybody sees it: under a hidden name, with all that it will have under its own."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Type

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, CommandError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import changes
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.properties import SetProperties
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.archive import FILE, Manifest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.import_plan import Adapted
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import Layout
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.scripts import LinkScript, UnlinkScript
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE as FILE_BACKING
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.clones import rename
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import PROPERTIES as USUAL
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import (
    Dataset,
    Zfs,
    read_datasets,
    volume_reservation,
)

#: Notes which export a guest came from, beside its record.
NOTE = "imported.json"
_SCHEMA = 1

#: The places that the planner's steps name, to be led to the hidden ones.
_PLACES: Dict[Type[Change], Tuple[str, ...]] = {
    changes.WriteFile: ("path",),
    changes.CopyVariables: ("path",),
    changes.WriteGeneration: ("directory",),
    changes.SwitchBoot: ("link",),
    changes.Remove: ("paths",),
    changes.Allocate: (),
    # They are where the TFTP server has its scripts.
    LinkScript: (),
    UnlinkScript: (),
    SetProperties: ("volume",),
}


@dataclass(frozen=True)
class Place:
    """The hidden and the final place of a guest; ``dataset`` is '' on a host without ZFS."""

    name: str
    layout: Layout

    @property
    def hidden(self) -> str:
        return f".partial-{self.name}"

    @property
    def directory(self) -> str:
        return self.layout.directory(self.hidden)

    @property
    def dataset(self) -> str:
        return self.layout.guest_dataset(self.hidden) if self.layout.dataset else ""

    def volume(self, disk: str) -> str:
        return self.layout.volume(self.hidden, disk)

    def image(self, disk: str) -> str:
        return self.layout.image(self.hidden, disk)

    def led(self, change: Change) -> Change:
        """A step of the planner, led to the hidden place. ApiaryError for one that has none there."""
        fields = _PLACES.get(type(change))
        if fields is None:
            raise ApiaryError(f"guest {self.name}: an import cannot {change.describe()}")
        values: Dict[str, Any] = {}
        for field in fields:
            value = getattr(change, field)
            values[field] = self._led(value) if isinstance(value, str) else tuple(self._led(one) for one in value)
        return replace(change, **values)

    def _led(self, path: str) -> str:
        for final, hidden in (
            (self.layout.directory(self.name), self.directory),
            (self.layout.guest_dataset(self.name), self.dataset),
        ):
            if path == final or path.startswith(f"{final}/"):
                return hidden + path[len(final) :]
        raise ApiaryError(f"guest {self.name}: {path} is not within the guest")

    def clear(self, host: Host, there: bool) -> None:
        """Remove what an import has left that did not come to its end; ``there``: the hidden dataset exists."""
        if self.dataset and there:
            Zfs(host).destroy(self.dataset, recursive=True)
        host.rmtree(self.directory)

    def prepare(self, host: Host, volmode: bool) -> None:
        """Make the hidden place; ``volmode``: it has to be set here, for it is not inherited."""
        if self.dataset:
            changes.CreateDataset(self.name, self.dataset, volmode).apply(host)
        else:
            host.mkdir(self.directory, 0o755)

    def show(self, host: Host) -> None:
        """Let the guest be seen, with all that it has, at once."""
        if not self.dataset:
            host.rename(self.directory, self.layout.directory(self.name))
            return
        final = self.layout.guest_dataset(self.name)
        try:
            rename(host, self.dataset, final)
        except CommandError:
            # Whatever went wrong: a guest that is seen is whole, and is not taken apart again.
            if host.stat(self.layout.record(self.name)) is None:
                raise

    def wait(self, host: Host, volumes: Iterable[str]) -> None:
        """Wait for the device nodes of the volumes under their final names."""
        for disk in volumes:
            Zfs(host).wait_for_node(self.layout.volume(self.name, disk))


def note(manifest: Manifest, path: str) -> str:
    """The text of the file that notes where a guest came from."""
    data = {"schema": _SCHEMA, "id": manifest.id, "guest": manifest.guest, "host": manifest.host, "path": path}
    return json.dumps(data, indent=2, sort_keys=True) + "\n"


def came_from(text: Optional[str], path: str) -> str:
    """The id of the export that a guest came from, '' if it came from none; UnknownState for a note that is none."""
    if text is None:
        return ""
    try:
        return str(json.loads(text)["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise UnknownState(f"{path} cannot be read ({error!r}); remove it") from error


def as_if_there(observed: Observed, place: Place, manifest: Manifest, adapted: Adapted) -> Observed:
    """The host as it will be once the disks and files of an import are at their final place, without a record."""
    layout, root = place.layout, observed.datasets.get(place.layout.dataset)
    datasets: Dict[str, Dataset] = {}
    if root is not None:
        own = layout.guest_dataset(place.name)
        props = {**root.props, "volmode": ("dev", "-"), "mountpoint": (layout.directory(place.name), "-")}
        datasets[own] = Dataset(own, "filesystem", props)
    sizes: Dict[str, int] = {}
    for member in manifest.disks:
        disk = adapted.disk(member)
        if disk.backing in FILE_BACKING:
            sizes[disk.name] = member.bytes
            continue
        block = disk.volblocksize or member.block or 16 << 10
        reserved = volume_reservation(member.bytes, block) if disk.backing == "zvol" else 0
        values = {name: "-" for name in USUAL}
        values.update(type="volume", volsize=str(member.bytes), volblocksize=str(block), refreservation=str(reserved))
        values.update(volmode="dev", used="0", available="0", referenced="0", **dict(disk.properties))
        name = layout.volume(place.name, disk.name)
        datasets[name] = Dataset(name, "volume", {key: (value, "local") for key, value in values.items()})
    files = [member.path for member in manifest.members if member.kind == FILE]
    return _with(observed, place, datasets, files, sizes)


def as_received(host: Host, observed: Observed, place: Place, names: Sequence[str], adapted: Adapted) -> Observed:
    """The host as it is, what is at the hidden place shown at the final one. ``names``: more properties to read."""
    datasets: Dict[str, Dataset] = {}
    if place.dataset:
        final = place.layout.guest_dataset(place.name)
        for name, one in read_datasets(host, place.dataset, [*USUAL, *names]).items():
            shown = final + name[len(place.dataset) :]
            datasets[shown] = replace(one, name=shown)
    sizes: Dict[str, int] = {}
    for disk in adapted.record.guest.disks:
        status = host.stat(place.image(disk.name)) if disk.backing in FILE_BACKING else None
        if status is not None:
            sizes[disk.name] = status.st_size
    return _with(observed, place, datasets, host.listdir(place.directory) or (), sizes)


def _with(
    observed: Observed, place: Place, datasets: Mapping[str, Dataset], files: Iterable[str], sizes: Dict[str, int]
) -> Observed:
    entries: List[str] = sorted({path.partition("/")[0] for path in files})
    seen = replace(observed.guest(place.name), exists=True, entries=tuple(entries), record=None, file_sizes=sizes)
    guests: Dict[str, ObservedGuest] = {**observed.guests, place.name: seen}
    return replace(observed, guests=guests, datasets={**observed.datasets, **datasets})
