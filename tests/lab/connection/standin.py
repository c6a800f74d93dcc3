# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's way into a stand-in host: as ssh would, but through its namespaces."""

from __future__ import annotations

DOCUMENTATION = """
name: standin
short_description: run in a stand-in host
description:
  - Runs commands in the namespaces of a stand-in FreeBSD host, and copies files to and from it.
  - For this project's tests and its demonstration only.
author: Apiary contributors
options:
  directory:
    description: The directory that the stand-in host lives in. Its name is the host's name.
    type: path
    required: true
    vars:
      - name: standin_directory
  gate:
    description:
      - A command of the machine that the lab is on. When it fails, the host counts as one that cannot be reached, which
        it never is by itself, for its namespaces are entered from outside.
    type: str
    vars:
      - name: standin_gate
"""

import os
import subprocess
import sys
from typing import Any, Optional, Tuple

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.plugins.connection import ConnectionBase

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from standin.host import LabError, StandinHost

_CAT = "/.linux/usr/bin/cat"
_SHELL = "/.linux/usr/bin/dash"


class Connection(ConnectionBase):
    """One host, named by the directory that it lives in."""

    transport = "standin"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def reset(self) -> None:
        """What is done next is done by a new connection in any case."""
        self.close()

    def close(self) -> None:
        """Nothing stays open between two commands."""
        self._connected = False

    def _host(self) -> StandinHost:
        directory = self.get_option("directory")
        return StandinHost(os.path.basename(directory), directory)

    def _pass_gate(self) -> None:
        gate = self.get_option("gate")
        if not gate:
            return
        done = subprocess.run(["/bin/sh", "-c", gate], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AnsibleConnectionFailure(f"`{gate}` exited {done.returncode}: {done.stderr.strip()}")

    def _run(self, argv: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        self._pass_gate()
        try:
            command = self._host().enter(argv)
        except LabError as error:
            raise AnsibleConnectionFailure(str(error)) from error
        return subprocess.run(command, check=False, **options)

    def exec_command(
        self, cmd: str, in_data: Optional[bytes] = None, sudoable: bool = True
    ) -> Tuple[int, bytes, bytes]:
        """Run a line of the host's /bin/sh, as sshd does for root."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        done = self._run(["/bin/sh", "-c", cmd], input=in_data or b"", capture_output=True)
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file to the host."""
        super().put_file(in_path, out_path)
        if not os.path.exists(in_path):
            raise AnsibleFileNotFound(f"there is no file {in_path}")
        with open(in_path, "rb") as stream:
            # The shell of the lab, not of the host: what copies files is no command of the host's.
            done = self._run([_SHELL, "-c", f'{_CAT} > "$1"', "put", out_path], stdin=stream, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise AnsibleError(f"cannot copy {in_path} to {out_path}: {done.stderr.decode(errors='replace').strip()}")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file from the host."""
        super().fetch_file(in_path, out_path)
        with open(out_path, "wb") as stream:
            done = self._run([_CAT, "--", in_path], stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise AnsibleError(f"cannot fetch {in_path}: {done.stderr.decode(errors='replace').strip()}")
