# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A failure at every command that makes an image, removes it, or makes a disk of it; then the task again must do it."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from faults import Sweep, tried
from guests import tiny
from harness import Modules
from images import DISK, MIB, STORE, content_of, image, leftovers, sha256, the, zstd_of

MAKE = image(source="/var/tmp/disk.raw")
REMOVE = image(state="absent")


class Make(Sweep):
    """An image is made of a packed file."""

    polls = True

    def begin(self) -> None:
        self.modules.good("bhyve_image", REMOVE)

    def reached(self, again: Dict[str, Any]) -> List[str]:
        found = [f"left behind: {name}" for name in leftovers(self.host)]
        whole = content_of(self.host, the(again)["path"], len(DISK)) == sha256(DISK)
        return found if whole else [*found, "other data"]


class Remove(Sweep):
    """It is removed."""

    polls = True

    def begin(self) -> None:
        self.modules.good("bhyve_image", MAKE)

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        found = [f"left behind: {name}" for name in leftovers(self.host)]
        there = self.host.sh(f"zfs list -H -r -o name {STORE}").stdout.split()
        return found if there == [STORE] else [*found, f"there is {there}"]


class MakeDisk(Sweep):
    """A guest is made with a disk that is a clone of an image."""

    def begin(self) -> None:
        self.modules.good("bhyve_vm", {"name": "vm1", "state": "absent", "destroy": True})

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        values = "volsize,origin,refreservation"
        volsize, origin, reserved = self.host.sh(
            f"zfs get -Hp -o value {values} zroot/apiary/vm1/root", check=True
        ).stdout.split()
        found = []
        if (volsize, origin) != (str(32 * MIB), f"{STORE}/web@golden") or int(reserved) < 32 * MIB:
            found.append(f"the volume has {volsize}, {origin}, {reserved}")
        if content_of(self.host, "/dev/zvol/zroot/apiary/vm1/root", len(DISK)) != sha256(DISK):
            found.append("other data")
        return found


@pytest.mark.parametrize("mode", ["fail", "half"])
def test_a_failure_at_every_command(modules: Modules, mode: str) -> None:
    modules.host.write("/var/tmp/disk.raw", zstd_of(modules.host, DISK))
    for sweep, least in ((Make(modules, "bhyve_image", MAKE), 8), (Remove(modules, "bhyve_image", REMOVE), 4)):
        sweep.record()
        assert len(sweep.commands) >= least
        sweep.go(mode, tried(len(sweep.commands)))


def test_a_failure_at_every_command_that_makes_a_disk_from_an_image(modules: Modules) -> None:
    modules.host.write("/var/tmp/disk.raw", DISK)
    modules.good("bhyve_image", MAKE)
    sweep = MakeDisk(modules, "bhyve_vm", tiny("vm1", disks=[{"name": "root", "image": "web", "size": "32M"}]))
    sweep.record()
    assert any(command.startswith("zfs clone") for command in sweep.commands)
    sweep.go("fail", tried(len(sweep.commands)))
