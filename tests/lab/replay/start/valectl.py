# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""valectl.txt: three virtio cards, the second and third down."""

from __future__ import annotations

from standin.host import StandinHost

from replay.network import cards

SETTINGS = {"release": "14.0-CURRENT", "uplinks": {"vtnet0": "wire0", "vtnet1": "wire1", "vtnet2": "wire2"}}


def prepare(host: StandinHost) -> None:
    """The first card has its address, the others are down."""
    cards(host, "vtnet0", "vtnet1", "vtnet2")
    host.sh("ifconfig vtnet0 inet 10.0.2.15/24; ifconfig vtnet1 down; ifconfig vtnet2 down", check=True)
