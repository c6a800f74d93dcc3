# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zfs.txt: a host whose root is UFS on vtbd0, with an empty disk vtbd1 and four memory disks."""

from __future__ import annotations

import json
import os

from standin.host import StandinHost

SETTINGS = {"release": "14.0-CURRENT", "zfs": False, "seed": "zfs0"}
_GIB, _MIB = 1 << 30, 1 << 20
DISKS = {
    "vtbd0": {"size": 7 * _GIB, "used": True},
    "vtbd1": {"size": 16 * _GIB},
    "md20": {"size": 128 * _MIB},
    "md21": {"size": 128 * _MIB},
    "md22": {"size": 128 * _MIB},
    "md23": {"size": 32 * _MIB},
}


def prepare(host: StandinHost) -> None:
    """Give the host its disks."""
    with open(os.path.join(host.directory, "disk", "disks.json"), "w", encoding="utf-8") as stream:
        json.dump({"disks": DISKS}, stream)
