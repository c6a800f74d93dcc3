# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device nodes of taps: /dev/tapN, and a link to it under the name that the interface was given."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from .. import paths
from .types import Interface

_UUCP = 66
_DIALER = 68
_NULL = os.makedev(1, 3)


def _path(name: str) -> str:
    return paths.root("/dev/" + name)


def _device(interface: Interface) -> str:
    return f"{interface['driver']}{interface['unit']}"


def make(interface: Interface) -> None:
    """crw------- uucp:dialer, as devfs shows it. A node of Linux's null device: bhyve goes through ``taps``."""
    if paths.DETACHED or interface["driver"] != "tap":
        return
    path = _path(_device(interface))
    with suppress(FileNotFoundError):
        os.unlink(path)
    os.mknod(path, stat.S_IFCHR | 0o600, _NULL)
    os.chmod(path, 0o600)
    os.chown(path, _UUCP, _DIALER)


def rename(interface: Interface, name: str) -> None:
    """The node keeps its name; the new name becomes a link to it."""
    if paths.DETACHED or interface["driver"] != "tap":
        return
    device = _device(interface)
    if interface["name"] != device:
        with suppress(FileNotFoundError):
            os.unlink(_path(interface["name"]))
    if name != device and "/" not in name:
        os.symlink(device, _path(name))


def remove(interface: Interface) -> None:
    """The node and its link go with the interface."""
    if paths.DETACHED or interface["driver"] != "tap":
        return
    device = _device(interface)
    for name in sorted({device, interface["name"]}):
        with suppress(FileNotFoundError):
            os.unlink(_path(name))
