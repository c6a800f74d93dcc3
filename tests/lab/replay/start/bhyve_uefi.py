# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bhyve-uefi.txt: firmware and a disk with FreeBSD."""

from __future__ import annotations

from standin.guests.behaviour import make_sector
from standin.host import StandinHost

from replay.start import _bhyve
from replay.transcript import load

SETTINGS = _bhyve.SETTINGS


def prepare(host: StandinHost) -> None:
    """Firmware, the guest's disk, its terminal."""
    _bhyve.modules(host)
    _bhyve.firmware(host)
    _bhyve.terminals(host, "nmdm7")
    waitfor = next(entry.stdout for entry in load("bhyve-uefi") if entry.command == "cat /root/waitfor")
    _bhyve.put(host, "/root/waitfor", waitfor)
    host.write("/vm/guest.img", make_sector({"guest": "light", "acpi_after": 1.0}) + bytes(1 << 20))
    _bhyve.quick_sleep(host)
