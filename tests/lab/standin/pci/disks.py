# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks that come and go with their controller's driver."""

from __future__ import annotations

from typing import Set

from . import bus


def gone() -> Set[str]:
    """The disks whose controller its own driver has not."""
    table = bus.devices()
    found: Set[str] = set()
    for at, device in table.items():
        if device.get("pf"):
            continue
        one = bus.function(at)
        if not (device["attached"] and device["driver"] == one.driver):
            found |= {disk for _sim, disk in one.disks}
    return found
