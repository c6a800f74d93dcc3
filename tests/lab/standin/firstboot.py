# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an installer leaves on a new host: the files that differ from host to host."""

from __future__ import annotations

import os

from .settings import Settings

_PROFILE = """PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:~/bin
export PATH
"""


def _put(path: str, text: str, mode: int = 0o644) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(path, mode)


def populate(root: str, settings: Settings) -> None:
    """Write a new host's own files below ``root`` (the upper layer of its overlay)."""
    lines = [f'hostname="{settings.hostname}"']
    lines += [f'ifconfig_{name}="up"' for name in sorted(settings.uplinks)]
    if settings.zfs:
        lines.append('zfs_enable="YES"')
    _put(root + "/etc/rc.conf", "".join(line + "\n" for line in lines))
    _put(root + "/etc/hostid", settings.hostuuid + "\n")
    _put(root + "/boot/loader.conf", 'zfs_load="YES"\n' if settings.zfs else "")
    os.makedirs(root + "/root", exist_ok=True)
    os.chmod(root + "/root", 0o750)
    _put(root + "/root/.profile", _PROFILE)
