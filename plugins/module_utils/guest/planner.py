# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planner: from what is wanted and what is, the changes in between. It starts no command and touches no file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.allocations import Allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import changes, config, rcfile, record, view
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.absent import plan_absent
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.allocator import Allocator
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.state import RESUME
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones import cloning
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.dependents import Needs, destroy_needs, in_order
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.steps import destroyed_disks, disk_steps
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.keys import unknown_keys
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.looks import after_view, before_view, pending_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import FORMER
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.moves import tap_changes
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.outlets import outlets_of
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plug_checks import check_plugs
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plugs import (
    TAP,
    Outlet,
    Plug,
    held_ports,
    plugs_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.order import shutdown_seconds
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe import scripts
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.renames import renaming
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.plan import ReservationPlan
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.validate import guests_after, validate
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.wired import Wish, check_wired
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Outcome, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import parse_size


@dataclass
class GuestPlan:
    """What happens to one guest: stop, changes, start, in this order.

    ``adopt``: it runs, but nobody supervises it any more; the runtime's start takes it on. ``awaits``: somebody else
    is about to start or to stop it; the runtime's start waits for what comes of that. ``slots``: where its devices sit
    on its PCI bus, those that it loses included. ``reservations``: what is done about them, after its changes.
    """

    name: str
    changes: List[Change] = field(default_factory=list)
    stop: bool = False
    start: bool = False
    adopt: bool = False
    awaits: bool = False
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    entry: Dict[str, Any] = field(default_factory=dict)
    slots: Mapping[str, str] = field(default_factory=dict)
    reservations: Sequence[str] = ()

    @property
    def changed(self) -> bool:
        return bool(self.changes or self.reservations) or self.stop or self.start or self.adopt

    def describe(self) -> List[str]:
        """The steps for humans, in order."""
        steps = [*(change.describe() for change in self.changes), *self.reservations]
        return [*(["stop"] if self.stop else []), *steps, *([self.start_step] if self.start_step else [])]

    @property
    def start_step(self) -> str:
        """What the runtime's start does for this guest, '' if it has nothing to do."""
        if self.start:
            return "start"
        return "put under supervision again" if self.adopt else ""


@dataclass
class FleetPlan:
    """What happens to all guests of a task, in its order.

    ``needs``: for a guest those whose clones of its disks have to be destroyed before it.
    """

    guests: List[GuestPlan]
    warnings: List[str] = field(default_factory=list)
    shutdown_seconds: int = 0
    needs: Needs = field(default_factory=dict)
    reservations: ReservationPlan = field(default_factory=ReservationPlan)

    @property
    def changed(self) -> bool:
        return any(one.changed for one in self.guests)

    @property
    def stops(self) -> List[str]:
        return [one.name for one in self.guests if one.stop]

    @property
    def starts(self) -> List[str]:
        return [one.name for one in self.guests if one.start or one.adopt]

    @property
    def awaits(self) -> List[str]:
        return [one.name for one in self.guests if one.awaits]

    def plan(self) -> Plan:
        """The changes of all guests, clones first, with how each looks before and after."""
        plan = Plan(needs=dict(self.needs))
        guests = {one.name: one for one in self.guests}
        for name in in_order(list(guests), self.needs):
            one = guests[name]
            for change in one.changes:
                plan.add(change)
            plan.before[one.name] = one.before
            plan.after[one.name] = one.after
        return plan

    def apply(self, host: Host) -> Outcome:
        """Make the guests' changes, then those of their reservations."""
        outcome = self.plan().apply(host)
        self.reservations.apply(host, outcome)
        return outcome

    def foretold(self) -> Outcome:
        """What becomes of it when nothing fails."""
        done = {one.name: one.describe() for one in self.guests}
        return Outcome({**done, **self.reservations.descriptions()})

    def diff(self) -> List[Dict[str, str]]:
        """Ansible's diff: the guests, and the files of the DHCP server."""
        return [*self.plan().diff(), *self.reservations.plan.diff()]


@dataclass(frozen=True)
class _Files:
    """What a guest's next boot generation holds."""

    keys: config.Keys
    variables: rcfile.Variables
    conf: str
    rc: str


def plan_fleet(desired: Sequence[Desired], observed: Observed, stopped: FrozenSet[str] = frozenset()) -> FleetPlan:
    """Plan a task. ``stopped``: guests that this task has stopped already because the plan said so.

    BadInput when something cannot be; then nothing was changed.
    """
    validate(desired, observed)
    leaving = [one.name for one in desired if one.record is None]
    held = held_ports(seen.running.conf for seen in observed.guests.values() if seen.running is not None)
    allocator = Allocator(
        observed.allocations, observed.interfaces, observed.listeners, leaving, _reserved_ports(desired), held
    )
    guests: List[GuestPlan] = []
    warnings: List[str] = []
    for one in desired:
        if one.record is None:
            steps, before = plan_absent(one, observed)
            entry: Dict[str, Any] = {"name": one.name, "state": "absent"}
            # What was preserved for inspection goes with the guest; the runtime's stop clears it.
            stop = one.seen.active or one.seen.state == "preserved"
            guests.append(GuestPlan(one.name, steps, stop=stop, before=before, entry=entry))
            continue
        outlets = outlets_of(one, observed)
        check_plugs(one, outlets, observed)
        own = _allocate(one, allocator, outlets)
        plugs = plugs_of(one.name, outlets, own)
        guests.append(_plan_present(one, observed, own, plugs, one.name in stopped))
        warnings += [
            f"guest {one.name}: options: bhyve_config(5) has no key {key}; bhyve ignores unknown keys without a word"
            for key in unknown_keys(one.guest.options)
        ]
        warnings += cloning.warnings(one, observed)
        warnings += scripts.warnings(one, observed)
    starting = {one.name for one in guests if one.start}
    check_wired((_wired_of(one) for one in desired if one.name in starting), observed.wired)
    needs = destroy_needs(desired, observed)
    return FleetPlan(guests, warnings, shutdown_seconds(guests_after(desired, observed)), needs)


def _wired_of(one: Desired) -> Wish:
    """The memory that a guest wires when it starts, and that which it has wired until it stops."""
    running = one.seen.running if one.seen.pid is not None else None
    keys = config.parse(running.conf) if running is not None and running.conf is not None else {}
    size = keys.get("memory.size", "0")
    has = 0
    if keys.get("memory.wired") == "true":
        has = int(size) if size.isdigit() else parse_size(size, "memory.size")
    option = "wired" if one.guest.wired else "passthru"
    return Wish(one.name, one.guest.memory if one.guest.wires else 0, has, option)


def _reserved_ports(desired: Sequence[Desired]) -> Dict[int, str]:
    return {
        one.guest.vnc.port: one.name
        for one in desired
        if one.record is not None and one.guest.vnc is not None and one.guest.vnc.port
    }


def _allocate(one: Desired, allocator: Allocator, outlets: Mapping[str, Outlet]) -> Allocations:
    vnc = one.guest.vnc
    return Allocations(
        taps=allocator.taps(one.name, (nic for nic, outlet in outlets.items() if outlet.kind == TAP)),
        vnc={} if vnc is None else {one.name: allocator.port(one.name, vnc.port, vnc.address, one.seen.pid)},
        ports=allocator.ports(one.name, (nic for nic, outlet in outlets.items() if outlet.kind != TAP)),
    )


def _plan_present(
    one: Desired, observed: Observed, own: Allocations, plugs: Mapping[str, Plug], was_stopped: bool
) -> GuestPlan:
    if one.record is None:
        raise BadInput(f"guest {one.name}: it is to be absent")
    plan = GuestPlan(one.name, slots=_slots(one))
    files = _files(one, observed, plugs, own.vnc.get(one.name))
    pending = pending_of(one.seen.running, files.keys, files.variables) if one.seen.pid is not None else {}
    needed = any(key not in rcfile.POLICIES for key in pending)
    restart = one.request.get("restart") == "if_needed" and needed and one.state != "stopped"
    active = one.seen.active
    plan.stop = active and (one.state in ("stopped", "restarted") or restart)
    plan.start = (
        one.state == "restarted"
        or (one.state == "started" and not active)
        or restart
        or (was_stopped and one.state != "stopped")
    )
    plan.adopt = one.state == "started" and one.seen.pid is not None and not one.seen.supervised and not plan.start
    plan.awaits = one.state == "started" and one.seen.state in ("starting", "stopping") and not plan.start
    plan.changes += renaming.first_steps(one, observed)
    _add_place(plan, one, observed)
    if observed.allocations.of(one.name) != own:
        plan.changes.append(changes.Allocate(one.name, own))
    _add_record(plan, one, observed)
    plan.changes += cloning.first_steps(one, observed)
    plan.changes += disk_steps(one, observed)
    _add_variables(plan, one, observed)
    plan.changes += cloning.last_steps(one, observed)
    _add_whole_record(plan, one, observed)
    _add_generation(plan, one, observed, files)
    plan.changes += scripts.script_steps(one, observed)
    plan.changes += destroyed_disks(one, observed, plan.stop)
    if active and not plan.stop:
        plan.changes += tap_changes(one, observed, plugs)
    if plan.stop or plan.start:
        pending = {}
    run_state = "running" if plan.start else "stopped" if plan.stop else one.seen.state
    port = own.vnc.get(one.name)
    status = view.status_of(one.guest, run_state, plugs, port, pending, _expected(plan, one))
    plan.entry = {**view.options_of(one.record), "state": view.state_of(run_state), "status": status}
    plan.changes = renaming.after_others(one, plan.changes, observed)
    plan.before = renaming.before(one, before_view(one.seen), observed)
    shown_state = "running, started anew" if plan.start and plan.stop else run_state
    plan.after = after_view(one, shown_state, files.keys, files.variables, pending)
    return plan


def _slots(one: Desired) -> Dict[str, str]:
    before = one.seen.record.identity.slots if one.seen.record is not None else {}
    return {**before, **one.identity.slots}


def _files(one: Desired, observed: Observed, plugs: Mapping[str, Plug], vnc_port: Optional[int]) -> _Files:
    guest, identity, layout = one.guest, one.identity, observed.conf.layout
    code = guest.uefi_code or observed.conf.firmware_code
    keys = config.config_keys(guest, identity, layout, plugs, vnc_port, code)
    variables = rcfile.rc_variables(guest, identity, layout, observed.hostuuid, plugs)
    return _Files(keys, variables, config.render(one.name, keys), rcfile.render(one.name, variables))


def _add_place(plan: GuestPlan, one: Desired, observed: Observed) -> None:
    layout = observed.conf.layout
    if observed.with_zfs:
        dataset = layout.guest_dataset(one.name)
        if dataset not in observed.datasets:
            if one.seen.entries:
                raise BadInput(
                    f"guest {one.name}: {layout.directory(one.name)} is a directory with something in it and not the "
                    f"dataset {dataset}; move it away first"
                )
            inherited = observed.datasets[layout.dataset].value("volmode") == "dev"
            plan.changes.append(changes.CreateDataset(one.name, dataset, not inherited))
    elif not one.seen.exists:
        plan.changes.append(changes.CreateDirectory(one.name, layout.directory(one.name)))


def _add_record(plan: GuestPlan, one: Desired, observed: Observed) -> None:
    layout = observed.conf.layout
    if one.seen.record is None:
        plan.changes.append(changes.WriteFile(one.name, layout.firstboot(one.name), "", "first boot mark"))
    begun = cloning.begun_record(one, observed) or one.record
    if begun is not None and one.seen.record != begun:
        plan.changes.append(changes.WriteFile(one.name, layout.record(one.name), record.dump(begun), "record"))
        if one.seen.suspended and one.seen.former is None:
            link = f"{layout.checkpoints(one.name)}/{RESUME}"
            plan.changes.append(changes.Remove(one.name, "link to an earlier guest's memory", (link,)))
    if FORMER in one.seen.entries:
        plan.changes.append(changes.Remove(one.name, "record set aside", (layout.former(one.name),)))


def _add_whole_record(plan: GuestPlan, one: Desired, observed: Observed) -> None:
    """A clone's record, once nothing is missing."""
    begun = cloning.begun_record(one, observed)
    if begun is not None and one.record is not None and begun != one.record:
        path = observed.conf.layout.record(one.name)
        plan.changes.append(changes.WriteFile(one.name, path, record.dump(one.record), "record of the whole clone"))


def _add_variables(plan: GuestPlan, one: Desired, observed: Observed) -> None:
    if one.guest.firmware != "uefi" or "uefi-vars.fd" in one.seen.entries or cloning.brings_variables(one, observed):
        return
    template = one.guest.uefi_vars or observed.conf.firmware_vars
    path = observed.conf.layout.variables(one.name)
    plan.changes.append(changes.CopyVariables(one.name, template, path))


def _add_generation(plan: GuestPlan, one: Desired, observed: Observed, files: _Files) -> None:
    boot = one.seen.boot
    if boot is not None and (boot.conf, boot.rc) == (files.conf, files.rc):
        return
    layout = observed.conf.layout
    directory = layout.directory(one.name)
    target = f"boot.{max(one.seen.generations, default=0) + 1}"
    plan.changes.append(changes.WriteGeneration(one.name, f"{directory}/{target}", files.conf, files.rc))
    plan.changes.append(changes.SwitchBoot(one.name, layout.boot(one.name), target))
    keep = one.seen.generation if one.seen.active and not plan.stop else ""
    old = [f"{directory}/{name}" for name in one.seen.boots if name != keep]
    if old:
        plan.changes.append(changes.Remove(one.name, "old boot generations", tuple(old)))


def _expected(plan: GuestPlan, one: Desired) -> Dict[str, Any]:
    """What can be said beforehand of the generation that runs, or is next, and of the runtime's message."""
    targets = [change.target for change in plan.changes if isinstance(change, changes.SwitchBoot)]
    boot = targets[0] if targets else one.seen.boot.name if one.seen.boot is not None else None
    origin = view.origin_of(one.record)
    if plan.start or plan.stop:
        return {"boot": boot, "origin": origin}
    if one.seen.pid is not None and one.seen.generation:
        boot = one.seen.generation
    return {"boot": boot, "message": one.seen.status.get("message", ""), "origin": origin}
