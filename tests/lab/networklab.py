# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in kernel without a host around it: ifconfig(8) and taps on a directory of state, no namespaces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import List

_LAB = Path(__file__).parent
_CALL = (
    "import sys; from standin.commands.{0} import main; status = main(sys.argv); sys.stdout.flush(); sys.exit(status)"
)


class Kernel:
    """Runs one command after the other against one state."""

    def __init__(self, directory: Path, osreldate: int = 1403000) -> None:
        self.directory = directory
        self.hostid = directory / "root" / "etc" / "hostid"
        self.hostid.parent.mkdir(parents=True)
        self.hostid.write_text("36e668bd-7289-5a80-bfd5-0af4a3ac8013\n", encoding="ascii")
        self.release(osreldate)

    def release(self, osreldate: int) -> None:
        """Another release of FreeBSD."""
        disk = self.directory / "disk"
        disk.mkdir(exist_ok=True)
        (disk / "host.json").write_text(json.dumps({"osreldate": osreldate}), encoding="ascii")

    def sysctl(self, **values: int) -> None:
        """Set variables: ``net__link__tap__up_on_open=1``."""
        kernel = self.directory / "kernel"
        kernel.mkdir(exist_ok=True)
        changed = {name.replace("__", "."): value for name, value in values.items()}
        (kernel / "sysctl.json").write_text(json.dumps({"values": changed}), encoding="ascii")

    def python(self, code: str, *argv: str) -> subprocess.Popen[str]:
        """A Python process that sees this state."""
        environment = dict(os.environ, STANDIN_STATE=str(self.directory), PYTHONPATH=str(_LAB))
        return subprocess.Popen(
            [sys.executable, "-c", code, *argv],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        """A command, to its end."""
        process = self.python(_CALL.format(command), *words)
        out, err = process.communicate(timeout=30)
        return subprocess.CompletedProcess([command, *words], process.returncode, out, err)

    def ifconfig(self, *words: str) -> str:
        """ifconfig(8) that must succeed; what it printed."""
        done = self.run("ifconfig", *words)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    def refused(self, *words: str) -> str:
        """ifconfig(8) that must fail with status 1; what it said."""
        done = self.run("ifconfig", *words)
        assert done.returncode == 1
        return done.stderr.strip()

    def names(self) -> List[str]:
        """The interfaces in the kernel's order."""
        return self.ifconfig("-l").split()

    def members(self, bridge: str) -> List[str]:
        """The members of a bridge, newest first."""
        lines = self.ifconfig(bridge).splitlines()
        return [line.split()[1] for line in lines if line.startswith("\tmember: ")]
