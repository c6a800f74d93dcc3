# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Planning a host without Apiary: what preparing it made goes, guests' data never."""

from __future__ import annotations

from typing import Dict, List, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils import allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import (
    ALLOCATIONS,
    CAPABILITIES,
    CONF,
    LINK,
    LOGS,
    MADE,
    NETWORK,
    NETWORK_RC_SCRIPT,
    NEWSYSLOG,
    PF,
    RC_SCRIPT,
    RUNTIME,
    RUNTIME_PARTS,
    STATE,
    SWITCHES,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.system import lines, made
from ansible_collections.apiary.bhyve.plugins.module_utils.system.files import (
    RemoveDirectory,
    RemoveFile,
    plan_edit,
    plan_removal,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.system.prepare import (
    DEFAULT_ROOT,
    LOADER_CONF,
    SYSCTL_CONF,
    guests_in,
    read_conf,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.system.rc import (
    Wanted,
    edit_list,
    plan_variables,
    read_values,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.system.root import DestroyRoot, read_root


def plan_removed(host: Host, plan: Plan) -> None:
    """Plan that our files go and other files are as before; BadInput while there are guests or switches.

    The root dataset or directory goes only if preparing made it and nothing is in it. Loaded kernel modules and kernel
    variables stay as they are until the next boot: other programs may have come to rely on them.
    """
    root = read_conf(host).get("apiary_root", DEFAULT_ROOT)
    guests = guests_in(host, root)
    if guests:
        raise BadInput(
            f"this host still has guests ({', '.join(guests)}); remove them first, with bhyve_vm state: absent"
        )
    switches = allocations.load(host.read(ALLOCATIONS), ALLOCATIONS).switches
    if switches:
        raise BadInput(
            f"this host still has switches ({', '.join(sorted(switches))}); remove them first, with bhyve_switch "
            "state: absent"
        )
    record = made.read_made(host)
    _plan_boot(host, plan, record)
    for path in (RC_SCRIPT, NETWORK_RC_SCRIPT, RUNTIME, NETWORK, *RUNTIME_PARTS, NEWSYSLOG, CONF, CAPABILITIES):
        plan_removal(host, plan, path)
    plan_removal(host, plan, ALLOCATIONS)
    if host.readlink(LINK) == RUNTIME:
        plan.add(RemoveFile(LINK))
        plan.before[LINK], plan.after[LINK] = RUNTIME, ""
    _plan_root(host, plan, record)
    # On a host where we were the first to have a file there, its directory is ours as well.
    folder, _slash, file = NEWSYSLOG.rpartition("/")
    if host.listdir(folder) == [file]:
        plan.add(RemoveDirectory(folder))
    _plan_switches(host, plan)
    if host.listdir(LOGS) == []:
        plan.add(RemoveDirectory(LOGS))
    plan_removal(host, plan, MADE)
    ours = {path.rpartition("/")[2] for path in (CAPABILITIES, ALLOCATIONS, MADE)}
    left = host.listdir(STATE)
    if left is not None and ours.issuperset(left):
        plan.add(RemoveDirectory(STATE))


def _plan_switches(host: Host, plan: Plan) -> None:
    """The directories that files of switches were in, as far as nothing else is."""
    left = [path for path in (PF, SWITCHES) if host.listdir(path) == []]
    above = SWITCHES.rpartition("/")[0]
    there = host.listdir(above)
    if there is not None and {f"{above}/{name}" for name in there} == set(left):
        left.append(above)
    for path in left:
        plan.add(RemoveDirectory(path))


def _plan_boot(host: Host, plan: Plan, record: made.Made) -> None:
    for path, noted, quoted in ((SYSCTL_CONF, record.sysctl, False), (LOADER_CONF, record.loader, True)):
        text = host.read(path)
        goal = made.take_back(noted, dict(lines.values(text or "")))
        new = lines.edit(text or "", goal, quoted)
        plan_edit(host, plan, path, text, new, lines.differences(text or "", goal))
    if not record.rc and not record.kld_list:
        return
    read = read_values(host, ["kld_list", *record.rc])
    goals: Dict[str, Optional[str]] = made.take_back(record.rc, read.values)
    goals["kld_list"] = edit_list(read.values["kld_list"] or "", " ".join(record.kld_list), remove=True)
    wanted: List[Wanted] = []
    for name, value in goals.items():
        unset = value is None or value == (read.defaults[name] or "")
        wanted.append(Wanted(name, state="absent") if unset else Wanted(name, value or ""))
    plan_variables(host, plan, wanted)


def _plan_root(host: Host, plan: Plan, record: made.Made) -> None:
    if not record.directory or host.listdir(record.directory):
        return
    if not record.dataset:
        if host.stat(record.directory) is not None:
            plan.add(RemoveDirectory(record.directory))
    elif list(read_root(host, record.dataset)) == [record.dataset]:
        plan.add(DestroyRoot(record.dataset))
        plan.before[record.dataset], plan.after[record.dataset] = {"mountpoint": record.directory}, {}
