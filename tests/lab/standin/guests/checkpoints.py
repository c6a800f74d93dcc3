# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running guest's checkpoints: the socket on which bhyve is asked for them, and how it writes them (snapshot.c).

Everything happens in bhyve's own process, which does nothing else meanwhile: the guest stands still from before the
first byte of its memory is written until .meta, which comes last, is whole. A signal that stops the process in between
holds all of it.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from typing import List, NamedTuple, NoReturn, Optional, Protocol, Tuple

from .. import paths, vmm
from ..commands.bhyve import snapshot
from ..commands.bhyve.errors import errx, say, strerror
from ..commands.bhyve.machine import Machine

_RUN = "/var/run/bhyve"
_EX_OSERR = 71
_EFAULT = 14
_EOPNOTSUPP = 45
_PIECE = 4 << 20
_PIECES = 64


class Guest(Protocol):
    """What a checkpoint needs of a guest."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def saving(self) -> float:
        """Seconds that writing its memory takes."""

    def memory(self) -> bytes:
        """What its memory begins with."""

    def drivers(self) -> bool:
        """Whether its drivers have set up its devices: an AHCI controller without cannot be saved."""

    def write_state(self, fd: int) -> int:
        """Append what is its own to .kern; how much that was."""

    def suspended(self) -> NoReturn:
        """The machine has been saved and destroyed: bhyve ends."""


class _Failed(Exception):
    """A checkpoint that cannot be taken; what bhyve says is said."""


class _Request(NamedTuple):
    name: str
    folder: Optional[int]
    suspend: bool


def _fail(text: str, error: Optional[OSError] = None) -> NoReturn:
    say(text if error is None else f"{text}: {strerror(error.errno or 0)}")
    raise _Failed


def open_socket(machine: Machine) -> Optional[socket.socket]:
    """The socket on which a bhyve with snapshots takes requests; its directory has to exist."""
    if "bhyve" not in machine.host.snapshot:
        return None
    path = f"{_RUN}/{machine.name}"
    real = paths.root(path)
    with suppress(FileNotFoundError):
        os.unlink(real)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(real)
    except OSError as error:
        say(f'Failed to bind socket "{path}": {strerror(error.errno or 0)}\n')
        listener.close()
        if not machine.host.recorded:
            errx(_EX_OSERR, "Failed to start checkpoint thread")
        print("Failed to start checkpoint thread!\r")
        return None
    listener.listen(10)
    return listener


class Checkpoints:
    """Takes the checkpoints of one machine while its guest runs."""

    def __init__(self, machine: Machine, guest: Guest, listener: socket.socket) -> None:
        self.machine, self.guest, self.listener = machine, guest, listener

    def asked(self) -> None:
        """A request has come; does not return when bhyve is to end after it."""
        connection, _unused = self.listener.accept()
        with connection:
            message, folders, _flags, _address = socket.recv_fds(connection, 65536, 1)
        if not message:
            return
        wanted = json.loads(message)
        request = _Request(str(wanted["filename"]), folders[0] if folders else None, bool(wanted["suspend"]))
        try:
            done = self._take(request)
        finally:
            for folder in folders:
                os.close(folder)
        if done and request.suspend:
            self.guest.suspended()

    def _take(self, request: _Request) -> bool:
        kernel = snapshot.with_extension(request.name, ".kern")
        if kernel is None:
            say("Failed to construct kernel data filename.")
            return False
        opened: List[int] = []
        try:
            self._write(request, kernel, opened)
            return True
        except _Failed:
            return False
        finally:
            for fd in opened:
                os.close(fd)
            if not request.suspend or vmm.exists(self.machine.name):
                snapshot.complain(self.machine, "pci_resume")
                self.guest.resume()

    def _open(self, request: _Request, name: str, mode: int, opened: List[int]) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        opened.append(os.open(name, flags, mode, dir_fd=request.folder))
        return opened[-1]

    def _write(self, request: _Request, kernel: str, opened: List[int]) -> None:
        machine = self.machine
        try:
            kernel_fd = self._open(request, kernel, 0o700, opened)
        except OSError as error:
            _fail("Failed to open kernel data snapshot file.", error)
        try:
            memory_fd = self._open(request, request.name, 0o700, opened)
        except OSError as error:
            _fail("Failed to create checkpoint file", error)
        meta = snapshot.with_extension(request.name, ".meta")
        if meta is None:
            _fail("Failed to construct vm metadata filename.")
        try:
            meta_fd = self._open(request, meta, 0o666 if machine.host.recorded else 0o700, opened)
        except OSError as error:
            _fail("Failed to open vm metadata snapshot file.", error)
        self.guest.pause()
        snapshot.complain(machine, "pci_pause")
        try:
            self._write_memory(memory_fd)
        except OSError as error:
            say(f"Failed to write in file: {strerror(error.errno or 0)}")
            say("vm_snapshot_mem: Could not write lowmem\r")
            _fail("Could not write guest memory to file", error)
        print("\r")
        self._write_kernel(kernel_fd)
        saved, extra = self._write_devices(kernel_fd)
        with suppress(OSError):  # nobody looks at what fclose(3) returns
            _write_all(meta_fd, snapshot.metadata(machine, saved, extra).encode())
        if request.suspend:
            with suppress(OSError):
                vmm.destroy(machine.name)

    def _write_memory(self, fd: int) -> None:
        """The memory's size, of which only the beginning is worth something; it takes its space and its time."""
        size, seconds = self.machine.memory, self.guest.saving()
        piece = max(_PIECE, -(-size // _PIECES))
        head = self.guest.memory()
        for at in range(0, size, piece):
            os.posix_fallocate(fd, at, min(piece, size - at))
            if at == 0:
                os.pwrite(fd, head, 0)
            time.sleep(seconds * piece / size)

    def _write_kernel(self, fd: int) -> None:
        machine = self.machine
        function = "vm_snapshot_kern_struct" if snapshot.by_table(machine) else "vm_save_kern_struct"
        for name, _unused, size in snapshot.structs(machine):
            if "kernel" not in machine.host.snapshot or not vmm.exists(machine.name):
                say(f"{function}: Failed to snapshot struct {name}\r")
                _fail("Failed to snapshot vm kernel data.")
            try:
                _write_all(fd, bytes(size))
            except OSError as error:
                say(f"Failed to write all snapshotted data.: {strerror(error.errno or 0)}")
                _fail("Failed to snapshot vm kernel data.")

    def _write_devices(self, fd: int) -> Tuple[List[snapshot.Device], int]:
        """What was saved of the devices, and how much the guest has added."""
        end = "\r" if snapshot.by_table(self.machine) else ""
        saved: List[snapshot.Device] = []
        drivers = self.guest.drivers()
        try:
            for device in snapshot.devices(self.machine, drivers):
                if not device.size:
                    say(f"pci_snapshot: no such name: {device.name}\r")
                elif device.model == "ahci" and not drivers:
                    say("pci_ahci_snapshot: invalid address: port->cmd_lst\r")
                    say(f"Failed to snapshot {device.name}; ret={_EFAULT}{end}")
                    _fail("Failed to snapshot device state.")
                _write_all(fd, bytes(device.size))
                saved.append(device)
            return saved, self.guest.write_state(fd)
        except snapshot.Unsupported as refused:
            say(f"Failed to snapshot {refused}; ret={_EOPNOTSUPP}")
            _fail("Failed to snapshot device state.")
        except OSError as error:
            say(f"Failed to write all snapshotted data.: {strerror(error.errno or 0)}")
            _fail("Failed to snapshot device state.")


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
