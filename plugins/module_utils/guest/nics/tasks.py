# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""bhyve_nic between its options and its result: its NICs become requests for their guests, and the guests' answers are
cut down to the NICs. What is done in between is what bhyve_vm does.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.guest.manage import Report, result_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.options import nic_options
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.parts import Parts, PartTask
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

NICS = Parts("nics", "NIC", nic_options(), {"state": "present"})


def nics_result(
    host: Host, report: Report, tasks: Sequence[PartTask], check_mode: bool, with_diff: bool
) -> Dict[str, Any]:
    """The module's result: each NIC of the task as it is now, what was done for its guest, and what waits."""
    whole = result_of(host, report, check_mode, with_diff)
    vms: Dict[str, Mapping[str, Any]] = {vm["name"]: vm for vm in whole["vms"]}
    slots = {plan.name: plan.slots for plan in report.plan.guests}
    nics = [_entry(task, vms.get(task.vm, {}), slots.get(task.vm, {})) for task in tasks]
    return NICS.result(whole, nics)


def _entry(task: PartTask, vm: Mapping[str, Any], slots: Mapping[str, str]) -> Dict[str, Any]:
    options = next((nic for nic in vm.get("nics") or () if nic["name"] == task.name), None)
    status = vm.get("status") or {}
    address = slots.get(f"nic/{task.name}", "")
    waiting: Mapping[str, Any] = status.get("pending") or {}
    mine = tuple(prefix for prefix in (f"pci.{address}." if address else "", f"nic.{task.name}.") if prefix)
    pending = {key: values for key, values in waiting.items() if key.startswith(mine)}
    common = {"vm": task.vm, "name": task.name}
    if options is None:
        return {**common, "state": "absent", "pending": pending}
    port = {**(status.get("taps") or {}), **(status.get("ports") or {})}.get(task.name, "")
    reservation = (status.get("reservations") or {}).get(task.name)
    return {
        **options,
        **common,
        "port": port,
        "pci_address": address,
        "reservation": reservation,
        "pending": pending,
    }
