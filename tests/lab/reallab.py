# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Lab whose zfs and zpool are OpenZFS itself, on Linux in a virtual machine."""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path, PurePosixPath
from typing import Iterator, List, Optional

from zfslab import Lab, Place
from zfsvm.machine import DISKS, Machine

_FILES = "/run"  # of the machine's memory
_HELD = re.compile(rb"it's being held\. Run 'zfs holds -r \S+' to see holders\.")
_DESTROY = "for pool in $(zpool list -Ho name); do zpool destroy -f $pool; done"


class RealPlace(Place):
    """A file, directory or node of a volume in the virtual machine.

    What was written is in the pool when the call returns: ZFS tells the space of what is on its way only seconds later.
    """

    def __init__(self, machine: Machine, path: str) -> None:
        super().__init__(Path(path))
        self._machine = machine

    def __truediv__(self, name: str) -> Place:
        return RealPlace(self._machine, str(PurePosixPath(str(self)) / name))

    def exists(self) -> bool:
        return bool(self._call("exists"))

    def is_link(self) -> bool:
        return bool(self._call("is_symlink"))

    def names(self) -> List[str]:
        found = self._call("iterdir")
        assert isinstance(found, list)
        return sorted(PurePosixPath(entry).name for entry in found)

    def make_directory(self) -> None:
        self._call("mkdir")

    def make_link(self, target: str) -> None:
        self._call("symlink_to", target)
        self._sync()

    def read(self) -> bytes:
        found = self._call("read_bytes")
        assert isinstance(found, bytes)
        return found

    def put(self, data: bytes) -> None:
        self._call("write_bytes", data)
        self._sync()

    def write(self, data: bytes, at: int = 0) -> None:
        try:
            self._machine.call("write_at", str(self), data, at)
        finally:
            self._sync()

    def size(self) -> int:
        return int(self._machine.call("size_of", str(self)))

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        held = self._machine.call("hold", str(self))
        try:
            yield
        finally:
            self._machine.call("release", held)

    def _call(self, method: str, *arguments: object) -> object:
        return self._machine.call("path", str(self), method, arguments)

    def _sync(self) -> None:
        self._machine.call("run", ["zpool", "sync"], b"")


class RealLab(Lab):
    """The same machine as Lab's, with the same disks, empty at first. ``clear`` must be called at the end."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._exported = False  # what was exported a new pool minds, what was destroyed it does not

    def run(self, *argv: str, data: Optional[bytes] = None) -> subprocess.CompletedProcess[bytes]:
        self._exported = self._exported or argv[:2] == ("zpool", "export")
        status, output, errors = self._machine.call("run", list(argv), data or b"")
        if argv[:2] == ("zfs", "set") and status == 255:
            status = 1  # as FreeBSD was recorded to end; OpenZFS 2.3 ends otherwise
        errors = _HELD.sub(b"dataset is busy", errors)  # and in these words
        return subprocess.CompletedProcess(list(argv), status, output, errors)

    def python(self, script: str, *argv: str) -> None:
        raise AssertionError("the stand-in's own Python is not in the virtual machine: mark the test `standin`")

    def node(self, name: str) -> Place:
        return RealPlace(self._machine, f"/dev/zvol/{name}")

    def volume(self, dataset: str) -> Place:
        node = self.node(dataset)
        self._machine.call("wait_for", str(node))
        return node

    def file(self, name: str, size: int) -> str:
        place = f"{_FILES}/{name}"
        self._good("truncate", "-s", str(size), place)
        return place

    def content(self, dataset: str) -> Place:
        return RealPlace(self._machine, self.value("mountpoint", dataset))

    def clear(self) -> None:
        """Away with every pool, as if the disks were new."""
        self._good("sh", "-ec", _DESTROY)
        for disk in DISKS if self._exported else ():
            self.run("zpool", "labelclear", "-f", f"/dev/{disk}")
