# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From an export to a guest of this host: its declaration and identity as they are to be here. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Callable, Dict, FrozenSet, List, Set, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.allocator import taken_by
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checks import check_guest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.archive import STREAM, Manifest, Member
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.options import Import
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import Identity, allocate, with_eui64
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.addresses import of_a_copy
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import FILE, PATH, ZVOL, Disk, Guest
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import selector_of
from ansible_collections.apiary.bhyve.plugins.module_utils.storage import space

#: The block size of a volume when nobody names one (zfsprops(7), volblocksize; 8 KiB before OpenZFS 2.2).
_BLOCK = 16 << 10
_WITHOUT_ZFS = {"zvol": "file", "sparse-zvol": "sparse-file"}


@dataclass(frozen=True)
class Incoming:
    """An export that is to be imported: what is asked for, and what is in it."""

    wanted: Import
    name: str
    manifest: Manifest
    record: Record

    @property
    def where(self) -> str:
        return f"guest {self.name}: "


@dataclass(frozen=True)
class Adapted:
    """The guest as it is to be here. ``sources``: the members of its disks by disk; ``warnings``: what differs."""

    record: Record
    sources: Dict[str, Member]
    warnings: Tuple[str, ...] = ()

    @property
    def whole(self) -> Record:
        """The record for the planner: disks that are there whole, and are no clones of an image of this host."""
        disks = tuple(replace(disk, image="") for disk in self.record.guest.disks)
        return replace(self.record, guest=replace(self.record.guest, disks=disks))

    def disk(self, member: Member) -> Disk:
        """The disk that a member becomes."""
        return next(disk for disk in self.record.guest.disks if disk.name == member.disk)


@dataclass
class Taken:
    """What other guests of the host have, and those that the same task imports."""

    uuids: Dict[str, str] = field(default_factory=dict)
    macs: Dict[str, str] = field(default_factory=dict)
    ports: Set[int] = field(default_factory=set)
    names: Set[str] = field(default_factory=set)

    def add(self, record: Record) -> None:
        """Count a guest in."""
        name = record.guest.name
        self.names.add(name)
        self.uuids[record.identity.uuid] = f"guest {name}"
        self.macs.update({mac: f"guest {name}" for mac in record.identity.macs.values()})
        if record.guest.vnc is not None and record.guest.vnc.port:
            self.ports.add(record.guest.vnc.port)


def taken_on(observed: Observed) -> Taken:
    """What is taken on a host."""
    taken = Taken(ports=set(observed.allocations.vnc.values()))
    for interface in observed.interfaces.values():
        if interface.ether and not interface.is_tap:
            taken.macs[interface.ether.lower()] = f"the host's interface {interface.name}"
    for seen in observed.guests.values():
        if seen.record is not None:
            taken.add(seen.record)
    return taken


def adapt(
    incoming: Incoming, observed: Observed, taken: Taken, there: FrozenSet[str], new_uuid: Callable[[], str]
) -> Adapted:
    """The guest as it is to be on this host. BadInput when it cannot be.

    ``there``: which of the paths that its disks name exist here. What only the other host had is left out, with a
    warning: media, volumes given by a path, PCI devices, guests to start after, a VNC port that is somebody's here.
    """
    warnings: List[str] = []
    exported = incoming.record
    guest = replace(exported.guest, name=incoming.name)
    sources = {member.disk: member for member in incoming.manifest.disks}
    disks = [_disk(incoming, disk, sources, observed, there, warnings) for disk in guest.disks]
    unknown = set(sources) - {disk.name for disk in disks}
    if unknown:
        raise BadInput(f"{incoming.where}the export has a disk {', '.join(sorted(unknown))} that its record lacks")
    guest = replace(guest, disks=tuple(disks))
    guest = _without_passthru(incoming, guest, warnings)
    guest = _without_other_guests(incoming, guest, taken, warnings)
    guest = _without_taken_port(incoming, guest, observed, taken, warnings)
    guest, identity = _identity(incoming, guest, new_uuid)
    check_guest(guest)
    record = Record(guest, identity, observed.hostuuid)
    _check_identity(incoming, record, taken)
    taken.add(record)
    return Adapted(record, sources, tuple(warnings))


def _without_passthru(incoming: Incoming, guest: Guest, warnings: List[str]) -> Guest:
    """The devices were the other host's: what is at their places here, nobody knows."""
    if guest.passthru:
        names = ", ".join(f"{one.name} ({selector_of(one.place)})" for one in guest.passthru)
        warnings.append(f"{incoming.where}passthru: left out: {names}; give it devices of this host with bhyve_vm")
    return replace(guest, passthru=())


def _identity(incoming: Incoming, guest: Guest, new_uuid: Callable[[], str]) -> Tuple[Guest, Identity]:
    exported = incoming.record
    # The firmware's boot entries know the disks by their places, serials and, on nvme, by what the old name gave.
    known = exported.identity
    if incoming.name != exported.guest.name:
        known = with_eui64(known, exported.guest)
    if not incoming.wanted.keep_identity:
        guest = replace(guest, nics=tuple(of_a_copy(nic) for nic in guest.nics))
        known = replace(known, uuid="", macs={})
    return guest, allocate(guest, known, None, new_uuid)


def _check_identity(incoming: Incoming, record: Record, taken: Taken) -> None:
    if not incoming.wanted.keep_identity:
        return
    identity = record.identity
    owner = taken.uuids.get(identity.uuid)
    clashes = [f"the UUID {identity.uuid} is that of {owner}"] if owner else []
    clashes += [
        f"the MAC address {mac} of NIC {nic} is that of {taken.macs[mac]}"
        for nic, mac in identity.macs.items()
        if mac in taken.macs
    ]
    if clashes:
        raise BadInput(
            f"{incoming.where}keep_identity: {'; '.join(clashes)} on this host; give keep_identity: false for a copy "
            "with an identity of its own"
        )


def _disk(
    incoming: Incoming,
    disk: Disk,
    sources: Dict[str, Member],
    observed: Observed,
    there: FrozenSet[str],
    warnings: List[str],
) -> Disk:
    at = f"{incoming.where}disk {disk.name}: "
    if disk.backing == PATH:
        return _given(incoming, disk, there, warnings)
    member = sources.get(disk.name)
    if member is None:
        if not disk.detached:
            raise BadInput(f"{at}the export does not have it")
        return disk
    backing = incoming.wanted.backing or disk.backing
    if not observed.with_zfs:
        if incoming.wanted.backing in ZVOL:
            raise BadInput(f"{at}backing: {backing} needs ZFS, and the guests of this host are in plain directories")
        backing = _WITHOUT_ZFS.get(backing, backing)
    if member.kind == STREAM and backing in FILE:
        reason = "this host has no ZFS" if not observed.with_zfs else f"it cannot become a {backing}"
        raise BadInput(
            f"{at}it is in the export as a stream of ZFS, and {reason}; export the guest with format: image, which is "
            "portable"
        )
    if backing in FILE:
        return replace(disk, backing=backing, size=member.bytes, volblocksize=0, properties=())
    block = disk.volblocksize or member.block
    if member.kind != STREAM and member.bytes % (block or _BLOCK):
        raise BadInput(
            f"{at}its {member.bytes} bytes are no multiple of a volume's block ({block or _BLOCK}); give backing: file"
        )
    return replace(disk, backing=backing, size=member.bytes)


def _given(incoming: Incoming, disk: Disk, there: FrozenSet[str], warnings: List[str]) -> Disk:
    """A disk that is given by a path: a medium stays if this host has it, anything else comes detached."""
    if disk.detached or disk.is_empty:
        return disk
    at = f"{incoming.where}disk {disk.name}: "
    medium = any(one.disk == disk.name and one.medium for one in incoming.manifest.left)
    if medium and disk.path in there:
        return disk
    if medium:
        warnings.append(f"{at}{disk.path} does not exist on this host, so the disk is detached")
    else:
        warnings.append(f"{at}{disk.path} was given by its path and is not in the export, so the disk is detached")
    return replace(disk, detached=True)


def _without_other_guests(incoming: Incoming, guest: Guest, taken: Taken, warnings: List[str]) -> Guest:
    missing = [name for name in guest.boot.after if name not in taken.names]
    if not missing:
        return guest
    warnings.append(f"{incoming.where}boot.after: this host has no guest {', '.join(missing)}, so it is left out")
    after = tuple(name for name in guest.boot.after if name not in missing)
    return replace(guest, boot=replace(guest.boot, after=after))


def _without_taken_port(
    incoming: Incoming, guest: Guest, observed: Observed, taken: Taken, warnings: List[str]
) -> Guest:
    vnc = guest.vnc
    if vnc is None or not vnc.port:
        return guest
    if vnc.port not in taken.ports and not taken_by(vnc.port, vnc.address, observed.listeners or (), None):
        return guest
    warnings.append(f"{incoming.where}vnc.port: {vnc.port} is taken on this host, so another one is allocated")
    return replace(guest, vnc=replace(vnc, port=0))


def needs(incoming: Incoming, adapted: Adapted) -> List[space.Need]:
    """What an import takes of the host."""
    found = []
    for member in incoming.manifest.members:
        size = member.held
        if member.disk:
            disk = adapted.disk(member)
            if disk.backing == "zvol":
                size = space.thick_volume(member.bytes, disk.volblocksize or member.block or _BLOCK)
            elif disk.backing == "file":
                size = member.bytes
        found.append(space.Need(f"{incoming.where}{member.disk or member.path or 'record'}", size))
    return found
