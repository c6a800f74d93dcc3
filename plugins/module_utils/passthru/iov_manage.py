# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What iov_device does between its options and its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.locks import host_lock_unless
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import (
    PPT,
    Device,
    read_devices,
    selector_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.iov_options import Request, check_parameters, render
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.manage import Users
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Outcome, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.results import entry_of, failed_part
from ansible_collections.apiary.bhyve.plugins.module_utils.system import rc
from ansible_collections.apiary.bhyve.plugins.module_utils.system.files import plan_directory, plan_file, plan_removal
from ansible_collections.apiary.bhyve.plugins.module_utils.system.kld import read_modules

_FILES = "iovctl_files"
_DIRECTORY = "/etc/iov"


@dataclass(frozen=True)
class Create(Change):
    """Make a device's virtual functions; ``subject`` is the device."""

    path: str
    count: int

    def describe(self) -> str:
        return f"make {self.count} virtual functions of {self.subject}"

    def apply(self, host: Host) -> None:
        argv = ["iovctl", "-C", "-f", self.path]
        host.run(argv, what=f"cannot make the virtual functions of {self.subject}")


@dataclass(frozen=True)
class Delete(Change):
    """Destroy all virtual functions of a device: their number cannot change otherwise."""

    count: int

    def describe(self) -> str:
        return f"destroy the {self.count} virtual functions of {self.subject}"

    def apply(self, host: Host) -> None:
        argv = ["iovctl", "-D", "-d", self.subject]
        host.run(argv, what=f"cannot destroy the virtual functions of {self.subject}", hint="a guest may have one")


@dataclass
class Report:
    """What was planned and what became of it; ``outcome`` is that of check mode where nothing was done."""

    requests: Sequence[Request]
    plan: Plan
    outcome: Outcome
    devices: Mapping[str, Device]
    guests: Mapping[str, Sequence[str]]


def manage(host: Host, requests: Sequence[Request], users: Users, check_mode: bool) -> Report:
    """Make and destroy virtual functions; in check mode only say what would be done.

    BadInput, UnknownState or CommandError before the first change; after it a device that fails is in the outcome and
    the others go on.
    """
    with host_lock_unless(check_mode, host):
        report = _plan(host, requests, users)
        if not check_mode:
            report.outcome = report.plan.apply(host)
    return report


def _plan(host: Host, requests: Sequence[Request], users: Users) -> Report:
    devices = read_devices(host)
    guests = users(host)
    with_ppt = PPT in read_modules(host)
    variables = rc.read_values(host, [_FILES])
    plan = Plan()
    making: List[Request] = []
    for request in requests:
        device = _device(request, devices)
        new = host.read(request.path) != (render(request) if request.present else None)
        if request.present and device is not None:
            _check(host, request, device, with_ppt, new)
        made = device.virtual.now if device is not None else 0
        plan.before[request.device] = _entry(request, device, made, guests)
        plan.after[request.device] = _entry(request, device, request.num_vfs, guests)
        if made and (new or made != request.num_vfs):
            _check_guests(request, device, guests)
            # Before its file is written: a task that was interrupted in between finds something left to do.
            plan.add(Delete(request.device, made))
            plan.needs[request.path] = (request.device,)
            made = 0
        if request.present and not made:
            making.append(request)
    _plan_files(host, plan, requests, variables)
    _plan_making(plan, making)
    for request in requests:
        if not request.present:
            plan_removal(host, plan, request.path)
    return Report(requests, plan, Outcome(plan.descriptions()), devices, guests)


def _plan_making(plan: Plan, requests: Sequence[Request]) -> None:
    """Made once all files are written, so that now and the next boot are alike."""
    written = tuple(path for path in plan.before if path.startswith("/"))
    for request in requests:
        plan.needs[request.device] = written
        plan.add(Create(request.device, request.path, request.num_vfs))


def _plan_files(host: Host, plan: Plan, requests: Sequence[Request], variables: rc.Values) -> None:
    present = [request for request in requests if request.present]
    if present:
        plan_directory(host, plan, _DIRECTORY, 0o755)
    for request in present:
        plan_file(host, plan, request.path, render(request), 0o644)
    listed = (variables.values[_FILES] or "").split()
    gone = [request.path for request in requests if not request.present]
    goal = [path for path in listed if path not in gone]
    goal += [request.path for request in present if request.path not in listed]
    if goal != listed:
        value = " ".join(goal)
        default = value == (variables.defaults[_FILES] or "")
        rc.plan_read(
            host, plan, [rc.Wanted(_FILES, state="absent") if default else rc.Wanted(_FILES, value)], variables
        )


def _device(request: Request, devices: Mapping[str, Device]) -> Optional[Device]:
    found = next((one for one in devices.values() if one.name == request.device), None)
    if request.present and found is None:
        raise BadInput(f"device {request.device}: this host has no such PCI device; `pciconf -l` lists those it has")
    return found


def _check(host: Host, request: Request, device: Device, with_ppt: bool, new: bool) -> None:
    """BadInput for what the device cannot do."""
    at = f"device {request.device}: "
    if not device.sr_iov:
        raise BadInput(f"{at}{device.device or 'it'} has no virtual functions (SR-IOV)")
    if request.num_vfs > device.virtual.most:
        raise BadInput(f"{at}num_vfs: {request.num_vfs}; it can have {device.virtual.most} at most")
    if not with_ppt:
        raise BadInput(
            f"{at}the driver ppt is not in the kernel, so its virtual functions would be the host's own; load vmm "
            "first (bhyve_host)"
        )
    if new and request.parameters:
        argv = ["iovctl", "-S", "-d", request.device]
        what = f"cannot read which parameters the virtual functions of {request.device} have"
        check_parameters(request, host.run(argv, what=what).stdout)


def _check_guests(request: Request, device: Optional[Device], guests: Mapping[str, Sequence[str]]) -> None:
    places = device.virtual_places(device.virtual.now) if device is not None else []
    users = [f"{user} has {selector_of(place)}" for place in places for user in guests.get(place, ())]
    if users:
        raise BadInput(
            f"device {request.device}: all its virtual functions would be destroyed, and {', '.join(users)}; "
            "take them out of the guests' passthru first"
        )


def _entry(
    request: Request, device: Optional[Device], count: int, guests: Mapping[str, Sequence[str]]
) -> Dict[str, Any]:
    """A device in the module's result, with so many virtual functions."""
    places = device.virtual_places(count) if device is not None else []
    return {
        "device": request.device,
        "selector": device.selector if device is not None else "",
        "num_vfs": count,
        "max_vfs": device.virtual.most if device is not None else 0,
        "vfs": [
            {"selector": selector_of(place), "pptdev": place, "vms": list(guests.get(place, ()))} for place in places
        ],
    }


def result_of(host: Host, report: Report, check_mode: bool, with_diff: bool) -> Dict[str, Any]:
    """The module's result: the devices of the task with their virtual functions, in check mode as they would be."""
    outcome = report.outcome
    devices = report.devices
    unread = ""
    if not check_mode and (outcome.changed or outcome.failed):
        try:
            devices = read_devices(host)
        except ApiaryError as error:
            unread = str(error)
    entries: List[Dict[str, Any]] = []
    for request in report.requests:
        device = _device(Request(request.device, False), devices)
        count = device.virtual.now if device is not None and devices is not report.devices else request.num_vfs
        entries.append(entry_of(_entry(request, device, count, report.guests), request.device, outcome))
    result: Dict[str, Any] = {"changed": outcome.changed, "devices": entries, "changes": outcome.done}
    if with_diff:
        result["diff"] = report.plan.diff()
    if outcome.failed:
        result.update(failed_part(outcome))
    elif unread:
        result["failed"] = True
        result["msg"] = f"all was done, but how the devices are now could not be read: {unread}"
    return result
