# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The devices that a zpool command line names: `mirror ada1 ada2`, files, partitions; and whether they can be had."""

from __future__ import annotations

import os
import re
from typing import Dict, List, Sequence, Tuple

from ... import paths
from ...zfs import boot, vdevs
from ...zfs.errors import NotBuilt, UsageError, ZfsError
from ...zfs.model import Doc, Model

_GROUPS = re.compile(r"(mirror|raidz[123]?)$")
_OTHER_GROUPS = ("log", "cache", "spare", "special", "dedup")


def parse(words: Sequence[str]) -> List[Doc]:
    """The vdevs of a command line, each with the sizes of its devices."""
    if not words:
        raise UsageError("invalid vdev specification: at least one toplevel vdev must be specified")
    found: List[Doc] = []
    group: List[Doc] = []
    for word in words:
        if word in _OTHER_GROUPS or word.startswith("draid"):
            raise NotBuilt(f"zpool: a {word} vdev")
        match = _GROUPS.match(word)
        if match:
            group = []
            kind = "raidz1" if word == "raidz" else word
            found.append({"type": kind, "children": group})
        elif found and "children" in found[-1]:
            group.append(device(word))
        else:
            found.append(device(word))
    for vdev in found:
        least = 1 if "children" not in vdev else 2
        if len(list(vdevs.leaves(vdev))) < least or vdev.get("children") == []:
            raise ZfsError(
                "invalid vdev specification: {} requires at least {} devices".format(
                    re.sub("[0-9]", "", vdev["type"]), least
                )
            )
    return found


def device(word: str) -> Doc:
    """A disk by its short or full name, or a file by its full path."""
    name = word[len("/dev/") :] if word.startswith("/dev/") else word
    facts = boot.disks().get(name)
    if facts is not None:
        return {"type": "disk", "path": "/dev/" + name, "size": int(facts["size"])}
    if not word.startswith("/"):
        raise ZfsError(f"cannot open '{word}': no such device in /dev\nmust be a full path or shorthand device name")
    try:
        info = os.stat(paths.root(word))
    except OSError as error:
        raise ZfsError(f"cannot open '{word}': {error.strerror}") from None
    if not os.path.isfile(paths.root(word)):
        raise ZfsError(f"cannot use '{word}': must be a block device or regular file")
    return {"type": "file", "path": word, "size": info.st_size}


def users(model: Model) -> Dict[str, str]:
    """Device path -> name of the imported pool that has it."""
    return {leaf["path"]: str(pool["name"]) for pool in model.pools() for leaf in vdevs.all_leaves(pool)}


def check_free(model: Model, found: Sequence[Doc], force: bool) -> None:
    """Refuse devices of an active pool, in zpool(8)'s words."""
    taken = users(model)
    lines = [
        "{} is part of active pool '{}'".format(leaf["path"], taken[leaf["path"]])
        for vdev in found
        for leaf in vdevs.leaves(vdev)
        if leaf["path"] in taken
    ]
    if not lines and not force:
        for vdev in found:
            sizes = {leaf["size"] for leaf in vdevs.leaves(vdev)}
            if len(sizes) > 1 and "children" in vdev:
                lines.append("{} contains devices of different sizes".format(re.sub("[0-9]", "", vdev["type"])))
    if lines:
        hint = (
            "the following errors must be manually repaired:" if force else "use '-f' to override the following errors:"
        )
        raise ZfsError("invalid vdev specification\n{}\n{}".format(hint, "\n".join(lines)))


def check_usable(found: Sequence[Doc], prefix: str) -> None:
    """Refuse what the kernel cannot open: a disk that the system runs from, one that is too small."""
    for vdev in found:
        for leaf in vdevs.leaves(vdev):
            facts = boot.disks().get(leaf["path"][len("/dev/") :], {}) if leaf["type"] == "disk" else {}
            if facts.get("used"):
                raise ZfsError(f"{prefix}: no such pool or dataset")
        if any(leaf["size"] < vdevs.MINIMUM for leaf in vdevs.leaves(vdev)):
            if "children" in vdev:
                raise ZfsError(f"{prefix}: one or more devices is currently unavailable")
            raise ZfsError(f"{prefix}: one or more devices is less than the minimum size (64M)")


def show_name(vdev: Doc, index: int, full: bool, guid: bool = False) -> str:
    """A vdev's name in zpool status and list."""
    if guid:
        return str(vdev["guid"])
    if "children" in vdev:
        return "{}-{}".format(vdev["type"], index)
    path = str(vdev["path"])
    return path if full or vdev["type"] == "file" else path[len("/dev/") :]


def rows(pool_vdevs: Sequence[Doc], full: bool, guid: bool = False) -> List[Tuple[int, str, Doc]]:
    """(depth, name, vdev) from top to bottom."""
    found: List[Tuple[int, str, Doc]] = []
    for index, vdev in enumerate(pool_vdevs):
        found.append((1, show_name(vdev, index, full, guid), vdev))
        for child in vdev.get("children", ()):
            found.append((2, show_name(child, 0, full, guid), child))
    return found
