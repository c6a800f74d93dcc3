# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the stand-in's zfs and zpool without a host around them: state in a directory, nothing really mounted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional, Union

_LIBRARY = os.path.dirname(os.path.abspath(__file__))
_SCRIPT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import importlib; "
    "main = importlib.import_module('standin.commands.' + sys.argv[1]).main; "
    "status = main(sys.argv[1:]); sys.stdout.flush(); sys.exit(status)"
)
GIB = 1 << 30


class Lab:
    """A machine with an empty disk ada1 of 16 GiB, and ada2, ada3 of 128 MiB; with the pool tank on ada1."""

    def __init__(self, directory: Path, pool: bool = True) -> None:
        self.directory = directory
        (directory / "disk").mkdir(parents=True)
        disks = {"ada1": {"size": 16 * GIB}, "ada2": {"size": GIB >> 3}, "ada3": {"size": GIB >> 3}}
        (directory / "disk/disks.json").write_text(json.dumps({"disks": disks}))
        (directory / "disk/host.json").write_text(json.dumps({"zfs": False, "seed": "zfs0"}))
        if pool:
            self.zpool("create", "tank", "ada1")

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

    def node(self, name: str) -> Path:
        """Where the node of a volume is."""
        return self.directory / "root/dev/zvol" / name

    def content(self, dataset: str) -> Path:
        """Where the files of a file system are: what its mount point shows in a host."""
        document: Dict[str, Dict[str, Dict[str, Dict[str, Dict[str, str]]]]] = json.loads(
            (self.directory / "disk/zpool.json").read_text()
        )
        for pool in document["pools"].values():
            if dataset in pool["datasets"]:
                return self.directory / "disk/zfs" / str(pool["datasets"][dataset]["object"])
        raise KeyError(dataset)

    def volume(self, dataset: str) -> Path:
        """The node of a volume, once it is there."""
        until(lambda: self.node(dataset).exists())
        return self.node(dataset)


def until(condition: Callable[[], bool], limit: float = 10.0) -> None:
    """Wait for a condition; an AssertionError after the limit."""
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
