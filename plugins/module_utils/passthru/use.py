# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of the host uses a device: the interfaces and disks that its driver brings, the console's display."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Sequence, Set, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import Device
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.labels import Labels, unlabelled
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.mounts import Mount, PoolMember, is_part_of

_HEADING = re.compile(r"(?P<name>\S.*?): flags=")
_RIDES = re.compile(r"\t(?:.* )?(?:parent interface: |laggport: )(?P<name>\S+).*")
_SIM = re.compile(r"scbus-?\d+ on (?P<sim>\S+) bus \d+:")
_PERIPHERALS = re.compile(r"<.*> +at scbus\d+ target \d+ lun [0-9a-f]+ \((?P<names>[^)]*)\)")
_GEOM = re.compile(r"Geom name: (?P<name>\S+)")
_MODE = re.compile(r" +Mode: (?P<mode>r\d+w\d+e\d+)")
_CLOSED = "r0w0e0"
_BOOT_VIDEO = re.compile(r"^(?P<name>vgapci\d+): Boot video device", re.MULTILINE)
#: Disks that are not called as their devices are (vtblk(4)).
_DISK_NAMES = {"vtblk": "vtbd"}
#: What the console is typed on, and a display driver that cannot be taken away from under it.
_KEYBOARD = re.compile(r"ukbd\d+|hkbd\d+")
_GRAPHICS = re.compile(r"(?:drmn?|nvidia|i915kms|amdgpu|radeonkms)\d+")


@dataclass(frozen=True)
class Facts:
    """What was read of the host. ``below``: the devices below each device (devinfo(8)); ``disks``: by SIM (cam(4)).

    ``modes``: of each disk, how often it is open (geom(8)); ``riders``: the VLANs and laggs on an interface;
    ``switches``: the switches that an interface is the uplink of; ``boot_video``: the console's display.
    """

    below: Mapping[str, Sequence[str]]
    disks: Mapping[str, Sequence[str]]
    modes: Mapping[str, str]
    interfaces: Mapping[str, Interface]
    riders: Mapping[str, Sequence[str]]
    switches: Mapping[str, Sequence[str]]
    mounts: Sequence[Mount]
    members: Sequence[PoolMember]
    labels: Labels
    boot_video: str = ""


@dataclass(frozen=True)
class Use:
    """Why a device cannot be taken away (``by``), and why not without a boot (``waits``)."""

    by: Tuple[str, ...] = ()
    waits: Tuple[str, ...] = ()


def use_of(device: Device, facts: Facts) -> Use:
    """What of the host uses a device that its own driver has."""
    if not device.name:
        return Use()
    names = [device.name, *facts.below.get(device.name, ())]
    by = [reason for name in names for reason in _interface(name, facts)]
    by += [reason for disk in _disks(device, names, facts) for reason in _disk(disk, facts)]
    if device.virtual.now:
        by.append(f"{device.name} has {device.virtual.now} virtual functions (iov_device)")
    if device.name == facts.boot_video:
        by.append(f"{device.name} is the display of the console")
    waits = [f"the keyboard {name} is on it" for name in names if _KEYBOARD.fullmatch(name)]
    waits += [f"the display driver {name} has it" for name in names if _GRAPHICS.fullmatch(name)]
    return Use(tuple(by), tuple(waits))


def _interface(name: str, facts: Facts) -> List[str]:
    interface = facts.interfaces.get(name)
    if interface is None:
        return []
    reasons = [f"{name} has the address {address}" for address in interface.addresses]
    for other in facts.interfaces.values():
        if other.is_bridge and name in other.members:
            tag = f" ({other.description})" if other.description else ""
            reasons.append(f"{name} is a member of {other.name}{tag}")
    reasons += [f"{rider} is on {name}" for rider in facts.riders.get(name, ())]
    reasons += [f"{name} is the uplink of switch {switch}" for switch in facts.switches.get(name, ())]
    return reasons


def _disks(device: Device, names: Sequence[str], facts: Facts) -> List[str]:
    """The disks of a controller: by its SIMs, those that are devices themselves, and those that nothing tells of."""
    found = [disk for name in names for disk in facts.disks.get(name, ())]
    found += [disk for disk in map(_disk_name, names) if disk in facts.modes]
    if device.driver == "nvme":
        # nvd(4) is neither in the tree of devices nor in CAM.
        found += [disk for disk in facts.modes if disk.startswith("nvd")]
    return list(dict.fromkeys(found))


def _disk_name(name: str) -> str:
    """What the disk of a device is called, if it has one."""
    driver = name.rstrip("0123456789")
    return _DISK_NAMES.get(driver, driver) + name[len(driver) :]


def _disk(disk: str, facts: Facts) -> List[str]:
    path = f"/dev/{disk}"
    reasons = []
    for mount in facts.mounts:
        device = unlabelled(mount.device, facts.labels)
        if is_part_of(device, path):
            reasons.append(f"{device} is mounted on {mount.point}")
    for member in facts.members:
        device = unlabelled(member.path, facts.labels)
        if is_part_of(device, path):
            reasons.append(f"{device} is part of the ZFS pool {member.pool}")
    if not reasons and facts.modes.get(disk, _CLOSED) != _CLOSED:
        reasons.append(f"{path} is open (geom disk list says {facts.modes[disk]})")
    return reasons


def parse_tree(text: str) -> Dict[str, List[str]]:
    """Everything below each device, from what devinfo(8) prints."""
    below: Dict[str, List[str]] = {}
    way: List[Tuple[int, str]] = []
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        depth = len(line) - len(line.lstrip())
        way = [(other, name) for other, name in way if other < depth]
        for _depth, name in way:
            below[name].append(words[0])
        below[words[0]] = []
        way.append((depth, words[0]))
    return below


def parse_disks(text: str) -> Dict[str, List[str]]:
    """The disks by the device that their bus is on, from what `camcontrol devlist -v` prints."""
    found: Dict[str, List[str]] = {}
    sim = ""
    for line in text.splitlines():
        heading, device = _SIM.fullmatch(line), _PERIPHERALS.fullmatch(line)
        if heading is not None:
            # Of a USB disk the bus is on umass-sim0, the device is umass0.
            sim = heading["sim"].replace("-sim", "")
        elif device is not None:
            names = [name for name in device["names"].split(",") if not name.startswith(("pass", "ses"))]
            found.setdefault(sim, []).extend(names)
    return found


def parse_modes(text: str) -> Dict[str, str]:
    """How often each disk is open, from what `geom disk list` prints."""
    modes: Dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        heading, mode = _GEOM.fullmatch(line), _MODE.fullmatch(line)
        if heading is not None:
            name = heading["name"]
        elif mode is not None:
            modes[name] = mode["mode"]
    return modes


def parse_riders(text: str) -> Dict[str, List[str]]:
    """The VLANs, wireless clones and laggs on each interface, from what ifconfig(8) prints."""
    riders: Dict[str, List[str]] = {}
    name = ""
    for line in text.splitlines():
        heading, rides = _HEADING.match(line), _RIDES.fullmatch(line)
        if heading is not None:
            name = heading["name"]
        elif rides is not None:
            riders.setdefault(rides["name"], []).append(name)
    return riders


def boot_video(dmesg: str) -> str:
    """The display that the firmware used, from the messages of the boot; '' if they do not tell."""
    found = _BOOT_VIDEO.search(dmesg)
    return found["name"] if found is not None else ""


def siblings(device: Device, devices: Iterable[Device], going: Set[str]) -> List[Device]:
    """The other functions of the same device that stay with the host."""
    return [
        other
        for other in devices
        if other.slot == device.slot and other.place != device.place and other.place not in going and other.is_endpoint
    ]
