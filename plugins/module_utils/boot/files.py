# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the boot files that machines are told of by DHCP are where this host serves them by TFTP."""

from __future__ import annotations

import ipaddress
import socket
import stat
from typing import List, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.note import NOTE, load
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

#: Who is told of a boot file (for the message), the file, and the server that it is on ('' when nothing is said of it).
BootFile = Tuple[str, str, str]


def missing(host: Host, told: Sequence[BootFile]) -> List[str]:
    """A warning for each boot file of this host's own TFTP server that is not there, or not for everybody to read.

    Nothing is said where role pxe_server has left no note, nor of URLs and of files on other servers. No command is
    started. UnknownState.
    """
    note = load(host.read(NOTE))
    if note is None or not note.tftp_root:
        return []
    found = []
    for whose, name, server in told:
        if not name or "://" in name or not _is_here(server):
            continue
        path = f"{note.tftp_root}/{name.lstrip('/')}"
        status = host.stat(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            found.append(f"{whose}: filename: {path}, the boot file on this host's TFTP server, is missing")
        elif not status.st_mode & stat.S_IROTH:
            found.append(f"{whose}: filename: {path} cannot be read by everybody, so it is not served by TFTP")
    return found


def _is_here(server: str) -> bool:
    """Whether a server's address is one of this host's, which is when a socket can be bound to it.

    A name is taken for another's: to look it up may take long.
    """
    if not server:
        return True
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(server).version == 6 else socket.AF_INET
    except ValueError:
        return False
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((server, 0))
        except OSError:
            return False
    return True
