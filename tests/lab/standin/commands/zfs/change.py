# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zfs set and zfs inherit."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

from ...zfs import content, mounts, names, nodes, options, space, values, volumes
from ...zfs.errors import UsageError, ZfsError
from ...zfs.model import ALL_TYPES, Item, Model
from ...zfs.proptable import INHERIT, READONLY, lookup
from ...zfs.session import Session

_SETTABLE = ("filesystem", "volume", "snapshot")
_TOO_BIG = "size is greater than available space"
_TOO_SMALL = "size is less than current used or reserved space"


def set_properties(session: Session, argv: Sequence[str]) -> int:
    if argv and argv[0].startswith("-"):
        raise UsageError(f"invalid option '{argv[0][1:2]}'")
    if not argv:
        raise UsageError("missing property=value argument(s)")
    if len(argv) < 2:
        raise UsageError("missing dataset name" if "=" in argv[0] else "missing property=value argument(s)")
    words: List[str] = []
    operands: List[str] = []
    for word in argv:
        (operands if "=" not in word or operands else words).append(word)
    items: List[Item] = []
    for name in operands:
        try:
            items.append(session.model.open(name, _SETTABLE))
        except ZfsError as error:
            session.complain(str(error))
    if session.status:
        return session.status
    if not words:
        raise UsageError("missing property=value argument(s)")
    pairs = values.split_assignments(words)
    for item in items:
        try:
            set_on(session.model, item, pairs)
            session.log(names.pool_of(item.name))
        except ZfsError as error:
            session.complain(str(error))
    return session.status


def set_on(model: Model, item: Item, pairs: Sequence[Tuple[str, str]]) -> None:
    """Set several properties at once: all or none, in ZFS's words."""
    prefix = f"cannot set property for '{item.name}': "
    try:
        changes = _check(model, item, pairs)
    except ZfsError as error:
        raise ZfsError(prefix + str(error)) from None
    before = model.mountpoint(item)[0] if item.type == "filesystem" else ""
    size = changes.get("volsize")
    if size is not None:
        if volumes.is_thick(item.dataset) and "refreservation" not in changes:
            changes["refreservation"] = str(volumes.reservation(int(size), volumes.block_of(item.dataset["props"])))
        content.resize_volume(item.dataset["object"], int(size))
    if changes.get("volmode") == "none":
        nodes.unstick(model, item.dataset)
    if "keylocation" in changes:
        item.dataset["key"]["keylocation"] = changes.pop("keylocation")
    moves = "mountpoint" in changes or "canmount" in changes
    remounted = mounts.remount_below(model, item.name) if "mountpoint" in changes and item.point is None else []
    item.own["props"].update(changes)
    item.own["masked"] = [name for name in item.own.get("masked", ()) if name not in changes]
    if moves:
        _mount_again(model, item, remounted, before, changes)


def _mount_again(model: Model, item: Item, remounted: Sequence[str], before: str, changes: Dict[str, str]) -> None:
    mounted = mounts.mounted(model)
    if "mountpoint" in changes:
        for name in remounted:
            other = model.open(name)
            if mounts.is_mountable(model, other):
                mounts.attach(model, other)
        if before in ("none", "legacy") or changes["mountpoint"] not in ("none", "legacy") and not remounted:
            # what had no mount point is mounted now that it has one
            for name in [item.name] + model.below(item.name):
                other = model.open(name)
                if name not in mounted and before in ("none", "legacy") and mounts.is_mountable(model, other):
                    mounts.attach(model, other)
    if changes.get("canmount") == "off" and item.name in mounted:
        mounts.detach(model, item.name)
    elif changes.get("canmount") == "on" and item.name not in mounted and mounts.is_mountable(model, item):
        mounts.attach(model, item)


def _check(model: Model, item: Item, pairs: Sequence[Tuple[str, str]]) -> Dict[str, str]:
    changes = {}
    for name, value in pairs:
        if item.type == "snapshot" and not values.is_user_property(name) and lookup(name) is not None:
            entry = lookup(name)
            if entry is not None and not entry.applies_to("snapshot"):
                raise ZfsError(f"'{entry.name}' does not apply to datasets of this type")
        own, kept = values.check(name, value, item.type, False)
        changes[own] = kept
    if "keylocation" in changes and "key" not in item.dataset:
        raise ZfsError("keylocation may only be set on encryption roots")
    if changes.get("refreservation") == "auto":
        if item.type != "volume":
            raise ZfsError("'refreservation=auto' only allowed on volumes")
        size = int(changes.get("volsize", item.dataset["props"]["volsize"]))
        changes["refreservation"] = str(volumes.reservation(size, volumes.block_of(item.dataset["props"])))
    if {"volsize", "quota", "refquota", "reservation", "refreservation"} & set(changes):
        _check_space(model, item, changes)
    return changes


def _check_space(model: Model, item: Item, changes: Dict[str, str]) -> None:
    """Sizes against what is there and what is free."""
    props = item.dataset["props"]
    usage = space.usage(model, model.pool_of(item.name))[item.name]
    room = usage.available - usage.own.by_refreservation
    if "volsize" in changes:
        size, block = int(changes["volsize"]), volumes.block_of(props)
        volumes.check_size(size, block)
        if volumes.is_thick(item.dataset):
            more = volumes.reservation(size, block) - int(props["refreservation"])
            if more > room:
                raise ZfsError(_TOO_BIG)
    if "refreservation" in changes:
        wanted, now = int(changes["refreservation"]), int(props.get("refreservation", "0"))
        if max(wanted, usage.own.unique) - max(now, usage.own.unique) > room:
            raise ZfsError(_TOO_BIG)
    if "reservation" in changes:
        wanted, now = int(changes["reservation"]), int(props.get("reservation", "0"))
        if max(wanted, usage.used) - max(now, usage.used) > room:
            raise ZfsError(_TOO_BIG)
    for name, least in (("quota", usage.used), ("refquota", usage.own.referenced)):
        if 0 < int(changes.get(name, "0")) < least:
            raise ZfsError(_TOO_SMALL)


def inherit(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "rS")
    letters = options.flags(given)
    if not operands:
        raise UsageError("missing property argument")
    if len(operands) < 2:
        raise UsageError("missing dataset argument")
    name = operands[0]
    entry = lookup(name)
    if entry is not None:
        name = entry.name
        if entry.kind == READONLY:
            raise ZfsError(f"{name} property is read-only")
        if entry.kind != INHERIT and "S" not in letters:
            text = f"'{name}' property cannot be inherited"
            if name in ("quota", "reservation", "refquota", "refreservation"):
                text += f"\nuse 'zfs set {name}=none' to clear"
            raise ZfsError(text)
    elif not values.is_user_property(name):
        raise UsageError(f"invalid property '{name}'")
    for operand in operands[1:]:
        try:
            item = session.model.open(operand, ALL_TYPES[:3])
        except ZfsError as error:
            session.complain(str(error))
            continue
        for target in [operand] + (session.model.below(operand) if "r" in letters else []):
            _inherit(session.model, session.model.open(target, ALL_TYPES[:3]), name, "S" in letters)
        session.log(names.pool_of(item.name))
    return session.status


def _inherit(model: Model, item: Item, name: str, received: bool) -> None:
    before = model.mountpoint(item)[0] if name == "mountpoint" and item.type == "filesystem" else ""
    remounted = mounts.remount_below(model, item.name) if name == "mountpoint" and item.point is None else []
    item.own["props"].pop(name, None)
    masked = [other for other in item.own.get("masked", ()) if other != name]
    if not received and name in item.own.get("received", {}):
        masked.append(name)
    if masked or "masked" in item.own:
        item.own["masked"] = masked
    if name == "mountpoint":
        _mount_again(model, item, remounted, before, {"mountpoint": model.mountpoint(item)[0]})
