# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kernel modules: kldstat(8), kldload(8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Sequence, Set

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change

KLDSTAT = ("kldstat", "-v")
#: The kernel variable that says where module files are: directories, a semicolon between them.
MODULE_PATH = "kern.module_path"

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

    A driver is listed as ``bus/driver``; both that and the driver's name are in the result. UnknownState.
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


def check_modules(host: Host, names: Sequence[str], module_path: str) -> None:
    """BadInput for a module that no file can bring, before anything is written that promises it for the next boot.

    kldload(8) finds a file by its name, or by the name of a module in it by the hints of kldxref(8).
    """
    directories = [directory for directory in module_path.split(";") if directory]
    files: Set[str] = set()
    for directory in directories:
        files |= {name[: -len(".ko")] for name in host.listdir(directory) or () if name.endswith(".ko")}
    unknown = [name for name in names if name not in files]
    if not files or not unknown:
        # Where there is no file at all, the kernel's modules came another way: only loading can tell.
        return
    hints = b"".join(host.read_bytes(f"{directory}/linker.hints") or b"" for directory in directories)
    for name in unknown:
        if name.encode() not in hints:
            raise BadInput(
                f"kernel_modules: {name!r} is neither loaded nor to be found: there is no {name}.ko in "
                f"{', '.join(directories)}; see `ls /boot/kernel` for its name, or install what brings it"
            )


def read_modules(host: Host) -> Set[str]:
    """What is in the kernel now."""
    return parse_kldstat(host.run(KLDSTAT, what="cannot list the kernel modules").stdout)
