# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a machine that is ready to a guest that runs in it."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Optional

from ... import notes, paths, vmm
from ...guests import light
from ...guests.common import Control, Report
from .machine import Machine, crash_without_lpc, start
from .options import CommandLine

_RUN = "/var/run/bhyve"


def _checkpoint_socket(machine: Machine) -> Optional[socket.socket]:
    """The socket on which a bhyve with snapshots takes requests; only where its directory exists."""
    if not machine.host.snapshot:
        return None
    folder = paths.root(_RUN)
    path = f"{folder}/{machine.name}"
    if not os.path.isdir(folder):
        print("Failed to start checkpoint thread!\r")
        return None
    with suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(1)
    return listener


def run(line: CommandLine, host: vmm.Hardware) -> int:
    """Make the machine, boot the guest, wait for its end; bhyve's exit status."""
    machine = start(line.config, host, line.files)
    control = Control(machine.name)
    notes.set_title(f"bhyve: {machine.name}")
    checkpoints = _checkpoint_socket(machine)
    if line.config.raw("lpc.bootrom") is not None and machine.firmware is None:
        crash_without_lpc()
    behaviour = light.behaviour_of(machine)
    from ...guests import qemu

    if qemu.wanted(machine, behaviour):
        report = Report(machine, "qemu")
        reason = qemu.QemuGuest(machine, report, control).run()
    else:
        report = Report(machine, "light")
        reason = light.LightGuest(machine, behaviour, report, control).run()
    status = light.end(machine, report, reason)
    if checkpoints is not None:
        checkpoints.close()
    return status
