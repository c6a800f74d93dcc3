# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kernel modules: kldstat(8), kldload(8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Set

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change

KLDSTAT = ("kldstat", "-v")

_FILE = re.compile(r"\s*\d+\s+\d+\s+0x[0-9a-f]+\s+[0-9a-f]+ (?P<name>\S+)(?: \(.*\))?")
_MODULE = re.compile(r"\t\t\s*\d+ (?P<name>\S.*)")
_HEADINGS = re.compile(r"Id\s+Refs\s+Address.*|\tContains modules:|\t\t\s*Id Name")


@dataclass(frozen=True)
class LoadModule(Change):
    """Load a kernel module now; ``subject`` is its name."""

    def describe(self) -> str:
        return f"load the kernel module {self.subject} now"

    def apply(self, host: Host) -> None:
        host.run(["kldload", "-n", self.subject], what=f"cannot load the kernel module {self.subject}")


def parse_kldstat(text: str) -> Set[str]:
    """What is in the kernel: files without ``.ko`` and the modules in them, so built-in ones count as well.

    A driver is listed as ``bus/driver``; both that and the driver's name are in the result.
    """
    names: Set[str] = set()
    lines = text.splitlines()
    if not lines or not lines[0].startswith("Id Refs"):
        raise UnknownState(f"`{' '.join(KLDSTAT)}` did not print its header but {lines[:1]}")
    for line in lines:
        file, module = _FILE.fullmatch(line), _MODULE.fullmatch(line)
        if file is not None:
            name = file["name"]
            names.add(name[: -len(".ko")] if name.endswith(".ko") else name)
        elif module is not None:
            names |= {module["name"], module["name"].rpartition("/")[2]}
        elif not _HEADINGS.fullmatch(line):
            raise UnknownState(f"`{' '.join(KLDSTAT)}` printed a line that cannot be read: {line!r}")
    return names


def read_modules(host: Host) -> Set[str]:
    """What is in the kernel now."""
    return parse_kldstat(host.run(KLDSTAT, what="cannot list the kernel modules").stdout)
