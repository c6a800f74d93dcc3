# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which driver has which PCI device: what the kernel does at boot, for devctl(8), and for a guest.

The kernel's document ``pci`` has ``devices`` by address: ``driver`` ('' for none) and ``unit``, whether it is
``attached``, whether the driver was ``fixed`` by devctl(8), and the guest (``vm``) that has it; ``messages``: lines of
dmesg(8). Calls raise OSError with Linux's errno, as sys/kern/subr_bus.c and sys/amd64/vmm/io/ppt.c answer.
"""

from __future__ import annotations

import errno
import re
from typing import Any, Dict, List, Optional, Tuple

from .. import state
from . import inventory, nics
from .inventory import BRIDGE, Function

PPT = "ppt"
_PPTDEVS = ("pptdevs", "pptdevs2", "pptdevs3")
#: Drivers that the kernel has beside those of its devices.
_DRIVERS = {"hostb", "pcib", "isab", "vgapci", "ahci", "xhci", "hdac", "em", "ix", "virtio_pci", "nvme", "igb", "ixl"}

Devices = Dict[str, Dict[str, Any]]


def start() -> None:
    """What a booting kernel does; nothing when it has."""
    from ..system import boot

    boot.start()


def probe(kenv: Dict[str, str]) -> None:
    """Give every device its driver: ppt(4) those of pptdevs if vmm came with the kernel, its own one the others."""
    with state.kernel("pci") as doc:
        doc["devices"] = {}
        doc["messages"] = []
        for at, one in inventory.functions().items():
            doc["devices"][at] = {"driver": "", "unit": 0, "attached": False, "fixed": False, "vm": ""}
            _attach_best(doc, one, kenv, booting=True)


def reserved(kenv: Dict[str, str], at: str) -> bool:
    """vmm_is_pptdev: whether the kernel's environment names the device."""
    wanted = at.replace(":", "/")
    return any(word == wanted for name in _PPTDEVS for word in kenv.get(name, "").split(" "))


def _kenv() -> Dict[str, str]:
    values: Dict[str, str] = state.peek("kernel", "kenv").get("values", {})
    return values


def has_ppt() -> bool:
    """Whether the driver ppt is in the kernel: it comes with vmm.ko, and a kldunload that failed has dropped it."""
    from ..system import klds

    return klds.loaded("vmm") and not state.peek("kernel", "kld").get("ppt_dropped")


def _free_unit(doc: Dict[str, Any], driver: str, wanted: int, at: str) -> int:
    taken = {one["unit"] for other, one in doc["devices"].items() if one["driver"] == driver and other != at}
    if wanted >= 0 and wanted not in taken:
        return wanted
    return next(unit for unit in range(len(taken) + 1) if unit not in taken)


def _attach_best(doc: Dict[str, Any], one: Function, kenv: Dict[str, str], booting: bool = False) -> None:
    """device_probe_and_attach: the driver that bids most."""
    if one.hdr != BRIDGE and has_ppt() and reserved(kenv, one.at):
        _attach(doc, one, PPT, booting)
    elif one.driver:
        _attach(doc, one, one.driver, booting)


def _attach(doc: Dict[str, Any], one: Function, driver: str, booting: bool = False) -> None:
    own = driver == one.driver
    unit = _free_unit(doc, driver, one.unit if own else -1, one.at)
    doc["devices"][one.at].update(driver=driver, unit=unit, attached=True)
    _bus, slot, function = one.place
    doc["messages"].append(f"{driver}{unit} {one.resources} at device {slot}.{function} on pci{one.place[0]}")
    if own and not booting:
        nics.attach(one, f"{driver}{unit}")


def _detach(doc: Dict[str, Any], one: Function) -> None:
    device = doc["devices"][one.at]
    children = [at for at, other in doc["devices"].items() if other.get("pf") == one.at]
    if device["vm"] or any(doc["devices"][at]["vm"] for at in children):
        raise OSError(errno.EBUSY, "detach")
    for at in children:
        del doc["devices"][at]
    name = f"{device['driver']}{device['unit']}"
    if device["driver"] == one.driver:
        nics.detach(one, name)
        for child in reversed(one.children):
            doc["messages"].append(f"{child.strip()}: detached")
    doc["messages"].append(f"{name}: detached")
    device["attached"] = False
    if not device["fixed"]:
        device.update(driver="", unit=0)


def devices() -> Devices:
    """All devices by address."""
    start()
    found: Devices = state.peek("kernel", "pci").get("devices", {})
    return found


def function(at: str) -> Function:
    """What is at an address; a virtual function has its ``pf`` noted."""
    device = state.peek("kernel", "pci").get("devices", {}).get(at, {})
    return virtual(at) if device.get("pf") else inventory.functions()[at]


def virtual(at: str) -> Function:
    """A virtual function of an ix(4); only those for guests are built, so none has a driver of the host."""
    name = "X540 Ethernet Controller Virtual Function"
    return Function(at, (0x8086, 0x1515, 0, 0), 0x020000, "Intel Corporation", name, caps=("MSI-X", "PCIe"))


def name_of(at: str, table: Devices, number: int) -> str:
    """The device's name in listings; ``number`` counts those without a driver."""
    device = table[at]
    return f"{device['driver']}{device['unit']}" if device["driver"] else f"none{number}"


def find(text: str, table: Devices) -> Optional[str]:
    """The address of what devctl(8) is given: a device's name, or pciD:B:S:F."""
    at = inventory.parse_selector(text)
    if at is not None:
        return at if at in table else None
    match = re.fullmatch(r"([a-z_]+[a-z])(\d+)", text)
    if match is None:
        return None
    return next((at for at, one in table.items() if (one["driver"], one["unit"]) == (match[1], int(match[2]))), None)


def _need(text: str) -> Function:
    at = find(text, devices())
    if at is None:
        raise OSError(errno.ENOENT, text)
    return function(at)


def _known(driver: str) -> bool:
    if driver == PPT:
        return has_ppt()
    return driver in _DRIVERS or any(one.driver == driver for one in inventory.functions().values())


def set_driver(text: str, driver: str, force: bool) -> None:
    """DEV_SET_DRIVER. ENOENT, EBUSY, ENXIO for a driver that does not take the device."""
    one = _need(text)
    if not _known(driver):
        raise OSError(errno.ENOENT, driver)
    with state.kernel("pci") as doc:
        device = doc["devices"][one.at]
        if device["driver"] == driver:
            return
        _make_room(doc, one, force)
        device.update(driver=driver, unit=_free_unit(doc, driver, -1, one.at), fixed=True)
        if driver != one.driver and (driver != PPT or one.hdr == BRIDGE):
            raise OSError(errno.ENXIO, driver)
        _attach(doc, one, driver)


def _make_room(doc: Dict[str, Any], one: Function, force: bool) -> None:
    if doc["devices"][one.at]["attached"]:
        if not force:
            raise OSError(errno.EBUSY, one.at)
        _detach(doc, one)


def clear_driver(text: str, force: bool) -> None:
    """DEV_CLEAR_DRIVER: nothing for a device whose driver nobody has set; ENXIO when no driver takes it then."""
    one = _need(text)
    with state.kernel("pci") as doc:
        device = doc["devices"][one.at]
        if not device["fixed"]:
            return
        _make_room(doc, one, force)
        device.update(driver="", unit=0, fixed=False)
        _attach_best(doc, one, _kenv())
    if not device["attached"]:
        raise OSError(errno.ENXIO, text)


def detach(text: str) -> None:
    """DEV_DETACH: ENXIO for a device that is not attached."""
    one = _need(text)
    with state.kernel("pci") as doc:
        if not doc["devices"][one.at]["attached"]:
            raise OSError(errno.ENXIO, text)
        _detach(doc, one)


def attach(text: str) -> None:
    """DEV_ATTACH: EBUSY for one that is attached, ENXIO when no driver takes it."""
    one = _need(text)
    with state.kernel("pci") as doc:
        device = doc["devices"][one.at]
        if device["attached"]:
            raise OSError(errno.EBUSY, text)
        if device["fixed"]:
            _attach(doc, one, device["driver"])
        else:
            _attach_best(doc, one, _kenv())
    if not device["attached"]:
        raise OSError(errno.ENXIO, text)


def driver_added() -> None:
    """vmm.ko was loaded: ppt(4) is offered the devices that have no driver."""
    kenv = _kenv()
    with state.kernel("pci") as doc:
        for at, device in doc.get("devices", {}).items():
            if not device["driver"]:
                _attach_best(doc, function(at), kenv)


def make_virtual(pf: str, count: int) -> None:
    """IOV_CONFIG: that many virtual functions, all of them for ppt(4). EBUSY if there are some, EINVAL for too many."""
    one = inventory.functions()[pf]
    with state.kernel("pci") as doc:
        if any(device.get("pf") == pf for device in doc["devices"].values()):
            raise OSError(errno.EBUSY, pf)
        if count > one.vfs:
            raise OSError(errno.EINVAL, pf)
        bus, slot, number = one.place
        for index in range(count):
            # With ARI the numbers of a bus are all functions of its slot 0.
            rid = (slot << 3 | number) + inventory.VF_OFFSET + index * inventory.VF_STRIDE
            at = f"{bus}:0:{rid & 0xFF}"
            doc["devices"][at] = {"driver": "", "unit": 0, "attached": False, "fixed": True, "vm": "", "pf": pf}
            if has_ppt():
                _attach(doc, virtual(at), PPT)
        doc["devices"] = dict(sorted(doc["devices"].items(), key=lambda item: tuple(map(int, item[0].split(":")))))


def delete_virtual(pf: str) -> None:
    """IOV_DELETE. ECHILD without virtual functions, EBUSY if a guest has one."""
    with state.kernel("pci") as doc:
        mine = [at for at, device in doc["devices"].items() if device.get("pf") == pf]
        if not mine:
            raise OSError(errno.ECHILD, pf)
        if any(doc["devices"][at]["vm"] for at in mine):
            raise OSError(errno.EBUSY, pf)
        for at in mine:
            del doc["devices"][at]


def held() -> bool:
    """Whether ppt(4) has any device."""
    return any(
        one["driver"] == PPT and one["attached"] for one in state.peek("kernel", "pci").get("devices", {}).values()
    )


def assign(vm: str, place: Tuple[int, int, int]) -> Function:
    """Give a device to a guest. ENOENT unless ppt(4) has it; EBUSY if another has it, or without an IOMMU."""
    at = ":".join(str(part) for part in place)
    table = devices()
    if at not in table or table[at]["driver"] != PPT or not table[at]["attached"]:
        raise OSError(errno.ENOENT, at)
    with state.kernel("pci") as doc:
        device = doc["devices"][at]
        if device["vm"] or not inventory.build().get("iommu", True):
            raise OSError(errno.EBUSY, at)
        device["vm"] = vm
    return function(at)


def release(vm: str) -> None:
    """Take a guest's devices back: when it is destroyed, and when it starts anew."""
    if not any(one["vm"] == vm for one in state.peek("kernel", "pci").get("devices", {}).values()):
        return
    with state.kernel("pci") as doc:
        for device in doc["devices"].values():
            if device["vm"] == vm:
                device["vm"] = ""


def messages() -> List[str]:
    """The lines that the devices have written since the boot."""
    start()
    found: List[str] = state.peek("kernel", "pci").get("messages", [])
    return found
