# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest for tests of checkpoints: its disks are such as bhyve can save, and it has a word in its memory."""

from __future__ import annotations

from typing import Any, Dict, List

from guests import tiny, write
from harness import Modules
from standin.guests.control import Guest

DISKS: List[Dict[str, Any]] = [
    {"name": "root", "size": "16M", "controller": "virtio-blk"},
    {"name": "data", "size": "8M", "backing": "sparse-zvol", "controller": "virtio-blk"},
    {"name": "logs", "size": "4M", "backing": "sparse-file", "controller": "virtio-blk"},
]
#: Where the checkpoints of web1 are.
TOP = "/apiary/.checkpoints/web1"
NONE = {"vm": "web1", "name": "all", "state": "absent"}


def ready(modules: Modules, **behaviour: Any) -> Guest:
    """web1 runs, has no checkpoints, and remembers the word "old", which is on its disks as well."""
    guest = Guest(modules.host.directory, "web1")
    guest.behave(guest="light", acpi_after=0.05, **{"save": 0.2, **behaviour})
    modules.good("checkpoint", NONE)
    modules.good("bhyve_vm", tiny("web1", disks=DISKS, state="started"))
    write(modules.host, "old")
    if guest.recall()[0] != ["old"] or behaviour:
        modules.good("bhyve_vm", {"name": "web1", "state": "restarted", "force": True})
        guest.keep("old")
    return guest


def gone(modules: Modules) -> None:
    """web1 goes, with all that it has."""
    modules.host.set_faults([])
    modules.good("bhyve_vm", {"name": "web1", "state": "absent", "destroy": True, "force": True})
    assert not modules.host.exists_in(TOP)
