# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ppt_device does between its options and its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils import allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock_unless
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import IFCONFIG, parse_ifconfig
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru import loader, use
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import read_devices
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.options import Request
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.plan import (
    AMD,
    INTEL,
    Kernel,
    State,
    Step,
    entry_of,
    loader_goal,
    plan_device,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.places import ALLOCATIONS
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Outcome, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.results import entry_of as entry_with
from ansible_collections.apiary.bhyve.plugins.module_utils.results import failed_part
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.labels import read_labels
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.mounts import read_mounts, read_pool_members
from ansible_collections.apiary.bhyve.plugins.module_utils.system import lines
from ansible_collections.apiary.bhyve.plugins.module_utils.system.files import plan_edit
from ansible_collections.apiary.bhyve.plugins.module_utils.system.kld import read_modules
from ansible_collections.apiary.bhyve.plugins.module_utils.system.sysctl import read_sysctls

_DEVINFO = ("devinfo",)
_CAMCONTROL = ("camcontrol", "devlist", "-v")
_GEOM = ("geom", "disk", "list")
_ACPIDUMP = ("acpidump", "-t")
_KENV = ("kenv",)
_DMESG_BOOT = "/var/run/dmesg.boot"
#: The first is one that every kernel knows.
_VARIABLES = ("kern.osreldate", "hw.vmm.ppt.devices", "hw.vmm.iommu.enable", loader.AMD)
_ZFS = "zfs"

#: Says which guests have which devices, by place: "guest web1".
Users = Callable[[Host], Mapping[str, Sequence[str]]]


@dataclass
class Report:
    """What was planned and what became of it; ``outcome`` is that of check mode where nothing was done."""

    plan: Plan
    outcome: Outcome
    state: State
    steps: List[Step] = field(default_factory=list)

    @property
    def warnings(self) -> List[str]:
        return [warning for step in self.steps for warning in step.warnings]


def manage(host: Host, requests: Sequence[Request], users: Users, check_mode: bool) -> Report:
    """Reserve devices and give them back; in check mode only say what would be done.

    BadInput, UnknownState or CommandError before the first change; after it a device that fails is in the outcome and
    the others go on.
    """
    with host_lock_unless(check_mode or not requests, host):
        report = _plan(host, requests, users)
        if not check_mode:
            report.outcome = report.plan.apply(host)
    return report


def read_state(host: Host, users: Users) -> State:
    """Everything that a decision needs, with a constant number of commands."""
    devices = read_devices(host)
    tree = use.parse_tree(host.run(_DEVINFO, what="cannot list the devices").stdout)
    network = host.run(IFCONFIG, what="cannot list the network interfaces").stdout
    modules = read_modules(host)
    variables = read_sysctls(host, _VARIABLES)
    tables = host.run(_ACPIDUMP, what="cannot read the firmware's tables").stdout
    kenv = host.run(_KENV, what="cannot read the kernel's environment").stdout
    kernel = Kernel(
        vmm="ppt" in modules,
        told=loader.in_kernel(kenv),
        attached=set(tree),
        variables=variables,
        iommu=next((name for name in (INTEL, AMD) if any(_is_table(line, name) for line in tables.splitlines())), ""),
    )
    facts = use.Facts(
        below=tree,
        disks=use.parse_disks(host.run(_CAMCONTROL, what="cannot list the disks").stdout),
        modes=use.parse_modes(host.run(_GEOM, what="cannot list the disks").stdout),
        interfaces=parse_ifconfig(network),
        riders=use.parse_riders(network),
        switches=_uplinks(host),
        mounts=read_mounts(host),
        members=read_pool_members(host) if _ZFS in modules else [],
        labels=read_labels(host),
        boot_video=use.boot_video(host.read(_DMESG_BOOT) or ""),
    )
    return State(devices, loader.read_loader(host), kernel, facts, users(host))


def _is_table(line: str, name: str) -> bool:
    return line.strip().startswith(f"{name}:")


def _uplinks(host: Host) -> Dict[str, List[str]]:
    """The switches by their uplink, as they are declared: at boot it will be one, whatever it is now."""
    found: Dict[str, List[str]] = {}
    for name, switch in allocations.load(host.read(ALLOCATIONS), ALLOCATIONS).switches.items():
        uplink = switch.get("uplink")
        if isinstance(uplink, str) and uplink:
            found.setdefault(uplink, []).append(name)
    return found


def _plan(host: Host, requests: Sequence[Request], users: Users) -> Report:
    state = read_state(host, users)
    going = {request.place for request in requests if request.present}
    steps = [plan_device(request, state, going) for request in requests]
    plan = Plan()
    goal = loader_goal(steps, state)
    text = state.loader.text
    new = lines.edit(text or "", goal, quoted=True)
    plan_edit(host, plan, loader.LOADER_CONF, text, new, lines.differences(text or "", goal))
    for step in steps:
        selector = step.entry["selector"]
        plan.before[selector] = _look(step.request, state)
        plan.after[selector] = _shown(step.entry)
        # What could not be written for the boot is not done now either, so that both stay alike.
        plan.needs[selector] = (loader.LOADER_CONF,) if step.request.at_boot else ()
        if step.change is not None:
            plan.add(step.change)
    return Report(plan, Outcome(plan.descriptions()), state, steps)


def _look(request: Request, state: State) -> Dict[str, Any]:
    device = state.devices.get(request.place)
    now = device is not None and state.is_ppt(device)
    return _shown(entry_of(request.place, device, state, now, request.place in state.loader.places))


def _shown(entry: Mapping[str, Any]) -> Dict[str, Any]:
    return {key: entry[key] for key in ("reserved_now", "reserved_at_boot", "pending", "driver") if key in entry}


def _written(step: Step, report: Report, outcome: Outcome) -> bool:
    """Whether loader.conf was changed for this device."""
    before = step.request.place in report.state.loader.places
    return loader.LOADER_CONF in outcome.done and before != step.entry["reserved_at_boot"]


def result_of(host: Host, report: Report, users: Users, check_mode: bool, with_diff: bool) -> Dict[str, Any]:
    """The module's result: the devices of the task, or all of them if it named none."""
    outcome = report.outcome
    state = report.state
    unread = ""
    if not check_mode and (outcome.changed or outcome.failed):
        try:
            state = read_state(host, users)
        except ApiaryError as error:
            unread = str(error)
    fresh = state is not report.state
    entries: List[Dict[str, Any]] = []
    for step in report.steps:
        entry = dict(step.entry)
        if fresh:
            place = step.request.place
            device = state.devices.get(place)
            now = device is not None and state.is_ppt(device)
            entry = entry_of(place, device, state, now, place in state.loader.places)
        entry = entry_with(entry, str(entry["selector"]), outcome)
        entry["changed"] = entry["changed"] or _written(step, report, outcome)
        entries.append(entry)
    if not report.steps:
        entries = [
            entry_of(place, device, state, state.is_ppt(device), place in state.loader.places)
            for place, device in state.devices.items()
        ]
    result: Dict[str, Any] = {"changed": outcome.changed, "devices": entries, "changes": outcome.done}
    result["pending"] = [str(entry["selector"]) for entry in entries if entry["pending"]]
    if with_diff:
        result["diff"] = report.plan.diff()
    if outcome.failed:
        result.update(failed_part(outcome))
    elif unread:
        result["failed"] = True
        result["msg"] = f"all was done, but how the devices are now could not be read: {unread}"
    return result
