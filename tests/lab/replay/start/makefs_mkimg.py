# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""makefs-mkimg.txt: a tree with a loader in it, larger than the image of 500 KiB."""

from __future__ import annotations

from standin.host import StandinHost

SETTINGS = {"release": "14.0-CURRENT", "zfs": False}


def prepare(host: StandinHost) -> None:
    """The tree of the first commands."""
    host.sh("mkdir -p /tmp/esp/EFI/BOOT; echo > /tmp/esp/autoexec.ipxe", check=True)
    host.sh("dd if=/dev/random of=/tmp/esp/EFI/BOOT/BOOTX64.EFI bs=64k count=10", check=True)
