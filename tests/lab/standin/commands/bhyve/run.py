# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a machine that is ready to a guest that runs in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from ... import notes, vmm
from ...guests import light
from ...guests.behaviour import Behaviour
from ...guests.checkpoints import Checkpoints, open_socket
from ...guests.common import Control, Report
from .machine import Machine, crash_without_lpc, start
from .options import CommandLine
from .snapshot import Checkpoint

if TYPE_CHECKING:
    from ...guests import qemu


def _guest(machine: Machine, control: Control) -> Union[light.LightGuest, qemu.QemuGuest]:
    """The guest that boots in the machine."""
    from ...guests import qemu

    behaviour = light.behaviour_of(machine)
    if qemu.wanted(machine, behaviour):
        return qemu.QemuGuest(machine, behaviour, Report(machine, "qemu"), control)
    return light.LightGuest(machine, behaviour, Report(machine, "light"), control)


def _restored(machine: Machine, control: Control, saved: Checkpoint) -> Union[light.LightGuest, qemu.QemuGuest]:
    """The guest as it was saved; a light one that does nothing if its memory is none."""
    from ...guests import qemu

    memory = saved.memory()
    behaviour = Behaviour(**memory["behaviour"]) if memory else Behaviour()
    stream = saved.stream(machine)
    if stream is not None:
        report = Report(machine, "qemu", memory)
        return qemu.QemuGuest(machine, behaviour, report, control, qemu.State(saved.kernel, *stream))
    return light.LightGuest(machine, behaviour, Report(machine, "light", memory), control, memory)


def run(line: CommandLine, host: vmm.Hardware) -> int:
    """Make the machine, boot the guest, wait for its end; bhyve's exit status."""
    saved = line.restore
    needs = (saved.number("ncpus"), saved.number("memsize")) if saved is not None else None
    machine = start(line.config, host, line.files, needs)
    control = Control(machine.name)
    notes.set_title(f"bhyve: {machine.name}")
    if saved is not None:
        saved.restore(machine)
    listener = open_socket(machine)
    if line.config.raw("lpc.bootrom") is not None and machine.firmware is None:
        crash_without_lpc()
    guest = _guest(machine, control) if saved is None else _restored(machine, control, saved)
    if listener is not None:
        guest.loop.listen(listener.fileno(), Checkpoints(machine, guest, listener).asked)
    status = light.end(machine, guest.report, guest.run())
    if listener is not None:
        listener.close()
    return status
