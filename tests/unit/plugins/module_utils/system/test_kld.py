# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kldstat -v as FreeBSD prints it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.system.kld import check_modules, parse_kldstat

TEXT = (
    "Id Refs Address                Size Name\n"
    " 1   28 0xffffffff80200000   d99af0 kernel (/boot/kernel/kernel)\n"
    "\tContains modules:\n"
    "\t\t Id Name\n"
    "\t\t181 if_tuntap\n"
    "\t\t123 virtio_pci/vtnet\n"
    " 4    1 0xffffffff82c00000   541438 vmm.ko (/boot/kernel/vmm.ko)\n"
    "\tContains modules:\n"
    "\t\t Id Name\n"
    "\t\t509 acpi/ivhd\n"
    "\t\t 94 pci/ppt\n"
    "\t\t506 vmm\n"
)


def test_files_built_in_modules_and_drivers_count() -> None:
    names = parse_kldstat(TEXT)
    assert {"kernel", "vmm", "if_tuntap", "virtio_pci/vtnet", "vtnet", "ppt"} <= names
    assert not {"if_tap", "vm", "vmm.ko", "Name", "Contains modules:"} & names


@pytest.mark.parametrize("text", ["", "kldstat: oops\n", TEXT + "half a line"])
def test_what_cannot_be_read_is_unknown(text: str) -> None:
    with pytest.raises(UnknownState, match="kldstat -v"):
        parse_kldstat(text)


def test_a_module_is_known_by_its_file_or_by_the_hints(tmp_path: Path) -> None:
    for name in ("kernel/vmm.ko", "modules/wifi.ko"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "kernel/linker.hints").write_bytes(b"\x01\0\x07pci/ppt\x06vmm.ko")
    path = f"{tmp_path}/kernel;{tmp_path}/modules;{tmp_path}/none"
    check_modules(Host(), ["vmm", "wifi", "pci/ppt"], path)
    with pytest.raises(BadInput, match=f"kernel_modules: 'vmn' is neither loaded .* no vmn.ko in {tmp_path}/kernel, "):
        check_modules(Host(), ["vmm", "vmn"], path)


def test_where_no_module_has_a_file_only_loading_can_tell(tmp_path: Path) -> None:
    check_modules(Host(), ["vmm"], f"{tmp_path};{tmp_path}/none")
    check_modules(Host(), ["vmm"], "")
