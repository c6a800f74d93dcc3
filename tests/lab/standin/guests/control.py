# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest seen and steered from outside, for tests: ``Guest(host.directory, "web1").reboot()``."""

from __future__ import annotations

import json
import os
import time
from typing import Any, Callable, Dict, List, Optional, Tuple


class Guest:
    """The guest ``name`` of the stand-in host that lives in ``directory``."""

    def __init__(self, directory: str, name: str) -> None:
        self.directory = directory
        self.name = name
        self._file = name.replace("/", "%2F")

    def behave(self, **changes: Any) -> None:
        """Set what the guest does from its next boot on (the fields of ``behaviour.Behaviour``)."""
        folder = f"{self.directory}/disk/guests"
        os.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/.{self._file}"
        with open(temporary, "w", encoding="utf-8") as stream:
            json.dump(changes, stream)
        os.rename(temporary, f"{folder}/{self._file}.json")

    def seen(self) -> Dict[str, Any]:
        """What the guest found when it booted last: memory, cpus, disks, nics, its configuration; empty before."""
        try:
            with open(f"{self.directory}/kernel/guests/{self._file}.json", encoding="utf-8") as stream:
                document: Dict[str, Any] = json.load(stream)
                return document
        except FileNotFoundError:
            return {}

    def wait(self, condition: Callable[[Dict[str, Any]], bool], timeout: float = 20.0) -> Dict[str, Any]:
        """Wait until what the guest has seen fulfils ``condition``; TimeoutError tells what it is instead."""
        end = time.monotonic() + timeout
        while True:
            seen = self.seen()
            if seen and condition(seen):
                return seen
            if time.monotonic() > end:
                raise TimeoutError(f"guest {self.name}: after {timeout} s it is still at {seen}")
            time.sleep(0.02)

    def wait_booted(self, boots: int = 1, timeout: float = 20.0) -> Dict[str, Any]:
        """Wait for the guest's system to be up (ACPI on, where it has it) in at least its ``boots``-th boot."""
        return self.wait(lambda seen: seen["boots"] >= boots and bool(seen["up"]), timeout)

    def do(self, what: str) -> None:
        """Make the running guest do something from inside: reset, poweroff, halt, triple, spin, exit:N, signal:N."""
        self._tell(f"do {what}")

    def _tell(self, line: str) -> None:
        fd = os.open(f"{self.directory}/kernel/guests/{self._file}.control", os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(fd, f"{line}\n".encode())
        finally:
            os.close(fd)

    def _work(self, line: str) -> Dict[str, Any]:
        done = int(self.seen().get("work", 0))
        self._tell(line)
        return self.wait(lambda seen: int(seen.get("work", 0)) > done)

    def write_pattern(self, seed: str) -> None:
        """The running (light) guest writes a pattern to its hard disks."""
        self._work(f"write {seed}")

    def check_pattern(self, seed: str) -> Dict[str, bool]:
        """By serial number: whether the guest's hard disks hold the pattern that was written to them."""
        intact: Dict[str, bool] = self._work(f"check {seed}")["intact"]
        return intact

    def look_at_disks(self) -> List[Dict[str, Any]]:
        """The disks as the guest sees them now, with their sizes."""
        disks: List[Dict[str, Any]] = self._work("look")["disks"]
        return disks

    def call(self, text: str) -> None:
        """The running (light) guest sends a text to everybody on its networks."""
        self._work(f"call {text}")

    def heard(self) -> List[str]:
        """What the running (light) guest has heard on its networks since it booted."""
        texts: List[str] = self._work("hear")["heard"]
        return texts

    def keep(self, word: str) -> None:
        """The running (light) guest keeps a word in its memory: gone with its next boot, back with a restore."""
        self._work(f"keep {word}")

    def recall(self) -> Tuple[List[str], int]:
        """What the running (light) guest has in its memory: the words it kept, and how far it has counted."""
        seen = self._work("recall")
        return seen["kept"], seen["count"]

    def restored(self, restores: int = 1, timeout: float = 20.0) -> Dict[str, Any]:
        """Wait until the guest has been restored at least so many times since the host's boot."""
        return self.wait(lambda seen: seen["restores"] >= restores and not seen["ended"], timeout)

    def reboot(self) -> None:
        """The guest reboots itself."""
        self.do("reset")

    def poweroff(self) -> None:
        """The guest powers itself off."""
        self.do("poweroff")

    def crash(self) -> None:
        """The guest triple-faults."""
        self.do("triple")

    def disk_error(self, status: int = 4) -> None:
        """bhyve itself gives up with that exit status."""
        self.do(f"exit:{status}")

    def boots(self) -> int:
        """How often it was booted since the host was."""
        return int(self.seen().get("boots", 0))

    def config(self) -> Optional[str]:
        """The configuration file of its last boot, links resolved; None if it had none."""
        files = self.seen().get("files", [])
        return str(files[0]) if files else None
