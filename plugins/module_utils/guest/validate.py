# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be said against a task by looking at the whole host: other guests, bridges, ports, space."""

from __future__ import annotations

from typing import Dict, List, Mapping, Sequence, Set

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones import cloning
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.sizes import check_sizes, check_space
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import UNALLOCATED
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plug_checks import (
    check_host_addresses,
    check_vale_ports,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.order import circle
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.passthru import checks as passthru_checks
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.image import check_image
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.scripts import check_scripts
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.claims import check_claims
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import PATH, Disk, Guest


def needs(desired: Sequence[Desired]) -> Set[str]:
    """What has to be read beyond the usual to judge this task: see observe_more()."""
    result: Set[str] = set()
    for one in desired:
        if one.record is None:
            if one.destroy:
                result.add("disks")
            continue
        if one.guest.vnc is not None and (one.will_start or one.old is None or one.old.vnc != one.guest.vnc):
            result.add("listeners")
        if one.guest.wires and (one.will_start or one.request.get("restart") == "if_needed"):
            result.add("wired")
        if passthru_checks.to_look_at(one):
            result.add("pci")
        if (
            any(gone.destroy for gone in one.removed)
            or _goes_read_only(one)
            or any(_to_check(one, disk) for disk in one.guest.attached)
        ):
            result.add("disks")
        if any(disk.backing == PATH and disk.path.startswith("/dev/") for disk in disks_to_check(one)):
            result.add("labels")
    return result


def validate(desired: Sequence[Desired], observed: Observed) -> None:
    """Raise BadInput for the first thing that cannot be. Disks and paths are checked by disks.py."""
    after = guests_after(desired, observed)
    _check_unread(desired, observed)
    _check_macs(desired, observed)
    check_claims(desired, after)
    check_host_addresses(desired, after, observed)
    check_vale_ports(desired, after, observed)
    _check_vnc_ports(desired)
    _check_order(desired, after, observed)
    for one in desired:
        if one.record is not None:
            _check_capabilities(one, observed)
            check_sizes(one, observed)
            cloning.check(one, observed)
            check_image(one, observed)
            check_scripts(one, after, observed)
    check_space(desired, observed)
    passthru_checks.check(desired, after, observed)


def guests_after(desired: Sequence[Desired], observed: Observed) -> Dict[str, Guest]:
    """All guests that the host knows when the task is done."""
    guests = {name: seen.record.guest for name, seen in observed.guests.items() if seen.record is not None}
    for one in desired:
        if one.record is not None:
            guests[one.name] = one.record.guest
        else:
            guests.pop(one.name, None)
    return guests


def _check_unread(desired: Sequence[Desired], observed: Observed) -> None:
    """A guest whose record cannot be read has addresses that nobody knows: none is given out beside it."""
    unread = [(name, seen.error) for name, seen in observed.guests.items() if seen.error is not None]
    if not unread:
        return
    name, error = unread[0]
    for one in desired:
        if one.record is None:
            continue
        before = one.seen.record.identity.macs if one.seen.record is not None else {}
        new = [nic for nic, mac in one.identity.macs.items() if before.get(nic) != mac]
        if new:
            raise UnknownState(
                f"guest {one.name}: nic {new[0]}: whether its MAC address is free cannot be told, since guest {name} "
                f"cannot be read: {error}"
            )


def _check_macs(desired: Sequence[Desired], observed: Observed) -> None:
    ours = {one.name for one in desired}
    owners: Dict[str, str] = {}
    for name, seen in observed.guests.items():
        if seen.record is not None and name not in ours:
            for nic in seen.record.guest.nics:
                owners[seen.record.identity.macs.get(nic.name, "")] = f"guest {name}, nic {nic.name}"
    for interface in observed.interfaces.values():
        if interface.ether and not interface.is_tap:
            owners.setdefault(interface.ether.lower(), f"the host's interface {interface.name}")
    for one in desired:
        if one.record is None:
            continue
        for nic in one.guest.nics:
            mac = one.identity.macs[nic.name]
            if mac == UNALLOCATED:
                continue
            if mac in owners:
                raise BadInput(f"guest {one.name}: nic {nic.name}: mac: {mac} is the address of {owners[mac]} already")
            owners[mac] = f"guest {one.name}, nic {nic.name}"


def _check_vnc_ports(desired: Sequence[Desired]) -> None:
    owners: Dict[int, str] = {}
    for one in desired:
        if one.record is None or one.guest.vnc is None or not one.guest.vnc.port:
            continue
        port = one.guest.vnc.port
        if port in owners:
            raise BadInput(
                f"guest {one.name}: vnc.port: {port} is that of guest {owners[port]} as well; choose another, or auto"
            )
        owners[port] = one.name


def _check_order(desired: Sequence[Desired], after: Mapping[str, Guest], observed: Observed) -> None:
    for one in desired:
        if one.record is None:
            continue
        for name in one.guest.boot.after:
            error = observed.guest(name).error
            if error is not None:
                if one.old is None or name not in one.old.boot.after:
                    raise UnknownState(f"guest {one.name}: boot.after: guest {name} cannot be read: {error}")
            elif name not in after:
                raise BadInput(f"guest {one.name}: boot.after: there is no guest {name} on this host or in this task")
    for one in desired:
        path = circle(one.name, after) if one.record is not None else None
        if path:
            raise BadInput(f"guest {one.name}: boot.after: the guests wait for each other: {' -> '.join(path)}")


def _check_capabilities(one: Desired, observed: Observed) -> None:
    guest = one.guest
    most = observed.capabilities.max_cpus
    if most and guest.cpus > most and (one.old is None or one.old.cpus != guest.cpus):
        raise BadInput(
            f"guest {one.name}: cpus: {guest.cpus}; this host's bhyve gives a guest {most} at most (hw.vmm.maxcpu)"
        )
    _check_shutdown(one, observed)
    models = {"ahci" if disk.controller.startswith("ahci") else disk.controller for disk in guest.attached}
    models |= {nic.model for nic in guest.nics}
    if guest.vnc is not None:
        models.add("fbuf")
    if guest.passthru:
        models.add("passthru")
    missing = sorted(models - set(observed.capabilities.devices)) if observed.capabilities.devices else []
    if missing:
        raise BadInput(f"guest {one.name}: this host's bhyve has no device {', '.join(missing)} (bhyve -s help)")


def _check_shutdown(one: Desired, observed: Observed) -> None:
    checkpoints, wanted = observed.capabilities.checkpoints, one.guest.boot.shutdown
    if wanted != "suspend" or (one.old is not None and one.old.boot.shutdown == wanted):
        return
    if checkpoints is None:
        raise BadInput(
            f"guest {one.name}: boot.shutdown: suspend; it is not known whether this host can save guests: run the "
            "role apiary.bhyve.bhyve_host on it first"
        )
    if checkpoints.missing:
        raise BadInput(
            f"guest {one.name}: boot.shutdown: suspend; this host cannot save guests: its "
            f"{' and '.join(checkpoints.missing)} were built without checkpoints (options BHYVE_SNAPSHOT in the "
            "kernel's configuration, WITH_BHYVE_SNAPSHOT=yes in src.conf(5) for the world)"
        )


def _to_check(one: Desired, disk: Disk) -> bool:
    """Whether a disk is new, another one than before, or about to be opened."""
    if one.will_start or one.old is None:
        return True
    before = one.old.disk(disk.name)
    return before is None or before.detached or before.path != disk.path or (before.ro and not disk.ro)


def _goes_read_only(one: Desired) -> bool:
    """Whether a disk's volume may become read-only by this task."""
    return any(dict(disk.properties).get("readonly") == "on" for disk in one.guest.disks)


def disks_to_check(one: Desired) -> List[Disk]:
    """The attached disks whose path and users have to be looked at."""
    return [disk for disk in one.guest.attached if _to_check(one, disk)]
