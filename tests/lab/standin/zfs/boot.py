# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel and an installed FreeBSD bring along: disks, the pool that the host booted from.

The disks are the document `disk("disks")`: `{"disks": {NAME: {"size": BYTES, "model": TEXT, "used": BOOL}}}` (used:
the system runs from it). Without it the host has one terabyte of `ada0`, whose fourth partition is the pool zroot if
the host has ZFS, and a spare disk `ada1`.
"""

from __future__ import annotations

import os
from typing import Any, Dict, Tuple

from .. import paths, state
from . import content
from .model import Doc, Model
from .pools import new_dataset, new_pool

GIB = 1 << 30
DISKS: Dict[str, Dict[str, Any]] = {
    "ada0": {"size": 1000204886016, "model": "SAMSUNG MZ7LH1T9HMLT-00005", "used": True},
    "ada0p1": {"size": 260 << 20, "used": True},
    "ada0p2": {"size": 512 << 10, "used": True},
    "ada0p3": {"size": 2 * GIB, "used": True},
    "ada0p4": {"size": 997783339008},
    "ada1": {"size": 64 * GIB, "model": "SAMSUNG MZ7LH1T9HMLT-00005"},
}
# The layout of bsdinstall(8): name, properties, bytes that the installation itself takes, where it is mounted.
_INSTALLED: Tuple[Tuple[str, Dict[str, str], int], ...] = (
    ("zroot", {"mountpoint": "/zroot", "compression": "on", "atime": "off"}, 0),
    ("zroot/ROOT", {"mountpoint": "none"}, 0),
    ("zroot/ROOT/default", {"mountpoint": "/", "canmount": "noauto"}, 1720000512),
    ("zroot/home", {"mountpoint": "/home"}, 0),
    ("zroot/tmp", {"mountpoint": "/tmp", "exec": "on", "setuid": "off"}, 0),
    ("zroot/usr", {"mountpoint": "/usr", "canmount": "off"}, 0),
    ("zroot/usr/ports", {"setuid": "off"}, 0),
    ("zroot/usr/src", {}, 0),
    ("zroot/var", {"mountpoint": "/var", "canmount": "off"}, 0),
    ("zroot/var/audit", {"exec": "off", "setuid": "off"}, 0),
    ("zroot/var/crash", {"exec": "off", "setuid": "off"}, 0),
    ("zroot/var/log", {"exec": "off", "setuid": "off"}, 131072),
    ("zroot/var/mail", {"atime": "on"}, 0),
    ("zroot/var/tmp", {"setuid": "off"}, 0),
)
BOOT_DATASET = "zroot/ROOT/default"


def disks() -> Dict[str, Dict[str, Any]]:
    """The host's disks and partitions by name, without /dev/."""
    found: Dict[str, Dict[str, Any]] = state.peek("disk", "disks").get("disks", DISKS)
    return found


def prepare(disk: Doc, kernel: Doc) -> None:
    """Before the first command after a boot: the disks' nodes, the installed pool, the import of the root pool."""
    if kernel.get("booted"):
        return
    kernel["booted"] = True
    os.makedirs(content.directory(), exist_ok=True)
    _device_nodes()
    model = Model(disk, kernel)
    host = state.peek("disk", "host")
    disk.setdefault("seed", host.get("seed", "standin"))
    if not disk["pools"] and not disk.get("installed") and host.get("zfs", True):
        _install(model)
    disk["installed"] = True
    for guid, pool in disk["pools"].items():
        if pool["state"] == "active" and pool["props"].get("bootfs"):
            if guid not in kernel["imported"]:
                kernel["imported"].append(guid)
            kernel["mounted"][pool["props"]["bootfs"]] = "/"


def _device_nodes() -> None:
    top = paths.DISK + "/devices"
    os.makedirs(top, exist_ok=True)
    os.makedirs(paths.root("/dev"), exist_ok=True)
    for name, facts in disks().items():
        store, node = os.path.join(top, name), paths.root("/dev/" + name)
        if not os.path.exists(store):
            with open(store, "wb") as stream:
                stream.truncate(int(facts["size"]))
        if not os.path.lexists(node):
            os.symlink(store, node)


def _install(model: Model) -> None:
    if "ada0p4" not in disks():
        return
    pool = new_pool(model, "zroot", [{"type": "disk", "path": "/dev/ada0p4", "size": disks()["ada0p4"]["size"]}])
    pool["props"]["bootfs"] = BOOT_DATASET
    for name, props, taken in _INSTALLED:
        dataset = pool["datasets"].get(name) or new_dataset(model, pool, name, "filesystem")
        dataset["props"].update(props)
        dataset["preinstalled"] = taken
        if name != "zroot" and props.get("canmount") != "off" and props.get("mountpoint") != "none":
            dataset["system"] = True  # its content is the host's own root
