# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot files by what a machine says that it is, in each server's words."""

from __future__ import annotations

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.statements import parse
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.bootfiles import (
    boot_files_of,
    dnsmasq_lines,
    isc_lines,
    kea_classes,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

FILES = boot_files_of({"uefi": "ipxe.efi", "bios": "undionly.kpxe", "uefi_arm64": None})
WITH_IPXE = boot_files_of({"uefi": "ipxe.efi", "ipxe": "menu.ipxe"})


def test_isc() -> None:
    text = "\n".join(isc_lines(FILES))
    assert parse(text, "dhcpd.conf")
    assert text.splitlines() == [
        'if option user-class = "iPXE" {',
        "} elsif option pxe-system-type = 00:00 {",
        '\tfilename "undionly.kpxe";',
        "} elsif option pxe-system-type = 00:07 or option pxe-system-type = 00:09 {",
        '\tfilename "ipxe.efi";',
        "}",
    ]
    assert isc_lines(WITH_IPXE)[:2] == ['if option user-class = "iPXE" {', '\tfilename "menu.ipxe";']


def test_kea() -> None:
    ipxe, bios, uefi = kea_classes(FILES)
    assert ipxe == {"name": "apiary-ipxe", "test": "option[77].hex == 'iPXE'"}
    assert (bios["name"], bios["boot-file-name"]) == ("apiary-bios", "undionly.kpxe")
    assert uefi["test"] == "not member('apiary-ipxe') and (option[93].hex == 0x0007 or option[93].hex == 0x0009)"
    assert kea_classes(WITH_IPXE)[0]["boot-file-name"] == "menu.ipxe"


def test_dnsmasq() -> None:
    assert dnsmasq_lines(WITH_IPXE) == [
        "dhcp-userclass=set:apiary-ipxe,iPXE",
        'dhcp-option=tag:apiary-ipxe,option:bootfile-name,"menu.ipxe"',
        "dhcp-match=set:apiary-uefi,option:client-arch,7",
        "dhcp-match=set:apiary-uefi,option:client-arch,9",
        'dhcp-option=tag:apiary-uefi,tag:!apiary-ipxe,option:bootfile-name,"ipxe.efi"',
    ]


def test_none_says_nothing() -> None:
    assert [isc_lines(()), kea_classes(()), dnsmasq_lines(())] == [[], [], []]


@pytest.mark.parametrize("file", ["f" * 128, "a\nb", "ä"])
def test_files_that_no_message_holds(file: str) -> None:
    with pytest.raises(BadInput, match="boot_files: bios"):
        boot_files_of({"bios": file})
