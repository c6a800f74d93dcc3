# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest is: the declared state, complete and normalised. Sizes are bytes, 0 and '' mean "none"."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Dict, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation, from_json, to_json

ZVOL = ("zvol", "sparse-zvol")
FILE = ("file", "sparse-file")
PATH = "path"
#: Values of a NIC's ``switch`` that are no names: the host's only switch, and the host itself.
AUTO = "auto"
NONE = "none"
#: When a guest boots from the network: as long as its first disk has no boot signature, or each time.
ONCE = "once"
ALWAYS = "always"
#: The reservation of a NIC of which nothing is declared: name, owner and addresses follow from the NIC.
FURTHER = Reservation("", "", "")

#: Options of a guest that are fields of Guest and need no other form.
PLAIN = (
    "description",
    "wired",
    "cpus",
    "sockets",
    "cores",
    "threads",
    "firmware",
    "rtc",
    "rng",
    "ignore_msr",
    "hostbridge",
    "lpc_slot",
    "on_poweroff",
    "on_reboot",
    "on_crash",
    "restart_limit",
    "restart_window",
    "stop_timeout",
    "protected",
)


@dataclass(frozen=True)
class Disk:
    """A disk or CD drive. ``backing`` says what holds its data: a volume or file of ours, or somebody's ``path``.

    ``image`` is what it was cloned from, ``properties`` are those of its volume (zfsprops(7)) that are declared.
    """

    name: str
    backing: str
    controller: str
    path: str = ""
    size: int = 0
    volblocksize: int = 0
    sector_size: str = ""
    serial: str = ""
    nocache: bool = False
    sync: bool = False
    nodelete: bool = False
    ro: bool = False
    until_installed: bool = False
    detached: bool = False
    image: str = ""
    properties: Tuple[Tuple[str, str], ...] = ()
    boot_order: int = 0

    @property
    def is_cd(self) -> bool:
        return self.controller == "ahci-cd"

    @property
    def is_scsi(self) -> bool:
        return self.controller == "virtio-scsi"

    @property
    def is_empty(self) -> bool:
        """Whether it is a drive without a medium."""
        return self.is_cd and not self.path


@dataclass(frozen=True)
class Nic:
    """A network interface.

    It is plugged into ``switch``, a switch or bridge; '' is nothing, NONE the host alone, which has ``host_address`` on
    its side of the wire and reaches each ``route`` through the guest. ``private``: it passes no frames to other private
    members of its bridge. ``vlan``: that of its frames without a tag, 0 for none; ``tagged``: those of its frames with
    one, as numbers and ranges in order. ``slot``: the slot on PCI bus 0 that was asked for, 0 for none.

    ``ip``, ``ip6``, ``hostname`` and ``dhcp`` are what a DHCP server is to tell the guest; ``ip`` may be AUTO.
    """

    name: str
    model: str
    switch: str = ""
    mac: str = ""
    mtu: int = 0
    private: bool = False
    vlan: int = 0
    tagged: Tuple[str, ...] = ()
    slot: int = 0
    host_address: str = ""
    route: Tuple[str, ...] = ()
    ip: str = ""
    ip6: str = ""
    hostname: str = ""
    dhcp: Reservation = FURTHER

    @property
    def is_plugged(self) -> bool:
        """Whether there is a switch at its other end."""
        return self.switch not in ("", NONE)


@dataclass(frozen=True)
class Passthru:
    """A PCI device of the host, by its ``place`` there (bus/slot/function).

    ``slot`` is its address in the guest (bus.slot.function), '' to be given one; ``rom`` a file with its option ROM.
    """

    name: str
    place: str
    slot: str = ""
    rom: str = ""


@dataclass(frozen=True)
class Vnc:
    """The frame buffer. ``port`` 0: the host allocates one."""

    port: int = 0
    address: str = "127.0.0.1"
    password: str = ""
    resolution: str = "1024x768"
    wait: bool = False
    keyboard: str = ""
    tablet: bool = True


@dataclass(frozen=True)
class Loader:
    """What bhyveload(8) boots from: a disk of the guest (by name) or a directory of the host."""

    disk: str = ""
    host_path: str = ""
    program: str = ""
    env: Tuple[Tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Ready:
    """When the guest counts as up for those that start after it: a TCP port answers."""

    address: str
    tcp: int
    timeout: int = 60


@dataclass(frozen=True)
class Boot:
    """The guest's part in the host's boot."""

    autostart: bool = False
    order: int = 50
    delay: int = 0
    after: Tuple[str, ...] = ()
    ready: Optional[Ready] = None
    shutdown: str = "stop"


@dataclass(frozen=True)
class Pxe:
    """Booting from the network, by an image with iPXE and the NIC ``nic`` ('': the first one).

    ``script``: the boot script of the TFTP server that the guest gets, '' for none but what bears its name already.
    """

    image: str = "ipxe"
    nic: str = ""
    script: str = ""
    when: str = ONCE


@dataclass(frozen=True)
class Guest:
    """A guest as declared. Its identity (UUID, MACs, slots, serials) is kept beside it, in the record."""

    name: str
    os: str
    memory: int
    cpus: int = 1
    sockets: int = 0
    cores: int = 0
    threads: int = 0
    description: str = ""
    tags: Tuple[str, ...] = ()
    wired: bool = False
    firmware: str = "uefi"
    uefi_code: str = ""
    uefi_vars: str = ""
    loader: Loader = Loader()
    disks: Tuple[Disk, ...] = ()
    nics: Tuple[Nic, ...] = ()
    passthru: Tuple[Passthru, ...] = ()
    com1: str = "nmdm"
    com2: str = "none"
    vnc: Optional[Vnc] = None
    rtc: str = "utc"
    rng: bool = True
    ignore_msr: bool = False
    hostbridge: str = "hostbridge"
    lpc_slot: int = 31
    on_poweroff: str = "destroy"
    on_reboot: str = "restart"
    on_crash: str = "destroy"
    restart_limit: int = 5
    restart_window: int = 300
    stop_timeout: int = 60
    boot: Boot = Boot()
    options: Tuple[Tuple[str, str], ...] = ()
    protected: bool = False
    pxe: Optional[Pxe] = None

    @property
    def attached(self) -> Tuple[Disk, ...]:
        return tuple(disk for disk in self.disks if not disk.detached)

    @property
    def first_disk(self) -> Optional[Disk]:
        """The disk whose boot signature says whether a system is installed: the first one that the host can look at."""
        disks = (disk for disk in self.attached if not (disk.is_cd or disk.is_scsi or disk.is_empty))
        return next(disks, None)

    @property
    def wires(self) -> bool:
        """Whether its memory is wired: a device of the host has to find it where it was (pci_passthru.c)."""
        return self.wired or bool(self.passthru)

    def disk(self, name: str) -> Optional[Disk]:
        return next((disk for disk in self.disks if disk.name == name), None)

    def nic(self, name: str) -> Optional[Nic]:
        return next((nic for nic in self.nics if nic.name == name), None)

    def topology(self) -> Tuple[int, int, int]:
        """Sockets, cores and threads as bhyve gets them; what is not declared follows from ``cpus`` (bhyve(8), -c)."""
        cores, threads = self.cores or 1, self.threads or 1
        return self.sockets or max(self.cpus // (cores * threads), 1), cores, threads


def guest_to_json(guest: Guest) -> Dict[str, Any]:
    """The guest as JSON-ready data; ``options`` and ``env`` become objects."""
    data = asdict(guest)
    data["options"] = dict(guest.options)
    data["loader"]["env"] = dict(guest.loader.env)
    for disk, shown in zip(guest.disks, data["disks"]):
        shown["properties"] = dict(disk.properties)
    # What is not there is not written: an older apiary.bhyve can read the record then.
    if not guest.passthru:
        del data["passthru"]
    if guest.pxe is None:
        del data["pxe"]
    for nic, shown in zip(guest.nics, data["nics"]):
        shown["dhcp"] = {key: value for key, value in to_json(nic.dhcp).items() if key not in ("owner", "mac")}
        for option in ("ip", "ip6", "hostname", "dhcp"):
            if not shown[option]:
                del shown[option]
    return data


def guest_from_json(data: Mapping[str, Any]) -> Guest:
    """The inverse of guest_to_json(). KeyError, TypeError or ValueError if data is nothing of the kind."""
    values: Dict[str, Any] = dict(_known(Guest, data))
    values["tags"] = tuple(values.get("tags", ()))
    values["options"] = tuple(sorted(dict(values.get("options", {})).items()))
    values["disks"] = tuple(_disk(disk) for disk in values.get("disks", ()))
    values["nics"] = tuple(_nic(nic) for nic in values.get("nics", ()))
    values["passthru"] = tuple(Passthru(**_known(Passthru, one)) for one in values.get("passthru", ()))
    pxe = values.get("pxe")
    values["pxe"] = None if pxe is None else Pxe(**_known(Pxe, pxe))
    vnc = values.get("vnc")
    values["vnc"] = None if vnc is None else Vnc(**_known(Vnc, vnc))
    loader = dict(_known(Loader, values.get("loader", {})))
    loader["env"] = tuple(sorted(dict(loader.get("env", {})).items()))
    values["loader"] = Loader(**loader)
    boot = dict(_known(Boot, values.get("boot", {})))
    boot["after"] = tuple(boot.get("after", ()))
    ready = boot.get("ready")
    boot["ready"] = None if ready is None else Ready(**_known(Ready, ready))
    values["boot"] = Boot(**boot)
    return Guest(**values)


def _disk(data: Mapping[str, Any]) -> Disk:
    values = _known(Disk, data)
    values["properties"] = tuple(sorted(dict(values.get("properties", {})).items()))
    return Disk(**values)


def _nic(data: Mapping[str, Any]) -> Nic:
    values = _known(Nic, data)
    values["route"] = tuple(values.get("route", ()))
    values["tagged"] = tuple(values.get("tagged", ()))
    values["dhcp"] = from_json(FURTHER.name, {"owner": "", "mac": "", **values.get("dhcp", {})})
    return Nic(**values)


def _known(kind: Any, data: Mapping[str, Any]) -> Dict[str, Any]:
    names = {field.name for field in fields(kind)}
    unknown = sorted(set(data) - names)
    if unknown:
        raise ValueError(f"{kind.__name__} has no {', '.join(unknown)}")
    return dict(data)
