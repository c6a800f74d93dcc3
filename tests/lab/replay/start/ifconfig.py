# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ifconfig.txt: two virtio cards, the first with an address, the second down; loopback as rc(8) leaves it."""

from __future__ import annotations

from standin.host import StandinHost

from replay.network import cards, opened_and_closed

SETTINGS = {"release": "14.0-CURRENT", "uplinks": {"vtnet0": "wire0", "vtnet1": "wire1"}}


def prepare(host: StandinHost) -> None:
    cards(host, "vtnet0", "vtnet1")
    host.sh("ifconfig vtnet0 inet 10.0.2.15/24; ifconfig vtnet1 down", check=True)


#: 238: the bridge 9lead is gone. 695: the shell's redirection that is not seen here had tap5 open.
UNRECORDED = {
    238: "ifconfig 9lead destroy",
    695: opened_and_closed("tap5"),
}
