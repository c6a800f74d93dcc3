# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real devices behind the interfaces: Linux taps, bridges and veth pairs in the host's network namespace.

Changes are collected and handed to one ``ip -batch`` at the end of the command that made them. A device keeps, on
Linux, the name it was created with, so FreeBSD's renaming and its freer names need nothing here. VLAN
interfaces have state only: this lab's kernel has no 802.1Q devices. In a unit test without namespaces nothing is made.
"""

from __future__ import annotations

import fcntl
import os
import struct
from typing import Dict, List, Optional, Tuple

from .. import paths
from .types import IFF_RUNNING, Interface

_TUNSETIFF = 0x400454CA
_TUNSETPERSIST = 0x400454CB
_IFF_TAP = 0x2
_IFF_NO_PI = 0x1000
_TUN = paths.LINUX + "/dev/net/tun"
_IP = paths.LINUX + "/usr/bin/ip"
#: A port's VLANs: the one for frames without a tag (0: none), and those with tags.
Lanes = Tuple[int, List[List[int]]]


class DataplaneError(Exception):
    """ip(8) of the lab's kernel refused; FreeBSD's state and the real devices would differ."""


class Dataplane:
    """Collects changes; ``flush`` makes them. This one makes nothing: only the state counts."""

    real = False

    def line(self, *words: object) -> None:
        """Add one line for ip(8)."""

    def add(self, name: str, kind: str) -> None:
        """Add a device (``kind``: ip-link(8)'s words behind ``type``), in place of one that a killed command left."""

    def delete(self, name: str) -> None:
        """Take a device away; that it is gone already is fine."""

    def make_tap(self, name: str) -> None:
        """A persistent tap."""

    def remove_tap(self, name: str) -> None:
        """Let a persistent tap go."""

    def open_tap(self, name: str) -> int:
        """A descriptor on which frames are read and written."""
        return os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)

    def filter(self, name: str, untagged: int, tagged: List[List[int]]) -> None:
        """Let a bridge's port pass frames of its VLANs only."""

    def pass_all(self, name: str) -> None:
        """Let a port pass all frames again."""

    def flush(self) -> None:
        """Make what was collected."""


class LinuxDataplane(Dataplane):
    """Devices of the network namespace this process runs in."""

    real = True

    def __init__(self) -> None:
        self._lines: List[str] = []
        self._lanes: Dict[str, Optional[Lanes]] = {}

    def line(self, *words: object) -> None:
        self._lines.append(" ".join(str(word) for word in words))

    def add(self, name: str, kind: str) -> None:
        self.delete(name)
        self.line("link add name", name, "type", kind)

    def delete(self, name: str) -> None:
        self._lanes.pop(name, None)
        if _exists(name):
            self.line("link del dev", name)

    def make_tap(self, name: str) -> None:
        fd = self.open_tap(name)
        try:
            fcntl.ioctl(fd, _TUNSETPERSIST, 1)
        finally:
            os.close(fd)

    def remove_tap(self, name: str) -> None:
        fd = self.open_tap(name)
        try:
            fcntl.ioctl(fd, _TUNSETPERSIST, 0)
        finally:
            os.close(fd)

    def open_tap(self, name: str) -> int:
        fd = os.open(_TUN, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", name.encode("ascii"), _IFF_TAP | _IFF_NO_PI))
        except OSError:
            os.close(fd)
            raise
        return fd

    def filter(self, name: str, untagged: int, tagged: List[List[int]]) -> None:
        self._lanes[name] = (untagged, tagged)

    def pass_all(self, name: str) -> None:
        self._lanes[name] = None

    def flush(self) -> None:
        self._flush_lines()
        if not self._lanes:
            return
        from . import vlanfilter

        lanes, self._lanes = self._lanes, {}
        try:
            for name, chosen in lanes.items():
                if chosen is None:
                    vlanfilter.remove(name)
                else:
                    vlanfilter.put(name, *chosen)
        except OSError as error:
            raise DataplaneError(str(error)) from error

    def _flush_lines(self) -> None:
        if not self._lines:
            return
        # Imported here: most calls only read, and start faster without it.
        import subprocess

        batch = "\n".join(self._lines) + "\n"
        self._lines.clear()
        done = subprocess.run([_IP, "-batch", "-"], input=batch, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DataplaneError(f"{done.stderr.strip()}\n{batch}")


def _exists(name: str) -> bool:
    import socket

    try:
        return socket.if_nametoindex(name) > 0
    except OSError:
        return False


def here() -> Dataplane:
    """The data plane of this host: real where there is a namespace around the command."""
    return Dataplane() if paths.DETACHED else LinuxDataplane()


def is_real(interface: Interface) -> bool:
    """Whether a Linux device stands behind this interface."""
    if interface["driver"] == "vxlan":
        return bool(interface["flags"] & IFF_RUNNING)
    return interface["driver"] not in ("vlan", "vi")


def wire(interface: Interface) -> str:
    """The Linux device that frames come in by; netgraph(4) may have put another between it and the host's stack."""
    return interface.get("wire", interface["linux"])


def set_ether(plane: Dataplane, interface: Interface) -> None:
    """Give the device its Ethernet address. Linux takes no multicast address for a device; FreeBSD's bridge does."""
    if is_real(interface) and not int(interface["ether"][:2], 16) & 1:
        plane.line("link set dev", interface["linux"], "address", interface["ether"])
