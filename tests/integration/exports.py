# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest to be exported, for the tests of exports and imports."""

from __future__ import annotations

from typing import List

from guests import DISKS, tiny, write
from harness import Modules
from standin.host import StandinHost

_ROOT, _DATA, _LOGS = DISKS
WEB1 = tiny(
    "web1",
    disks=[
        {**_ROOT, "properties": {"compression": "zstd", "copies": 2}},
        {**_DATA, "volblocksize": "8K", "controller": "nvme"},
        _LOGS,
    ],
    nics=[{"name": "lan", "switch": "bridge0"}],
    vnc={"password": "secret"},
)
FILE = "/backup/web1.apiary"
EXPORT = {"vm": "web1", "path": FILE}
COPY = {"path": FILE, "name": "web2", "keep_identity": False}


def make_web1(modules: Modules) -> None:
    """The guest, with a pattern on its disks, hooks, and firmware variables of its own; a directory for files of it."""
    host = modules.host
    modules.good("bhyve_vm", WEB1)
    write(host, "old")
    host.sh("mkdir /backup /apiary/web1/hooks", check=True)
    host.write("/apiary/web1/hooks/prestart", "#!/bin/sh\n", mode=0o755)
    host.write("/apiary/web1/uefi-vars.fd", bytes(range(256)) * 4)
    host.sh("rm /apiary/web1/firstboot", check=True)


def residue(host: StandinHost) -> List[str]:
    """What an export or import should not leave."""
    hidden = "ls -A /apiary /backup | grep partial"
    return host.sh(f"{hidden}; zfs list -H -t all -o name | grep -e partial -e @apiary-").stdout.splitlines()
