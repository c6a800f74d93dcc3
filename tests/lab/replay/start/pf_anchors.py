# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pf-anchors.txt: a virtio card, and an administrator's pf.conf without anchors; pf has not run yet."""

from __future__ import annotations

from standin.host import StandinHost

SETTINGS = {"release": "14.0-CURRENT", "uplinks": {"vtnet0": "wire0"}}
_PF_CONF = """\
set skip on lo0
scrub in all
nat on vtnet0 inet from 192.168.9.0/24 to any -> (vtnet0)
pass all
"""


def prepare(host: StandinHost) -> None:
    """The file is there."""
    host.write("/etc/pf.conf", _PF_CONF)
