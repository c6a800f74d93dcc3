# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's own way to a machine, with a Lab as the machine: its readers and commands against any ZFS."""

from __future__ import annotations

import os
from typing import Container, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host, Result
from zfslab import Lab, Place

_ZVOL = "/dev/zvol/"
_THERE = os.stat_result((0,) * 10)


class LabHost(Host):
    """Runs zfs(8) and zpool(8) in a Lab, and knows which nodes of volumes are there."""

    def __init__(self, lab: Lab) -> None:
        super().__init__()
        self._lab = lab

    def run(
        self,
        argv: Sequence[str],
        *,
        what: str,
        accept: Container[int] = (0,),
        stdin: Optional[str] = None,
        timeout: Optional[float] = None,
        hint: str = "",
        env: Optional[Mapping[str, str]] = None,
    ) -> Result:
        done = self._lab.run(*argv, data=(stdin or "").encode())
        result = Result(tuple(argv), done.returncode, done.stdout.decode(), done.stderr.decode())
        if result.rc not in accept:
            raise CommandError(what, result.argv, result.rc, result.stdout, result.stderr, hint)
        return result

    def stat(self, path: str) -> Optional[os.stat_result]:
        assert path.startswith(_ZVOL), path
        node: Place = self._lab.node(path[len(_ZVOL) :])
        return _THERE if node.exists() else None
