# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kernel state: sysctl(8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, CommandError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change

_NAME = re.compile(r"[A-Za-z0-9_%]+(?:\.[A-Za-z0-9_%-]+)+")


@dataclass(frozen=True)
class SetSysctl(Change):
    """Set a kernel variable now; ``subject`` is its name."""

    value: str

    def describe(self) -> str:
        return f"set {self.subject}={self.value} now"

    def apply(self, host: Host) -> None:
        # -i would pass over a name that the kernel does not know, so a misspelt one would never be noticed.
        host.run(["sysctl", f"{self.subject}={self.value}"], what=f"cannot set the kernel variable {self.subject}")


def check_name(name: str, option: str) -> None:
    """BadInput unless it looks like a sysctl(8) or loader(8) variable."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"{option}: {name!r} is not the name of a kernel variable, such as net.link.tap.up_on_open")


def read_sysctls(host: Host, names: Sequence[str]) -> Dict[str, str]:
    """The values of those variables that the kernel knows, with one command. CommandError, UnknownState."""
    what = "cannot read kernel variables"
    result = host.run(["sysctl", "-ie", *names], what=what)
    found: Dict[str, str] = {}
    for line in result.stdout.splitlines():
        name, equals, value = line.partition("=")
        if not equals or name not in names:
            raise UnknownState(f"`sysctl -ie` printed a line that cannot be read: {line!r}")
        found[name] = value
    if not found and names:
        raise CommandError(what, result.argv, result.rc, result.stdout, result.stderr)
    return found
