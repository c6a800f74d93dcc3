# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pciconf(8): -l with -v and -c."""

from __future__ import annotations

import os
import sys
from typing import Dict, Sequence, Set, Tuple

from ..pci import bus, inventory
from ..pci.inventory import Function
from ..system import cli

PATHS = ("/usr/sbin/pciconf",)
#: pci_nomatch_tab of pciconf.c, as far as there are devices: class, then class and subclass.
_CLASSES: Dict[int, str] = {
    0x01: "mass storage", 0x02: "network", 0x03: "display", 0x04: "multimedia", 0x06: "bridge", 0x0C: "serial bus",
}  # fmt: skip
_SUBCLASSES: Dict[Tuple[int, int], str] = {
    (0x01, 0x00): "SCSI", (0x01, 0x04): "RAID", (0x01, 0x06): "SATA", (0x01, 0x07): "SAS", (0x01, 0x08): "NVM",
    (0x02, 0x00): "ethernet", (0x03, 0x00): "VGA", (0x03, 0x02): "3D", (0x04, 0x01): "audio", (0x04, 0x03): "HDA",
    (0x06, 0x00): "HOST-PCI", (0x06, 0x01): "PCI-ISA", (0x06, 0x04): "PCI-PCI", (0x0C, 0x03): "USB",
    (0x0C, 0x05): "SMBus",
}  # fmt: skip
_CAPS: Dict[str, str] = {
    "PM": "    cap 01[c8] = powerspec 2  supports D0 D3  current D0",
    "MSI": "    cap 05[d0] = MSI supports 1 message, 64 bit ",
    "PCIe": "    cap 10[e0] = PCI-Express 2 endpoint max data 128(128)",
    "ACS": "    ecap 000d[150] = ACS 1 Source Validation unavailable, Translation Blocking unavailable",
    "MSI-X": "    cap 11[a0] = MSI-X supports 5 messages\n"
    "                 Table in map 0x1c[0x0], PBA in map 0x1c[0x2000]",
}


def _usage() -> int:
    print("usage: pciconf -l [-BbcevV] [device]", file=sys.stderr)
    print("       pciconf -a device", file=sys.stderr)
    print("       pciconf -r [-b | -h] device addr[:addr2]", file=sys.stderr)
    print("       pciconf -w [-b | -h] device addr value", file=sys.stderr)
    print("       pciconf -D [-b | -h | -x] device bar [start [count]]", file=sys.stderr)
    return 1


def _verbose(one: Function) -> None:
    cls, sub = one.cls >> 16, one.cls >> 8 & 0xFF
    for label, text in (("vendor", one.vendor), ("device", one.name)):
        if text:
            print(f"    {label:<10} = '{text}'")
    for label, known in (("class", _CLASSES.get(cls)), ("subclass", _SUBCLASSES.get((cls, sub)))):
        if known:
            print(f"    {label:<10} = {known}")


def _capabilities(one: Function, made: int) -> None:
    for cap in one.caps:
        print(_CAPS[cap])
    if one.vfs:
        word = "enabled" if made else "disabled"
        print(f"    ecap 0010[160] = SR-IOV 1 IOV {word}, Memory Space {word}, ARI enabled")
        print(f"                     {made} VFs configured out of {one.vfs} supported")
        first, stride = inventory.VF_OFFSET, inventory.VF_STRIDE
        print(f"                     First VF RID Offset 0x{first:04x}, VF RID Stride 0x{stride:04x}")
        print("                     VF Device ID 0x1515")


def _show(at: str, name: str, flags: Set[str], table: bus.Devices) -> None:
    one = bus.function(at)
    vendor, device, subvendor, subdevice = one.ids
    print(
        f"{name}@pci0:{at}:\tclass=0x{one.cls:06x} rev=0x{one.rev:02x} hdr=0x{one.hdr:02x} vendor=0x{vendor:04x} "
        f"device=0x{device:04x} subvendor=0x{subvendor:04x} subdevice=0x{subdevice:04x}"
    )
    if "v" in flags:
        _verbose(one)
    if "c" in flags:
        _capabilities(one, sum(other.get("pf") == at for other in table.values()))


def _wanted(text: str, table: bus.Devices) -> str:
    """The address of a device by its name, by NAME@SELECTOR, or by pci[[D:]B:]S:F; ends the program without one."""
    name, separator, selector = text.rpartition("@")
    if inventory.parse_selector(selector) is None and (separator or not text[-1:].isdigit()):
        cli.fail("pciconf", "Invalid device name")
    at = bus.find(selector if separator else name or text, table)
    if at is None:
        cli.fail("pciconf", "Device not found")
    return at


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "aBbcDehlrVvw", _usage)
    flags = {letter for letter, _value in options}
    if len(flags & set("alrwD")) != 1:
        return _usage()
    if flags - set("lvc"):
        cli.not_built("pciconf", "-" + "".join(sorted(flags - set("lvc"))))
    if len(words) > 1:
        return _usage()
    if "c" in flags and os.geteuid() != 0:
        cli.fail("pciconf", "/dev/pci: Permission denied")
    table = bus.devices()
    only = _wanted(words[0], table) if words else ""
    nameless = 0
    for at in table:
        if only and at != only:
            continue
        _show(at, bus.name_of(at, table, nameless), flags, table)
        nameless += not table[at]["driver"]
    return 0
