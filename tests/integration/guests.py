# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests for the tests: declarations that start in no time, and what can be seen of them on their host."""

from __future__ import annotations

import copy
import json
from typing import Any, Dict, List

from harness import PYTHON, Modules
from standin.host import StandinHost

#: A guest of five kilobytes that enables ACPI and obeys the power button.
TINY: Dict[str, Any] = {
    "memory": "64M",
    "cpus": 1,
    "firmware": "bhyveload",
    "loader": {"host_path": "/tiny", "env": {"mode": "acpi"}},
    "stop_timeout": 5,
}
#: What lies under the disks of a guest whose data a test follows: one of each kind.
BACKINGS = {"root": "zvol", "data": "sparse-zvol", "logs": "sparse-file"}
#: Those disks, the smallest of four MiB.
DISKS: List[Dict[str, Any]] = [
    {"name": "root", "size": "16M", "backing": BACKINGS["root"]},
    {"name": "data", "size": "8M", "backing": BACKINGS["data"]},
    {"name": "logs", "size": "4M", "backing": BACKINGS["logs"]},
]

_WRITE = """\
import hashlib, os, sys
for path, block in zip(sys.argv[1::2], sys.argv[2::2]):
    descriptor = os.open(path, os.O_WRONLY)
    data = b"".join(hashlib.sha256(b"%s/%d" % (block.encode(), n)).digest() * 2048 for n in range(8))
    assert os.pwrite(descriptor, data, 1 << 20) == len(data)
    os.fsync(descriptor)
    os.close(descriptor)
"""
_READ = """\
import hashlib, sys
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        print(hashlib.sha256(file.read(int(sys.argv[1]))).hexdigest())
"""


def tiny(name: str, **options: Any) -> Dict[str, Any]:
    """The declaration of a guest of five kilobytes."""
    return dict(copy.deepcopy(TINY), name=name, **options)


def the(result: Dict[str, Any], name: str) -> Dict[str, Any]:
    """A guest out of a module's result."""
    return next(vm for vm in result["vms"] if vm["name"] == name)


def state_of(modules: Modules, name: str) -> Dict[str, Any]:
    """The status that bhyve_vm_info gives."""
    status: Dict[str, Any] = the(modules.good("bhyve_vm_info", {"names": [name]}), name)["status"]
    return status


def record(host: StandinHost, name: str = "web1") -> Dict[str, Any]:
    """What is noted of a guest on its host."""
    loaded: Dict[str, Any] = json.loads(host.read(f"/apiary/{name}/guest.json"))
    return loaded


def snapshots(host: StandinHost) -> List[str]:
    """The snapshots of all guests, in the order of zfs list."""
    return host.sh("zfs list -H -t snapshot -o name -r zroot/apiary", check=True).stdout.split()


def place(disk: str, guest: str = "web1", backing: str = "") -> str:
    """Where a disk's data is; ``backing``: another one than the declaration's."""
    volume = (backing or BACKINGS[disk]).endswith("zvol")
    return f"/dev/zvol/zroot/apiary/{guest}/{disk}" if volume else f"/apiary/{guest}/{disk}.img"


def write(host: StandinHost, pattern: str, guest: str = "web1", *disks: str) -> None:
    """Half a megabyte of a pattern on these disks of a guest, or on all."""
    words = [word for disk in disks or BACKINGS for word in (place(disk, guest), f"{pattern}/{disk}")]
    done = host.run([PYTHON, "-c", _WRITE, *words])
    assert done.returncode == 0, done.stderr


def sums(host: StandinHost, guest: str = "web1", backing: str = "", size: int = -1) -> List[str]:
    """The checksum of each disk of a guest; ``size``: of so many bytes from its beginning."""
    return checksums(host, [place(disk, guest, backing) for disk in BACKINGS], size)


def checksums(host: StandinHost, paths: List[str], size: int = -1) -> List[str]:
    """The checksum of files and volumes."""
    done = host.run([PYTHON, "-c", _READ, str(size), *paths])
    assert done.returncode == 0, done.stderr
    return str(done.stdout).split()
