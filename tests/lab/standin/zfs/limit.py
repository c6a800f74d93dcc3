# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a pool for those who write to it, on a host that has one (StandinHost.limit_pools).

The contents of all datasets are then on a file system in memory, whose size follows the accounting after each command:
as much can be written as is available in the pools, and as is reserved for volumes. What is reserved for one volume
another could take, where ZFS would refuse that earlier. statvfs(2) of a mounted dataset tells the same.
"""

from __future__ import annotations

import os

from . import content, space
from .model import Model

_PAGE = 4096
_MS_REMOUNT = 32


def is_set() -> bool:
    """Whether this host's pools end."""
    return os.path.ismount(content.directory())


def lift() -> None:
    """While a command is at work: it copies where ZFS would share, and frees things later."""
    _resize(1 << 62)


def put_back(model: Model) -> None:
    """Let as much be written as there is room."""
    room = 0
    for pool in model.pools():
        usage = space.usage(model, pool)
        room += usage[str(pool["name"])].available + sum(one.own.by_refreservation for one in usage.values())
    status = os.statvfs(content.directory())
    _resize((status.f_blocks - status.f_bfree) * status.f_frsize + room)


def _resize(size: int) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    options = f"size={max(size // _PAGE, 1) * _PAGE}".encode()
    if libc.mount(b"none", content.directory().encode(), None, _MS_REMOUNT, options) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot let the pools end: {os.strerror(number)}")
