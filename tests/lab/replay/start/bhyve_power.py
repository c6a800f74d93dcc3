# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bhyve-power.txt: a guest with firmware and a disk with FreeBSD."""

from __future__ import annotations

from standin.guests.behaviour import make_sector
from standin.host import StandinHost

from replay.start import _bhyve

SETTINGS = _bhyve.SETTINGS


def prepare(host: StandinHost) -> None:
    """Firmware, the guest's disk, its terminal with a reader."""
    _bhyve.modules(host)
    _bhyve.firmware(host)
    _bhyve.terminals(host, "nmdm7")
    u0, waitfor = _bhyve.scripts("bhyve-power")
    _bhyve.put(host, "/root/u0", u0)
    _bhyve.put(host, "/root/waitfor", waitfor)
    behaviour = {"guest": "light", "acpi_after": 2.0, "shutdown_after": 1.0}
    host.write("/vm/guest.img", make_sector(behaviour) + bytes(1 << 20))
    host.sh("cp /usr/local/share/uefi-firmware/BHYVE_UEFI_VARS.fd /vm/u0.vars", check=True)
    host.sh("(sh -c 'stty raw -echo; exec cat' < /dev/nmdm7B > /tmp/con 2>/dev/null &)", check=True)
    _bhyve.quick_sleep(host)
