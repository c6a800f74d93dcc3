# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""checkpoint.txt: the tiny guest, a terminal, no directory for bhyve's sockets yet."""

from __future__ import annotations

from standin.host import StandinHost

from replay.start import _bhyve

SETTINGS = _bhyve.SETTINGS


def prepare(host: StandinHost) -> None:
    """The tiny guest, what loads it, and the tap of its network devices."""
    _bhyve.modules(host, "vmm", "nmdm", "if_tuntap")
    host.sh("rmdir /var/run/bhyve; ifconfig tap0 create", check=True)
    _bhyve.tiny(host)
    _bhyve.terminals(host, "nmdm0", "nmdm9")
    _bhyve.settling_sleep(host)
