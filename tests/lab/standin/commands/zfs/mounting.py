# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zfs mount, unmount, load-key, unload-key and change-key."""

from __future__ import annotations

from typing import List, Sequence

from ...zfs import keys, mounts, names, options
from ...zfs.errors import NotBuilt, UsageError, ZfsError
from ...zfs.model import DATASETS, Item, Model
from ...zfs.session import Session, session


def mount(current: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "afvo:Ol")
    letters = options.flags(given)
    model = current.model
    if "a" in letters:
        if operands:
            raise UsageError("too many arguments")
        _mount_all(model)
        return 0
    if not operands:
        for name, where in mounts.mounted(model).items():
            print(f"{name.ljust(30)}  {where}")
        return 0
    if len(operands) > 1:
        raise UsageError("too many arguments")
    item = model.open(operands[0], ("filesystem",))
    where = model.mountpoint(item)[0]
    prefix = f"cannot mount '{item.name}': "
    if where == "none":
        raise ZfsError(prefix + "no mountpoint set")
    if where == "legacy":
        raise ZfsError(prefix + "legacy mountpoint\nuse mount(8) to mount this filesystem")
    if model.value(item, "canmount")[0] == "off":
        raise ZfsError(prefix + "'canmount' property is set to 'off'")
    if item.name in mounts.mounted(model):
        raise ZfsError(prefix + "filesystem already mounted")
    if not mounts.has_key(model, item):
        raise ZfsError(prefix + "encryption key not loaded")
    mounts.attach(model, item)
    return 0


def _mount_all(model: Model) -> None:
    """Everything that mounts by itself, parents before children by their mount points."""
    wanted: List[Item] = []
    for name in model.names():
        item = model.open(name)
        if name not in mounts.mounted(model) and item.type == "filesystem" and mounts.is_mountable(model, item):
            wanted.append(item)
    for item in sorted(wanted, key=lambda item: model.mountpoint(item)[0]):
        mounts.attach(model, item)


def unmount(current: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "afu")
    letters = options.flags(given)
    model = current.model
    table = mounts.mounted(model)
    if "a" in letters:
        if operands:
            raise UsageError("too many arguments")
        for name in sorted(table, key=lambda name: table[name], reverse=True):
            if table[name] != "/":
                try:
                    mounts.detach(model, name, "f" in letters)
                except ZfsError as error:
                    current.complain(str(error))
        return current.status
    if not operands:
        raise UsageError("missing filesystem argument")
    if len(operands) > 1:
        raise UsageError("too many arguments")
    name = operands[0]
    if name.startswith("/"):
        at = [dataset for dataset, where in table.items() if where == name]
        if not at:
            raise ZfsError(f"cannot unmount '{name}': not a mountpoint")
        name = at[-1]
    item = model.open(name, ("filesystem",))
    if model.mountpoint(item)[0] == "legacy":
        raise ZfsError(f"cannot unmount '{name}': legacy mountpoint\nuse umount(8) to unmount this filesystem")
    if name not in table:
        raise ZfsError(f"cannot unmount '{name}': not currently mounted")
    for other in sorted((other for other in table if other.startswith(name + "/")), reverse=True):
        mounts.detach(model, other, "f" in letters)
    mounts.detach(model, name, "f" in letters)
    return 0


def load_key(argv: Sequence[str]) -> int:
    given, operands = options.parse(argv[2:], "aL:nr")
    letters = options.flags(given)
    if "a" in letters or "r" in letters:
        raise NotBuilt(f"zfs: load-key -{letters}")
    if len(operands) != 1:
        raise UsageError("Missing dataset argument" if not operands else "Too many arguments")
    name = operands[0]
    with session(argv) as current:
        item = _root(current.model, name)
        if name in current.model.kernel["keys"] and "n" not in letters:
            raise ZfsError(f"Key load error: Key already loaded for '{name}'.", 255)
        location = dict(given).get("L") or item.dataset["key"]["keylocation"]
    secret = keys.read(location)
    with session(argv) as current:
        item = _root(current.model, name)
        if not secret:
            raise ZfsError("Key load error: encryption failure", 255)
        try:
            keys.check_format(secret, item.dataset["key"]["keyformat"])
        except ZfsError as error:
            raise ZfsError(f"Key load error: {error}", 255) from None
        if not keys.fits(item.dataset, secret):
            raise ZfsError(f"Key load error: Incorrect key provided for '{name}'.", 255)
        if "n" not in letters:
            current.model.kernel["keys"].append(name)
    return 0


def _root(model: Model, name: str) -> Item:
    item = model.open(name, DATASETS)
    if "keyroot" not in item.dataset:
        raise ZfsError(f"Key load error: '{name}' is not encrypted.", 255)
    if "key" not in item.dataset:
        raise ZfsError(
            "Key load error: Keys must be loaded for encryption root of '{}' ({}).".format(
                name, item.dataset["keyroot"]
            ),
            255,
        )
    return item


def unload_key(current: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "ar")
    if given:
        raise NotBuilt(f"zfs: unload-key -{options.flags(given)}")
    if len(operands) != 1:
        raise UsageError("Missing dataset argument" if not operands else "Too many arguments")
    model = current.model
    name = operands[0]
    item = model.open(name, DATASETS)
    if "key" not in item.dataset:
        raise ZfsError(f"Key unload error: '{name}' is not encrypted.", 255)
    if name not in model.kernel["keys"]:
        raise ZfsError(f"Key unload error: Key already unloaded for '{name}'.", 255)
    users = [
        other
        for other in [name] + model.below(name)
        if (model.find(other) or {}).get("keyroot") == name and other in mounts.mounted(model)
    ]
    if users:
        raise ZfsError(f"Key unload error: '{name}' is busy.", 255)
    model.kernel["keys"].remove(name)
    return 0


def change_key(argv: Sequence[str]) -> int:
    given, operands = options.parse(argv[2:], "lio:")
    letters = options.flags(given)
    if set(letters) & {"i"}:
        raise NotBuilt("zfs: change-key -i")
    if len(operands) != 1:
        raise UsageError("Missing dataset argument" if not operands else "Too many arguments")
    changes = dict(value.partition("=")[::2] for letter, value in given if letter == "o")
    name = operands[0]
    with session(argv) as current:
        location = changes.get("keylocation") or _root(current.model, name).dataset["key"]["keylocation"]
    secret = keys.read(location)
    with session(argv) as current:
        item = _root(current.model, name)
        if name not in current.model.kernel["keys"]:
            raise ZfsError("Key change error: Key must be loaded.", 255)
        keys.renew(item.dataset, secret, changes)
        current.log(names.pool_of(name))
    return 0
