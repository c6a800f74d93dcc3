# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mounting file systems: a bind mount of the dataset's directory in the host's own mount namespace.

A dataset that is not mounted leaves what lies beneath its mount point: an empty directory, mostly, which is what real
ZFS leaves too. The system's own datasets (zroot/ROOT/default, zroot/tmp …) live in the host's root: mounting them is a
note only.
"""

from __future__ import annotations

import errno
import os
from typing import Dict, List, Tuple

from .. import paths
from . import content
from .errors import ZfsError
from .model import Item, Model

_MS_BIND = 4096
_MNT_DETACH = 2


def _kernel_call(name: str, *arguments: object) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def mounted(model: Model) -> Dict[str, str]:
    """Dataset -> directory, in the order of mounting."""
    table: Dict[str, str] = model.kernel["mounted"]
    return table


def options(model: Model, name: str) -> str:
    """The options column of `mount -p` for a mounted dataset."""
    item = model.open(name)
    words = ["ro" if model.value(item, "readonly")[0] == "on" else "rw"]
    for prop, word in (("exec", "noexec"), ("setuid", "nosuid"), ("atime", "noatime")):
        if model.value(item, prop)[0] == "off":
            words.append(word)
    words.append("nfsv4acls")
    return ",".join(words)


def listing(model: Model) -> List[Tuple[str, str, str]]:
    """(dataset, directory, options) for mount(8), in the order of mounting."""
    return [(name, directory, options(model, name)) for name, directory in mounted(model).items()]


def is_mountable(model: Model, item: Item) -> bool:
    """Whether `zfs mount -a`, `create` and friends mount it by themselves."""
    return (
        item.type == "filesystem"
        and model.value(item, "canmount")[0] == "on"
        and model.mountpoint(item)[0] not in ("none", "legacy")
        and has_key(model, item)
    )


def key_root(model: Model, item: Item) -> str:
    """The dataset whose key unlocks this one; empty when it is not encrypted."""
    return str(item.dataset.get("keyroot", ""))


def has_key(model: Model, item: Item) -> bool:
    root = key_root(model, item)
    return not root or root in model.kernel["keys"]


def attach(model: Model, item: Item, directory: str = "") -> None:
    """Mount a file system that is not mounted; OSError and ZfsError when that cannot be."""
    where = directory or model.mountpoint(item)[0]
    place = paths.root(where)
    os.makedirs(place, exist_ok=True)
    if not paths.DETACHED and not item.dataset.get("system"):
        try:
            _kernel_call("mount", content.path(item.dataset["object"]).encode(), place.encode(), None, _MS_BIND, None)
        except OSError as error:
            raise ZfsError(f"cannot mount '{item.name}': {error.strerror}") from None
    mounted(model)[item.name] = where


def detach(model: Model, name: str, force: bool = False) -> None:
    """Unmount; a file system in use is refused with ZFS's words."""
    where = mounted(model)[name]
    item = model.open(name)
    if not item.dataset.get("system") and not paths.DETACHED:
        try:
            _kernel_call("umount2", paths.root(where).encode(), _MNT_DETACH if force else 0)
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise ZfsError(f"cannot unmount '{where}': pool or dataset is busy") from None
            if error.errno != errno.EINVAL:  # EINVAL: umount(8) has taken it away already
                raise ZfsError(f"cannot unmount '{where}': {error.strerror}") from None
    del mounted(model)[name]


def remove_directory(model: Model, item: Item, where: str) -> None:
    """Take the mount point's directory away if ZFS had chosen it and it is empty, as libzfs does after a destroy."""
    if item.type != "filesystem" or model.mountpoint(item)[1] in ("local", "received"):
        return
    try:
        os.rmdir(paths.root(where))
    except OSError:
        return


def remount_below(model: Model, name: str) -> List[str]:
    """Unmount the dataset and its children, deepest first; the names, in the order to mount them again."""
    order = [other for other in mounted(model) if other == name or other.startswith(name + "/")]
    for other in sorted(order, reverse=True):
        detach(model, other)
    return sorted(order)
