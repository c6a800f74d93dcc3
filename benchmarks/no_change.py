# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time a run that changes nothing, through real Ansible, on a stand-in host.

The stand-in's commands start in about 20 ms each, FreeBSD's in less: take the ratios, and the number of commands.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

from harness import ROOT, PlaybookRun, Playbooks
from standin.host import StandinHost

COUNTS = (1, 50, 500)


def guests(count: int) -> List[Dict[str, Any]]:
    """Guests with a disk and a NIC each, not running."""
    disk = {"name": "root", "backing": "sparse-file", "size": "1M"}
    nic = {"name": "lan", "switch": "bridge0"}
    return [
        {"name": f"g{number}", "state": "present", "memory": "64M", "disks": [disk], "nics": [nic]}
        for number in range(count)
    ]


def timed(playbooks: Playbooks, task: Dict[str, Any]) -> tuple[float, PlaybookRun]:
    """Seconds of an ansible-playbook of this one task, from start to end."""
    began = time.monotonic()
    run = playbooks.tasks([dict(task, name="guests")])
    seconds = time.monotonic() - began
    if run.rc != 0:
        sys.exit(run.output)
    return seconds, run


def as_list(count: int) -> Dict[str, Any]:
    """One task for all."""
    return {"apiary.bhyve.bhyve_vm": {"vms": guests(count)}}


def as_loop(count: int) -> Dict[str, Any]:
    """A task for each."""
    return {
        "apiary.bhyve.bhyve_vm": {"vms": ["{{ item }}"]},
        "loop": guests(count),
        "loop_control": {"label": "{{ item.name }}"},
    }


def main() -> None:
    """Print a table. Ended by a signal, it takes its host away as well."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit("terminated"))
    directory = Path(tempfile.mkdtemp(prefix="apiary-bench."))
    host = StandinHost("hive1", str(directory / "lab" / "hive1"))
    host.up()
    try:
        host.sh("sysrc cloned_interfaces=bridge0 ifconfig_bridge0=up && service netif start bridge0", check=True)
        playbooks = Playbooks(host, directory)
        prepared = playbooks.play(str(ROOT / "tests" / "integration" / "prepare.yml"))
        if prepared.rc != 0:
            sys.exit(prepared.output)
        print("guests   one task  commands     a loop  commands   ratio", flush=True)
        for count in COUNTS:
            timed(playbooks, as_list(count))
            listed, run = timed(playbooks, as_list(count))
            line = f"{count:6}  {listed:8.1f}s  {run.of('guests')['commands_started']:8}"
            if count < 500 or "--no-loop-of-500" not in sys.argv:
                looped, run = timed(playbooks, as_loop(count))
                commands = sum(item["commands_started"] for item in run.of("guests")["results"])
                line += f"  {looped:8.1f}s  {commands:8}  {looped / listed:5.0f}x"
            print(line, flush=True)
    finally:
        host.destroy()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
