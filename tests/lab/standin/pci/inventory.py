# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PCI devices that are in the machine: a usual board, a network card for each uplink, what the settings add.

``Settings.pci`` is a list of objects with the fields of :class:`Function`; one at an address that is taken replaces
what is there.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .. import state

BRIDGE = 1
#: Where the virtual functions of a card are, by the numbers of its bus.
VF_OFFSET, VF_STRIDE = 0x80, 2


class Function(NamedTuple):
    """One PCI function. ``at``: bus:slot:function. ``ids``: vendor, device, subvendor, subdevice.

    ``driver`` takes it at boot, '' if none knows it, with the unit ``unit`` (-1: the first free one). ``children`` are
    the devices below it, indented by two blanks a level; ``disks`` the disks that they bring, by the SIM that has them.
    ``caps``: the capabilities of pciconf -c. ``vfs``: how many virtual functions it can have (SR-IOV). ``resources``:
    what the boot messages say of it. ``bus``: the bus behind a bridge.
    """

    at: str
    ids: Tuple[int, int, int, int]
    cls: int
    vendor: str
    name: str
    driver: str = ""
    unit: int = -1
    rev: int = 0
    hdr: int = 0
    children: Tuple[str, ...] = ()
    disks: Tuple[Tuple[str, str], ...] = ()
    caps: Tuple[str, ...] = ()
    vfs: int = 0
    resources: str = "irq 16"
    bus: int = 0

    @property
    def place(self) -> Tuple[int, int, int]:
        bus, slot, function = (int(part) for part in self.at.split(":"))
        return bus, slot, function


_MODERN = ("PM", "MSI", "PCIe")
_ROOT_PORT = "100 Series/C230 Series Chipset Family PCI Express Root Port"
_BOARD: Tuple[Function, ...] = (
    Function("0:0:0", (0x8086, 0x29C0, 0x1AF4, 0x1100), 0x060000, "Intel Corporation",
             "82G33/G31/P35/P31 Express DRAM Controller", "hostb"),
    Function("0:1:0", (0x8086, 0x1901, 0, 0), 0x060400, "Intel Corporation",
             "6th-10th Gen Core Processor PCIe Controller (x16)", "pcib", unit=1, hdr=BRIDGE, caps=_MODERN, bus=1),
    Function("0:2:0", (0x1234, 0x1111, 0x1AF4, 0x1100), 0x030000, "", "", "vgapci", unit=0, rev=2),
    Function("0:20:0", (0x8086, 0xA12F, 0x1AF4, 0x1100), 0x0C0330, "Intel Corporation",
             "100 Series/C230 Series Chipset Family USB 3.0 xHCI Controller", "xhci", unit=0,
             children=("usbus0", "  uhub0", "    ukbd0"), caps=("PM", "MSI")),
    Function("0:31:0", (0x8086, 0x2918, 0x1AF4, 0x1100), 0x060100, "Intel Corporation",
             "82801IB (ICH9) LPC Interface Controller", "isab", rev=2, hdr=0, children=("isa0",)),
    Function("0:31:2", (0x8086, 0x2922, 0x1AF4, 0x1100), 0x010601, "Intel Corporation",
             "82801IR/IO/IH (ICH9R/DO/DH) 6 port SATA Controller [AHCI mode]", "ahci", unit=0, rev=2,
             children=("ahcich0", "ahcich1"), disks=(("ahcich0", "ada0"),), caps=("MSI",)),
    Function("0:31:3", (0x8086, 0x2930, 0x1AF4, 0x1100), 0x0C0500, "Intel Corporation",
             "82801I (ICH9 Family) SMBus Controller", rev=2, resources="port 0x700-0x73f irq 16"),
    Function("0:28:7", (0x8086, 0xA110, 0, 0), 0x060400, "Intel Corporation", _ROOT_PORT, "pcib", unit=2, hdr=BRIDGE,
             caps=_MODERN, bus=2),
    Function("1:0:0", (0x10DE, 0x1EB1, 0x10DE, 0x12A0), 0x030000, "NVIDIA Corporation", "TU104GL [Quadro RTX 4000]",
             "vgapci", unit=1, rev=0xA1, caps=_MODERN),
    Function("1:0:1", (0x10DE, 0x10F8, 0x10DE, 0x12A0), 0x040300, "NVIDIA Corporation", "TU104 HD Audio Controller",
             "hdac", unit=0, rev=0xA1, children=("hdacc0", "  hdaa0", "    pcm0"), caps=_MODERN),
    Function("2:0:0", (0x1B4B, 0x9235, 0x1B4B, 0x9235), 0x010601, "Marvell Technology Group Ltd.",
             "88SE9235 PCIe 2.0 x2 4-port SATA 6 Gb/s Controller", "ahci", unit=1, rev=0x11,
             children=("ahcich2", "ahcich3"), disks=(("ahcich2", "ada1"),), caps=_MODERN),
)  # fmt: skip
#: By the driver that an interface's name is of: ids, class, vendor, name, capabilities, virtual functions.
_CARDS: Dict[str, Tuple[Tuple[int, int, int, int], str, str, Tuple[str, ...], int]] = {
    "em": ((0x8086, 0x10D3, 0x8086, 0xA01F), "Intel Corporation", "82574L Gigabit Network Connection",
           ("PM", "MSI", "PCIe", "MSI-X"), 0),
    "ix": ((0x8086, 0x1528, 0x8086, 0x0002), "Intel Corporation", "Ethernet Controller 10-Gigabit X540-AT2",
           ("PM", "MSI", "MSI-X", "PCIe", "ACS"), 63),
    "vtnet": ((0x1AF4, 0x1000, 0x1AF4, 0x0001), "Red Hat, Inc.", "Virtio network device", ("MSI-X",), 0),
}  # fmt: skip
_FIRST_SLOT, _FIRST_BUS, _FIRST_VIRTIO = 6, 4, 4


def build() -> Dict[str, Any]:
    """The host's settings."""
    return state.peek("disk", "host")


def _card(interface: str, slot: int) -> List[Function]:
    """The card behind an uplink; an ix(4) sits on a bus of its own, behind a root port."""
    driver = interface.rstrip("0123456789")
    unit = int(interface[len(driver) :] or 0)
    ids, vendor, name, caps, vfs = _CARDS.get(driver, _CARDS["em"])
    if driver == "vtnet":
        card = Function(f"0:{slot}:0", ids, 0x020000, vendor, name, "virtio_pci", _FIRST_VIRTIO + unit)
        return [card._replace(children=(interface,), caps=caps, resources=f"irq {16 + slot % 8}")]
    card = Function(f"0:{slot}:0", ids, 0x020000, vendor, name, driver, unit, caps=caps, vfs=vfs)
    if driver != "ix":
        return [card]
    bus = _FIRST_BUS + unit
    port = Function(f"0:28:{unit}", (0x8086, 0xA110, 0, 0), 0x060400, "Intel Corporation", _ROOT_PORT, "pcib", bus)
    return [port._replace(hdr=BRIDGE, caps=_MODERN, bus=bus), card._replace(at=f"{bus}:0:0")]


def _given(values: Dict[str, Any]) -> Function:
    lists: Dict[str, Any] = {key: tuple(values[key]) for key in ("ids", "children", "caps") if key in values}
    if "disks" in values:
        lists["disks"] = tuple((sim, disk) for sim, disk in values["disks"])
    return Function(**{**values, **lists})


def functions() -> Dict[str, Function]:
    """All functions by address, in the order of their addresses; those that iovctl(8) has made are ``bus``'s."""
    host = build()
    found = {one.at: one for one in _BOARD}
    for number, interface in enumerate(sorted(host.get("uplinks", {}), key=_by_unit)):
        found.update({one.at: one for one in _card(interface, _FIRST_SLOT + number)})
    for values in host.get("pci", ()):
        one = _given(values)
        found[one.at] = one
    return {one.at: one for one in sorted(found.values(), key=lambda one: one.place)}


def _by_unit(interface: str) -> Tuple[str, int]:
    driver = interface.rstrip("0123456789")
    return driver, int(interface[len(driver) :] or 0)


def parse_selector(text: str) -> Optional[str]:
    """``pciD:B:S:F`` or ``pciB:S:F`` as the address of a function in domain 0; None for anything else."""
    match = re.fullmatch(r"pci(?:(\d+):)?(\d+):(\d+):(\d+):?", text)
    if match is None or int(match[1] or 0) != 0:
        return None
    return ":".join(str(int(part)) for part in match.groups()[1:])
