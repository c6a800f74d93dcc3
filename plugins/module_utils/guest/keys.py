# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys of bhyve_config(5): which ones bhyve knows.

bhyve takes a key that it does not know without a word, so a misspelt one never fails: somebody has to look.
"""

from __future__ import annotations

import re
from typing import List, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pci import address_of, check_address

_SYNTAX = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")

_SMBIOS = (
    r"bios\.(vendor|version|release_date)"
    r"|system\.(family_name|manufacturer|product_name|serial_number|sku|version)"
    r"|board\.(manufacturer|product_name|version|serial_number|asset_tag|location)"
    r"|chassis\.(manufacturer|version|serial_number|asset_tag|sku)"
)
_GLOBAL = (
    r"name|cpus|sockets|cores|threads|uuid|acpi_tables|acpi_tables_in_memory|destroy_on_poweroff|virtio_msix"
    r"|virtio\.msix|memory\.(size|wired|guest_in_core)|config\.dump|keyboard\.layout|rtc\.use_localtime"
    r"|gdb\.(address|port|wait)|vcpu\.\d+\.cpuset|domains\.\d+\.(size|cpus|domain_policy)|monitor|rundir"
    r"|tpm\.(type|path|version)|bootrom|console|pcid"
    r"|x86\.(mptable|x2apic|strictio|strictmsr|vmexit_on_hlt|vmexit_on_pause|verbosemsr)"
    r"|lpc\.(bootrom|bootvars|fwcfg|pc-testdev|com[1-4]\.path|pcireg\.(vendor|device|revid|subvendor|subdevice))"
    r"|fwcfg\..+"
)
_BLOCK = r"path|nocache|nodelete|sync|direct|ro|sectorsize|bootindex"
_DEVICE = (
    r"device|pcireg\.(vendor|device|revid|subvendor|subdevice)|vendor|devid|ser|eui64|dsm|ram|maxq|qsz|ioslots|sectsz"
    r"|port\.\d+\.(type|ser|rev|model|nmrr|name|" + _BLOCK + r")"
    r"|backend|type|mac|mtu|peerhook|socket|hook|hostfwd|open"
    r"|slot\.\d+\.device|play|rec|rfb|tcp|w|h|vga|wait|password|dev|iid|sharename"
    r"|bus|slot|func|pptdev|rom|target\.\d+|" + _BLOCK
)
_KNOWN = re.compile(rf"{_SMBIOS}|{_GLOBAL}|pci\.\d+\.\d+\.\d+\.({_DEVICE})")


def check_keys(options: Sequence[Tuple[str, str]], where: str) -> None:
    """BadInput for a key or value that cannot stand in a bhyve_config(5) file."""
    for key, value in options:
        if not _SYNTAX.fullmatch(key):
            raise BadInput(f"{where}options: {key!r} is not a key of bhyve_config(5), such as x86.strictio")
        if not value.isprintable():
            raise BadInput(f"{where}options: the value of {key} holds a line break or control character")
        if key == "config.dump":
            raise BadInput(f"{where}options: with config.dump bhyve prints its configuration and starts no guest")
        if key.startswith("pci."):
            address = address_of(key)
            if not address:
                raise BadInput(f"{where}options: {key!r} is not of the form pci.BUS.SLOT.FUNCTION.KEY")
            check_address(address, f"{where}options: {key}")


def unknown_keys(options: Sequence[Tuple[str, str]]) -> List[str]:
    """The keys that bhyve_config(5) of FreeBSD 14 and 15 does not have: bhyve would ignore them without a word."""
    return [key for key, _value in options if not _KNOWN.fullmatch(key)]
