# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine: bhyve's start, step by step as bhyverun.c does it, up to the first CPU."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
from typing import Callable, Dict, List, NoReturn, Optional, Tuple

from ... import notes, paths, vmm
from ...pci import bus
from . import blocks, lpc, nets, screens
from .devices import ALIASES, MODELS, DeviceError, abort, die
from .errors import EX_OSERR, EX_USAGE, FAILED, err, errx, fail, say, strerror
from .keys import unknown
from .tree import Config

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UINT16 = 65535
_MIB = 1 << 20
_UNITS = {"": 0, "B": 0, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}


class Machine:
    """A guest's machine as its configuration describes it, with everything that bhyve holds open for it."""

    def __init__(self, config: Config, host: vmm.Hardware, name: str, files: List[str]) -> None:
        self.config = config
        self.host = host
        self.name = name
        self.files = files
        self.cpus = 1
        self.topology: Tuple[int, int, int] = (1, 1, 1)
        self.memory = 0
        self.wired = False
        self.disks: List[blocks.Disk] = []
        self.nics: List[nets.Nic] = []
        self.ports: Dict[str, lpc.Port] = {}
        self.models: Dict[str, str] = {}
        self.firmware: Optional[lpc.Firmware] = None
        self.screen: Optional[screens.Screen] = None
        self.debugger: Optional[socket.socket] = None
        self.tablet = False
        self.sockets: List[socket.socket] = []
        self.kept: List[int] = []
        self.boot_devices: Dict[int, Tuple[str, str]] = {}

    @property
    def boot_order(self) -> List[str]:
        """The slots in the order that the firmware is told of: by QEMU's interface only, else it learns of none."""
        if self.config.get("lpc.fwcfg") != "qemu":
            return []
        return [self.boot_devices[index][0] for index in sorted(self.boot_devices)]


def parse_memory(text: str) -> Optional[int]:
    """vm_parse_memsize: expand_number(3), but a number below a megabyte counts megabytes. None if it is neither."""
    found = re.fullmatch(r"\s*(\d+)\s*([BKMGTPE]?)", text, re.IGNORECASE)
    if not found:
        return None
    number = int(found.group(1)) << _UNITS[found.group(2).upper()]
    if not found.group(2) and number < _MIB:
        number *= _MIB
    return number if number < 1 << 63 else None


def _integer(name: str, text: str) -> int:
    try:
        number = int(text, 0) if not re.fullmatch(r"0[0-7]+", text) else int(text, 8)
    except ValueError:
        number = 0
    if not 1 <= number <= _UINT16:
        errx(FAILED, f"Invalid value for {name}: '{text}'")
    return number


def topology(config: Config) -> Tuple[int, Tuple[int, int, int]]:
    """CPUs, and sockets, cores, threads; ends the program if they do not multiply."""
    given = config.get("cpus")
    cpus = _integer("cpus", given) if given is not None else 1
    cores = _integer("cores", config.get("cores") or "1")
    threads = _integer("threads", config.get("threads") or "1")
    sockets = _integer("sockets", config.get("sockets") or str(cpus))
    product = sockets * cores * threads
    if product > _UINT16:
        errx(FAILED, f"Computed number of vCPUs too high: {product}")
    if given is not None and product != cpus:
        shape = f"{sockets} sockets, {cores} cores, {threads} threads"
        errx(FAILED, f"Topology ({shape}) does not match {cpus} vCPUs")
    return product, (sockets, cores, threads)


def _pinning(config: Config, cpus: int) -> None:
    for vcpu in range(cpus):
        text = config.get(f"vcpu.{vcpu}.cpuset")
        if text is not None and not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", text):
            errx(FAILED, f"invalid cpuset for vcpu {vcpu}: '{text}'")


def _open_machine(machine: Machine) -> None:
    """do_open: make the machine or take the one that is there."""
    rom = machine.config.get("lpc.bootrom") is not None
    try:
        vmm.create(machine.name)
        if not rom:
            fail("virtual machine cannot be booted")
    except OSError as error:
        if error.errno != errno.EEXIST:
            fail(f"vm_create: {strerror(error.errno or 0)}")
        if rom:
            try:
                vmm.reinit(machine.name)
            except OSError as refused:
                fail(f"vm_reinit: {strerror(refused.errno or 0)}")
    notes.note_open(f"vmm/{machine.name}", "rw")
    try:
        vmm.set_topology(machine.name, *machine.topology)
    except OSError:
        errx(EX_OSERR, "vm_set_topology")


def _memory(machine: Machine) -> None:
    try:
        vmm.setup_memory(machine.name, machine.memory, machine.wired)
    except OSError as error:
        fail(f"Unable to setup memory ({error.errno})")


def _slots(config: Config) -> List[Tuple[Tuple[int, int, int], str, str]]:
    """Every PCI device in the order in which bhyve makes them: address, node, model."""
    device = re.compile(r"pci(\.\d+){3}\.device")
    nodes = {name.rsplit(".", 1)[0]: value for name, value in config.items() if device.fullmatch(name)}
    found = []
    for node, model in nodes.items():
        bus, slot, function = (int(part) for part in node.split(".")[1:])
        found.append(((bus, slot, function), node, model))
    return sorted(found)


def _hda(machine: Machine, slot: str, node: str) -> None:
    for key in ("play", "rec"):
        path = machine.config.get(f"{node}.{key}")
        if path is not None and not os.path.exists(paths.root(path)):
            raise DeviceError(errno.ENOENT)


def _share(machine: Machine, slot: str, node: str) -> None:
    path = machine.config.get(f"{node}.path")
    if path is None:
        raise DeviceError(errno.ENOENT, "virtio-9p: path required")
    if machine.config.get(f"{node}.sharename") is None:
        raise DeviceError(errno.ENOENT, "virtio-9p: share name required")
    if not os.path.isdir(paths.root(path)):
        raise DeviceError(errno.ENOENT, f"virtio-9p: failed to open '{path}': {strerror(errno.ENOENT)}")
    notes.note_open(path, "r")


def _virtio_console(machine: Machine, slot: str, node: str) -> None:
    configured = machine.config.node(f"{node}.port")
    if configured is None:
        die(signal.SIGSEGV)
    for number in sorted(configured, key=lambda name: int(name) if name.isdigit() else 0):
        path = machine.config.get(f"{node}.port.{number}.path")
        if path is None:
            raise DeviceError(errno.ENOENT, f"vtcon: required path missing for port {number}")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(paths.root(path)[:107])
        except OSError as error:
            code = error.errno or 0
            raise DeviceError(code, f"cannot create port {number}: {strerror(code)}") from None
        listener.listen(1)
        machine.sockets.append(listener)


def _input(machine: Machine, slot: str, node: str) -> None:
    path = machine.config.get(f"{node}.path")
    if path is None or not os.path.exists(paths.root(path)):
        print(f"pci_vtinput_init: failed to open {path}")
        raise DeviceError(errno.EBADF)


def _scsi(machine: Machine, slot: str, node: str) -> None:
    path = machine.config.get(f"{node}.dev") or "/dev/cam/ctl"
    try:
        machine.kept.append(os.open(paths.root(path), os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        code = error.errno or 0
        print(f"cannot open {path}: {strerror(code)}")
        raise DeviceError(code) from None
    notes.note_open(path[len("/dev/") :] if path.startswith("/dev/") else path, "rw")


def _passthru(machine: Machine, slot: str, node: str) -> None:
    if not machine.wired:
        raise DeviceError(errno.ENOENT, "bhyve: passthru requires guest memory to be wired")
    where = _ppt_place(machine.config, node)
    shown = "/".join(str(part) for part in where)
    try:
        device = bus.assign(machine.name, where)
    except OSError as error:
        text = f"bhyve: PCI device at {shown} is not using the ppt(4) driver"
        raise DeviceError(error.errno or errno.ENOENT, text) from None
    if not device.caps:
        raise DeviceError(errno.ENOENT, f"bhyve: failed to initialize MSI for PCI {shown}")
    rom = machine.config.get(f"{node}.rom")
    if rom is not None and not os.path.isfile(paths.root(rom)):
        raise DeviceError(errno.ENOENT, f'bhyve: passthru_init_rom: can\'t open romfile "{rom}"')


def _ppt_place(config: Config, node: str) -> Tuple[int, int, int]:
    """The host's device that is meant: by the driver's unit, or by its place."""
    name = config.get(f"{node}.pptdev")
    if name is not None:
        at = bus.find(name, bus.devices())
        if at is None:
            raise DeviceError(errno.ENOENT, f"Passthru device {name} not found")
        return bus.function(at).place
    numbers: List[int] = []
    for key in ("bus", "slot", "func"):
        text = config.get(f"{node}.{key}")
        if text is None:
            raise DeviceError(errno.ENOENT, f"passthru: missing required {key} setting")
        numbers.append(int(text) if text.isdigit() else 0)
    return numbers[0], numbers[1], numbers[2]


def _random(machine: Machine, slot: str, node: str) -> None:
    notes.note_open("random", "r")


def _uart(machine: Machine, slot: str, node: str) -> None:
    path = machine.config.get(f"{node}.path")
    if path is not None:
        machine.ports[f"uart.{slot}"] = lpc.open_port(machine.config, f"pci uart {slot}", path, False)


def _xhci(machine: Machine, slot: str, node: str) -> None:
    for number in machine.config.node(f"{node}.slot") or {}:
        device = machine.config.get(f"{node}.slot.{number}.device")
        if device != "tablet":
            raise DeviceError(errno.EINVAL, f'pci_xhci device not found "{device}"')
        machine.tablet = True


def _isa(machine: Machine, slot: str, node: str) -> None:
    if "lpc" in machine.models.values():
        raise DeviceError(errno.ENOENT, "Only one LPC bridge is allowed.")
    if not slot.startswith("0."):
        raise DeviceError(errno.ENOENT, "LPC bridge can be present only on bus 0.")
    machine.firmware = lpc.firmware(machine.config)
    machine.ports.update(lpc.ports(machine.config, machine.host.osreldate >= 1500000))


def _screen(machine: Machine, slot: str, node: str) -> None:
    machine.screen = screens.open_screen(machine.config, slot, node, machine.screen is not None)
    vmm.add_segment(machine.name, "framebuffer")


def _disks(opener: Callable[[Config, str, str], List[blocks.Disk]]) -> Callable[[Machine, str, str], None]:
    return lambda machine, slot, node: machine.disks.extend(opener(machine.config, slot, node))


def _nic(model: str) -> Callable[[Machine, str, str], None]:
    return lambda machine, slot, node: machine.nics.append(nets.open_nic(machine.config, slot, node, model))


_INIT: Dict[str, Callable[[Machine, str, str], None]] = {
    "ahci": _disks(blocks.ahci),
    "e1000": _nic("e1000"),
    "fbuf": _screen,
    "hda": _hda,
    "lpc": _isa,
    "nvme": _disks(blocks.nvme),
    "passthru": _passthru,
    "uart": _uart,
    "virtio-9p": _share,
    "virtio-blk": _disks(blocks.virtio_blk),
    "virtio-console": _virtio_console,
    "virtio-input": _input,
    "virtio-net": _nic("virtio-net"),
    "virtio-rnd": _random,
    "virtio-scsi": _scsi,
    "xhci": _xhci,
}


def _devices(machine: Machine) -> None:
    """init_pci: make every device, in the order of bus, slot, function."""
    for address, node, model in _slots(machine.config):
        slot = ".".join(str(part) for part in address)
        shown = ":".join(str(part) for part in address)
        if model not in MODELS:
            raise DeviceError(errno.EINVAL, f'pci slot {shown}: unknown device "{model}"')
        if model in ALIASES:
            text = f'pci slot {shown}: legacy device "{model}", use "{ALIASES[model]}" instead'
            raise DeviceError(errno.EINVAL, text)
        init = _INIT.get(model)
        if init is not None:
            init(machine, slot, node)
        machine.models[slot] = model
        _boot_device(machine, slot, node, model)


def _boot_device(machine: Machine, slot: str, node: str, model: str) -> None:
    """pci_emul_add_boot_device, for the device or for each port of an AHCI controller."""
    ports = [f"{node}.port.{name}" for name in machine.config.node(f"{node}.port") or {}] if model == "ahci" else [node]
    name = f"{model}@pci.{slot}"
    for place in ports:
        text = machine.config.get(f"{place}.bootindex")
        if text is None:
            continue
        index = int(text) if re.fullmatch(r"-?\d+", text) else 0
        if index < 0:
            errx(FAILED, f"Invalid bootindex {index} for {name}")
        if index in machine.boot_devices:
            other = machine.boot_devices[index][1]
            errx(FAILED, f"Could not set bootindex {index} for {name}. Bootindex already occupied by {other}")
        machine.boot_devices[index] = (slot, name)


def _tables(machine: Machine) -> None:
    """What the guest is told of its machine: MP table, SMBIOS."""
    if machine.config.boolean("x86.mptable", True) and any(not slot.startswith("0.") for slot in machine.models):
        say("MPtable is incompatible with multiple PCI hierarchies.")
        say("MPtable generation can be disabled by passing the -Y option to bhyve(8).")
        fail(f"error to build the guest tables: {strerror(errno.ENOENT)}")
    uuid = machine.config.get("uuid")
    if uuid is not None and not _UUID.fullmatch(uuid):
        say("Invalid UUID")
        if machine.host.recorded:
            abort("(error == 0)", "main", "usr.sbin/bhyve/bhyverun.c", 1533)
        fail("error to build the guest tables")


def start(config: Config, host: vmm.Hardware, files: List[str], saved: Optional[Tuple[int, int]] = None) -> Machine:
    """Everything up to and with the activation of CPU 0; ends the program where bhyve does.

    ``saved``: CPUs and memory of the checkpoint that is restored, which count and not those of the configuration.
    """
    name = config.get("name") or ""
    machine = Machine(config, host, name, files)
    if host.strict:
        _refuse_unknown(config)
    machine.cpus, machine.topology = topology(config)
    _pinning(config, machine.cpus)
    text = config.get("memory.size") or ""
    memory = parse_memory(text)
    if memory is None:
        errx(EX_USAGE, f"invalid memsize '{text}'")
    machine.memory, machine.wired = memory, config.boolean("memory.wired")
    config.boolean("memory.guest_in_core")
    _open_machine(machine)
    if saved is not None:
        machine.cpus, machine.memory = saved
    if machine.cpus < 1:
        fail(f"Invalid guest vCPUs ({machine.cpus})", 1)
    if machine.cpus > host.maxcpu:
        fail(f"{machine.cpus} vCPUs requested but only {host.maxcpu} available")
    for flag in ("x86.vmexit_on_hlt", "x86.vmexit_on_pause", "x86.x2apic", "acpi_tables", "rtc.use_localtime"):
        config.boolean(flag)
    _memory(machine)
    vmm.add_segment(name, "bootrom")
    try:
        _devices(machine)
    except DeviceError as error:
        fail(f"device emulation initialization error: {strerror(error.errno)}")
    machine.debugger = screens.open_debug_server(config)
    _tables(machine)
    _activate(machine)
    return machine


def _activate(machine: Machine) -> None:
    try:
        vmm.activate(machine.name, machine.cpus, os.getpid())
    except OSError as error:
        err(EX_OSERR, "could not activate CPU 0", error.errno or 0)


def _refuse_unknown(config: Config) -> None:
    found = unknown(config)
    if found:
        fail("STANDIN: bhyve: it would ignore the configuration key " + ", ".join(found))


def crash_without_lpc() -> NoReturn:
    """A boot ROM that no ISA bridge maps: the first instruction fetch fails."""
    say("vm exit[0]")
    for name, value in (
        ("reason\t", "SVM"),
        ("rip\t", "0x000000000000fff0"),
        ("inst_length", "0"),
        ("exitcode", "0x400"),
        ("exitinfo1", "0x100000014"),
        ("exitinfo2", "0xfffffff0"),
    ):
        say(f"\t{name}\t{value}")
    die(signal.SIGABRT)
