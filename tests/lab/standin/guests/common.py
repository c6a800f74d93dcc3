# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bhyve shares between its guests: the report of a boot, the control pipe, and how a run ends."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any, Dict, List, Optional

from .. import vmm
from ..commands.bhyve.machine import Machine

#: Reason of a machine's end -> bhyve's exit status (bhyve(8), EXIT STATUS).
STATUS = {"reset": 0, "poweroff": 1, "halt": 2, "triple": 3}


class Report:
    """``KERNEL/guests/NAME.json``: what the guest found when it booted, replaced as it goes on.

    A guest that is restored does not boot: ``saved`` is what it knew when it was saved.
    """

    def __init__(self, machine: Machine, kind: str, saved: Optional[Dict[str, Any]] = None) -> None:
        self.path = vmm.guest_file(machine.name, ".json")
        self.values: Dict[str, Any] = {
            "name": machine.name,
            "kind": kind,
            "pid": os.getpid(),
            "boots": saved.get("boots", 0) if saved is not None else self._before("boots") + 1,
            "restores": self._before("restores") + (saved is not None),
            "up": saved.get("up", False) if saved is not None else False,
            "ended": "",
            "memory": machine.memory,
            "wired": machine.wired,
            "cpus": machine.cpus,
            "topology": list(machine.topology),
            "uuid": machine.config.get("uuid") or "",
            "utc": not machine.config.boolean("rtc.use_localtime", True),
            "files": [os.path.realpath(path) for path in machine.files],
            "firmware": machine.firmware.rom if machine.firmware else "",
            "variables": (machine.firmware.variables or "") if machine.firmware else "",
            "load": saved.get("load") if saved is not None else (vmm.get(machine.name) or {}).get("load"),
            "disks": [
                {**{name: getattr(disk, name) for name in ("slot", "model", "path", "ro", "size")}, "type": disk.kind}
                for disk in machine.disks
            ],
            "nics": [
                {"slot": nic.slot, "model": nic.model, "backend": nic.backend, "mac": nic.mac, "mtu": nic.mtu}
                for nic in machine.nics
            ],
            "ports": {name: port.path for name, port in machine.ports.items()},
            "vnc": f"{machine.screen.address}:{machine.screen.port}" if machine.screen else "",
            "devices": machine.models,
            "boot_order": machine.boot_order,
        }
        self.write()

    def _before(self, what: str) -> int:
        """A number of the run before this one."""
        try:
            with open(self.path, encoding="utf-8") as stream:
                return int(json.load(stream).get(what, 0))
        except FileNotFoundError:
            return 0

    @property
    def boots(self) -> int:
        """Which boot since the host's this is."""
        return int(self.values["boots"])

    def write(self, **changes: Any) -> None:
        self.values.update(changes)
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        temporary = f"{self.path}.{os.getpid()}"
        with open(temporary, "w", encoding="utf-8") as stream:
            json.dump(self.values, stream)
        os.rename(temporary, self.path)


class Control:
    """The pipe through which a running bhyve is told things: by tests (``do X``) and by bhyvectl (``reset`` …)."""

    def __init__(self, name: str) -> None:
        path = vmm.guest_file(name, ".control")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        # Read and write: it never reports end of file, and nobody who writes ever meets a closed pipe.
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._rest = b""
        self._drain()

    def _drain(self) -> None:
        """What was meant for an earlier run."""
        try:
            while os.read(self.fd, 4096):
                pass
        except BlockingIOError:
            return

    def lines(self) -> List[str]:
        """What has come since."""
        try:
            self._rest += os.read(self.fd, 4096)
        except BlockingIOError:
            return []
        *whole, self._rest = self._rest.split(b"\n")
        return [line.decode() for line in whole]
