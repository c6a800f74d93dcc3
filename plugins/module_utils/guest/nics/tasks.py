# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""bhyve_nic between its options and its result: its NICs become requests for their guests, and the guests' answers are
cut down to the NICs. What is done in between is what bhyve_vm does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.manage import Report, result_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.options import guest_options, nic_options
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

_RESTART: Dict[str, Any] = {"type": "str", "choices": ["never", "if_needed"]}


@dataclass(frozen=True)
class NicTask:
    """One NIC of the task: whose it is, and its options."""

    vm: str
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.options["name"])


def module_options() -> Dict[str, Any]:
    """The argument specification of bhyve_nic: one NIC by its own options, or many by ``nics``."""
    return {**_form().spec(), "restart": _RESTART}


def _form() -> Form:
    return Form("nics", "NIC", {"vm": {"type": "str", "required": True}, **nic_options()})


def tasks_of(params: Mapping[str, Any]) -> List[NicTask]:
    """The NICs of a task, whichever form it has. BadInput when the forms are mixed or a NIC is there twice."""
    tasks = [_task(element) for element in _form().elements(params)]
    check_once([f"nic {task.name} of guest {task.vm}" for task in tasks], "nics")
    return tasks


def _task(element: Mapping[str, Any]) -> NicTask:
    options = {key: value for key, value in element.items() if key != "vm"}
    options.update(state=element.get("state") or "present")
    return NicTask(element["vm"], options)


def requests_of(tasks: Sequence[NicTask], restart: Optional[str]) -> List[Dict[str, Any]]:
    """The requests for guest/manage.manage(): one for each guest, with the NICs that the task has for it."""
    nics: Dict[str, List[Mapping[str, Any]]] = {}
    for task in tasks:
        nics.setdefault(task.vm, []).append(task.options)
    nothing = dict.fromkeys(guest_options())
    return [
        {**nothing, "name": name, "nics": own, "restart": restart, "must_exist": True} for name, own in nics.items()
    ]


def nics_result(
    host: Host, report: Report, tasks: Sequence[NicTask], check_mode: bool, with_diff: bool
) -> Dict[str, Any]:
    """The module's result: each NIC of the task as it is now, what was done for its guest, and what waits."""
    whole = result_of(host, report, check_mode, with_diff)
    vms: Dict[str, Mapping[str, Any]] = {vm["name"]: vm for vm in whole.pop("vms")}
    slots = {plan.name: plan.slots for plan in report.plan.guests}
    nics = [_entry(task, vms.get(task.vm, {}), slots.get(task.vm, {})) for task in tasks]
    pending: Dict[str, Any] = {}
    for nic in nics:
        if nic["pending"]:
            pending.setdefault(nic["vm"], {})[nic["name"]] = nic["pending"]
    whole.pop("shutdown_seconds", None)
    changes = {name: vm["changes"] for name, vm in vms.items() if vm.get("changes")}
    return {**whole, "nics": nics, "changes": changes, "pending": pending}


def _entry(task: NicTask, vm: Mapping[str, Any], slots: Mapping[str, str]) -> Dict[str, Any]:
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
    return {**options, **common, "port": port, "pci_address": address, "pending": pending}
