# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests with wired memory under a limit of the kernel's that is lower than the machine's memory."""

from __future__ import annotations

from typing import Any, Dict

from harness import Modules
from standin.host import StandinHost

PAGES_OF_A_MEGABYTE = 256


def wired(name: str, memory: str = "64M", **options: Any) -> Dict[str, Any]:
    loader = {"host_path": "/tiny", "env": {"mode": "acpi"}}
    boot = {"firmware": "bhyveload", "loader": loader, "stop_timeout": 5}
    return {"name": name, "memory": memory, "wired": True, "state": "started", **boot, **options}


def allow(host: StandinHost, megabytes: int) -> None:
    host.sh(f"sysctl vm.max_user_wired={megabytes * PAGES_OF_A_MEGABYTE}", check=True)


def test_guests_that_fit_start_and_the_first_that_does_not_is_named(host: StandinHost, modules: Modules) -> None:
    allow(host, 160)
    for check in (True, False):
        result = modules.run("bhyve_vm", {"vms": [wired("web1"), wired("web2"), wired("web3")]}, check=check)
        assert result["failed"] and not result["changed"]
        assert "guest web3: wired: its 64M" in result["msg"] and "the 32M that may" in result["msg"]
    modules.good("bhyve_vm", {"vms": [wired("web1"), wired("web2")]})
    # Neither a guest that is off nor one that takes its memory as it comes is anything to the limit.
    modules.good("bhyve_vm", {"vms": [wired("web3", state="present"), wired("web4", wired=False)]})
    assert "guest web3: wired" in str(modules.run("bhyve_vm", {"name": "web3", "state": "started"})["msg"])
    assert not modules.good("bhyve_vm", {"vms": [wired("web1"), wired("web2")]})["changed"]


def test_a_restart_counts_what_the_guest_gives_back(host: StandinHost, modules: Modules) -> None:
    allow(host, 80)
    modules.good("bhyve_vm", wired("web1"))
    modules.good("bhyve_vm", {"name": "web1", "state": "restarted"})
    modules.good("bhyve_vm", {"name": "web1", "memory": "80M", "restart": "if_needed"})
    result = modules.run("bhyve_vm", {"name": "web1", "memory": "96M", "restart": "if_needed"})
    assert "guest web1: wired: its 96M" in str(result["msg"]) and not result["changed"]
    assert host.sh("bhyvectl --vm=web1 --get-stats | grep -i wired").stdout.split()[-1] == str(80 << 20)


def test_a_limit_that_was_lowered_since_is_told_by_the_runtime(host: StandinHost, modules: Modules) -> None:
    modules.good("bhyve_vm", wired("web1", state="present"))
    allow(host, 32)
    done = host.sh("/usr/local/libexec/apiary start web1")
    assert done.returncode == 1 and "web1: failed" in done.stdout, done
    status = modules.good("bhyve_vm_info", {"names": ["web1"]})["vms"][0]["status"]
    assert status["run_state"] == "failed" and "vm_setup_memory: Cannot allocate memory" in status["message"], status
    assert host.sh("ls /dev/vmm").stdout == ""
    allow(host, 64)
    assert modules.good("bhyve_vm", wired("web1"))["vms"][0]["status"]["run_state"] == "running"
