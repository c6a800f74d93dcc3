# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the start states of the network's transcripts share."""

from __future__ import annotations

import json
import os

from standin.host import StandinHost

_MAC = "52:54:00:12:34:{:02x}"
_OPEN = (
    "import os, sys; sys.path.insert(0, '/.standin/lib'); from standin.taps import close_tap, open_tap; "
    "os.close(open_tap('{0}', os.getpid(), up=False)); close_tap('{0}', os.getpid())"
)


def cards(host: StandinHost, *names: str) -> None:
    """Give the network cards the addresses that the recorder's had."""
    path = os.path.join(host.directory, "kernel", "ifnet.json")
    host.sh("ifconfig -l", check=True)
    with open(path, encoding="utf-8") as stream:
        document = json.load(stream)
    for interface in document["interfaces"].values():
        if interface["name"] in names:
            interface["ether"] = interface["hwaddr"] = _MAC.format(0x56 + names.index(interface["name"]))
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(document, stream)


def opened_and_closed(name: str) -> str:
    """A line of sh that opens and closes a tap."""
    return f'/.linux/usr/bin/python3 -IS -c "{_OPEN.format(name)}"'
