# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checkpoints of guests, for those who ask about the guests."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.guest import config
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.fit import differences
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.known import read_machine
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.manifest import Machine
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.state import (
    Checkpoint,
    GuestCheckpoints,
    read_checkpoints,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import Storage, read_storage


def add_checkpoints(host: Host, observed: Observed, vms: Sequence[Dict[str, Any]]) -> None:
    """Add its checkpoints to each entry of a guest of ours: two commands for all, none when nobody has any."""
    ours = [vm for vm in vms if not (vm.get("status") or {}).get("foreign")]
    having = {vm["name"] for vm in ours if observed.guest(vm["name"]).checkpoints}
    machine = read_machine(host) if having else None
    datasets = [observed.conf.layout.guest_dataset(name) for name in sorted(having)]
    storage = read_storage(host, [name for name in datasets if name in observed.datasets])
    for vm in ours:
        vm["checkpoints"] = []
        if vm["name"] in having and machine is not None:
            mine = read_checkpoints(host, observed.conf.layout, vm["name"])
            vm["checkpoints"] = listed(mine, observed, storage, machine)


def listed(mine: GuestCheckpoints, observed: Observed, storage: Storage, machine: Machine) -> List[Dict[str, Any]]:
    """A guest's checkpoints for the user, oldest first, then those that cannot be read. Pure."""
    boot = observed.guest(mine.guest).boot
    today = config.parse(boot.conf) if boot is not None and boot.conf is not None else None
    there = [_described(one, mine, today, observed, storage, machine) for one in mine.there.values()]
    broken = [{"name": name, "fits": False, "differs": [], "problem": why} for name, why in mine.broken.items()]
    return [*there, *broken]


def _described(
    one: Checkpoint,
    mine: GuestCheckpoints,
    today: Optional[config.Keys],
    observed: Observed,
    storage: Storage,
    machine: Machine,
) -> Dict[str, Any]:
    noted = one.manifest
    dataset = observed.conf.layout.guest_dataset(mine.guest)
    snapshot = f"{dataset}@{noted.snapshot}" if noted.snapshot else ""
    differs = differences(one, today, machine)
    gone = bool(snapshot) and snapshot not in {point.full_name for point in storage.points_below(dataset)}
    return {
        "name": one.name,
        "kind": noted.kind,
        "created": noted.created,
        "size": noted.size,
        "path": one.directory,
        "snapshot": snapshot,
        "fits": not differs and not one.problem,
        "differs": differs,
        "void": one.void,
        "resumes": mine.resume == one.name,
        "problem": one.problem or ("its disks' snapshot is gone" if gone else ""),
    }
