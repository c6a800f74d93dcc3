# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what a task asks for and what is, to what is done of each device. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru import loader
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import PPT, Device, known, selector_of
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.options import Request
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.use import Facts, Use, siblings, use_of
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change

#: What `devctl clear driver` says when it is done and no driver of the host takes the device.
_NO_DRIVER = "Device not configured"
#: An IOMMU's table in the firmware: Intel's and AMD's (acpidump(8)).
INTEL, AMD = "DMAR", "IVRS"


@dataclass(frozen=True)
class Take(Change):
    """Give a device to ppt(4) now; ``subject`` is its selector. ``fixed``: it is ppt's already and only detached."""

    fixed: bool = False

    def describe(self) -> str:
        return f"give {self.subject} to {PPT} now"

    def apply(self, host: Host) -> None:
        argv = (
            ["devctl", "attach", self.subject] if self.fixed else ["devctl", "set", "driver", "-f", self.subject, PPT]
        )
        host.run(
            argv,
            what=f"cannot give {self.subject} to {PPT}",
            hint="its driver does not let go of it now; with when: boot it is reserved at the next boot",
        )


@dataclass(frozen=True)
class Return(Change):
    """Take a device from ppt(4) now and let the kernel give it to its own driver."""

    def describe(self) -> str:
        return f"give {self.subject} back to the host now"

    def apply(self, host: Host) -> None:
        argv = ["devctl", "clear", "driver", "-f", self.subject]
        what = f"cannot take {self.subject} from {PPT}"
        done = host.run(argv, what=what, accept=(0, 1))
        if done.rc == 1 and not done.stderr.rstrip().endswith(_NO_DRIVER):
            raise CommandError(what, done.argv, done.rc, done.stdout, done.stderr, "a guest that runs may have it")


@dataclass(frozen=True)
class Kernel:
    """The running kernel. ``vmm``: ppt(4) is in it; ``told``: the devices that the loader told it; ``attached``: names.

    ``variables`` are those of vmm(4); ``iommu`` is the firmware's table of an IOMMU, '' for none.
    """

    vmm: bool
    told: Sequence[str]
    attached: Set[str]
    variables: Mapping[str, str]
    iommu: str


@dataclass(frozen=True)
class State:
    """All that was read."""

    devices: Mapping[str, Device]
    loader: loader.Loader
    kernel: Kernel
    facts: Facts
    guests: Mapping[str, Sequence[str]]

    def is_ppt(self, device: Device) -> bool:
        """Whether ppt(4) has the device now."""
        return device.driver == PPT and device.name in self.kernel.attached


@dataclass
class Step:
    """What is done for one device: ``change`` now, and how it is afterwards."""

    request: Request
    change: Optional[Change] = None
    entry: Dict[str, Any] = field(default_factory=dict)
    warnings: List[str] = field(default_factory=list)


def plan_device(request: Request, state: State, going: Set[str]) -> Step:
    """Judge one request; ``going`` are the places that the task reserves. BadInput when it cannot be."""
    step = Step(request)
    device = state.devices.get(request.place)
    if request.present:
        device = known(request.place, state.devices, "selector")
        _check_possible(device, state)
        step.change = _taken(request, device, state)
        if step.change is not None or request.place not in state.loader.places:
            step.warnings += _shared(device, state, going)
    else:
        _check_guests(request, state)
        step.change = _returned(request, device, state) if device is not None else None
    now = device is not None and state.is_ppt(device)
    now = request.present if step.change is not None else now
    boot = request.present if request.at_boot else request.place in state.loader.places
    step.entry = entry_of(request.place, device, state, now, boot)
    return step


def _check_possible(device: Device, state: State) -> None:
    """BadInput for what no guest can have on this host."""
    at = f"selector: {device.selector}"
    if not device.is_endpoint:
        raise BadInput(
            f"{at} is a bridge ({device.device or device.kind}); only what is behind it can be passed through"
        )
    if device.cls >> 16 == 0x06:
        raise BadInput(
            f"{at} ({device.device or device.kind}) is part of the host's own board and cannot be given away"
        )
    used = _use(device, state).by
    if used:
        raise BadInput(f"{at} ({device.name}) is in use by this host: {'; '.join(used)}; free it first")
    if not device.capabilities:
        raise BadInput(
            f"{at} ({device.device or 'unknown'}) has no capabilities, neither MSI nor MSI-X; bhyve(8) can give a "
            "guest no interrupts of it"
        )
    if not state.kernel.iommu:
        raise BadInput(
            f"{at}: this host has no IOMMU (its firmware has neither a DMAR nor an IVRS table, acpidump -t); without "
            "one no device can be passed through: switch VT-d or AMD-Vi on in the firmware's setup"
        )
    if _wanted_variable("hw.vmm.iommu.enable", state, "1") == "0":
        raise BadInput(f"{at}: hw.vmm.iommu.enable is 0, so vmm(4) leaves the IOMMU alone; take it out of loader.conf")


def _wanted_variable(name: str, state: State, default: str) -> str:
    """A variable of vmm(4) as the next boot will have it."""
    return state.loader.values.get(name, state.kernel.variables.get(name, default))


def _waits(device: Device, state: State) -> List[str]:
    """Why a device cannot be taken without a boot."""
    reasons: List[str] = list(_use(device, state).waits)
    if not state.kernel.vmm:
        reasons.append("the driver ppt is not in the kernel (kldload vmm)")
    if state.kernel.iommu == AMD and state.kernel.variables.get(loader.AMD, "0") == "0":
        reasons.append(f"{loader.AMD} is 0 in the running kernel")
    return reasons


def _use(device: Device, state: State) -> Use:
    return use_of(device, state.facts) if device.driver != PPT else Use()


def _taken(request: Request, device: Device, state: State) -> Optional[Change]:
    if not request.now or state.is_ppt(device):
        return None
    waits = _waits(device, state)
    if waits and not request.at_boot:
        raise BadInput(f"selector: {device.selector}: when: now cannot be: {'; '.join(waits)}; use both or boot")
    return None if waits else Take(device.selector, device.driver == PPT)


def _returned(request: Request, device: Device, state: State) -> Optional[Change]:
    if not request.now or device.driver != PPT:
        return None
    if request.place in state.kernel.told:
        if not request.at_boot:
            raise BadInput(
                f"selector: {device.selector}: when: now cannot be: the kernel was told of it by the loader and would "
                f"give it to {PPT} again; use both or boot"
            )
        return None
    return Return(device.selector)


def _check_guests(request: Request, state: State) -> None:
    users = state.guests.get(request.place, ())
    if users:
        raise BadInput(
            f"selector: {selector_of(request.place)} is passed through to {', '.join(users)}; take it out of "
            "the guest's passthru first"
        )


def _shared(device: Device, state: State, going: Set[str]) -> List[str]:
    """FreeBSD knows no IOMMU groups: nobody but the administrator keeps the functions of one device together."""
    reserved = {*going, *state.loader.places, *(one.place for one in state.devices.values() if one.driver == PPT)}
    rest = siblings(device, state.devices.values(), reserved)
    if not rest:
        return []
    names = ", ".join(f"{one.selector} ({one.name or 'no driver'})" for one in rest)
    return [
        f"{device.selector}: {names} is of the same device and stays with the host; where its functions are not "
        "isolated from each other (PCIe ACS) or are reset together, reserve them all"
    ]


def entry_of(place: str, device: Optional[Device], state: State, now: bool, boot: bool) -> Dict[str, Any]:
    """A device in the module's result."""
    entry: Dict[str, Any] = {
        "selector": selector_of(place),
        "pptdev": place,
        "reserved_now": now,
        "reserved_at_boot": boot,
        "pending": "reboot" if now != boot and (boot or place in state.kernel.told) else "",
        "vms": list(state.guests.get(place, ())),
    }
    if device is None:
        return entry
    use = _use(device, state)
    return {
        **entry,
        "driver": PPT if now else "" if device.driver == PPT else device.driver,
        "name": device.name if now == (device.driver == PPT) else "",
        "vendor": device.vendor,
        "device": device.device,
        "class": device.kind,
        "subclass": device.subkind,
        "vendor_id": device.vendor_id,
        "device_id": device.device_id,
        "sr_iov": device.sr_iov,
        "used_by": [] if now else list(use.by),
    }


def loader_goal(steps: Sequence[Step], state: State) -> Dict[str, Optional[str]]:
    """What has to change in loader.conf. BadInput when there is no room, or another file has the say."""
    concerned = [step.request for step in steps if step.request.at_boot]
    add = [request.place for request in concerned if request.present]
    goal = loader.edited(state.loader.values, add, [request.place for request in concerned if not request.present])
    if goal:
        loader.check_elsewhere(state.loader)
    if add:
        needed = {loader.VMM: "YES", **({loader.AMD: "1"} if state.kernel.iommu == AMD else {})}
        for name, value in needed.items():
            if state.loader.values.get(name, "").lower() != value.lower():
                goal[name] = value
    return goal
