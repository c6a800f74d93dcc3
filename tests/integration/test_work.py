# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports and imports that take long, seen by another task."""

from __future__ import annotations

from typing import Any, Dict, List

from harness import PYTHON, Modules
from polls import until
from standin.host import StandinHost

EXPORT = {"vm": "web1", "path": "/backup/web1.apiary"}
IMPORT = {"path": "/backup/web1.apiary", "name": "web2", "keep_identity": False}


def work(modules: Modules, *names: str) -> List[Dict[str, Any]]:
    """What bhyve_vm_info tells of tasks that are at work."""
    found: List[Dict[str, Any]] = modules.good("bhyve_vm_info", {"names": list(names)} if names else {})["work"]
    return found


def test_another_task_tells_how_far_they_are(host: StandinHost, modules: Modules) -> None:
    disks = [{"name": "root", "size": "4M"}, {"name": "data", "size": "4M"}]
    modules.good("bhyve_vm", {"name": "web1", "memory": "64M", "disks": disks})
    host.sh("mkdir /backup", check=True)
    # More than fits into a pipe, and zstd makes it no smaller.
    for disk in ("root", "data"):
        with_noise = "import os, sys; os.write(os.open(sys.argv[1], os.O_WRONLY), os.urandom(1 << 20))"
        host.run([PYTHON, "-c", with_noise, f"/dev/zvol/zroot/apiary/web1/{disk}"], check=True)
    idle = modules.good("bhyve_vm_info", {})["commands_started"]
    # The second disk of each hangs.
    for module, task, vm, name, phase in (
        ("bhyve_export", EXPORT, "web1", "export", "writing"),
        ("bhyve_import", IMPORT, "web2", "import", "making"),
    ):
        host.set_faults([{"match": ["zstd"], "kth": 2, "mode": "hang"}])
        process = modules.start(module, task)
        until(host.fired_faults)
        seen = work(modules)
        assert seen == [
            {"vm": vm, "task": name, "path": EXPORT["path"], "phase": phase, "progress": seen[0]["progress"]}
        ]
        assert 40 <= seen[0]["progress"] < 100
        assert work(modules, vm) == seen and work(modules, "other") == []
        assert modules.good("bhyve_vm_info", {})["commands_started"] == idle
        process.kill()
        process.wait()
        host.set_faults([])
        host.sh("pkill -9 zstd; true")
        until(lambda: work(modules) == [])
        assert modules.good(module, task)["changed"] and work(modules) == []
