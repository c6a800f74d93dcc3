# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""zpool add, attach, detach, replace, online, offline, labelclear, clear and scrub."""

from __future__ import annotations

import time
from typing import Optional, Sequence, Tuple

from ...zfs import options, vdevs
from ...zfs.errors import NotBuilt, UsageError, ZfsError
from ...zfs.model import Doc
from ...zfs.session import Session
from . import layout


def _pool(session: Session, operands: Sequence[str], least: int, missing: str) -> Doc:
    if not operands:
        raise UsageError("missing pool name argument")
    if len(operands) < least:
        raise UsageError(missing)
    pool = session.model.pool(operands[0])
    if pool is None:
        raise ZfsError(f"cannot open '{operands[0]}': no such pool")
    return pool


def _find(pool: Doc, word: str) -> Tuple[Optional[Doc], Optional[Doc]]:
    """(the device, the group that it is in) by a name as the user writes it."""
    for vdev in pool["vdevs"]:
        for leaf in vdevs.leaves(vdev):
            if word in (leaf["path"], leaf["path"][len("/dev/") :], str(leaf["guid"])):
                return leaf, vdev if "children" in vdev else None
    return None, None


def _resilvered(pool: Doc) -> None:
    pool["scan"] = ["resilvered 152K", int(time.time())]


def _label(session: Session, leaf: Doc) -> None:
    """A device that left a pool keeps its label until labelclear."""
    session.model.disk.setdefault("labels", [])
    if leaf["path"] not in session.model.disk["labels"]:
        session.model.disk["labels"].append(leaf["path"])


def add(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "fgLno:P")
    letters = options.flags(given)
    pool = _pool(session, operands, 2, "missing vdev specification")
    found = layout.parse(operands[1:])
    layout.check_free(session.model, found, "f" in letters)
    if "n" in letters:
        print("would update '{}' to the following configuration:\n\n\t{}".format(pool["name"], pool["name"]))
        for depth, text, _vdev in layout.rows(pool["vdevs"] + found, "P" in letters):
            print("\t{}{}".format("  " * depth, text))
        return 0
    layout.check_usable(found, "cannot add to '{}'".format(pool["name"]))
    for vdev in found:
        vdev["guid"] = session.model.unique("vdev")
        for child in vdev.get("children", ()):
            child["guid"] = session.model.unique("vdev")
    pool["vdevs"].extend(found)
    session.log(pool["name"])
    return 0


def _new_device(session: Session, word: str, force: bool) -> Doc:
    leaf = layout.device(word)
    layout.check_free(session.model, [leaf], force)
    leaf["guid"] = session.model.unique("vdev")
    return leaf


def attach(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "fo:sw")
    pool = _pool(session, operands, 2, "missing <device> specification")
    if len(operands) < 3:
        raise UsageError("missing <new_device> specification")
    old, group = _find(pool, operands[1])
    new = _new_device(session, operands[2], ("f", "") in given)
    prefix = f"cannot attach {operands[2]} to {operands[1]}: "
    if old is None:
        raise ZfsError(prefix + "no such device in pool", 255)
    if group is not None and group["type"] != "mirror":
        raise ZfsError(prefix + "can only attach to mirrors and top-level disks", 255)
    if new["size"] < old["size"]:
        raise ZfsError(prefix + "device is too small", 255)
    if group is None:
        place = pool["vdevs"].index(old)
        pool["vdevs"][place] = {"type": "mirror", "guid": session.model.unique("vdev"), "children": [old, new]}
    else:
        group["children"].append(new)
    _resilvered(pool)
    session.log(pool["name"])
    return 0


def _collapse(pool: Doc, group: Doc) -> None:
    """A mirror of one device is that device."""
    if group["type"] == "mirror" and len(group["children"]) == 1:
        pool["vdevs"][pool["vdevs"].index(group)] = group["children"][0]


def detach(session: Session, argv: Sequence[str]) -> int:
    _given, operands = options.parse(argv, "")
    pool = _pool(session, operands, 2, "missing <device> specification")
    leaf, group = _find(pool, operands[1])
    prefix = f"cannot detach {operands[1]}: "
    if leaf is None:
        raise ZfsError(prefix + "no such device in pool", 255)
    if group is None or group["type"] != "mirror":
        raise ZfsError(prefix + "only applicable to mirror and replacing vdevs", 255)
    group["children"].remove(leaf)
    _label(session, leaf)
    _collapse(pool, group)
    session.log(pool["name"])
    return 0


def replace(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "fo:sw")
    pool = _pool(session, operands, 2, "missing <device> specification")
    if len(operands) < 3:
        raise NotBuilt("zpool: replace of a device by itself")
    leaf, group = _find(pool, operands[1])
    new = _new_device(session, operands[2], ("f", "") in given)
    prefix = f"cannot replace {operands[1]} with {operands[2]}: "
    if leaf is None:
        raise ZfsError(prefix + "no such device in pool", 255)
    if new["size"] < leaf["size"]:
        raise ZfsError(prefix + "device is too small", 255)
    holder = pool["vdevs"] if group is None else group["children"]
    holder[holder.index(leaf)] = new
    _label(session, leaf)
    _resilvered(pool)
    session.log(pool["name"])
    return 0


def online(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "e")
    pool = _pool(session, operands, 2, "missing device name")
    for word in operands[1:]:
        leaf, _group = _find(pool, word)
        if leaf is None:
            session.complain(f"cannot online {word}: no such device in pool")
            continue
        if given:
            raise NotBuilt("zpool: online -e")
        leaf.pop("state", None)
        session.log(pool["name"])
    return session.status


def offline(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "ft")
    if given:
        raise NotBuilt(f"zpool: offline -{options.flags(given)}")
    pool = _pool(session, operands, 2, "missing device name")
    for word in operands[1:]:
        leaf, group = _find(pool, word)
        if leaf is None:
            session.complain(f"cannot offline {word}: no such device in pool")
            continue
        leaf["state"] = "OFFLINE"
        if group is None or vdevs.health(group) == "UNAVAIL":
            leaf.pop("state")
            session.complain(f"cannot offline {word}: no valid replicas")
            continue
        session.log(pool["name"])
    return session.status


def labelclear(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "f")
    if not operands:
        raise UsageError("missing vdev name")
    if len(operands) > 1:
        raise UsageError("too many vdev names")
    path = layout.device(operands[0])["path"]
    owner = layout.users(session.model).get(path)
    if owner is not None:
        raise ZfsError(f'{path} is a member (ACTIVE) of pool "{owner}"')
    labels = session.model.disk.get("labels", [])
    if path not in labels:
        if given:
            raise ZfsError(f"failed to clear label for {path}", 255)
        raise ZfsError(f"failed to check state for {path}")
    labels.remove(path)
    return 0


def clear(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "FnX")
    if given:
        raise NotBuilt(f"zpool: clear -{options.flags(given)}")
    pool = _pool(session, operands, 1, "")
    if len(operands) > 1 and _find(pool, operands[1])[0] is None:
        raise ZfsError(f"cannot clear errors for {operands[1]}: no such device in pool")
    session.log(pool["name"])
    return 0


def scrub(session: Session, argv: Sequence[str]) -> int:
    given, operands = options.parse(argv, "spw")
    letters = options.flags(given)
    if not operands:
        raise UsageError("missing pool name argument")
    for name in operands:
        pool = session.model.pool(name)
        if pool is None:
            session.complain(f"cannot open '{name}': no such pool")
            continue
        if "s" in letters or "p" in letters:
            session.complain(
                "cannot {} scrubbing {}: there is no active scrub".format("cancel" if "s" in letters else "pause", name)
            )
            continue
        pool["scan"] = ["scrub repaired 0B", int(time.time())]
        session.log(name)
    return session.status
