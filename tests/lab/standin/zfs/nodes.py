# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Device nodes of volumes below /dev/zvol: a little late after a create, at once after a rename or a destroy.

A node is a link to the volume's content, so that whatever opens it reads and writes real bytes.
"""

from __future__ import annotations

import os
import time
from typing import Dict

from .. import notes, paths, state
from . import content
from .model import Doc, Item, Model

DELAY = 0.12  # seconds until a new node appears


def directory() -> str:
    return paths.root("/dev/zvol")


def volmode(model: Model, item: Item) -> str:
    """The mode that counts: `default` is what the sysctl vfs.zfs.vol.mode is by default, geom."""
    value = model.value(item, "volmode")[0]
    return "geom" if value == "default" else value


def _wanted(model: Model) -> Dict[str, str]:
    stuck = set(model.kernel.get("stuck", []))
    found: Dict[str, str] = {}
    for name in model.names():
        item = model.item(name)
        if item is None or item.type != "volume" or item.dataset["guid"] in stuck or volmode(model, item) == "none":
            continue
        found[name] = content.path(item.dataset["object"])
        if model.value(item, "snapdev")[0] == "visible":
            for point in item.dataset["snapshots"]:
                found["{}@{}".format(name, point["name"])] = content.path(point["object"])
    return found


def _present(model: Model) -> Dict[str, str]:
    """The nodes that are there (gone with the power, as /dev is)."""
    nodes: Dict[str, str] = model.kernel.setdefault("nodes", {})
    return nodes


def _remove(name: str) -> None:
    """Take a node away, and the directories that it leaves empty."""
    place = os.path.join(directory(), name)
    if os.path.lexists(place):
        os.unlink(place)
    while place != directory():
        place = os.path.dirname(place)
        try:
            os.rmdir(place)
        except OSError:
            return


def remove_stale(model: Model) -> bool:
    """Take away the nodes of what is no longer there. Whether all nodes are then as they should be."""
    wanted, present = _wanted(model), _present(model)
    for name in [name for name, target in present.items() if wanted.get(name) != target]:
        _remove(name)
        del present[name]
    return len(present) == len(wanted)


def settle(model: Model) -> None:
    """Make the nodes what they should be, now."""
    remove_stale(model)
    present = _present(model)
    for name, target in _wanted(model).items():
        if name not in present:
            place = os.path.join(directory(), name)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.symlink(target, place)
            present[name] = target


def settle_later() -> None:
    """New nodes appear after a moment, while the command has long returned: a child of its own does it."""
    if os.fork():
        return
    try:
        os.setsid()
        null = os.open("/dev/null", os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        os.closerange(3, 256)
        notes.hide()
        time.sleep(DELAY)
        with state.disk("zpool") as disk, state.kernel("zpool") as kernel:
            settle(Model(disk, kernel))
    finally:
        os._exit(0)


def stick(model: Model, dataset: Doc, given_volmode: str) -> None:
    """volmode=dev given at creation: of some volumes the node never appears (seen on FreeBSD 14)."""
    if given_volmode == "dev" and not model.coin():
        model.kernel.setdefault("stuck", []).append(dataset["guid"])


def unstick(model: Model, dataset: Doc) -> None:
    """volmode=none drops the device; what is set after it makes a new one."""
    stuck = model.kernel.get("stuck", [])
    if dataset["guid"] in stuck:
        stuck.remove(dataset["guid"])
