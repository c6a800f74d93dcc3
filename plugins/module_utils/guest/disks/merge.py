# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for of disks, laid over the disks that a guest has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import check_part_name
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.presets import PRESETS
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE, PATH, ZVOL, Disk, Guest
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import format_size, parse_size
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.properties import is_user_property

_PLAIN = (
    "sector_size",
    "serial",
    "controller",
    "nocache",
    "sync",
    "nodelete",
    "ro",
    "boot_order",
    "until_installed",
    "path",
)


@dataclass(frozen=True)
class Removed:
    """A disk that the task takes away; ``destroy`` says that its data goes as well."""

    name: str
    destroy: bool


@dataclass(frozen=True)
class Present:
    """What a disk of ours is on the host now, in bytes; ``block`` is its volume's block size, 0 for a file."""

    size: int
    block: int = 0


def merge_disks(
    guest: Guest,
    given: Optional[Sequence[Mapping[str, Any]]],
    exact: bool,
    with_zfs: bool,
    present: Mapping[str, Present],
) -> Tuple[Guest, Tuple[Removed, ...]]:
    """The guest with the disks of a task laid over its own, and those that it loses.

    Elements are matched by name. With ``exact`` disks that are not listed are detached. ``present`` has the
    disks that are on the host now. BadInput names guest, disk and option.
    """
    if given is None:
        return guest, ()
    where = f"guest {guest.name}: "
    check_once([item["name"] for item in given], f"{where}disks")
    disks = {disk.name: disk for disk in guest.disks}
    removed: List[Removed] = []
    for item in given:
        name = check_part_name(item["name"], f"{where}disks")
        at = f"{where}disk {name}: "
        if item["state"] == "absent":
            disks.pop(name, None)
            removed.append(Removed(name, bool(item.get("destroy"))))
            continue
        if item.get("destroy"):
            raise BadInput(f"{at}destroy: true goes with state: absent only")
        if item["state"] == "detached" and name not in disks:
            raise BadInput(f"{at}cannot be detached, the guest has no such disk")
        disk = _merge_disk(disks.get(name), item, guest.os, at, with_zfs, present.get(name))
        disks[name] = replace(disk, detached=item["state"] == "detached")
    if exact:
        listed = {item["name"] for item in given}
        disks = {name: disk if name in listed else replace(disk, detached=True) for name, disk in disks.items()}
    return replace(guest, disks=tuple(disks.values())), tuple(removed)


def _merge_disk(
    base: Optional[Disk], given: Mapping[str, Any], os: str, at: str, with_zfs: bool, actual: Optional[Present]
) -> Disk:
    changes: Dict[str, Any] = {key: given[key] for key in _PLAIN if given.get(key) is not None}
    if given.get("size") is not None:
        changes["size"] = _size(given["size"], f"{at}size", base, actual)
    if given.get("volblocksize") is not None:
        changes["volblocksize"] = parse_size(given["volblocksize"], f"{at}volblocksize")
    if given.get("image") is not None:
        changes["image"] = given["image"]
    if given.get("properties") is not None:
        changes["properties"] = _properties(base.properties if base is not None else (), given["properties"])
    backing = given.get("backing")
    if base is None:
        changes["backing"] = backing or _default_backing(given, with_zfs)
        changes.setdefault("controller", PRESETS[os].disk)
        if changes["controller"] == "ahci-cd":
            changes.setdefault("ro", True)
        return Disk(name=given["name"], **changes)
    if backing is not None:
        changes["backing"] = backing
    if actual is not None or base.backing == PATH:
        _check_fixed(base, changes, actual or Present(0), at)
    return replace(base, **changes)


def _check_fixed(base: Disk, changes: Dict[str, Any], actual: Present, at: str) -> None:
    """BadInput when something of a disk that exists would change that cannot; takes out what only repeats the host."""
    backing = changes.get("backing", base.backing)
    if backing != base.backing:
        raise BadInput(
            f"{at}backing is {base.backing} and cannot become {backing}; "
            "make another disk and copy the data in the guest"
        )
    now = base.volblocksize or actual.block
    if "volblocksize" in changes and now and changes["volblocksize"] != now:
        raise BadInput(
            f"{at}volblocksize is {format_size(now)} and cannot become {format_size(changes['volblocksize'])}, it is "
            "fixed at creation (zfsprops(7)); make another disk and copy the data in the guest"
        )
    if now:
        changes["volblocksize"] = base.volblocksize
    if changes.get("image", base.image) != base.image:
        made = f"made from image {base.image}" if base.image else "not made from an image"
        raise BadInput(
            f"{at}image: the disk is {made} and cannot become {changes['image'] or 'one without'}; "
            "destroy it first (state: absent, destroy: true), or choose another name"
        )


def _size(text: str, option: str, base: Optional[Disk], actual: Optional[Present]) -> int:
    """A size, or with a plus sign one that is so much larger than what is there."""
    if not text.startswith("+"):
        return parse_size(text, option)
    more = parse_size(text[1:], option)
    size = max(base.size if base is not None else 0, actual.size if actual is not None else 0)
    if not size:
        raise BadInput(f"{option}: {text} grows a disk that exists, and this one does not; give its size, such as 20G")
    return size + more


def _properties(base: Tuple[Tuple[str, str], ...], given: Mapping[str, Any]) -> Tuple[Tuple[str, str], ...]:
    """Declared properties with those of a task added; one that is given as '' is declared no longer."""
    merged = {**dict(base), **{str(key): property_value(str(key), value) for key, value in given.items()}}
    return tuple(sorted((key, value) for key, value in merged.items() if value != ""))


def property_value(name: str, value: object) -> str:
    """A property's value from YAML, which takes on and off for booleans; ZFS has no others, users may."""
    if isinstance(value, bool):
        return text_of(value) if is_user_property(name) else ("on" if value else "off")
    return "" if value is None else str(value)


def _default_backing(given: Mapping[str, Any], with_zfs: bool) -> str:
    if given.get("path") or given.get("controller") == "ahci-cd":
        return PATH
    return ZVOL[0] if with_zfs else FILE[1]


def text_of(value: object) -> str:
    """A value from YAML as bhyve and the loader write it: booleans in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)
