# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The light guest: no machine at all, but everything that a host sees of one.

It runs in bhyve's own process: a time before ACPI is on, a console with a prompt, a VNC port that answers, the power
button, and the ends that a guest can have. The tiny guest (tests/lab/tiny-guest) is played to its letter. In its memory
a guest has words that it was told to keep and a count that goes on while it runs, ten a second.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from contextlib import suppress
from functools import partial
from typing import Any, Dict, List, NoReturn, Optional

from .. import paths, vmm
from ..commands.bhyve import lpc, snapshot
from ..commands.bhyve.devices import die
from ..commands.bhyve.errors import say
from ..commands.bhyve.machine import Machine
from . import behaviour as behaviours
from . import frames, patterns
from .behaviour import Behaviour
from .common import STATUS, Control, Report
from .loop import Loop

#: What the guest's memory counts in a second.
_COUNTS = 10
#: What only a guest that runs can do.
_OWN = ("do", "write", "check", "look", "call", "hear", "keep", "recall")
_BANNER = b"RFB 003.008\n"
_HALTED = "\nThe operating system has halted.\nPlease press any key to reboot.\n\n"
_COMMANDS = {"reboot": "reset", "poweroff": "poweroff", "shutdown -p now": "poweroff", "shutdown -r now": "reset"}


class _End(Exception):
    """The guest is over: a reason of STATUS, "destroyed", or ``exit:N``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LightGuest:
    """One run of bhyve with a light guest behind it."""

    def __init__(
        self,
        machine: Machine,
        behaviour: Behaviour,
        report: Report,
        control: Control,
        saved: Optional[Dict[str, Any]] = None,
    ) -> None:
        """``saved``: what a restored guest's memory holds; empty when it holds nothing that can go on."""
        self.machine, self.behaviour, self.report, self.control = machine, behaviour, report, control
        load = report.values["load"] or {}
        self.tiny = str(load.get("mode", "")) if load.get("kind") == "tiny" else ""
        self.loop = Loop()
        self.viewers: Dict[int, socket.socket] = {}
        self.saved = saved
        memory = saved or {}
        self.typed = str(memory.get("typed", ""))
        self.halted = bool(memory.get("halted", False))
        self.pressed = bool(memory.get("pressed", False))
        self.ticks = int(memory.get("ticks", 0))
        self.kept: List[str] = list(memory.get("kept", []))
        self.counted = float(memory.get("count", 0)) / _COUNTS
        self.due: Dict[str, float] = {}
        self.runs_since: Optional[float] = None
        self.paused: Optional[float] = None

    def run(self) -> str:
        """Live until the end; its reason."""
        try:
            self.begin()
            while True:
                self.loop.step()
        except _End as end:
            return end.reason

    # the guest's life

    def begin(self) -> None:
        self.loop.listen(self.control.fd, self.told)
        screen, debugger = self.machine.screen, self.machine.debugger
        if screen is not None and screen.sock is not None:
            self.loop.listen(screen.sock.fileno(), self.viewer)
        for port in self.machine.ports.values():
            self.loop.listen(port.read_fd, partial(self.input, port.read_fd))
        node = vmm.get(self.machine.name)
        if node is None:
            raise _End("destroyed")
        if node["suspended"]:
            raise _End(str(node["suspended"]))
        if self.saved is not None:
            self.go_on(self.saved)
            return
        if self.machine.firmware is None and not self.report.values["load"]:
            raise _End("triple")  # nothing was loaded: the first instruction is none
        waits_for_debugger = debugger is not None and self.machine.config.boolean("gdb.wait")
        if not waits_for_debugger and not (screen is not None and screen.wait):
            self.boot()

    def boot(self) -> None:
        """The guest's first instruction."""
        behaviour = self.behaviour
        self.runs_since = time.monotonic()
        self.print("tiny guest: up\n" if self.tiny else f"Booting [{self.machine.name}]...\n")
        if behaviour.then and (not behaviour.times or self.report.boots <= behaviour.times):
            self.later(f"do:{behaviour.then}", behaviour.after)
        if behaviour.acpi != "never":
            self.later("acpi", behaviour.acpi_after)
        elif not self.tiny:
            self.up()
        if self.tiny in ("idle", "acpi"):
            self.later("tick", behaviour.tick)

    def later(self, what: str, seconds: float) -> None:
        """Something that the guest will do, known by its name so that it can be saved."""
        self.due[what] = time.monotonic() + seconds
        self.loop.after(seconds, lambda: self.happen(what))

    def happen(self, what: str) -> None:
        self.due.pop(what, None)
        verb, _unused, rest = what.partition(":")
        if verb == "acpi":
            self.acpi_on()
        elif verb == "tick":
            self.tick()
        else:
            self.do(rest)

    # checkpoints

    def pause(self) -> None:
        """The guest's processors and devices stand still."""
        self.paused = time.monotonic()

    def resume(self) -> None:
        """They go on, and the guest has noticed nothing."""
        if self.paused is None:
            return
        gone = time.monotonic() - self.paused
        self.paused = None
        self.loop.delay(gone)
        self.due = {what: when + gone for what, when in self.due.items()}
        if self.runs_since is not None:
            self.runs_since += gone

    def saving(self) -> float:
        return self.behaviour.save

    def count(self) -> int:
        """How far the guest has counted: only while it runs."""
        running = 0.0 if self.runs_since is None else (self.paused or time.monotonic()) - self.runs_since
        return int((self.counted + running) * _COUNTS)

    def memory(self) -> bytes:
        """All that the guest knows."""
        now = self.paused or time.monotonic()
        values = self.report.values
        state = {
            **{name: values[name] for name in ("boots", "up", "load", "disks")},
            "behaviour": self.behaviour._asdict(),
            "typed": self.typed,
            "halted": self.halted,
            "pressed": self.pressed,
            "ticks": self.ticks,
            "kept": self.kept,
            "count": self.count(),
            "due": {what: max(0.0, when - now) for what, when in self.due.items()},
            "runs": self.runs_since is not None,
        }
        return snapshot.MEMORY_MARK + json.dumps(state).encode() + b"\n"

    def drivers(self) -> bool:
        return bool(self.report.values["up"]) and not self.tiny

    def write_state(self, fd: int) -> int:
        """Nothing: what there is is in the memory."""
        return 0

    def suspended(self) -> NoReturn:
        raise _End("suspended")

    def go_on(self, saved: Dict[str, Any]) -> None:
        """After a restore. The power button is not what it was: SIGTERM ends bhyve until the next boot."""
        if saved.get("runs"):
            self.runs_since = time.monotonic()
        for what, seconds in saved.get("due", {}).items():
            self.later(what, float(seconds))

    def acpi_on(self) -> None:
        """The system has taken over: from now on SIGTERM is the power button."""
        self.loop.on_sigterm(self.button)
        self.print("tiny guest: ACPI enabled\n" if self.tiny else "light guest: ACPI enabled\n")
        self.up()

    def up(self) -> None:
        self.report.write(up=True)
        if not self.tiny:
            self.print("\nlogin: ")

    def tick(self) -> None:
        self.ticks += 1
        self.print(f"tiny guest: tick {self.ticks}\n")
        self.later("tick", self.behaviour.tick)

    def button(self) -> None:
        """The power button, which is SIGTERM."""
        if self.behaviour.acpi != "obey" or self.pressed:
            return
        self.pressed = True
        if self.tiny:
            self.print("tiny guest: power button, powering off\n")
            self.do("poweroff")
        self.print("\nlight guest: power button, powering off\n")
        self.later("do:poweroff", self.behaviour.shutdown_after)

    def do(self, what: str) -> None:
        """An end, or a halt that only a key ends ("spin": not even that)."""
        if self.tiny:
            lines = {"reset": "reset", "poweroff": "power off", "halt": "halt", "triple": "triple fault"}
            text = "keyboard controller reset" if self.tiny == "kbdreset" else lines.get(what, "")
            if text and self.tiny != "acpi":
                self.print(f"tiny guest: {text}\n")
        if what == "halt" and not self.machine.config.boolean("x86.vmexit_on_hlt"):
            what = "spin"  # nobody notices: the CPU just waits
        if what == "spin":
            self.loop.timers.clear()
            self.due.clear()
            return
        raise _End(what)

    # the outside

    def told(self) -> None:
        for line in self.control.lines():
            verb, _unused, rest = line.partition(" ")
            if self.saved == {} and verb in _OWN:
                continue  # a guest that does nothing
            if verb == "do":
                self.do(rest)
            elif verb in ("write", "check", "look"):
                self.disks(verb, rest)
            elif verb in ("call", "hear"):
                self.networks(verb, rest)
            elif verb in ("keep", "recall"):
                self.remember(verb, rest)
            else:  # from bhyvectl, through the kernel
                raise _End(verb)

    def disks(self, verb: str, seed: str) -> None:
        """The guest works on its disks; ``work`` in its report counts what it has done."""
        found = self.report.values
        if verb == "write":
            patterns.write(self.machine.disks, seed)
        elif verb == "check":
            found["intact"] = patterns.check(self.machine.disks, seed)
        else:
            found["disks"] = patterns.look(self.machine.disks, found["disks"])
        self.report.write(work=int(found.get("work", 0)) + 1)

    def remember(self, verb: str, word: str) -> None:
        """The guest keeps a word in its memory, or tells what is there."""
        found = self.report.values
        if verb == "keep":
            self.kept.append(word)
        self.report.write(kept=self.kept, count=self.count(), work=int(found.get("work", 0)) + 1)

    def networks(self, verb: str, text: str) -> None:
        """The guest sends a frame, or tells what it has heard."""
        found = self.report.values
        if verb == "call":
            frames.call(self.machine.nics, text)
        else:
            found["heard"] = [*found.get("heard", []), *frames.hear(self.machine.nics)]
        self.report.write(work=int(found.get("work", 0)) + 1)

    def viewer(self) -> None:
        """Somebody connects to the VNC port."""
        screen = self.machine.screen
        if screen is None or screen.sock is None:
            return
        connection, _unused = screen.sock.accept()
        first = not self.viewers
        connection.setblocking(False)
        self.viewers[connection.fileno()] = connection
        self.loop.listen(connection.fileno(), lambda: self.hear(connection))
        try:
            connection.sendall(_BANNER)
        except OSError:
            self.leave(connection)
        if first and screen.wait and self.saved is None and not self.loop.timers and not self.report.values["up"]:
            self.boot()

    def hear(self, connection: socket.socket) -> None:
        try:
            if connection.recv(4096):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.leave(connection)

    def leave(self, connection: socket.socket) -> None:
        self.loop.ignore(connection.fileno())
        del self.viewers[connection.fileno()]
        connection.close()

    def print(self, text: str) -> None:
        """To the first serial port, as a terminal wants it."""
        port = self.machine.ports.get("com1")
        if port is not None:
            lpc.put(port, text.replace("\n", "\r\n").encode())

    def input(self, fd: int) -> None:
        """What is typed at a serial port."""
        try:
            data = os.read(fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.loop.ignore(fd)
            return
        if self.tiny or not self.report.values["up"]:
            return
        if self.halted:
            raise _End("reset")
        for char in data.decode("utf-8", "replace"):
            self.key(char)

    def key(self, char: str) -> None:
        if char not in "\r\n":
            self.typed += char
            self.print(char)
            return
        line, self.typed = self.typed.strip(), ""
        self.print("\n")
        if line == "halt":
            self.halted = True
            self.print(_HALTED)
        elif line in _COMMANDS:
            self.later(f"do:{_COMMANDS[line]}", self.behaviour.shutdown_after)
        else:
            self.print(f"light guest: {line}\n# " if line else "# ")


def behaviour_of(machine: Machine) -> Behaviour:
    """What the guest of this machine is to do."""
    disks = [disk for disk in machine.disks if disk.kind == "hd"]
    behaviour = behaviours.load(machine.name, paths.root(disks[0].path) if disks else None)
    load = (vmm.get(machine.name) or {}).get("load") or {}
    if load.get("kind") == "tiny":
        behaviour = behaviours.of_tiny(str(load["mode"]), behaviour)
    return behaviour


def end(machine: Machine, report: Optional[Report], reason: str) -> int:
    """bhyve's exit status for that end of the machine; ``signal:N`` does not come back."""
    if report is not None:
        report.write(ended=reason, up=False)
    verb, _unused, number = reason.partition(":")
    if verb == "signal":
        die(int(number))
    if verb == "exit":
        return int(number)
    if reason == "suspended":
        return 0
    if reason == "destroyed":
        say("vm_run error -1, errno 6")
        return 1
    with suppress(OSError):  # bhyvectl may have done it already
        vmm.suspend(machine.name, reason)
    if reason == "poweroff" and machine.config.boolean("destroy_on_poweroff"):
        with suppress(OSError):
            vmm.destroy(machine.name)
    sys.stdout.flush()
    return STATUS[reason]
