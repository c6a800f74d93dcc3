# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bhyve-novmm.txt: nothing loaded, a FreeBSD guest's disk at hand."""

from __future__ import annotations

from standin.guests.behaviour import make_sector
from standin.host import StandinHost

from replay.start import _bhyve

SETTINGS = _bhyve.SETTINGS


def prepare(host: StandinHost) -> None:
    """The disk that bhyveload loads from."""
    host.sh("mkdir -p /usr/local/share/bhyve-guest", check=True)
    host.write("/usr/local/share/bhyve-guest/guest.raw", make_sector({"guest": "light"}) + bytes(1 << 20))
