# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""checkpoint.txt: the tiny guest, a terminal, no directory for bhyve's sockets yet."""

from __future__ import annotations

from standin.host import StandinHost

from replay.start import _bhyve

SETTINGS = _bhyve.SETTINGS
_TICKED = "until grep -q tick /tmp/con; do sleep 0.1; done"
#: Waits are over when all have come to rest, so how far the guest has come with its ticks is not what was recorded.
UNRECORDED = {
    55: f'(bhyve -k /tmp/ck0.conf ck0 < /dev/null; echo "bhyve: exit $?") > /tmp/rc 2>&1 & {_TICKED}',
    142: _TICKED,
}


def prepare(host: StandinHost) -> None:
    """The tiny guest, what loads it, and the tap of its network devices."""
    _bhyve.modules(host, "vmm", "nmdm", "if_tuntap")
    host.sh("rmdir /var/run/bhyve; ifconfig tap0 create", check=True)
    _bhyve.tiny(host)
    _bhyve.terminals(host, "nmdm0", "nmdm9")
    _bhyve.settling_sleep(host)
