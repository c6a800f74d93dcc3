# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zvol-live.txt: a pool tank with volumes below tank/dev (volmode=dev) and tank/geom, and what runs a guest."""

from __future__ import annotations

from standin.host import StandinHost

from ._bhyve import modules, quick_sleep, scripts, tiny
from .zfs import prepare as give_disks

# With this seed the coins fall as they fell on the recorder: of a1 to a6 the nodes of a2 and a3 appear.
SETTINGS = {"release": "14.0-CURRENT", "zfs": False, "seed": "zvol120"}
_PRINTED = 7  # the entry in which the recorder prints the script


def prepare(host: StandinHost) -> None:
    """The pool, its volumes, the kernel module and the files that the first commands use."""
    give_disks(host)
    host.write("/root/rund", scripts("zvol-live", _PRINTED)[0], mode=0o755)
    host.sh("truncate -s 64M /tmp/f.img", check=True)
    modules(host)
    tiny(host)
    quick_sleep(host)
    script = (
        "zpool create tank vtbd1; zfs create -o volmode=dev tank/dev; zfs create tank/geom; zfs create tank/x; "
        "for i in dev/v0 dev/v1 dev/v2 geom/v0 geom/v1; do zfs create -V 64M tank/$i; done"
    )
    host.sh(script, check=True)
