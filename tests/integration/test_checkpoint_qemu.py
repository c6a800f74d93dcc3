# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest that boots for real: what its processes count and what is on its disk come back, also after a power cut."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, List

import guest_disk
import pytest
from harness import Modules
from netboot import CACHE, PATIENCE, Console
from polls import until
from standin.host import StandinHost

REAL: Dict[str, Any] = {
    "name": "real1",
    "memory": "256M",
    "cpus": 1,
    "disks": [
        {"name": "root", "size": "128M", "controller": "virtio-blk", "backing": "sparse-zvol"},
        {"name": "data", "size": "1M", "controller": "virtio-blk"},
    ],
}
DATA = "/dev/zvol/zroot/apiary/real1/data"
COUNT = "(n=0; while :; do n=$((n+1)); echo count:$n; sleep 0.2; done) &\\n"
BACK = {"vm": "real1", "name": "a", "state": "restored", "restart": "if_needed"}


def put(console: Console, word: str) -> None:
    """The guest writes a word to its second disk."""
    console.type(f"echo {word} | dd of=/dev/vdb bs=512 conv=sync,fsync\\n")
    console.wait("records out")


def counts(console: Console) -> List[int]:
    """What the guest has counted since this was asked last: three numbers at least."""

    def found() -> List[int]:
        numbers = [int(number) for number in re.findall(r"count:(\d+)\n", console.text()[console.seen :])]
        return numbers if len(numbers) > 2 else []

    numbers: List[int] = until(found, PATIENCE)
    console.seen = len(console.text())
    return numbers


@pytest.mark.early
def test_what_it_counts_and_what_is_on_its_disk_come_back(saving_host: StandinHost, tmp_path: Path) -> None:
    guest_disk.check_machine()
    host, modules = saving_host, Modules(saving_host)
    disk = tmp_path / "linux.img"
    guest_disk.linux_disk(str(disk), CACHE)
    host.write("/var/tmp/linux.img", disk.read_bytes())
    modules.good("bhyve_vm", REAL)
    host.sh("dd if=/var/tmp/linux.img of=/dev/zvol/zroot/apiary/real1/root bs=1m conv=sync", check=True)
    modules.good("bhyve_vm", {"name": "real1", "state": "started"})
    console = Console(host, "real1")
    console.wait("login:")
    console.type("root\\n")
    console.wait("# ")
    put(console, "old-data")
    console.type(COUNT)
    counts(console)

    modules.good("checkpoint", {"vm": "real1", "name": "a"})
    saved = counts(console)[-1]
    put(console, "new-data")
    later = counts(console)[-1]
    assert later > saved and host.read_bytes(DATA)[:8] == b"new-data"
    modules.good("checkpoint", BACK)
    again = counts(console)
    assert any(number <= saved + 3 for number in again), (saved, later, again)
    assert host.read_bytes(DATA)[:8] == b"old-data"

    modules.good("checkpoint", {"vm": "real1", "name": "night", "state": "suspended"})
    last = max([*again[-1:], *(int(number) for number in re.findall(r"count:(\d+)\n", console.text()[console.seen :]))])
    host.power_cut()
    host.boot()
    assert modules.good("bhyve_vm", {"name": "real1", "state": "started"})["changed"]
    console = Console(host, "real1")
    resumed = counts(console)
    assert last - 3 <= resumed[0] <= last + 100, (last, resumed)
    modules.good("bhyve_vm", {"name": "real1", "state": "absent", "destroy": True, "force": True})
