# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of the pool: one error with the numbers, nothing lost or half made, and once there is room all is done."""

from __future__ import annotations

import lzma
import random
import re
from typing import Any, Dict, Iterator

import pytest
from compare import fingerprint
from exports import residue
from harness import PYTHON, Modules
from images import Mirror, leftovers
from standin.host import StandinHost

MIB = 1 << 20
DATA = random.Random(4).randbytes(MIB)
WEB1: Dict[str, Any] = {
    "name": "web1",
    "memory": "64M",
    "firmware": "bhyveload",
    "loader": {"host_path": "/tiny", "env": {"mode": "acpi"}},
    "disks": [
        {"name": "root", "size": "32M"},
        {"name": "thin", "size": "64M", "backing": "sparse-zvol"},
    ],
}
OTHERS = "zroot/others"
DISKS = ("root", "thin")
_WRITE = """\
import random, sys
with open(sys.argv[1], "r+b") as disk:
    disk.write(random.Random(sys.argv[1]).randbytes(int(sys.argv[2])))
"""


def leave(host: StandinHost, size: int) -> None:
    """Somebody else has all of the pool but so many bytes."""
    host.sh(f"zfs set reservation=none {OTHERS}", check=True)
    free = int(host.sh("zfs get -Hpo value available zroot", check=True).stdout)
    host.sh(f"zfs set reservation={free - size} {OTHERS}", check=True)


def write(host: StandinHost, guest: str, size: int) -> None:
    """So many bytes that cannot be compressed on each disk."""
    for disk in DISKS:
        done = host.run([PYTHON, "-c", _WRITE, f"/dev/zvol/zroot/apiary/{guest}/{disk}", str(size)])
        assert done.returncode == 0, done.stderr


def sums(host: StandinHost, guest: str) -> str:
    paths = " ".join(f"/dev/zvol/zroot/apiary/{guest}/{disk}" for disk in DISKS)
    return str(host.sh(f"for disk in {paths}; do head -c 24M $disk | sha256 -q; done", check=True).stdout)


def refusal(modules: Modules, module: str, task: Dict[str, Any]) -> str:
    """One error, with how much is wanted and how much there is, also in check mode; and nothing was done."""
    before = fingerprint(modules.host)
    told = ""
    for check in (True, False):
        result = modules.run(module, task, check=check)
        assert result.get("failed") and not result["changed"], result
        told = str(result["msg"])
        assert re.search(r"not enough space: .* [0-9.]+ MiB.* has [0-9.]+ (MiB|KiB) free; ", told), told
    assert fingerprint(modules.host) == before
    assert residue(modules.host) == []
    return told


def completed(modules: Modules, module: str, task: Dict[str, Any]) -> None:
    """The same task, now that there is room."""
    assert modules.good(module, task)["changed"]
    assert not modules.good(module, task)["changed"]
    left = residue(modules.host)
    assert [one for one in left if "@apiary-clone-" not in one] == []


@pytest.fixture
def small(host: StandinHost) -> StandinHost:
    """A host whose pool ends, and has another user."""
    host.down()
    host.limit_pools()
    host.boot()
    host.sh(f"zfs create -o mountpoint=none {OTHERS} && mkdir -p /backup", check=True)
    return host


@pytest.fixture
def web1(small: StandinHost, modules: Modules) -> StandinHost:
    """A guest that is off, with 12 MiB on each of its disks."""
    modules.good("bhyve_vm", WEB1)
    write(small, "web1", 12 * MIB)
    return small


def test_guests_that_do_not_fit_together(small: StandinHost, modules: Modules) -> None:
    task = {"vms": [WEB1, {**WEB1, "name": "web2"}]}
    leave(small, 48 * MIB)
    told = refusal(modules, "bhyve_vm", task)
    assert "guest web1: disk root 34.5 MiB, guest web2: disk root 34.5 MiB, 69.0 MiB together" in told
    assert "zroot/apiary has 48.0 MiB free" in told
    leave(small, 80 * MIB)
    completed(modules, "bhyve_vm", task)


@pytest.mark.parametrize("module", ["bhyve_vm", "bhyve_disk"])
def test_a_disk_that_is_to_grow(web1: StandinHost, modules: Modules, module: str) -> None:
    before = sums(web1, "web1")
    task: Dict[str, Any] = {"vm": "web1", "name": "root", "size": "64M"}
    if module == "bhyve_vm":
        task = {"name": "web1", "disks": [{"name": "root", "size": "64M"}, WEB1["disks"][1]]}
    leave(web1, 16 * MIB)
    assert "disk root 32." in refusal(modules, module, task)
    assert web1.sh("zfs get -Hpo value volsize zroot/apiary/web1/root").stdout == f"{32 * MIB}\n"
    leave(web1, 40 * MIB)
    completed(modules, module, task)
    assert sums(web1, "web1") == before


def test_a_snapshot_that_would_need_the_reservation_again(web1: StandinHost, modules: Modules) -> None:
    before = sums(web1, "web1")
    task = {"vm": "web1", "name": "good"}
    leave(web1, 4 * MIB)
    told = refusal(modules, "bhyve_snapshot", task)
    assert "12.0 MiB" in told and "refreservation=none" in told
    leave(web1, 16 * MIB)
    completed(modules, "bhyve_snapshot", task)
    assert sums(web1, "web1") == before


@pytest.mark.parametrize("mode", ["clone", "copy"])
def test_a_clone_of_a_guest(web1: StandinHost, modules: Modules, mode: str) -> None:
    task = {"name": "web2", "clone_from": "web1", "clone_mode": mode}
    leave(web1, 4 * MIB)
    refusal(modules, "bhyve_vm", task)
    leave(web1, 128 * MIB)
    completed(modules, "bhyve_vm", task)
    assert sums(web1, "web2") == sums(web1, "web1")


def test_an_import(web1: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_export", {"vm": "web1", "path": "/backup/web1.apiary"})
    task = {"path": "/backup/web1.apiary", "name": "web2", "keep_identity": False}
    leave(web1, 16 * MIB)
    refusal(modules, "bhyve_import", task)
    leave(web1, 128 * MIB)
    completed(modules, "bhyve_import", task)
    assert sums(web1, "web2") == sums(web1, "web1")


@pytest.fixture
def mirror(small: StandinHost) -> Iterator[Mirror]:
    made = Mirror(small)
    try:
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize("kind", ["zvol", "file"])
def test_an_image(small: StandinHost, modules: Modules, mirror: Mirror, kind: str) -> None:
    url = mirror.put("disk.raw.xz", lzma.compress(DATA * 6 + bytes(2 * MIB)))
    task = {"name": "web", "source": url, "kind": kind, "retries": 1, "timeout": 2}
    leave(small, 2 * MIB)
    result = modules.run("bhyve_image", task)
    assert result.get("failed"), result
    assert "No space left on device; what was written has been removed again" in result["msg"]
    assert re.search(r"zroot/apiary/.images has [0-9.]+ (MiB|KiB) free; remove something", result["msg"]), result["msg"]
    assert leftovers(small) == []
    assert modules.good("bhyve_image_info", {"names": ["web"]})["images"] == []
    leave(small, 64 * MIB)
    completed(modules, "bhyve_image", task)
