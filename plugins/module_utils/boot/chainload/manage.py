# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chainload scripts on a host, read and planned. Links of ours lead to NAME.ipxe, those of guests to ./NAME.ipxe."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import Dict, Set

from ansible_collections.apiary.bhyve.plugins.module_utils.boot.chainload.options import Script, Task
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.note import SUFFIX
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.system.files import (
    MakeLink,
    RemoveFile,
    plan_directory,
    plan_file,
    plan_removal,
)

_GUESTS = "./"


@dataclass(frozen=True)
class Facts:
    """What is in the directory: files, and links with where they lead."""

    files: Set[str]
    links: Dict[str, str]


def read(host: Host, directory: str) -> Facts:
    """No command is started. UnknownState."""
    facts = Facts(set(), {})
    for name in host.listdir(directory) or ():
        status = host.lstat(f"{directory}/{name}")
        if status is None or not name.endswith(SUFFIX):
            continue
        if stat.S_ISLNK(status.st_mode):
            facts.links[name] = host.readlink(f"{directory}/{name}") or ""
        else:
            facts.files.add(name)
    return facts


def check(host: Host, task: Task, facts: Facts, check_mode: bool) -> None:
    """What can be told before anything changes. BadInput."""
    gone = {one.file for one in task.scripts if not one.present}
    for one in task.scripts:
        if one.file in facts.links and one.present:
            raise BadInput(f"{one.name}: {task.directory}/{one.file} is a link, by which a host boots another script")
        if not one.present:
            _check_unused(one, facts)
        for link in one.links:
            _check_link(task, one, link, facts, gone)
        for path in one.files if not check_mode else ():
            status = host.stat(f"{task.root}/{path}")
            if status is None or not stat.S_ISREG(status.st_mode):
                raise BadInput(f"{one.name}: files: {task.root}/{path}, which the script boots, is missing")
            if not status.st_mode & stat.S_IROTH:
                raise BadInput(
                    f"{one.name}: files: {task.root}/{path} cannot be read by everybody, so tftpd refuses it"
                )


def _check_unused(one: Script, facts: Facts) -> None:
    guests = [name[: -len(SUFFIX)] for name, to in facts.links.items() if to == f"{_GUESTS}{one.file}"]
    if guests:
        raise BadInput(f"{one.name}: guests of this host boot by it (pxe.script): {', '.join(sorted(guests))}")


def _check_link(task: Task, one: Script, link: str, facts: Facts, gone: Set[str]) -> None:
    host = link[: -len(SUFFIX)]
    if facts.links.get(link, "").startswith(_GUESTS):
        raise BadInput(f"{one.name}: hosts: {host} is a guest of this host with a script of its own (pxe.script)")
    if link in facts.files and link not in gone:
        raise BadInput(f"{one.name}: hosts: {host} has a script of its own, {task.directory}/{link}")


def plan(host: Host, task: Task, check_mode: bool) -> Plan:
    """Read the directory and plan the task. BadInput, UnknownState."""
    facts = read(host, task.directory)
    check(host, task, facts, check_mode)
    made = Plan()
    if any(one.present for one in task.scripts):
        plan_directory(host, made, task.directory, 0o755)
    wanted = {link for one in task.scripts for link in one.links}
    # What goes first: a link may take the place of a script.
    for one in sorted(task.scripts, key=lambda script: script.present):
        path = f"{task.directory}/{one.file}"
        if one.present:
            plan_file(host, made, path, one.content, 0o644)
        else:
            plan_removal(host, made, path)
        if one.hosts is not None or not one.present:
            for link in sorted(name for name, to in facts.links.items() if to == one.file and name not in wanted):
                _unlink(made, f"{task.directory}/{link}", one.file)
        for link in one.links:
            _link(made, f"{task.directory}/{link}", facts.links.get(link, ""), one.file)
    return made


def _link(made: Plan, path: str, old: str, target: str) -> None:
    if old != target:
        made.add(MakeLink(path, target))
        made.before[path], made.after[path] = f"-> {old}\n" if old else "", f"-> {target}\n"


def _unlink(made: Plan, path: str, old: str) -> None:
    made.add(RemoveFile(path))
    made.before[path], made.after[path] = f"-> {old}\n", ""
