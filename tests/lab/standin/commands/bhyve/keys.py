# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys that bhyve knows (bhyve_config(5)), for the strict mode: the real bhyve ignores a misspelt key."""

from __future__ import annotations

import re
from typing import Dict, List, Pattern

from .tree import Config

_SMBIOS = (
    r"bios\.(vendor|version|release_date)",
    r"system\.(family_name|manufacturer|product_name|serial_number|sku|version)",
    r"board\.(manufacturer|product_name|version|serial_number|asset_tag|location)",
    r"chassis\.(manufacturer|version|serial_number|asset_tag|sku)",
)
_GLOBAL = (
    "name|cpus|cores|threads|sockets|uuid|acpi_tables|acpi_tables_in_memory|destroy_on_poweroff|virtio_msix",
    r"memory\.(size|wired|guest_in_core)",
    r"gdb\.(address|port|wait)",
    r"keyboard\.layout",
    r"rtc\.use_localtime",
    r"config\.dump",
    r"x86\.(mptable|x2apic|strictio|strictmsr|vmexit_on_hlt|vmexit_on_pause|verbosemsr)",
    r"vcpu\.\d+\.cpuset",
    r"lpc\.(bootrom|bootvars|fwcfg|pc-testdev)",
    r"lpc\.com[1-4]\.path",
    r"lpc\.pcireg\.(vendor|device|revid|subvendor|subdevice)",
    r"tpm\.(type|path|version|intf)",
    *_SMBIOS,
)
_BLOCK = "path|nocache|nodelete|sync|direct|ro|sectorsize|bootindex"
_NETWORK = "backend|type|path|peerhook|socket|hook|hostfwd|mac"
_PCIREG = r"pcireg\.(vendor|device|revid|subvendor|subdevice)"
_DEVICE: Dict[str, str] = {
    "ahci": rf"port\.\d+\.({_BLOCK}|type|nmrr|ser|rev|model)|bootindex",
    "dummy": r"[a-z]+",
    "e1000": _NETWORK,
    "fbuf": "rfb|tcp|w|h|vga|wait|password",
    "hda": "play|rec",
    "hostbridge": rf"vendor|devid|{_PCIREG}",
    "lpc": _PCIREG,
    "nvme": f"{_BLOCK}|ram|maxq|qsz|ioslots|sectsz|ser|eui64|dsm",
    "passthru": rf"bus|slot|func|pptdev|rom|bootindex|{_PCIREG}",
    "uart": "path",
    "virtio-9p": "sharename|path|ro",
    "virtio-blk": f"{_BLOCK}|ser",
    "virtio-console": r"port\.\d+\.(name|path)",
    "virtio-input": "path",
    "virtio-net": f"{_NETWORK}|mtu|bootindex",
    "virtio-rnd": "(?!)",
    "virtio-scsi": r"dev|iid|bootindex|target\.\d+",
    "xhci": r"slot\.\d+\.device",
}


def _pattern(*alternatives: str) -> Pattern[str]:
    return re.compile("|".join(f"(?:{text})" for text in alternatives))


def unknown(config: Config) -> List[str]:
    """Every variable that bhyve would ignore, and every reference to none."""
    found = []
    known = _pattern(*_GLOBAL)
    for name, _unused in config.items():
        match = re.match(r"(pci\.\d+\.\d+\.\d+)\.(.+)$", name)
        if match is None:
            if not known.fullmatch(name):
                found.append(name)
            continue
        model = config.raw(f"{match.group(1)}.device")
        if match.group(2) == "device":
            continue
        if model is None or not _pattern(_DEVICE.get(model, "(?!)")).fullmatch(match.group(2)):
            found.append(name)
    return found
