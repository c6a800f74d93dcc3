# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes to the host's own configuration files, whole files at a time."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan


@dataclass(frozen=True)
class WriteFile(Change):
    """Write a file; ``subject`` is its path, ``old`` what it holds now (None: there is none)."""

    content: str
    mode: int
    uid: int = 0
    gid: int = 0
    old: Optional[str] = None
    what: str = ""

    def describe(self) -> str:
        if self.what:
            return f"{self.what} in {self.subject}"
        return f"{'create' if self.old is None else 'update'} {self.subject}"

    def apply(self, host: Host) -> None:
        # A symbolic link (an administrator's /etc in a repository, say) stays one.
        host.write(os.path.realpath(self.subject), self.content, mode=self.mode, uid=self.uid, gid=self.gid)


@dataclass(frozen=True)
class SetMode(Change):
    """Set a file's or directory's permission bits."""

    mode: int

    def describe(self) -> str:
        return f"set the mode of {self.subject} to {self.mode:04o}"

    def apply(self, host: Host) -> None:
        host.chmod(self.subject, self.mode)


@dataclass(frozen=True)
class MakeDirectory(Change):
    """Make a directory, its parents as well."""

    mode: int

    def describe(self) -> str:
        return f"make directory {self.subject}"

    def apply(self, host: Host) -> None:
        host.mkdir(self.subject, self.mode, parents=True)


@dataclass(frozen=True)
class MakeLink(Change):
    """Make a symbolic link; ``subject`` is its path."""

    target: str

    def describe(self) -> str:
        return f"link {self.subject} to {self.target}"

    def apply(self, host: Host) -> None:
        host.symlink(self.target, self.subject)


@dataclass(frozen=True)
class RemoveFile(Change):
    """Remove a file or a symbolic link."""

    def describe(self) -> str:
        return f"remove {self.subject}"

    def apply(self, host: Host) -> None:
        host.unlink(self.subject)


@dataclass(frozen=True)
class RemoveDirectory(Change):
    """Remove an empty directory."""

    def describe(self) -> str:
        return f"remove directory {self.subject}"

    def apply(self, host: Host) -> None:
        host.rmdir(self.subject)


def plan_edit(host: Host, plan: Plan, path: str, old: Optional[str], new: str, what: str = "") -> None:
    """Plan that an edited file is written, with the mode and owner it has; a new one is 0644 root:wheel."""
    if new == (old or ""):
        return
    status = host.stat(path)
    mode, uid, gid = (0o644, 0, 0) if status is None else (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    plan.add(WriteFile(path, new, mode, uid, gid, old, what))
    plan.before[path], plan.after[path] = old or "", new


def plan_file(host: Host, plan: Plan, path: str, content: str, mode: int) -> None:
    """Plan that a file of ours has exactly this content and mode."""
    old = host.read(path)
    status = host.stat(path)
    if old != content:
        plan.add(WriteFile(path, content, mode, old=old))
        plan.before[path], plan.after[path] = old or "", content
    elif status is not None and stat.S_IMODE(status.st_mode) != mode:
        plan.add(SetMode(path, mode))


def plan_removal(host: Host, plan: Plan, path: str) -> None:
    """Plan that there is no such file."""
    old = host.read(path)
    if old is not None:
        plan.add(RemoveFile(path))
        plan.before[path], plan.after[path] = old, ""


def plan_link(host: Host, plan: Plan, path: str, target: str) -> None:
    """Plan that a symbolic link of ours leads to ``target``; UnknownState when something else is in its place."""
    old = host.readlink(path)
    if old != target:
        plan.add(MakeLink(path, target))
        plan.before[path], plan.after[path] = old or "", target


def plan_directory(host: Host, plan: Plan, path: str, mode: int) -> None:
    """Plan that a directory of ours exists with this mode; UnknownState when something else is in its place."""
    status = host.stat(path)
    if status is None:
        plan.add(MakeDirectory(path, mode))
    elif not stat.S_ISDIR(status.st_mode):
        raise UnknownState(f"{path} should be a directory and is something else; move it away")
    elif stat.S_IMODE(status.st_mode) != mode:
        plan.add(SetMode(path, mode))
