# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guests of a host as they are: what bhyve_vm_info returns, and bhyve_vm after it has changed something."""

from __future__ import annotations

import calendar
import time
from typing import Any, Dict, List, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.guest import view
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import actual_size
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.looks import pending_now
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plugs import plugs_now
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.state import told
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import format_size

_MONTHS = {name: number for number, name in enumerate(calendar.month_abbr) if name}
_FOREIGN = ("bhyve: ", " (bhyve)")


def uptime(started: str, now: float) -> Optional[int]:
    """Seconds since a process's start time as ps -o lstart prints it (local time), None if it is not one."""
    fields = started.split()
    if len(fields) != 5 or fields[1] not in _MONTHS:
        return None
    hour, minute, second = (int(part) for part in fields[3].split(":"))
    moment = (int(fields[4]), _MONTHS[fields[1]], int(fields[2]), hour, minute, second, 0, 0, -1)
    return max(int(now - time.mktime(moment)), 0)


def entry(name: str, observed: Observed, now: float) -> Dict[str, Any]:
    """One guest of this host."""
    seen = observed.guest(name)
    if seen.error is not None:
        return {"name": name, "status": {"run_state": "unknown", "foreign": False, "message": str(seen.error)}}
    if seen.record is None:
        return {"name": name, "state": "absent"}
    own = observed.allocations.of(name)
    plugs = plugs_now(seen.record.guest, observed.allocations)
    options = view.options_of(seen.record)
    details = {**_live(seen, now), "reservations": told(name, observed.dhcp.of(name))}
    for disk, shown in zip(seen.record.guest.disks, options["disks"]):
        size = actual_size(name, disk, observed)
        if size is not None:
            shown["size"] = format_size(size)
    status = view.status_of(seen.record.guest, seen.state, plugs, own.vnc.get(name), pending_now(seen), details)
    if seen.record.owner != observed.hostuuid:
        status["message"] = f"the record belongs to the host {seen.record.owner}"
    elif seen.record.origin is not None and seen.record.incomplete:
        missing = ", ".join(seen.record.origin.missing)
        status["message"] = f"a clone whose disks are not all there ({missing}); a task of bhyve_vm completes it"
    return {**options, "state": view.state_of(seen.state), "status": status}


def _live(seen: ObservedGuest, now: float) -> Dict[str, Any]:
    running = seen.generation if seen.pid is not None else ""
    return {
        "pid": seen.pid,
        "uptime": uptime(seen.started, now) if seen.pid is not None else None,
        "boot": running or (seen.boot.name if seen.boot is not None else None),
        "message": seen.status.get("message", ""),
        "exit": _number(seen.status.get("exit", "")),
        "origin": view.origin_of(seen.record),
        "stage": seen.status.get("stage") or None,
    }


def _number(text: str) -> Optional[int]:
    return int(text) if text.isdigit() else None


def foreign(observed: Observed, now: float) -> List[Dict[str, Any]]:
    """The bhyve guests that run on this host and are not ours: their name and what the kernel tells."""
    ours = {name for name, seen in observed.guests.items() if seen.record is not None}
    prefix, suffix = _FOREIGN
    result: List[Dict[str, Any]] = []
    for process in observed.processes:
        if not (process.command.startswith(prefix) and process.command.endswith(suffix)):
            continue
        name = process.command[len(prefix) : -len(suffix)]
        if name in ours:
            continue
        result.append(
            {
                "name": name,
                "state": "started",
                "status": {
                    "run_state": "running",
                    "foreign": True,
                    "pid": process.pid,
                    "uptime": uptime(process.started, now),
                },
            }
        )
    return sorted(result, key=lambda one: str(one["name"]))


def entries(observed: Observed, names: Optional[Sequence[str]], now: float) -> List[Dict[str, Any]]:
    """All guests of the host, foreign ones last; with ``names`` only these, as far as they are there."""
    known = [name for name, seen in observed.guests.items() if seen.record is not None or seen.error is not None]
    result = [entry(name, observed, now) for name in sorted(known)] + foreign(observed, now)
    return [one for one in result if names is None or one["name"] in names]
