# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exports by NFS on a host: read, planned, changed, and looked at whether mountd(8) took them."""

from __future__ import annotations

import os
import pwd
import re
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Set, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.boot import messages
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.exports import conf
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.exports.options import PATH, Export, Task, users_of
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.rc_values import is_yes
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.mounts import Mount, read_mounts
from ansible_collections.apiary.bhyve.plugins.module_utils.system.files import plan_edit
from ansible_collections.apiary.bhyve.plugins.module_utils.system.rc import Values, Wanted, plan_read, read_values
from ansible_collections.apiary.bhyve.plugins.module_utils.system.services import is_running
from ansible_collections.apiary.bhyve.plugins.module_utils.waiting import attempts

_ENABLES = ("rpcbind_enable", "mountd_enable", "nfs_server_enable")
#: The servers, as the plan names them.
_SERVERS = "nfsd"
#: Seconds in which mountd(8) has to have taken its file; names of clients are looked up in DNS meanwhile.
_PATIENCE = 20.0


@dataclass(frozen=True)
class Facts:
    """The host as it is."""

    text: Optional[str]
    mounts: Tuple[Mount, ...]
    variables: Values
    mountd: bool
    nfsd: bool

    def system_of(self, path: str) -> str:
        """The mount point of the file system that a directory is on."""
        inside = [one.point for one in self.mounts if (path + "/").startswith(one.point.rstrip("/") + "/")]
        return max(inside, key=len, default="/")

    def enabled(self, name: str) -> bool:
        return is_yes(self.variables.values[name])


def read(host: Host) -> Facts:
    """With four commands, however many exports there are."""
    return Facts(
        host.read(PATH),
        tuple(read_mounts(host)),
        read_values(host, list(_ENABLES)),
        is_running(host, "mountd"),
        is_running(host, "nfsd"),
    )


@dataclass(frozen=True)
class Servers(Change):
    """Have rc(8) start, stop or reload the servers, and see that mountd(8) exports what it should."""

    commands: Tuple[Tuple[str, str], ...]
    exports: Tuple[Export, ...] = ()

    def describe(self) -> str:
        return ", ".join(f"{action} {name}" for name, action in self.commands)

    def apply(self, host: Host) -> None:
        start = messages.position(host)
        for name, action in self.commands:
            host.run(["service", name, f"one{action}"], what=f"cannot {action} {name}", timeout=60)
        if self.exports:
            _wait(host, self.exports, start)


def _wait(host: Host, exports: Sequence[Export], start: int) -> None:
    """Poll until mountd(8) exports all; ApiaryError with what it has said to syslogd(8) of ours."""
    wanted = {path for export in exports for path in export.paths}
    names = wanted.union(*(export.clients for export in exports), users_of(list(exports)))
    missing: Set[str] = set()
    for _attempt in attempts(_PATIENCE):
        told = [line for line in messages.since(host, start, "mountd") if _about(line, names)]
        if told:
            raise ApiaryError(f"mountd does not take {PATH} as it is: {'; '.join(told)}")
        missing = wanted - _exported(host)
        if not missing:
            return
        if not is_running(host, "mountd"):
            raise ApiaryError(f"mountd has ended{messages.said_by(host, 'mountd')}")
    said = messages.said_by(host, "mountd")
    raise ApiaryError(f"mountd does not export {', '.join(sorted(missing))} after {_PATIENCE:g} s{said}")


def _about(line: str, names: Set[str]) -> bool:
    """Whether what mountd(8) said is about ours: it says the same of the administrator's lines at each reload."""
    words = re.split(r"[\s':,]+", line)
    return line.startswith(("bad ", "can't change attributes", "unknown user")) and bool(names & set(words))


def _exported(host: Host) -> Set[str]:
    """The directories that mountd(8) exports now."""
    result = host.run(["showmount", "-e"], what="cannot ask what is exported", accept=(0, 1), timeout=15)
    return {line.split()[0] for line in result.stdout.splitlines()[1:] if line.startswith("/")}


def check(task: Task, facts: Facts, text: str, check_mode: bool) -> None:
    """What can be told before anything changes. BadInput."""
    present = [one for one in task.exports if one.present]
    for user, where in users_of(present).items():
        try:
            pwd.getpwnam(user)
        except KeyError:
            raise BadInput(f"{where}: the host has no user {user}, and mountd(8) would export all the same") from None
    for export in present:
        systems = {facts.system_of(path) for path in export.paths}
        if len(systems) > 1:
            raise BadInput(f"{export.name}: paths: they are on {len(systems)} file systems, which need an export each")
        # In check mode what would be made by tasks before this one is not there.
        for path in () if check_mode else export.paths:
            if not os.path.isdir(path) or os.path.realpath(path) != path:
                raise BadInput(f"{export.name}: paths: {path} is no directory, or behind a symbolic link")
        if export.alldirs and not check_mode and facts.system_of(export.paths[0]) != export.paths[0]:
            raise BadInput(
                f"{export.name}: alldirs: {export.paths[0]} is no mount point, so it would count for nothing"
            )
    conf.check(text, facts.system_of, present)


def plan(host: Host, task: Task, check_mode: bool) -> Plan:
    """Read the host and plan the task. BadInput, UnknownState, CommandError."""
    facts = read(host)
    old = facts.text or ""
    text = conf.edit(old, task.exports)
    check(task, facts, text, check_mode)
    made = Plan()
    plan_edit(host, made, PATH, facts.text, text, _told(old, task.exports))
    if facts.text is None and task.enabled and not made.changes:
        raise BadInput(f"enabled: without {PATH} mountd(8) does not start; export something")
    wanted = _variables(task, facts)
    if wanted:
        plan_read(host, made, wanted, facts.variables)
    commands = _commands(task, facts, text != old)
    if commands:
        subjects = tuple(made.descriptions())
        ends = task.enabled is False
        exports = () if ends else tuple(one for one in task.exports if one.present)
        made.add(Servers(_SERVERS, tuple(commands), exports))
        made.needs[_SERVERS] = subjects
        made.before[_SERVERS] = {"mountd": facts.mountd, "nfsd": facts.nfsd}
        after: Dict[str, object] = {"mountd": not ends, "nfsd": not ends if task.enabled is not None else facts.nfsd}
        made.after[_SERVERS] = after
    return made


def _told(text: str, exports: Sequence[Export]) -> str:
    known = {line.name for line in conf.lines(text)}
    words = []
    for one in exports:
        if conf.edit(text, [one]) != text:
            words.append(f"{'remove' if not one.present else 'change' if one.name in known else 'add'} {one.name}")
    return ", ".join(words)


def _variables(task: Task, facts: Facts) -> List[Wanted]:
    """What rc.conf has to say. rpcbind(8) is others' as well: it is switched on, never off."""
    if task.enabled is None:
        return []
    names = _ENABLES if task.enabled else _ENABLES[1:]
    value = "YES" if task.enabled else "NO"
    return [Wanted(name, value) for name in names if facts.enabled(name) != task.enabled]


def _commands(task: Task, facts: Facts, changed: bool) -> List[Tuple[str, str]]:
    """What rc(8) has to do: nfsd brings mountd and rpcbind along."""
    if task.enabled is False:
        return [(name, "stop") for name, runs in (("nfsd", facts.nfsd), ("mountd", facts.mountd)) if runs]
    found = []
    if task.enabled and not facts.mountd:
        found.append(("mountd", "start"))
    elif facts.mountd and changed:
        found.append(("mountd", "reload"))
    if task.enabled and not facts.nfsd:
        found.append(("nfsd", "start"))
    return found
