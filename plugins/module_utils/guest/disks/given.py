# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How large the disks are that guests were given by path: files, and devices by diskinfo(8)."""

from __future__ import annotations

import stat
from typing import Any, Dict, List, Mapping, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import PATH
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import format_size

DISKINFO = ("diskinfo",)


def add_sizes(host: Host, entries: Sequence[Mapping[str, Any]]) -> None:
    """Add ``disk_sizes`` to the status of guests as the modules return them, with one command for all devices."""
    paths = list(dict.fromkeys(path for entry in entries for path in _paths(entry).values()))
    sizes = read_sizes(host, paths)
    for entry in entries:
        if "disks" in entry:
            known = {name: sizes[path] for name, path in _paths(entry).items() if path in sizes}
            entry["status"]["disk_sizes"] = {name: format_size(size) for name, size in known.items()}


def _paths(entry: Mapping[str, Any]) -> Dict[str, str]:
    return {disk["name"]: disk["path"] for disk in entry.get("disks", ()) if disk["backing"] == PATH}


def read_sizes(host: Host, paths: Sequence[str]) -> Dict[str, int]:
    """Bytes of each path that is a file or a disk; what is gone or is neither is left out."""
    sizes: Dict[str, int] = {}
    devices: List[str] = []
    for path in paths:
        status = host.stat(path)
        if status is not None and path.startswith("/dev/"):
            devices.append(path)
        elif status is not None and stat.S_ISREG(status.st_mode):
            sizes[path] = status.st_size
    if devices:
        # Exit status 1: some of them are no disks, the others are told.
        result = host.run([*DISKINFO, *devices], what="cannot ask for the sizes of disks", accept=(0, 1))
        sizes.update(parse_diskinfo(result.stdout))
    return sizes


def parse_diskinfo(text: str) -> Dict[str, int]:
    """Bytes by device, from the lines of diskinfo(8): name, sector size, size in bytes, and more, by tabs.

    UnknownState for any other line.
    """
    sizes: Dict[str, int] = {}
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) < 4 or not fields[2].isdigit():
            raise UnknownState(f"`{' '.join(DISKINFO)}` printed a line that cannot be read: {line!r}")
        sizes[fields[0]] = int(fields[2])
    return sizes
