# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images with iPXE, built on the host of the program that the package ipxe brings."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Dict, List

import pytest
from faults import Sweep, tried
from harness import Modules
from images import leftovers, the
from standin.host import StandinHost

PROGRAM = "/usr/local/share/ipxe/ipxe.efi-x86_64"
IMAGE = "/apiary/.images/ipxe.img"
OURS = {"name": "ipxe"}
SCRIPT = "#!ipxe\nshell\n"


@pytest.fixture(scope="module")
def shared(shared_host: StandinHost) -> Modules:
    """Modules on a host with the package; each test begins without images."""
    shared_host.sh("pkg install -y ipxe", check=True)
    return Modules(shared_host)


@pytest.fixture
def empty(shared: Modules) -> Modules:
    shared.host.sh("zfs list -H -o name zroot/apiary/.images > /dev/null 2>&1 && zfs destroy -r zroot/apiary/.images")
    return shared


def file_in(disk: bytes, path: str, scratch: Path) -> bytes:
    """A file of the EFI system partition, read by mtools."""
    whole = scratch / "disk"
    whole.write_bytes(disk)
    start = int.from_bytes(disk[1024 + 32 : 1024 + 40], "little") * 512
    argv = ["mtype", "-i", f"{whole}@@{start}", f"::{path}"]
    return subprocess.run(argv, capture_output=True, check=True).stdout


def test_check_apply_again_change_and_absent(empty: Modules, tmp_path: Path) -> None:
    modules, host = empty, empty.host
    told = modules.good("ipxe_image", OURS, check=True)
    assert told["changed"] and not host.exists_in("/apiary/.images")
    done = modules.good("ipxe_image", OURS)
    made = the(done, "ipxe")
    random = {"made", "size", "users"}
    assert {key: value for key, value in made.items() if key not in random} == the(told, "ipxe")
    assert done["diff"] == told["diff"]
    assert (made["state"], made["path"], made["attempts"], made["fallback"]) == ("present", IMAGE, 5, "retry")
    assert leftovers(host) == []

    disk = host.read_bytes(IMAGE)
    assert len(disk) == made["size"] and disk[510:520] == b"\x55\xaaEFI PART"
    assert file_in(disk, "/EFI/BOOT/BOOTX64.EFI", tmp_path) == host.read_bytes(PROGRAM)
    autoexec = file_in(disk, "/autoexec.ipxe", tmp_path).decode()
    assert "chain ${script}" in autoexec and "tftp://${next-server}/chainload/${hostname}.ipxe" in autoexec

    # Other times change nothing, other content does.
    host.sh(f"touch {PROGRAM}", check=True)
    again = modules.good("ipxe_image", OURS)
    assert not again["changed"] and again["commands_started"] <= 2
    changed = modules.good("ipxe_image", {**OURS, "script": SCRIPT})
    assert the(changed, "ipxe")["script"] == SCRIPT and "attempts" not in the(changed, "ipxe")
    assert '"script": "#!ipxe\\nshell\\n"' in changed["diff"][0]["after"]
    assert file_in(host.read_bytes(IMAGE), "/autoexec.ipxe", tmp_path).decode() == SCRIPT
    assert not modules.good("ipxe_image", OURS)["changed"], "what is left out stays"
    assert "has a script of yours" in modules.run("ipxe_image", {**OURS, "attempts": 2})["msg"]

    host.write("/var/tmp/own.ipxe", SCRIPT)
    assert not modules.good("ipxe_image", {**OURS, "script_file": "/var/tmp/own.ipxe"})["changed"]
    back = modules.good("ipxe_image", {**OURS, "script": ""})
    assert back["changed"] and host.read_bytes(IMAGE) == disk, "the same content, the same bytes"

    found = modules.good("bhyve_image_info", {"names": ["ipxe"]})["images"][0]
    assert (found["kind"], found["path"], found["origin"]) == ("file", IMAGE, PROGRAM)

    gone = modules.good("ipxe_image", {**OURS, "state": "absent"})
    assert gone["changed"] and the(gone, "ipxe")["state"] == "absent"
    assert host.sh("ls -A /apiary/.images").stdout == ""
    assert not modules.good("ipxe_image", {**OURS, "state": "absent"})["changed"]


def test_the_same_program_elsewhere_makes_the_same_bytes(empty: Modules) -> None:
    modules, host = empty, empty.host
    host.sh(f"cp {PROGRAM} /var/tmp/my.efi", check=True)
    elements: List[Dict[str, Any]] = [{"name": "one"}, {"name": "two", "program": "/var/tmp/my.efi"}]
    modules.good("ipxe_image", {"images": elements})
    assert host.sh("cmp /apiary/.images/one.img /apiary/.images/two.img").returncode == 0
    commands = [" ".join(argv) for argv in modules.good("ipxe_image", {"name": "three"})["commands"]]
    makefs = next(command for command in commands if command.startswith("makefs "))
    assert "-t msdos -T 1000000000 -o fat_type=12 " in makefs and "-o volume_id=" in makefs
    assert any(command.startswith("mkimg -y ") for command in commands)


def test_what_is_broken_is_made_anew_and_what_is_no_such_image_is_left_alone(empty: Modules) -> None:
    modules, host = empty, empty.host
    modules.good("ipxe_image", OURS)
    disk = host.read_bytes(IMAGE)
    for harm in (f"rm {IMAGE}", f"truncate -s 1M {IMAGE}"):
        host.sh(harm, check=True)
        assert modules.good("ipxe_image", OURS)["changed"] and host.read_bytes(IMAGE) == disk
    host.write("/var/tmp/disk.raw", bytes(4096))
    modules.good("bhyve_image", {"name": "web", "source": "/var/tmp/disk.raw"})
    other = modules.run("ipxe_image", {"name": "web"})
    assert "the image of that name is none with iPXE (/var/tmp/disk.raw)" in other["msg"]
    host.write("/apiary/.images/mine.img", "somebody's")
    stranger = modules.run("ipxe_image", {"name": "mine"})
    assert "/apiary/.images/mine.img is there and belongs to no image" in stranger["msg"]
    host.sh("head -c 200000 /dev/random > /var/tmp/no.efi", check=True)
    for given, said in (
        ({"program": "/nosuch"}, "program: the file /nosuch does not exist on the host; give the path of iPXE's EFI"),
        ({"program": "/var/tmp/no.efi"}, "/var/tmp/no.efi is no EFI program"),
        ({"script_file": "/nosuch"}, "script_file: the file /nosuch does not exist on the host"),
        ({"script_file": "/etc/rc.conf"}, "a script of iPXE begins with #!ipxe"),
    ):
        refused = modules.run("ipxe_image", {**OURS, **given})
        assert said in refused["msg"] and not refused["changed"]
    assert host.read_bytes(IMAGE) == disk


def test_a_full_pool_is_said_before_anything_is_written(empty: Modules) -> None:
    modules, host = empty, empty.host
    host.sh("zfs create -o volmode=dev zroot/apiary/.images && zfs set quota=1M zroot/apiary/.images", check=True)
    full = modules.run("ipxe_image", OURS)
    assert "not enough space: image ipxe: its parts and the disk of them take 3.9 MiB" in full["msg"]
    assert leftovers(host) == []


class Make(Sweep):
    """An image is made in place of one with another script."""

    def begin(self) -> None:
        self.modules.good("ipxe_image", {**OURS, "script": SCRIPT})

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        found = [f"left behind: {name}" for name in leftovers(self.host)]
        return found if b"Apiary: DHCP" in self.host.read_bytes(IMAGE) else [*found, "the old image"]


def test_a_failure_at_every_command(modules: Modules) -> None:
    missing = modules.run("ipxe_image", OURS)
    assert f"program: the file {PROGRAM} does not exist on the host; install the package ipxe" in missing["msg"]
    modules.host.sh("pkg install -y ipxe", check=True)
    sweep = Make(modules, "ipxe_image", {**OURS, "script": ""})
    sweep.record()
    assert any(command.startswith("makefs") for command in sweep.commands)
    sweep.go("fail", tried(len(sweep.commands)))
    made = [number for number, command in enumerate(sweep.commands, 1) if command.startswith(("makefs", "mkimg"))]
    sweep.go("half", made[:1])
    sweep.go("cut", made[-1:])
