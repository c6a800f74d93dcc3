# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab's own things are, seen from inside a stand-in host.

With STANDIN_STATE set to a directory, a command runs outside any namespace and keeps its state there (unit tests).
"""

from __future__ import annotations

import os

_STATE = os.environ.get("STANDIN_STATE", "")

#: True in a unit test that runs a command without a host around it.
DETACHED: bool = bool(_STATE)
#: The lab's corner of the host.
BASE: str = _STATE or "/.standin"
#: Survives a power cut: pools, settings of the host, faults.
DISK: str = BASE + "/disk"
#: Gone with the power: interfaces, modules, vmm nodes, titles of processes.
KERNEL: str = BASE + "/kernel"
#: The log of calls.
LOG: str = BASE + "/log"
#: Debian's own tree.
LINUX: str = "" if DETACHED else "/.linux"
#: Debian's view of the host's processes.
PROC: str = LINUX + "/proc"


def root(path: str) -> str:
    """A path of the host's own tree: itself in a host, below ``STANDIN_STATE/root`` in a detached test."""
    return _STATE + "/root" + path if DETACHED else path
