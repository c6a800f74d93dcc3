# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest as bhyve_config(5) says it, and back to keys for comparison."""

from __future__ import annotations

import ipaddress
from typing import Dict, List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import Identity
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import Layout, nmdm
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.nics.plugs import Plug, backend_keys
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pci import (
    FBUF,
    HOSTBRIDGE,
    XHCI,
    address_of,
    fixed_devices,
    lpc_address,
    needs_further_bus,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.device import boot_keys, bootindex
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import (
    ALWAYS,
    FILE,
    PATH,
    Disk,
    Guest,
    Nic,
    Passthru,
    Vnc,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.sizes import format_size

Keys = Dict[str, str]

#: Keys whose values nobody is to see.
SECRET = (f"pci.{FBUF}.password",)

_HEADER = (
    "# {name}: bhyve_config(5), made by the Ansible collection apiary.bhyve. Changes by hand are undone by its next\n"
    "# run; keys of your own belong into the guest's `options`.\n"
)


class Firmware:
    """The firmware files of the host, for guests that name none of their own."""

    def __init__(self, code: str, variables: str) -> None:
        self.code = code
        self.variables = variables


def disk_path(disk: Disk, guest: Guest, layout: Layout) -> str:
    """What bhyve opens for a disk."""
    if disk.backing == PATH:
        return disk.path
    if disk.backing in FILE:
        return layout.image(guest.name, disk.name)
    return layout.volume_node(guest.name, disk.name)


def config_keys(
    guest: Guest, identity: Identity, layout: Layout, plugs: Mapping[str, Plug], vnc_port: Optional[int], code: str
) -> Keys:
    """All keys of the guest, in the order in which they are written.

    ``plugs``: what each NIC is plugged into, ``code``: the firmware image. BadInput when ``options`` contradict them.
    """
    keys = _machine(guest, identity)
    if guest.firmware == "uefi":
        keys["lpc.bootrom"] = code
        keys["lpc.bootvars"] = layout.variables(guest.name)
        if any(disk.boot_order for disk in guest.attached):
            # bhyve hands the order to the firmware by QEMU's interface only.
            keys["lpc.fwcfg"] = "qemu"
            _check_bus(guest, identity)
    for port, option in ((1, guest.com1), (2, guest.com2)):
        if option == "nmdm":
            keys[f"lpc.com{port}.path"] = nmdm(guest.name, port, "A")
    keys.update(_hostbridge(guest))
    for disk in guest.attached:
        if not disk.until_installed and not disk.is_empty:
            keys.update(disk_keys(disk, guest, identity, layout))
    if guest.pxe is not None and guest.pxe.when == ALWAYS:
        keys.update(boot_keys(guest, identity, layout))
    for nic in guest.nics:
        keys.update(_nic_keys(nic, identity, plugs[nic.name]))
    for one in guest.passthru:
        keys.update(_passthru_keys(one, identity))
    if guest.rng:
        keys[f"pci.{identity.slots['rng']}.device"] = "virtio-rnd"
    if guest.vnc is not None:
        keys.update(_vnc_keys(guest.vnc, vnc_port or guest.vnc.port))
    keys[f"pci.{lpc_address(guest)}.device"] = "lpc"
    if needs_further_bus([*identity.slots.values(), *(address_of(key) or "0." for key, _value in guest.options)]):
        keys["x86.mptable"] = "false"
    return _with_options(keys, guest)


def _check_bus(guest: Guest, identity: Identity) -> None:
    """The order that bhyve tells names slot and function only."""
    for disk in guest.attached:
        address = identity.slots[f"disk/{disk.name}"]
        if disk.boot_order and not address.startswith("0."):
            raise BadInput(
                f"guest {guest.name}: disk {disk.name}: boot_order: it sits at PCI address {address}, and the firmware "
                "is told of devices on bus 0 only; leave boot_order out"
            )


def _machine(guest: Guest, identity: Identity) -> Keys:
    sockets, cores, threads = guest.topology()
    keys: Keys = {
        "name": guest.name,
        "uuid": identity.uuid,
        "cpus": str(guest.cpus),
        "sockets": str(sockets),
        "cores": str(cores),
        "threads": str(threads),
        "memory.size": format_size(guest.memory),
    }
    if guest.wires:
        keys["memory.wired"] = "true"
    # Without ACPI tables there is no power button (FreeBSD 14; always made from 15 on).
    keys["acpi_tables"] = "true"
    # Without these an idle guest keeps a host CPU busy.
    keys["x86.vmexit_on_hlt"] = "true"
    keys["x86.vmexit_on_pause"] = "true"
    if guest.ignore_msr:
        keys["x86.strictmsr"] = "false"
    keys["rtc.use_localtime"] = "false" if guest.rtc == "utc" else "true"
    if guest.vnc is not None and guest.vnc.keyboard:
        keys["keyboard.layout"] = guest.vnc.keyboard
    return keys


def _hostbridge(guest: Guest) -> Keys:
    device = f"pci.{HOSTBRIDGE}"
    keys: Keys = {f"{device}.device": "hostbridge"}
    if guest.hostbridge == "amd_hostbridge":
        # The name is one of the -s option only: in a file it is a host bridge with AMD's ids.
        keys[f"{device}.pcireg.vendor"] = "0x1022"
        keys[f"{device}.pcireg.device"] = "0x7432"
    return keys


def disk_keys(disk: Disk, guest: Guest, identity: Identity, layout: Layout) -> Keys:
    """The keys of one disk or CD drive."""
    device = f"pci.{identity.slots['disk/' + disk.name]}"
    if disk.is_scsi:
        return _scsi_keys(disk, device, identity)
    node = device
    keys: Keys = {}
    if disk.controller.startswith("ahci-"):
        node = f"{device}.port.0"
        keys[f"{device}.device"] = "ahci"
        keys[f"{node}.type"] = disk.controller[len("ahci-") :]
    else:
        keys[f"{device}.device"] = disk.controller
    keys[f"{node}.path"] = disk_path(disk, guest, layout)
    keys[f"{node}.ser"] = identity.serials[disk.name]
    if disk.controller == "nvme" and disk.name in identity.eui64:
        keys[f"{node}.eui64"] = identity.eui64[disk.name]
    if disk.sector_size:
        keys[f"{node}.{'sectsz' if disk.controller == 'nvme' else 'sectorsize'}"] = disk.sector_size
    for name in ("nocache", "sync", "nodelete", "ro"):
        if getattr(disk, name):
            keys[f"{node}.{name}"] = "true"
    if disk.boot_order:
        keys[bootindex(disk, identity)] = str(disk.boot_order)
    return keys


def _scsi_keys(disk: Disk, device: str, identity: Identity) -> Keys:
    """A SCSI controller with the units of a CTL port: one key for bhyve of FreeBSD 14 and 15.0, one for later ones.

    Each ignores the other's.
    """
    keys: Keys = {f"{device}.device": "virtio-scsi", f"{device}.dev": disk.path, f"{device}.target.0": disk.path}
    if disk.boot_order:
        keys[bootindex(disk, identity)] = str(disk.boot_order)
    return keys


def _nic_keys(nic: Nic, identity: Identity, plug: Plug) -> Keys:
    device = f"pci.{identity.slots['nic/' + nic.name]}"
    keys: Keys = {
        f"{device}.device": nic.model,
        **{f"{device}.{key}": value for key, value in backend_keys(plug).items()},
        f"{device}.mac": identity.macs[nic.name],
    }
    if nic.mtu and nic.model == "virtio-net":
        keys[f"{device}.mtu"] = str(nic.mtu)
    return keys


def _passthru_keys(one: Passthru, identity: Identity) -> Keys:
    device = f"pci.{identity.slots['passthru/' + one.name]}"
    keys: Keys = {f"{device}.device": "passthru"}
    keys.update({f"{device}.{key}": number for key, number in zip(("bus", "slot", "func"), one.place.split("/"))})
    if one.rom:
        keys[f"{device}.rom"] = one.rom
    return keys


def _vnc_keys(vnc: Vnc, port: int) -> Keys:
    width, _x, height = vnc.resolution.partition("x")
    keys: Keys = {
        f"pci.{FBUF}.device": "fbuf",
        f"pci.{FBUF}.rfb": vnc_address(vnc.address, port),
        f"pci.{FBUF}.w": width,
        f"pci.{FBUF}.h": height,
    }
    if vnc.password:
        keys[f"pci.{FBUF}.password"] = vnc.password
    if vnc.tablet:
        keys[f"pci.{XHCI}.device"] = "xhci"
        keys[f"pci.{XHCI}.slot.1.device"] = "tablet"
    return keys


def vnc_address(address: str, port: int) -> str:
    """Address and port as bhyve takes them: IPv6 in brackets."""
    host = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    return f"{host}:{port}"


def _with_options(keys: Keys, guest: Guest) -> Keys:
    """Add the user's own keys; they may complete a device of ours, not contradict it."""
    result = dict(keys)
    ours = {f"pci.{address}.device" for address in fixed_devices(guest).values()}
    for key, value in guest.options:
        if key in keys and keys[key] != value:
            raise BadInput(
                f"guest {guest.name}: options: {key} is {keys[key]!r} by the guest's other options "
                f"and cannot be {value!r}; use the option that it belongs to"
            )
        if key in ours:
            raise BadInput(f"guest {guest.name}: options: {key} is a device of the module's own")
        result[key] = value
    return result


def render(name: str, keys: Keys) -> str:
    """The text of bhyve.conf."""
    return _HEADER.format(name=name) + "".join(f"{key}={value}\n" for key, value in keys.items())


def parse(text: str) -> Keys:
    """The keys of a bhyve.conf, whoever wrote it; a line that is none is kept under its number, so it shows."""
    keys: Keys = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if equals:
            keys[key] = value
        else:
            keys[f"line {number}"] = line
    return keys


def differences(running: Keys, wanted: Keys) -> Dict[str, Tuple[str, str]]:
    """What differs, as key: (running, wanted), '' where there is none; passwords are not shown."""
    result: Dict[str, Tuple[str, str]] = {}
    for key in [*running, *(key for key in wanted if key not in running)]:
        before, after = running.get(key, ""), wanted.get(key, "")
        if before != after:
            result[key] = (masked(key, before), masked(key, after, changed=True))
    return result


def masked(key: str, value: str, changed: bool = False) -> str:
    """The value, or a stand-in for one that nobody is to see."""
    if key not in SECRET or not value:
        return value
    return "(another password)" if changed else "(a password)"


def shown(keys: Keys) -> List[str]:
    """The keys as lines for a diff."""
    return [f"{key}={masked(key, value)}" for key, value in keys.items()]


def words(keys: Keys) -> Tuple[str, ...]:
    """The keys as words of a command line: -o key=value."""
    result: List[str] = []
    for key, value in keys.items():
        result += ["-o", f"{key}={value}"]
    return tuple(result)
