# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest that boots for real: QEMU (software emulation) as the machine that bhyve's configuration describes.

bhyve's own process keeps what it would hold (taps, terminals, the VNC port) and hands it to QEMU: descriptors of taps,
socket pairs for serial ports, each VNC connection by QMP. QEMU dies with bhyve. SIGTERM is the power button once the
guest has enabled ACPI (SCI_EN), before that it ends bhyve; a reset ends it with 0, a power-off with 1, a triple fault
with 3. A checkpoint has QEMU's own stream of migration in .kern; a restore starts QEMU with it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from functools import partial
from typing import Any, Dict, List, NamedTuple, NoReturn, Optional, Sequence

from .. import paths, vmm
from ..commands.bhyve import snapshot
from ..commands.bhyve.blocks import Disk
from ..commands.bhyve.errors import say
from ..commands.bhyve.machine import Machine
from .behaviour import Behaviour
from .common import Control, Report
from .loop import Loop
from .qemu_line import QEMU, Arguments

_MIB = 1 << 20
#: No limit to what a migration writes in a second.
_FAST = 1 << 40
_ESP = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
_ISO_BOOT_RECORD = 17 * 2048
_SCI_EN = 1
_PATIENCE = 120.0  # seconds for QEMU to end what it was asked to do
_NOBODY = 0xFFFF  # what a port reads as that no device has, as that one until the firmware puts it there
_PM1_CONTROL = "0x604"  # the ICH9's, where OVMF puts it
_TRIPLE = "Triple fault"


class _End(Exception):
    """The guest is over; the reason as in ``common.STATUS``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def bootable(disk: Disk) -> bool:
    """Whether UEFI firmware would find something on it: a GPT with an ESP, or an El Torito CD."""
    if disk.size < 2 * _ISO_BOOT_RECORD:
        return False
    if disk.kind == "cd":
        return b"EL TORITO SPECIFICATION" in os.pread(disk.fd, 64, _ISO_BOOT_RECORD)
    head = os.pread(disk.fd, 34 * 512, 0)
    return head[510:512] == b"\x55\xaa" and head[512:520] == b"EFI PART" and _ESP in head


def wanted(machine: Machine, behaviour: Behaviour) -> bool:
    """Whether this guest is to boot for real."""
    if behaviour.guest != "auto" or machine.firmware is None:
        return behaviour.guest == "qemu"
    return os.path.exists(paths.LINUX + QEMU) and any(bootable(disk) for disk in machine.disks)


class State(NamedTuple):
    """Where a checkpoint has QEMU's own state: an open file, the size, where it begins."""

    fd: int
    size: int
    offset: int


class QemuGuest:
    """One run of bhyve with QEMU behind it."""

    def __init__(
        self,
        machine: Machine,
        behaviour: Behaviour,
        report: Report,
        control: Control,
        saved: Optional[State] = None,
    ) -> None:
        self.machine, self.behaviour, self.report, self.control = machine, behaviour, report, control
        self.saved = saved
        self.paused = False
        self.loop = Loop()
        self.arguments = Arguments(machine, saved is not None)
        self.qmp = self.arguments.qmp
        self.received = b""
        self.reason = ""
        self.viewers = 0
        self.process = self.arguments.start()

    # QMP

    def _messages(self) -> List[Dict[str, Any]]:
        """What QEMU says, at least one message unless it has ended."""
        data = self.qmp.recv(65536)
        if not data:
            raise _End(self.reason or self._failure())
        self.received += data
        *lines, self.received = self.received.split(b"\n")
        return [json.loads(line) for line in lines if line.strip()]

    def _failure(self) -> str:
        """QEMU ended without a word of why: bhyve's status for it, and what QEMU said, on stderr."""
        status = self.process.wait()
        with open(vmm.guest_file(self.machine.name, ".qemu.err"), encoding="utf-8", errors="replace") as stream:
            say(f"STANDIN: bhyve: QEMU ended with {status}: {stream.read().strip()}")
        return "exit:4"

    def _event(self, message: Dict[str, Any]) -> None:
        if message.get("event") == "SHUTDOWN":
            cause = str(message["data"]["reason"])
            self.reason = self.reason or self._ending(cause)

    def _ending(self, cause: str) -> str:
        if cause == "guest-reset":
            with open(vmm.guest_file(self.machine.name, ".qemu.log"), encoding="utf-8", errors="replace") as stream:
                return "triple" if _TRIPLE in stream.read() else "reset"
        return "poweroff" if cause == "guest-shutdown" else "exit:4"

    def ask(self, command: str, arguments: Optional[Dict[str, Any]] = None, fd: Optional[int] = None) -> Any:
        """One QMP command (with a descriptor to hand over); its result. What fails ends bhyve with what QEMU said."""
        request = json.dumps({"execute": command, "arguments": arguments or {}}).encode() + b"\n"
        if fd is None:
            self.qmp.sendall(request)
        else:
            socket.send_fds(self.qmp, [request], [fd])
        while True:
            for message in self._messages():
                if "return" in message:
                    return message["return"]
                if "error" in message:
                    say(f"STANDIN: bhyve: QEMU refuses {command}: {message['error']['desc']}")
                    raise _End("exit:4")
                self._event(message)

    def heard(self) -> None:
        for message in self._messages():
            self._event(message)

    # checkpoints

    def pause(self) -> None:
        self.ask("stop")
        self.paused = True

    def resume(self) -> None:
        if self.paused:
            self.paused = False
            self.ask("cont")

    def saving(self) -> float:
        return self.behaviour.save

    def memory(self) -> bytes:
        """What bhyve itself has to know again; the guest's memory is in QEMU's state."""
        known = {name: self.report.values[name] for name in ("boots", "up", "load", "disks")}
        state = {**known, "behaviour": self.behaviour._asdict()}
        return snapshot.MEMORY_MARK + json.dumps(state).encode() + b"\n"

    def drivers(self) -> bool:
        return True  # the firmware has looked for disks

    def write_state(self, fd: int) -> int:
        """QEMU's migration, into the file."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.ask("getfd", {"fdname": "state"}, theirs.fileno())
        theirs.close()
        self.ask("migrate-set-parameters", {"max-bandwidth": _FAST})
        self.ask("migrate", {"uri": "fd:state"})
        size = 0
        try:
            with ours:
                while True:
                    data = ours.recv(_MIB)
                    if not data:
                        return size
                    size += len(data)
                    _write(fd, data)
        finally:
            self._await("query-migrate", ("none", "setup", "active", "device"))

    def _await(self, question: str, passing: Sequence[str]) -> None:
        """Until the status that QEMU tells is none of these, or it has told that for too long; OSError then."""
        end = time.monotonic() + _PATIENCE
        while self.ask(question).get("status", "none") in passing:
            if time.monotonic() > end:
                raise OSError(f"{question}: QEMU does not come to an end")
            time.sleep(0.01)

    def suspended(self) -> NoReturn:
        raise _End("suspended")

    def load(self, saved: State) -> None:
        """Give QEMU its state back."""
        incoming = self.arguments.incoming
        if incoming is None:
            return
        with incoming:
            try:
                with open(saved.fd, "rb", closefd=False) as stream:
                    incoming.sendfile(stream, saved.offset, saved.size)
            except ConnectionError:
                raise _End(self._failure()) from None
        self._await("query-status", ("inmigrate",))

    # the guest's life

    def run(self) -> str:
        """Live until the end; its reason."""
        try:
            self.begin()
            while True:
                self.loop.step()
        except _End as end:
            return end.reason
        except ConnectionError:
            return self.reason or "exit:4"
        finally:
            self.process.kill()
            self.process.wait()
            self.rest()

    def begin(self) -> None:
        if self.saved is None:  # a restored guest's power button is not what it was: SIGTERM ends bhyve
            self.loop.on_sigterm(self.button)
        self.loop.listen(self.control.fd, self.told)
        for name, port in self.machine.ports.items():
            pair = self.arguments.serial.get(name)
            if pair is not None:
                self.loop.listen(port.read_fd, partial(self.typed, port.read_fd, pair))
                self.loop.listen(pair.fileno(), partial(self.printed, pair, port.write_fd))
        self.ask("qmp_capabilities")
        screen = self.machine.screen
        if screen is not None and screen.password:
            self.ask("set_password", {"protocol": "vnc", "password": screen.password})
        self.loop.listen(self.qmp.fileno(), self.heard)
        if screen is not None and screen.sock is not None:
            self.loop.listen(screen.sock.fileno(), self.viewer)
        if self.saved is not None:
            self.load(self.saved)
        if self.saved is not None or screen is None or not screen.wait:
            self.ask("cont")
        if not self.report.values["up"]:
            self.loop.after(0.5, self.look)

    def acpi_on(self) -> bool:
        """Whether the guest's system has taken over the power button: SCI_EN of the PM1 control register."""
        answer = str(self.ask("human-monitor-command", {"command-line": f"i /h {_PM1_CONTROL}"}))
        value = int(answer.strip().rpartition("=")[2].strip(), 16)
        return value != _NOBODY and bool(value & _SCI_EN)

    def look(self) -> None:
        """Note when ACPI is on: the guest counts as up then."""
        if self.acpi_on():
            self.report.write(up=True)
        else:
            self.loop.after(0.5, self.look)

    def button(self) -> None:
        """SIGTERM."""
        if self.acpi_on():
            self.ask("system_powerdown")
        else:
            self.process.kill()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    def told(self) -> None:
        for line in self.control.lines():
            verb, _unused, rest = line.partition(" ")
            raise _End(rest if verb == "do" else verb)

    def viewer(self) -> None:
        """Somebody connects to the VNC port: the connection becomes QEMU's."""
        screen = self.machine.screen
        if screen is None or screen.sock is None:
            return
        connection, _unused = screen.sock.accept()
        self.viewers += 1
        name = f"viewer{self.viewers}"
        with connection:
            self.ask("getfd", {"fdname": name}, connection.fileno())
            self.ask("add_client", {"protocol": "vnc", "fdname": name})
        if screen.wait and self.viewers == 1:
            self.ask("cont")

    def typed(self, fd: int, pair: socket.socket) -> None:
        """From the terminal to the guest's serial port."""
        try:
            data = os.read(fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            pair.sendall(data)
        else:
            self.loop.ignore(fd)

    def printed(self, pair: socket.socket, fd: int) -> None:
        """From the guest's serial port to the terminal."""
        try:
            data = pair.recv(4096)
        except OSError:
            data = b""
        if not data:
            self.loop.ignore(pair.fileno())
            return
        _write(fd, data)

    def rest(self) -> None:
        """What the guest printed last."""
        for name, pair in self.arguments.serial.items():
            pair.setblocking(False)
            try:
                _write(self.machine.ports[name].write_fd, pair.recv(65536))
            except OSError:
                continue


def _write(fd: int, data: bytes) -> None:
    """All of it: the other side of a terminal of nmdm(4) always takes it."""
    while data:
        data = data[os.write(fd, data) :]
