# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bhyve-more.txt: as bhyve-debug.txt, with nmdm0 at hand."""

from __future__ import annotations

from standin.host import StandinHost

from replay.start import _bhyve

SETTINGS = _bhyve.SETTINGS


def prepare(host: StandinHost) -> None:
    """What the devices take."""
    _bhyve.modules(host)
    _bhyve.tiny(host)
    _bhyve.sshd(host)
    _bhyve.terminals(host, "nmdm0")
    start, stop = _bhyve.scripts("bhyve-more")
    _bhyve.put(host, "/root/start", start)
    _bhyve.put(host, "/root/stop", stop)
    host.sh("truncate -s 16m /tmp/d.img", check=True)
    _bhyve.settling_sleep(host)
