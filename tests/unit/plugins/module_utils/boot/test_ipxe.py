# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""iPXE images: what is said against the options, the script, the layout, and what goes into the file system."""

from __future__ import annotations

import re
import struct
from typing import Any, Dict, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.ipxe import esp
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.ipxe.autoexec import (
    CHOICES,
    Own,
    checked_script,
    own_script,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.ipxe.options import parse_request, requests_of
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

MIB = 1 << 20


def program(machine: int = 0x8664, content: bytes = b"autoexec.ipxe") -> bytes:
    """Something that begins as an EFI program does."""
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80) + bytes(0x40)
    return head + b"PE\0\0" + struct.pack("<H", machine) + content


def options(**given: Any) -> Dict[str, Any]:
    return {"name": "ipxe", "state": "present", **given}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "a/b"}, "name: 'a/b' cannot be an image's name"),
        ({"program": "ipxe.efi"}, "program: 'ipxe.efi'; allowed is an absolute path"),
        ({"program": "/x y"}, "program: '/x y'; allowed is an absolute path"),
        ({"script": "#!ipxe\n", "script_file": "/x"}, "script_file: script beside it"),
        ({"script_file": "x.ipxe"}, "script_file: 'x.ipxe' is not an absolute path"),
        ({"script": "dhcp\n"}, "script: its first line is 'dhcp'; a script of iPXE begins with #!ipxe"),
        ({"script": "#!ipxedhcp"}, "script: its first line is '#!ipxedhcp'"),
        ({"script": "#!ipxe\n\0"}, "script: it is no text"),
        ({"attempts": 0}, "attempts: 0; allowed are 1 to 1000"),
        ({"prompt_timeout": 3601}, "prompt_timeout: 3601; allowed are 0 to 3600"),
        ({"script": "#!ipxe\n", "attempts": 2}, "attempts is for the collection's own script"),
        ({"script_file": "/x", "fallback": "local"}, "fallback is for the collection's own script"),
    ],
)
def test_what_cannot_be_is_refused_by_name(given: Dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=re.escape(said)):
        parse_request(options(**given))


def test_an_image_stands_once_in_a_task() -> None:
    with pytest.raises(BadInput, match="images: a is there twice"):
        requests_of({"images": [options(name="a"), options(name="a")]})


@pytest.mark.parametrize(("given", "kept"), [("#!ipxe", "#!ipxe\n"), ("#!ipxe\r\nshell", "#!ipxe\r\nshell\n")])
def test_a_script_ends_with_a_line_end(given: str, kept: str) -> None:
    assert checked_script(given, "script") == kept


def test_every_label_that_our_script_goes_to_is_there() -> None:
    text = own_script(Own())
    assert checked_script(text, "ours") == text
    labels = re.findall(r"^:(\S+)$", text, re.MULTILINE)
    assert len(set(labels)) == len(labels)
    assert set(re.findall(r"goto ([a-z]+)", text)) <= set(labels)
    assert set(CHOICES) <= set(labels) and set(re.findall(r"^item (\S+)", text, re.MULTILINE)) == set(CHOICES)
    assert "{" not in text.replace("${", "").replace("$", "")


def test_what_the_menu_does_by_itself() -> None:
    assert "choose --default local --timeout 7000 choice" in own_script(Own(timeout=7, fallback="local"))
    waiting = own_script(Own(attempts=3, timeout=0))
    assert "choose --default retry choice" in waiting and "iseq ${attempt} 3 " in waiting


@pytest.mark.parametrize(
    ("size", "kind", "kib"),
    [(1_000_000, 12, 2000), (1_990_000, 12, 2000), (2_000_000, 16, 2500), (4 * MIB, 16, 4231), (29 * MIB, 16, 30031)],
)
def test_the_file_system_is_the_least_that_has_room(size: int, kind: int, kib: int) -> None:
    assert esp.layout(size, 1000, "program") == esp.Layout(kind, kib)


def test_a_program_that_is_far_too_large_is_refused() -> None:
    with pytest.raises(BadInput, match="program: 33554432 bytes"):
        esp.layout(32 * MIB, 1000, "program")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (program(), None),
        (b"", "is no EFI program"),
        (b"MZ", "is no EFI program"),
        (b"MZ" + b"\xff" * 0x80, "is no EFI program"),
        (program(machine=0x14C), "for another machine (0x14c) than a guest's, amd64 (0x8664)"),
        (program(content=b"ipxe"), "does not read autoexec.ipxe"),
    ],
)
def test_only_ipxe_for_the_guests_machine_goes_onto_the_image(data: bytes, said: Optional[str]) -> None:
    if said is None:
        esp.check_program(data, "/x.efi", "program")
        return
    with pytest.raises(BadInput, match=re.escape(f"/x.efi {said}" if said.startswith(("is", "does")) else said)):
        esp.check_program(data, "/x.efi", "program")


def test_the_command_lines_say_all_that_would_differ_from_run_to_run() -> None:
    argv = esp.make_esp("/i/esp.img", "/i/manifest", esp.Layout(12, 2000))
    assert argv.index("-T") < argv.index("-o"), "makefs takes the time into the options behind it only"
    assert [word.partition("=")[0] for word in argv if "=" in word] == [
        "fat_type",
        "sectors_per_cluster",
        "volume_id",
        "volume_label",
    ]
    assert argv[-4:] == ["-s", "2000k", "/i/esp.img", "/i/manifest"]
    assert "-y" in esp.make_disk("/i/disk", "/i/esp.img")
