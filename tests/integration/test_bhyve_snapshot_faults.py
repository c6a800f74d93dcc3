# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failure at every command of a rollback; then the same task again must bring data and guest back."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest
from faults import Sweep, tried
from guests import DISKS, record, sums, tiny, write
from harness import Modules

BACK = {"vm": "web1", "name": "before", "state": "rolled_back", "destroy_newer": True, "restart": "if_needed"}


class Rollback(Sweep):
    """A rollback of a guest that has other data since, another declaration, and a newer snapshot."""

    def __init__(self, modules: Modules, running: bool) -> None:
        super().__init__(modules, "bhyve_snapshot", BACK)
        self.running = running
        # A guest that was started again has done something since, if only to see its first boot end.
        self.settles = not running
        modules.good("bhyve_vm", tiny("web1", disks=DISKS))
        write(self.host, "old")
        self.old = sums(self.host)
        modules.good("bhyve_snapshot", {"vm": "web1", "name": "before"})
        self.uuid = record(self.host)["identity"]["uuid"]
        self.record()

    def begin(self) -> None:
        self.modules.good("bhyve_vm", {"name": "web1", "state": "stopped", "memory": "96M"})
        write(self.host, "new")
        self.modules.good("bhyve_snapshot", {"vm": "web1", "name": "newer"})
        if self.running:
            self.modules.good("bhyve_vm", {"name": "web1", "state": "started"})

    def left(self, _result: Optional[Dict[str, Any]]) -> List[str]:
        if not self.host.sh("ls /apiary/.rollback/web1 2> /dev/null").stdout:
            return []
        found = []
        refused = self.host.sh("/usr/local/libexec/apiary start web1").stdout
        if "a rollback to the snapshot before was interrupted" not in refused:
            found.append(f"half-way, and the runtime says {refused}")
        changed = self.modules.run("bhyve_vm", {"name": "web1", "memory": "128M"})
        if "was interrupted" not in changed.get("msg", ""):
            found.append(f"half-way, and bhyve_vm says {changed}")
        return found

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        self.modules.good("bhyve_vm", {"name": "web1", "state": "stopped"})
        found = [] if sums(self.host) == self.old else ["the data is not the snapshot's"]
        now = record(self.host)
        if now["identity"]["uuid"] != self.uuid or now["declared"]["memory"] != 64 << 20:
            found.append(f"the record is {now}")
        if self.host.sh("ls -A /apiary/.rollback").stdout:
            found.append("the note is still there")
        return found


@pytest.mark.parametrize("mode", ["fail", "half"])
def test_a_command_of_a_rollback_that_fails(modules: Modules, mode: str) -> None:
    sweep = Rollback(modules, running=False)
    assert any(command.startswith("zfs rollback") for command in sweep.commands), sweep.commands
    numbers = tried(len(sweep.commands))
    if mode == "half":
        numbers = [number for number in numbers if sweep.commands[number - 1].startswith("zfs ")]
    sweep.go(mode, numbers)


def test_a_power_cut_in_the_middle_of_a_rollback(modules: Modules) -> None:
    sweep = Rollback(modules, running=True)
    numbers = [number for number, command in enumerate(sweep.commands, 1) if command.startswith("zfs rollback")]
    assert len(numbers) == 3
    sweep.go("cut", numbers)
