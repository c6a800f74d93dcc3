# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The snapshots of guests, for those who ask about the guests."""

from __future__ import annotations

from typing import Any, Dict, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.state import listed
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import read_storage


def add_snapshots(host: Host, observed: Observed, vms: Sequence[Dict[str, Any]]) -> None:
    """Add its snapshots to each entry of a guest of ours: one command for all, none without ZFS."""
    ours = [vm for vm in vms if not (vm.get("status") or {}).get("foreign")]
    datasets = {vm["name"]: observed.conf.layout.guest_dataset(vm["name"]) for vm in ours}
    there = {name: dataset for name, dataset in datasets.items() if dataset in observed.datasets}
    storage = read_storage(host, list(there.values()))
    for vm in ours:
        vm["snapshots"] = listed(there[vm["name"]], storage) if vm["name"] in there else []
