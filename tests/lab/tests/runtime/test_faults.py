# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One command of the runtime fails; whatever came of that, the next start and stop put it right."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from runtimelab import BRIDGE, Hive

#: What "apiary start" and its supervisor run, and which of the calls fails.
OF_START = [
    *[("ps", kth) for kth in (1, 2)],
    *[("mv", kth) for kth in (1, 3)],
    *[("ifconfig", kth) for kth in (1, 2, 3, 4)],
    *[
        (name, 1)
        for name in ("mkdir", "date", "daemon", "lockf", "sysctl", "kldload", "mkfifo", "readlink", "rm", "pwait")
    ],
]
OF_STOP = [
    *[("ps", kth) for kth in (1, 2)],
    *[("rm", kth) for kth in (1, 2)],
    *[(name, 1) for name in ("date", "mv", "pwait", "bhyvectl", "ifconfig")],
]
NIC = {
    "pci.0.5.0.device": "virtio-net",
    "pci.0.5.0.backend": "tap1000",
    "pci.0.5.0.mac": "5a:00:00:00:00:05",
}


def _fails(command: str, kth: int) -> Dict[str, Any]:
    return {"match": [command], "kth": kth, "mode": "fail", "exit": 1, "stderr": "mv: No space left on device\n"}


def whole_and_gone(hive: Hive) -> None:
    """The guest runs whole, stops by ACPI, and leaves nothing."""
    box = hive.boxes[0]
    assert box.start() in ("web1: running", "web1: already running")
    box.guest.wait_booted()
    assert "\tmember: tap1000 " in hive.sh(f"ifconfig {BRIDGE}")
    assert box.status()["state"] == "running"
    assert box.stop() == "web1: stopped (acpi)"
    hive.until(lambda: not any("web1" in title for title in hive.pids()), "nothing of web1", now=hive.pids)
    assert hive.sh("ls /dev/vmm", check=False) == ""
    assert hive.host.sh("ifconfig tap1000").returncode == 1


@pytest.mark.parametrize(("command", "kth"), OF_START)
def test_a_command_of_start_fails(hive: Hive, command: str, kth: int) -> None:
    hive.box("web1").configure(nics=f"tap1000 lan {BRIDGE} 1500", keys=NIC)
    hive.host.set_faults([{"match": [command], "kth": kth, "mode": "fail", "exit": 1, "stderr": "no\n"}])
    hive.apiary("start", "web1")
    assert hive.host.fired_faults(), "the fault was not hit"
    whole_and_gone(hive)


@pytest.mark.parametrize(("command", "kth"), OF_STOP)
def test_a_command_of_stop_fails(hive: Hive, command: str, kth: int) -> None:
    box = hive.box("web1").configure(nics=f"tap1000 lan {BRIDGE} 1500", keys=NIC)
    box.start()
    box.guest.wait_booted()
    hive.host.set_faults([{"match": [command], "kth": kth, "mode": "fail", "exit": 1, "stderr": "no\n"}])
    hive.apiary("stop", "web1")
    assert hive.host.fired_faults(), "the fault was not hit"
    assert box.status()["stage"] in ("", "acpi", "signal"), "nobody may be powered off by force for that"
    whole_and_gone(hive)


def test_nothing_can_be_written(hive: Hive) -> None:
    box = hive.box("web1").configure()
    hive.host.set_faults([_fails("mv", kth) for kth in range(1, 50)])
    answer = box.start()
    assert answer.startswith("web1: failed: cannot write /var/run/apiary/web1/") and "No space left" in answer
    hive.host.set_faults([])
    assert box.start() == "web1: running"


def test_nothing_can_be_written_any_more(hive: Hive) -> None:
    box = hive.box("web1").configure()
    hive.host.set_faults([_fails("mv", kth) for kth in range(2, 200)])
    assert box.start().startswith("web1: failed: its supervisor does not come or does not go on")
    assert "No space left" in box.log()
    hive.host.set_faults([])
    hive.until(lambda: not any("web1" in title for title in hive.pids()), "nothing of web1", now=hive.pids)
    assert box.start() == "web1: running"


def test_a_guest_whose_status_cannot_be_written_runs_and_is_stopped(hive: Hive) -> None:
    box = hive.box("web1").configure()
    hive.host.write("/var/run/apiary/web1/status/in the way", "")
    assert box.start() == "web1: running"
    box.guest.wait_booted()
    assert " running " in hive.apiary("list").stdout
    assert box.stop() == "web1: stopped (acpi)"
    assert not box.running()
