# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""acpidump(8): -t, the headers of the firmware's tables."""

from __future__ import annotations

import os
import sys
from typing import Sequence

from ..pci import inventory
from ..system import cli

PATHS = ("/usr/sbin/acpidump",)
_TABLES = ("FACP", "APIC", "HPET", "MCFG")
#: The table of an IOMMU, by the maker of the CPU.
_IOMMU = {"intel": "DMAR", "amd": "IVRS"}


def _usage() -> int:
    print("usage: acpidump [-d] [-t] [-T tablename] [-h] [-v] [-f dsdt_input] [-o dsdt_output]", file=sys.stderr)
    return 1


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "dhtvT:f:o:", _usage)
    flags = {letter for letter, _value in options}
    if words or "h" in flags:
        return _usage()
    if flags != {"t"}:
        cli.not_built("acpidump", "anything but -t")
    if os.geteuid() != 0:
        cli.fail("acpidump", "/dev/mem: Permission denied")
    host = inventory.build()
    own = _IOMMU.get(str(host.get("cpu", "intel")))
    print("/*\n  RSD PTR: OEM=BOCHS, ACPI_Rev=1.0x (0)\n\tRSDT=0xbffe22e9, cksum=237\n */")
    for name in [*_TABLES, *([own] if own is not None and host.get("iommu", True) else [])]:
        print(
            f"/*\n  {name}: Length=120, Revision=1, Checksum=142,\n\tOEMID=BOCHS, OEM Table ID=BXPC, OEM Revision=0x1,"
        )
        print("\tCreator ID=BXPC, Creator Revision=0x1\n */")
    return 0
