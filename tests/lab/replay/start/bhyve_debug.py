# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bhyve-debug.txt: the tiny guest, a disk image, taps, terminals, sshd."""

from __future__ import annotations

from standin.host import StandinHost

from replay.start import _bhyve

SETTINGS = _bhyve.SETTINGS


def prepare(host: StandinHost) -> None:
    """What the devices take."""
    _bhyve.modules(host)
    _bhyve.tiny(host)
    _bhyve.sshd(host)
    start, stop = _bhyve.scripts("bhyve-debug")
    _bhyve.put(host, "/root/start", start)
    _bhyve.put(host, "/root/stop", stop)
    host.sh("truncate -s 16m /tmp/d.img; ifconfig tap0 create; ifconfig tap1 create", check=True)
    host.sh("mkdir -p /dev/input; touch /dev/input/event0 /dev/input/event1 /dev/input/event2 /dev/input/event3")
    host.sh("truncate -s 1m /dev/vtbd0 /dev/vtbd0p3")
    _bhyve.settling_sleep(host)
