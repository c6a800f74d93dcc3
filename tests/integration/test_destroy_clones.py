# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest and its clones go in one task, in whatever order it names them."""

from __future__ import annotations

from typing import Any, Dict, List

from harness import Modules
from standin.host import StandinHost

WEB1: Dict[str, Any] = {"name": "web1", "memory": "64M", "disks": [{"name": "root", "size": "4M"}]}
CLONES = [{"name": "web2", "clone_from": "web1"}, {"name": "web3", "clone_from": "web2@later"}]
NAMES = ("web1", "web2", "web3")
GONE = {"vms": [{"name": name, "state": "absent", "destroy": True} for name in NAMES]}


def datasets(host: StandinHost) -> List[str]:
    """What there is of guests, snapshots included."""
    return host.sh("zfs list -H -t all -o name -r zroot/apiary | grep web").stdout.split()


def make(modules: Modules) -> None:
    """web2 is a clone of web1, web3 of a snapshot of web2."""
    modules.good("bhyve_vm", WEB1)
    modules.good("bhyve_vm", CLONES[0])
    modules.good("bhyve_snapshot", {"vm": "web2", "name": "later"})
    modules.good("bhyve_vm", CLONES[1])


def test_clones_go_first(host: StandinHost, modules: Modules) -> None:
    make(modules)
    before = datasets(host)
    told = modules.good("bhyve_vm", GONE, check=True)
    assert datasets(host) == before
    done = modules.good("bhyve_vm", GONE)
    assert [vm["name"] for vm in done["vms"]] == list(NAMES)
    assert [vm["changes"] for vm in told["vms"]] == [vm["changes"] for vm in done["vms"]]
    assert datasets(host) == []
    assert not modules.good("bhyve_vm", GONE)["changed"]


def test_what_a_clone_depends_on_stays_while_the_clone_cannot_go(host: StandinHost, modules: Modules) -> None:
    make(modules)
    modules.good("bhyve_vm", {**WEB1, "name": "db1"})
    vms = [*GONE["vms"], {"name": "db1", "state": "absent", "destroy": True}]
    # Somebody is at work in the dataset of web3.
    held = host.spawn(["/bin/sh", "-c", "cd /apiary/web3 && echo ready && sleep 600"], stdout=-1, text=True)
    assert held.stdout.readline() == "ready\n"
    failed = modules.run("bhyve_vm", {"vms": vms})
    held.kill()
    held.wait()
    assert [one["name"] for one in failed["failures"]] == ["web3", "web2", "web1"]
    reasons = {one["name"]: one["msg"] for one in failed["failures"]}
    assert reasons["web2"] == "left as it is, since web3 failed"
    assert reasons["web1"] == "left as it is, since web2 failed"
    left = datasets(host)
    assert {"zroot/apiary/web1/root", "zroot/apiary/web2/root"} <= set(left) and "zroot/apiary/db1" not in left
    modules.good("bhyve_vm", {"vms": vms})
    assert datasets(host) == []
