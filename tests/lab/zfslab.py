# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the stand-in's zfs and zpool without a host around them: state in a directory, nothing really mounted."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Union

from polls import until

_LIBRARY = os.path.dirname(os.path.abspath(__file__))
_SCRIPT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import importlib; "
    "main = importlib.import_module('standin.commands.' + sys.argv[1]).main; "
    "status = main(sys.argv[1:]); sys.stdout.flush(); sys.exit(status)"
)
GIB = 1 << 30


class Place:
    """A file, directory or node of a volume on the machine that the tests are about: here, one of ours."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __truediv__(self, name: str) -> Place:
        return Place(self._path / name)

    def __str__(self) -> str:
        return str(self._path)

    def exists(self) -> bool:
        """Whether it is there; a link that leads nowhere is not."""
        return self._path.exists()

    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return self._path.is_symlink()

    def names(self) -> List[str]:
        """The names in a directory, sorted."""
        return sorted(os.listdir(self._path))

    def make_directory(self) -> None:
        """Make a directory."""
        self._path.mkdir()

    def make_link(self, target: str) -> None:
        """Make a symbolic link."""
        self._path.symlink_to(target)

    def read(self) -> bytes:
        """All of its content."""
        return self._path.read_bytes()

    def put(self, data: bytes) -> None:
        """Let a file have this content."""
        self._path.write_bytes(data)

    def write(self, data: bytes, at: int = 0) -> None:
        """Write into what exists; an OSError if there is no room."""
        with open(self._path, "r+b") as stream:
            stream.seek(at)
            stream.write(data)

    def size(self) -> int:
        """The size of a file, or of what a node stands for."""
        return self._path.stat().st_size

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Somebody has it open for reading and writing."""
        with open(self._path, "r+b"):
            yield


class Lab:
    """A machine with empty disks: ada1 of 16 GiB, ada2 and ada3 of 128 MiB.

    What the tests do beside starting commands goes through its methods too: RealLab does the same elsewhere.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "disk").mkdir(parents=True)
        disks = {"ada1": {"size": 16 * GIB}, "ada2": {"size": GIB >> 3}, "ada3": {"size": GIB >> 3}}
        (directory / "disk/disks.json").write_text(json.dumps({"disks": disks}))
        (directory / "disk/host.json").write_text(json.dumps({"zfs": False, "seed": "zfs0"}))

    def run(self, *argv: str, data: Optional[bytes] = None) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "STANDIN_STATE": str(self.directory), "TZ": "UTC"}
        command = [sys.executable, "-IS", "-c", _SCRIPT, _LIBRARY, *argv]
        return subprocess.run(command, env=environment, input=data or b"", capture_output=True, check=False)

    def python(self, script: str, *argv: str) -> None:
        """Run a line of Python as a stand-in would."""
        environment = {**os.environ, "STANDIN_STATE": str(self.directory)}
        start = f"import sys; sys.path.insert(0, {_LIBRARY!r}); "
        subprocess.run([sys.executable, "-IS", "-c", start + script, *argv], env=environment, check=True)

    def _good(self, *argv: str, data: Optional[bytes] = None) -> bytes:
        done = self.run(*argv, data=data)
        assert done.returncode == 0, f"{' '.join(argv)}: {done.returncode}: {done.stderr.decode()}"
        return done.stdout

    def zfs(self, *argv: str, data: Union[bytes, str, None] = None) -> str:
        """Run zfs, which must succeed; its output."""
        raw = data.encode() if isinstance(data, str) else data
        return self._good("zfs", *argv, data=raw).decode()

    def zpool(self, *argv: str) -> str:
        return self._good("zpool", *argv).decode()

    def send(self, *argv: str) -> bytes:
        return self._good("zfs", "send", *argv)

    def refused(self, *argv: str, status: int = 1, data: Optional[bytes] = None) -> str:
        """Run a command that must fail with this status; what it says on standard error."""
        done = self.run(*argv, data=data)
        assert done.returncode == status, f"{' '.join(argv)}: {done.returncode}: {done.stderr.decode()}"
        return done.stderr.decode()

    def value(self, name: str, dataset: str) -> str:
        return self.zfs("get", "-Hpo", "value", name, dataset).rstrip("\n")

    def names(self, *argv: str) -> List[str]:
        return self.zfs("list", "-Ho", "name", *argv).split("\n")[:-1]

    def node(self, name: str) -> Place:
        """Where the node of a volume is."""
        return Place(self.directory / "root/dev/zvol" / name)

    def volume(self, dataset: str) -> Place:
        """The node of a volume, once it is there."""
        assert until(self.node(dataset).exists)
        return self.node(dataset)

    def file(self, name: str, size: int) -> str:
        """A file of that many zero bytes at the root of the machine; its path for commands."""
        place = self.directory / "root" / name
        place.parent.mkdir(exist_ok=True)
        with open(place, "wb") as stream:
            stream.truncate(size)
        return f"/{name}"

    def content(self, dataset: str) -> Place:
        """Where the files of a file system are: what its mount point shows in a host."""
        document: Dict[str, Dict[str, Dict[str, Dict[str, Dict[str, str]]]]] = json.loads(
            (self.directory / "disk/zpool.json").read_text()
        )
        for pool in document["pools"].values():
            if dataset in pool["datasets"]:
                return Place(self.directory / "disk/zfs" / str(pool["datasets"][dataset]["object"]))
        raise KeyError(dataset)
