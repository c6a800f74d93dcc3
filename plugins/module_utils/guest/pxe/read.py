# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads which boot scripts this host's TFTP server has; no command is started."""

from __future__ import annotations

import stat
from typing import Dict, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.note import NOTE, SUFFIX, load
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.state import Chainload
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host


def read_chainload(host: Host) -> Optional[Chainload]:
    """The boot scripts and links to them, None if the host serves none. UnknownState when they cannot be read."""
    note = load(host.read(NOTE))
    if note is None:
        return None
    links: Dict[str, str] = {}
    for name in host.listdir(note.chainload) or ():
        if name.endswith(SUFFIX):
            path = f"{note.chainload}/{name}"
            status = host.lstat(path)
            is_link = status is not None and stat.S_ISLNK(status.st_mode)
            links[name] = (host.readlink(path) or "") if is_link else ""
    return Chainload(note.chainload, links)
