# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of bhyve's configuration as QEMU's command line, and how QEMU is started with it."""

from __future__ import annotations

import signal
import socket
import subprocess
from typing import Dict, List, Optional

from .. import notes, paths, vmm
from ..commands.bhyve.blocks import Disk
from ..commands.bhyve.machine import Machine

QEMU = "/usr/bin/qemu-system-x86_64"
_SHARE = "/usr/share/qemu"
_MIB = 1 << 20
_PR_SET_PDEATHSIG = 1
_NICS = {"virtio-net": "virtio-net-pci", "e1000": "e1000-82545em"}


def _die_with_parent() -> None:
    """In the child, before it becomes QEMU: killed when bhyve is, and no process of a FreeBSD host."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    notes.hide()


def _place(slot: str) -> str:
    """bhyve's slot and function in QEMU's words; slots 0 and 31 are q35's own, so others get a free one there."""
    bus, number, function = slot.split(".")[:3]
    return f",addr={int(number):#x}.{function}" if bus == "0" and 0 < int(number) < 31 else ""


def _quote(text: str) -> str:
    return text.replace(",", ",,")


class Arguments:
    """QEMU's command line for a machine, and the descriptors that it inherits."""

    def __init__(self, machine: Machine, restored: bool = False) -> None:
        self.machine = machine
        self.incoming: Optional[socket.socket] = None
        self.fds: List[int] = []
        self.words: List[str] = []
        self.boot_order = 0
        self.qmp, self._qmp_child = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.serial: Dict[str, socket.socket] = {}
        self._children: List[socket.socket] = [self._qmp_child]
        self._base()
        self._firmware()
        for disk in machine.disks:
            self._disk(disk)
        for nic in machine.nics:
            self._nic(nic.slot, nic.model, nic.mac, nic.fd)
        for slot, model in machine.models.items():
            self._other(slot, model)
        self._serial()
        if restored:
            self.incoming, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            self._children.append(child)
            self._add("-incoming", f"fd:{self._give(child)}")

    def _add(self, *words: str) -> None:
        self.words.extend(words)

    def _base(self) -> None:
        machine = self.machine
        sockets, cores, threads = machine.topology
        utc = not machine.config.boolean("rtc.use_localtime", True)
        uuid = machine.config.get("uuid")
        self._add("-name", _quote(machine.name), "-nodefaults", "-no-user-config", "-display", "none")
        self._add("-S", "-no-reboot")
        self._add("-machine", "q35,accel=tcg,graphics=off", "-cpu", "max", "-L", paths.LINUX + _SHARE)
        self._add("-m", f"{max(1, machine.memory // _MIB)}M", "-rtc", f"base={'utc' if utc else 'localtime'}")
        self._add("-smp", f"{machine.cpus},sockets={sockets},cores={cores},threads={threads}")
        self._add("-smbios", "type=1,manufacturer=FreeBSD,product=BHYVE" + (f",uuid={uuid}" if uuid else ""))
        self._add("-d", "cpu_reset", "-D", vmm.guest_file(machine.name, ".qemu.log"))
        self._add("-chardev", f"socket,id=qmp,fd={self._give(self._qmp_child)}", "-mon", "chardev=qmp,mode=control")

    def _give(self, child: socket.socket) -> int:
        self.fds.append(child.fileno())
        return child.fileno()

    def _firmware(self) -> None:
        firmware = self.machine.firmware
        if firmware is None:
            return
        self._add("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={_quote(paths.root(firmware.rom))}")
        if firmware.variables:
            self._add("-drive", f"if=pflash,unit=1,format=raw,file={_quote(paths.root(firmware.variables))}")

    def _disk(self, disk: Disk) -> None:
        ident = "d" + disk.slot.replace(".", "_")
        read_only = "on" if disk.ro or disk.kind == "cd" else "off"
        media = "cdrom" if disk.kind == "cd" else "disk"
        self._add(
            "-drive",
            f"id={ident},if=none,format=raw,media={media},readonly={read_only},file.locking=off,"
            f"file.filename={_quote(paths.root(disk.path))}",
        )
        order = f"drive={ident}{self._boot_index(disk)}"
        self.boot_order += 1
        place = _place(disk.slot)
        if disk.model == "ahci":
            controller = "a" + "_".join(disk.slot.split(".")[:3])
            if f"ahci,id={controller}{place}" not in self.words:
                self._add("-device", f"ahci,id={controller}{place}")
            port = disk.slot.rsplit(".", 1)[1]
            self._add("-device", f"ide-{disk.kind},bus={controller}.{port},{order}")
        elif disk.model == "nvme":
            self._add("-device", f"nvme,serial={_quote(disk.serial or ident)},{order}{place}")
        else:
            serial = f",serial={_quote(disk.serial)}" if disk.serial else ""
            self._add("-device", f"virtio-blk-pci,{order}{serial}{place}")

    def _boot_index(self, disk: Disk) -> str:
        """The disk's place in the boot order: as bhyve tells the firmware, if it does, else that of its slot."""
        told = self.machine.boot_order
        if not told:
            return f",bootindex={self.boot_order}"
        device = ".".join(disk.slot.split(".")[:3])
        return f",bootindex={told.index(device)}" if device in told else ""

    def _nic(self, slot: str, model: str, mac: str, fd: Optional[int]) -> None:
        ident = "n" + slot.replace(".", "_")
        if fd is None:
            self._add("-netdev", f"hubport,id={ident},hubid={self.boot_order}")
        else:
            self.fds.append(fd)
            self._add("-netdev", f"tap,id={ident},fd={fd}")
        self._add("-device", f"{_NICS[model]},netdev={ident},mac={mac},romfile={_place(slot)}")

    def _other(self, slot: str, model: str) -> None:
        screen = self.machine.screen
        if model == "fbuf" and screen is not None:
            self._add("-device", f"VGA,xres={screen.width},yres={screen.height}{_place(slot)}")
            self._add("-vnc", "none,password=on" if screen.password else "none")
        elif model == "xhci":
            self._add("-device", f"qemu-xhci,id=usb{_place(slot)}")
            if self.machine.tablet:
                self._add("-device", "usb-tablet,bus=usb.0")
        elif model == "virtio-rnd":
            self._add("-device", f"virtio-rng-pci{_place(slot)}")

    def _serial(self) -> None:
        for index, name in enumerate(("com1", "com2", "com3", "com4")):
            if name not in self.machine.ports:
                continue
            ours, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            self._children.append(child)
            self.serial[name] = ours
            self._add("-chardev", f"socket,id={name},fd={self._give(child)}")
            self._add("-device", f"isa-serial,chardev={name},index={index}")

    def start(self) -> subprocess.Popen[bytes]:
        """Start QEMU; what it was given is closed here."""
        with open(vmm.guest_file(self.machine.name, ".qemu.err"), "wb") as errors:
            process = subprocess.Popen(
                [paths.LINUX + QEMU, *self.words],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                pass_fds=self.fds,
                preexec_fn=_die_with_parent,
            )
        for child in self._children:
            child.close()
        return process
