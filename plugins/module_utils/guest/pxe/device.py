# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disk with iPXE by which a guest boots from the network, as bhyve_config(5) says it."""

from __future__ import annotations

from typing import Dict, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import Identity
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import Layout
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Disk, Guest
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import FILE, Store

#: The device's name among those with a PCI address.
DEVICE = "pxe"
#: Before all that ``boot_order`` of a disk can say.
_FIRST = 0


def image_path(image: str, layout: Layout) -> str:
    """The file of an iPXE image."""
    return Store(layout.root, layout.dataset).file(image, FILE)


def bootindex(disk: Disk, identity: Identity) -> str:
    """The key by which bhyve learns of a disk's place in the boot order."""
    device = f"pci.{identity.slots['disk/' + disk.name]}"
    return f"{device}.port.0.bootindex" if disk.controller.startswith("ahci-") else f"{device}.bootindex"


def _controller(guest: Guest) -> str:
    """One that no disk of the guest has, so that the guest counts its own disks as it will without this one."""
    taken = {disk.controller for disk in guest.attached}
    return next((one for one in ("nvme", "ahci-hd", "virtio-blk") if one not in taken), "nvme")


def boot_keys(guest: Guest, identity: Identity, layout: Layout) -> Dict[str, str]:
    """The disk, read-only, first in the order that the firmware is told; then the guest's own.

    BadInput when ``options`` contradict, or the firmware cannot be told.
    """
    if guest.pxe is None:
        return {}
    at, place = f"guest {guest.name}: ", identity.slots[DEVICE]
    if not place.startswith("0."):
        raise BadInput(f"{at}pxe: there is no place left on PCI bus 0, and the firmware is told of that bus only")
    device, controller = f"pci.{place}", _controller(guest)
    node = f"{device}.port.0" if controller == "ahci-hd" else device
    keys = {f"{device}.device": "ahci" if controller == "ahci-hd" else controller}
    if controller == "ahci-hd":
        keys[f"{node}.type"] = "hd"
    keys[f"{node}.path"] = image_path(guest.pxe.image, layout)
    keys[f"{node}.ro"] = "true"
    keys[f"{node}.bootindex"] = str(_FIRST)
    # bhyve hands the order to the firmware by QEMU's interface only.
    keys["lpc.fwcfg"] = "qemu"
    following = _following(guest, identity)
    if following is not None:
        keys[bootindex(following, identity)] = str(_FIRST + 1)
    options = dict(guest.options)
    for key, value in keys.items():
        if options.get(key, value) != value:
            raise BadInput(f"{at}options: {key} is {value!r} by pxe, and cannot be {options[key]!r}")
    return keys


def _following(guest: Guest, identity: Identity) -> Optional[Disk]:
    """The disk that comes after iPXE: the firmware leaves out what it is not told of, once it is told of something."""
    disks = [disk for disk in guest.attached if not disk.is_empty]
    if any(disk.boot_order for disk in disks):
        return None
    hard = (disk for disk in disks if not disk.is_cd and identity.slots[f"disk/{disk.name}"].startswith("0."))
    return next(hard, None)
