# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""bhyve-run.txt: a pool with a volume, a tap in a bridge, the tiny guest."""

from __future__ import annotations

from standin.host import StandinHost

from replay.start import _bhyve

SETTINGS = {**_bhyve.SETTINGS, "zfs": False}


def prepare(host: StandinHost) -> None:
    """What the guest is made of."""
    _bhyve.modules(host)
    _bhyve.tiny(host)
    _bhyve.terminals(host, "nmdm0", "nmdm5")
    both = _bhyve.scripts("bhyve-run")[0]
    script, _unused, config = both.partition("name=guest0\n")
    _bhyve.put(host, "/root/run", script)
    host.write("/tmp/guest0.conf", "name=guest0\n" + config)
    host.sh(
        "truncate -s 1g /root/tank.img && zpool create tank /root/tank.img && zfs create -o volmode=dev tank/vm && "
        "zfs create -V 64m tank/vm/guest0 && zfs create -s -V 64m tank/vm/sparse && "
        "ifconfig bridge1000 create && ifconfig bridge1000 description apiary:lan up && "
        "ifconfig tap1000 create && ifconfig tap1000 description apiary:guest0:lan group apiary && "
        "ifconfig bridge1000 addm tap1000",
        check=True,
    )
    _bhyve.quick_sleep(host)
