# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of iov_device relies on: virtual functions now and after a boot, and never under a guest."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from compare import fingerprint, unforetold
from faults import Sweep, sample
from guests import tiny
from harness import Modules
from standin.host import StandinHost

FOUR: Dict[str, Any] = {"device": "ix0", "num_vfs": 4, "parameters": {"allow-set-mac": True}}
FIRST = "pci0:4:0:128"


@pytest.fixture
def host(iov_host: StandinHost) -> StandinHost:
    """A prepared host with a card that can have 63 virtual functions."""
    return iov_host


def virtual(host: StandinHost) -> List[str]:
    """The virtual functions that ppt(4) has."""
    lines = host.run(["pciconf", "-l"], check=True).stdout.splitlines()
    return [line.split("@")[1].split(":\t")[0] for line in lines if line.startswith("ppt")]


def test_check_mode_predicts_and_a_boot_makes_them_anew(host: StandinHost, modules: Modules) -> None:
    host.sh("sysrc iovctl_files=/etc/iov/other.conf", check=True)
    before = host.read("/etc/rc.conf")
    assert unforetold(modules, "iov_device", [FOUR, dict(FOUR, num_vfs=2)]) == []
    assert virtual(host) == [FIRST, "pci0:4:0:130"]
    assert host.sh("sysrc -n iovctl_files").stdout.split() == ["/etc/iov/other.conf", "/etc/iov/ix0.conf"]
    host.power_cut()
    host.boot()
    assert virtual(host) == [FIRST, "pci0:4:0:130"]
    assert not modules.good("iov_device", dict(FOUR, num_vfs=2))["changed"]
    assert "ix0 has 2 virtual functions" in modules.run("ppt_device", {"selector": "pci0:4:0:0"})["msg"]
    gone = modules.good("iov_device", {"devices": [{"device": "ix0", "state": "absent"}]})
    assert gone["changed"] and virtual(host) == [] and host.read("/etc/rc.conf") == before
    assert not modules.good("iov_device", {"device": "ix0", "state": "absent"})["changed"]


def test_a_guest_has_one_and_keeps_it(host: StandinHost, modules: Modules) -> None:
    made = modules.good("iov_device", FOUR)
    assert made["devices"][0]["vfs"][0] == {"selector": FIRST, "pptdev": "4/0/128", "vms": []}
    modules.good("bhyve_vm", tiny("web1", state="started", passthru=[{"name": "wan", "selector": FIRST}]))
    assert "pci.0.2.0.func=128\n" in str(host.read("/apiary/web1/boot/bhyve.conf"))
    before = fingerprint(host)
    for task in (dict(FOUR, num_vfs=5), dict(FOUR, parameters={}), {"device": "ix0", "state": "absent"}):
        refused = modules.run("iov_device", task)
        assert not refused["changed"] and f"guest web1 has {FIRST}; take them out" in refused["msg"], refused["msg"]
    assert fingerprint(host) == before and len(virtual(host)) == 4
    assert modules.good("iov_device", FOUR)["devices"][0]["vfs"][0]["vms"] == ["guest web1"]


class IovSweep(Sweep):
    """Four virtual functions where there were two others, so that these go first."""

    def begin(self) -> None:
        self.modules.good("iov_device", {"device": "ix0", "num_vfs": 2})

    def reached(self, _again: Dict[str, Any]) -> List[str]:
        listed = self.host.sh("sysrc -n iovctl_files; cat /etc/iov/ix0.conf").stdout
        good = len(virtual(self.host)) == 4 and "/etc/iov/ix0.conf\n" in listed and "allow-set-mac : true;" in listed
        return [] if good else [f"{virtual(self.host)}, {listed}"]


def test_a_task_that_fails_or_is_cut_at_any_command_is_completed_by_the_next(
    host: StandinHost, modules: Modules
) -> None:
    sweep = IovSweep(modules, "iov_device", FOUR)
    sweep.record()
    changing = sweep.numbers()[sweep.commands.index("iovctl -D -d ix0") :]
    for mode in ("fail", "half", "cut", "hang"):
        sweep.go(mode, sample(changing, 2))


def test_bad_input_and_what_fails_half_way(host: StandinHost, modules: Modules) -> None:
    before = fingerprint(host)
    for task, says in (
        ({"device": "ix9", "num_vfs": 1}, "this host has no such PCI device"),
        ({"device": "ahci1", "num_vfs": 1}, "has no virtual functions (SR-IOV)"),
        (dict(FOUR, num_vfs=64), "it can have 63 at most"),
        (dict(FOUR, parameters={"nosuch": 1}), "its driver has no nosuch; it has mac-addr"),
    ):
        assert says in modules.run("iov_device", task)["msg"]
    assert fingerprint(host) == before
    modules.good("iov_device", FOUR)
    two = dict(FOUR, num_vfs=2, parameters={})
    for kth in (1, 2):
        # The schema is not asked for where there are no parameters: destroyed, then made.
        host.set_faults([{"match": ["iovctl"], "kth": kth, "mode": "fail", "exit": 1, "stderr": "it failed\n"}])
        failed = modules.run("iov_device", two)
        assert host.fired_faults() and failed["failures"][0]["name"] == "ix0", failed
        assert failed["devices"][0]["num_vfs"] == len(virtual(host)) == (4 if kth == 1 else 0)
    host.set_faults([])
    assert modules.good("iov_device", two)["changed"] and len(virtual(host)) == 2
    assert not modules.good("iov_device", two)["changed"]
