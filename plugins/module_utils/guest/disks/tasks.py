# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""bhyve_disk between its options and its result: its disks become requests for their guests, and the guests' answers
are cut down to the disks. What is done in between is what bhyve_vm does.
"""

from __future__ import annotations

import stat
from typing import Any, Dict, Mapping, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.guest.manage import Report, result_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import Layout
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.options import disk_options
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.parts import Parts, PartTask
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE, PATH
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import format_size

DISKS = Parts("disks", "disk", disk_options(), {"state": "present", "destroy": False})


def disks_result(
    host: Host, report: Report, tasks: Sequence[PartTask], check_mode: bool, with_diff: bool
) -> Dict[str, Any]:
    """The module's result: each disk of the task as it is now, what was done for its guest, and what waits."""
    whole = result_of(host, report, check_mode, with_diff)
    vms: Dict[str, Mapping[str, Any]] = {vm["name"]: vm for vm in whole["vms"]}
    layout = report.observed.conf.layout
    slots = {plan.name: plan.slots for plan in report.plan.guests}
    disks = [_entry(host, task, vms.get(task.vm, {}), slots.get(task.vm, {}), layout) for task in tasks]
    return DISKS.result(whole, disks)


def _entry(
    host: Host, task: PartTask, vm: Mapping[str, Any], slots: Mapping[str, str], layout: Layout
) -> Dict[str, Any]:
    options = next((disk for disk in vm.get("disks") or () if disk["name"] == task.name), None)
    waiting = (vm.get("status") or {}).get("pending") or {}
    common = {"vm": task.vm, "name": task.name}
    pending = _pending_of(task.name, waiting, slots.get(f"disk/{task.name}", ""), options or {})
    if options is None:
        return {**common, "state": "absent", "pending": pending}
    path = _path(task.vm, options, layout)
    entry = {**options, **common, "host_path": path, "pending": pending}
    if options["backing"] == PATH and path:
        status = host.stat(path)
        if status is not None and stat.S_ISREG(status.st_mode):
            entry["size"] = format_size(status.st_size)
    return entry


def _path(vm: str, options: Mapping[str, Any], layout: Layout) -> str:
    """Where a disk's data is on the host."""
    if options["backing"] == PATH:
        return str(options["path"])
    if options["backing"] in FILE:
        return layout.image(vm, options["name"])
    return layout.volume_node(vm, options["name"])


def _pending_of(
    name: str, waiting: Mapping[str, Mapping[str, str]], slot: str, options: Mapping[str, Any]
) -> Dict[str, Any]:
    """What of a guest's pending changes is this disk's."""
    found: Dict[str, Any] = {}
    for key, values in waiting.items():
        if slot and key.startswith(f"pci.{slot}."):
            found[key] = values
        elif key == "ahci_sizes":
            sizes = {when: _line(name, text) for when, text in values.items()}
            if len(set(sizes.values())) > 1:
                found["size"] = sizes
        elif (key == "lpc.fwcfg" and options.get("boot_order")) or (
            key in ("install_args", "install_bhyveload_args") and options.get("until_installed")
        ):
            found[key] = values
    return found


def _line(name: str, text: str) -> str:
    """The rest of the line that begins with a disk's name, '' if there is none."""
    lines = (line.partition(" ") for line in text.splitlines())
    return next((rest for first, _blank, rest in lines if first == name), "")
