# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkpoint's three files, and ``bhyve -r`` (snapshot.c).

There are two forms. The 14.0-CURRENT of 2022 goes through a table of device names: of each kind the first device is
saved, what is not in the table is left out without a word, and a device that is missing at the restore is a null
pointer. Since 14.0-RELEASE each PCI device is saved under its own name; one that cannot be saved fails the checkpoint,
one that the checkpoint lacks fails the restore, one that it has beyond is not looked at.
"""

from __future__ import annotations

import json
import os
import signal
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ... import paths
from .devices import abort, die
from .errors import Exit, err, errx, say, strerror
from .machine import Machine

#: What comes first in a light guest's memory: its state, as JSON on one line.
MEMORY_MARK = b"APIARY-MEMORY "
MEMORY_HEAD = 1 << 16
#: The device of .kern that is QEMU's own state.
STREAM = "qemu"
_EX_DATAERR = 65
_NAME_MAX = 255
_ENOTTY = 25
_RELEASE_15 = 1500000

#: Kernel structures: name, number of the request, size in bytes. Of "vmx" only the form of 2022 knows. The sizes of the
#: first five are recorded; the others fill the rest of what was.
_STRUCTS = (
    ("vhpet", 5, 284),
    ("vm", 2, 2944),
    ("vmx", 0, 2880),
    ("vioapic", 1, 388),
    ("vlapic", 3, 66768),
    ("vmcx", 4, 9526),
    ("vatpit", 6, 208),
    ("vatpic", 7, 108),
    ("vpmtmr", 8, 12),
    ("vrtc", 9, 152),
)
#: The devices of the form of 2022, in order; and those of them that are paused and resumed.
_TABLE = (
    *("atkbdc", "virtio-net", "virtio-blk", "virtio-rnd", "lpc", "fbuf", "xhci", "e1000"),
    *("ahci", "ahci-hd", "ahci-cd"),
)
_PAUSED = ("virtio-net", "virtio-blk", "ahci", "ahci-hd", "ahci-cd")
#: A disk that the guest's driver has not set up.
_IDLE = {"virtio-blk": 619}
#: The models that a bhyve of the later form can save, and how much that is.
_SIZES = {
    "ahci": 12288,
    "atkbdc": 141,
    "dummy": 436,
    "e1000": 9036,
    "fbuf": 16777216,
    "hostbridge": 436,
    "lpc": 520,
    "virtio-blk": 8819,
    "virtio-net": 66212,
    "virtio-rnd": 1012,
    "xhci": 5096,
}


class Device(NamedTuple):
    """A device in a checkpoint: its name there, its model, its state's size (0: there is none)."""

    name: str
    model: str
    size: int


class Unsupported(Exception):
    """A device that this bhyve cannot save; its name."""


def by_table(machine: Machine) -> bool:
    """Whether this bhyve has the form of 2022."""
    return machine.host.recorded


def with_extension(name: str, extension: str) -> Optional[str]:
    """The name of a further file; None, with a message, when it is too long."""
    if len(os.fsencode(name + extension)) > _NAME_MAX:
        say("Filename exceeds maximum length.")
        return None
    return name + extension


def structs(machine: Machine) -> List[Tuple[str, int, int]]:
    """The kernel's part: name, number, size."""
    return [one for one in _STRUCTS if by_table(machine) or one[0] != "vmx"]


def devices(machine: Machine, drivers: bool) -> Iterator[Device]:
    """The machine's devices in the order in which they are saved. Unsupported for one that cannot be.

    ``drivers``: whether the guest's have set them up.
    """
    models = machine.models
    sizes = _SIZES if drivers else {**_SIZES, **_IDLE}
    if by_table(machine):
        for name in _TABLE:
            there = name == "atkbdc" or name in models.values()
            yield Device(name, name, sizes[name] if there else 0)
        return
    for slot, model in models.items():
        name = f"{model}@pci.{slot}"
        if model not in _SIZES:
            raise Unsupported(name)
        yield Device(name, model, sizes[model])
    yield Device("atkbdc", "atkbdc", sizes["atkbdc"])


def complain(machine: Machine, function: str) -> None:
    """pci_pause, pci_resume: of each kind in the table that the machine has not."""
    if by_table(machine):
        for name in _PAUSED:
            if name not in machine.models.values():
                say(f"{function}: no such name: {name}")


def metadata(machine: Machine, saved: List[Device], extra: int) -> str:
    """The file .meta; ``extra``: bytes of the device that is QEMU's own."""
    key = "snapshot_req" if by_table(machine) else "device"
    at = 0
    kernel: List[Dict[str, Any]] = []
    for name, number, size in structs(machine):
        head = {"debug_name": name, key: number} if by_table(machine) else {key: name}
        kernel.append({**head, "size": size, "file_offset": at})
        at += size
    found: List[Dict[str, Any]] = []
    for name, size in [*((one.name, one.size) for one in saved), *([(STREAM, extra)] if extra else [])]:
        found.append({key: name, "size": size, "file_offset": at})
        at += size
    document = {
        "basic metadata": {
            "ncpus": machine.cpus,
            "vmname": machine.name,
            "memsize": machine.memory,
            "memflags": 1 if machine.wired else 0,
        },
        "structs" if by_table(machine) else "kern_structs": kernel,
        "devices": found,
    }
    return json.dumps(document, indent=2) + "\n"


class Checkpoint:
    """The files of a checkpoint that a machine is to be restored from."""

    def __init__(self, path: str) -> None:
        """Read them; ends the program with bhyve's words for what is missing."""
        self.path = path
        self.ram = self._open(path, "Failed to open restore file", "Restore file is empty.", "guest RAM file")
        kernel = with_extension(path, ".kern")
        if kernel is None:
            say("Failed to construct kernel data filename.")
            self._give_up()
        words = ("Failed to open kernel data file", "Kernel data file is empty.", "guest kernel data file")
        self.kernel = self._open(kernel, *words)
        self.meta = self._metadata(with_extension(path, ".meta"))

    def _give_up(self) -> None:
        say(f"Failed to read checkpoint info from file: '{self.path}'.")
        raise Exit(1)

    def _open(self, path: Optional[str], missing: str, empty: str, what: str) -> int:
        fd = -1
        try:
            fd = os.open(paths.root(path or ""), os.O_RDONLY | os.O_CLOEXEC)
            if os.fstat(fd).st_size:
                return fd
            say(empty)
        except OSError as error:
            say(f"{missing}: {strerror(error.errno or 0)}")
        say(f"Failed to load {what}.")
        self._give_up()
        return fd

    def _metadata(self, path: Optional[str]) -> Dict[str, Any]:
        try:
            with open(paths.root(path or ""), encoding="utf-8") as stream:
                text = stream.read()
            found: Dict[str, Any] = json.loads(text) if text.strip() else {}
            return found
        except (OSError, ValueError):
            say(f"Failed to parse metadata file: '{path}'")
            say("Failed to load guest metadata file.")
            self._give_up()
        return {}

    def basic(self, key: str) -> Any:
        """A value of the basic metadata; None, with a message, without it."""
        basic = self.meta.get("basic metadata")
        if not isinstance(basic, dict):
            say("Failed to find 'basic metadata' object.")
            return None
        if key not in basic:
            say(f"Missing key: '{key}'")
        return basic.get(key)

    def number(self, key: str) -> int:
        value = self.basic(key)
        return value if isinstance(value, int) else 0

    def find(self, key: str, name: Any, array: str) -> Optional[Tuple[int, int]]:
        """Size and offset of what ``array`` has under that name; ends the program if the file is shorter."""
        for one in self.meta.get(array, []):
            if one.get(key) == name:
                size, offset = int(one["size"]), int(one["file_offset"])
                if offset + size > os.fstat(self.kernel).st_size:
                    condition = "(file_offset + size <= rstate->kdata_len)"
                    abort(condition, "lookup_check_dev", "usr.sbin/bhyve/snapshot.c", 485)
                return size, offset
        return None

    def memory(self) -> Dict[str, Any]:
        """A light guest's state out of its memory; empty when that is not what the memory begins with."""
        head = os.pread(self.ram, MEMORY_HEAD, 0)
        if not head.startswith(MEMORY_MARK):
            return {}
        try:
            state: Dict[str, Any] = json.loads(head[len(MEMORY_MARK) :].split(b"\n", 1)[0])
        except ValueError:
            return {}
        return state

    def stream(self, machine: Machine) -> Optional[Tuple[int, int]]:
        """Size and offset of QEMU's own state in .kern."""
        return self.find("snapshot_req" if by_table(machine) else "device", STREAM, "devices")

    def restore(self, machine: Machine) -> None:
        """Put the state into the machine, as far as the host sees of it; ends the program where bhyve does."""
        end = "\r" if machine.host.osreldate < _RELEASE_15 else ""
        print(f"Pausing pci devs...{end}")
        complain(machine, "pci_pause")
        print(f"Restoring vm mem...{end}")
        size = os.fstat(self.ram).st_size
        if size != machine.memory:
            say(f"vm_snapshot_mem: mem size mismatch: {machine.memory} vs {size}\r")
            say("Failed to restore VM memory.")
            raise Exit(1)
        print("\r")
        print(f"Restoring pci devs...{end}")
        if by_table(machine):
            self._restore_table(machine)
        else:
            self._restore_named(machine)
        print(f"Restoring kernel structs...{end}")
        self._restore_kernel(machine)
        print(f"Resuming pci devs...{end}")
        complain(machine, "pci_resume")

    def _restore_table(self, machine: Machine) -> None:
        for name in _TABLE:
            found = self.find("snapshot_req", name, "devices")
            if found is None:
                say(f"Failed to lookup dev: {name}\r")
                say("Continuing the restore/migration process\r")
            elif not found[0]:
                say(f"vm_restore_user_dev: Device size is 0. Assuming {name} is not used\r")
            elif name != "atkbdc" and name not in machine.models.values():
                _segmentation_fault()

    def _restore_named(self, machine: Machine) -> None:
        for name in [*(f"{model}@pci.{slot}" for slot, model in machine.models.items()), "atkbdc"]:
            if self.find("device", name, "devices") is None:
                say(f"Failed to lookup dev: {name}")
                say("Failed to restore PCI device state.")
                raise Exit(1)

    def _restore_kernel(self, machine: Machine) -> None:
        able = "kernel" in machine.host.snapshot
        for name, number, _unused in structs(machine):
            if by_table(machine):
                there = self.find("snapshot_req", number, "structs") is not None
                if not there:
                    say(f"vm_restore_kern_struct: Failed to lookup struct {name}\r")
                elif not able:
                    say(f"vm_restore_kern_struct: Failed to restore struct: {name}\r")
                if not there or not able:
                    say("Failed to restore kernel structs.")
                    raise Exit(1)
            elif self.find("device", name, "kern_structs") is None:
                errx(_EX_DATAERR, f"Cannot find kern struct {name}")
            elif not able:
                err(_EX_DATAERR, f"Failed to restore {name}", _ENOTTY)


def _segmentation_fault() -> None:
    """What was printed and not yet written is lost."""
    os.dup2(os.open(os.devnull if paths.DETACHED else "/dev/null", os.O_WRONLY), 1)
    die(signal.SIGSEGV)
