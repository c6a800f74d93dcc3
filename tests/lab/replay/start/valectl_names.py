# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""valectl-names.txt: a tap, and the tiny guest."""

from __future__ import annotations

from standin.host import StandinHost

from replay.start import _bhyve

SETTINGS = {**_bhyve.SETTINGS, "zfs": False}


def prepare(host: StandinHost) -> None:
    """What the guest is made of."""
    _bhyve.modules(host, "vmm")
    _bhyve.tiny(host)
    _bhyve.terminals(host, "nmdm0")
    host.sh("ifconfig tap0 create", check=True)
