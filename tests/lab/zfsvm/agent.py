# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Process 1 of the virtual machine with OpenZFS: brings it up, then does what is asked on the virtual serial port.

A message is eight bytes of length and a pickle: asked is (function, arguments), answered (value, exception). What comes
first, unasked, is ("ready", None), or what kept the machine from coming up.
"""

from __future__ import annotations

import os
import pathlib
import pickle
import struct
import subprocess
import sys
import time
from typing import Any, BinaryIO, Callable, Dict, List, Tuple

_PORT = "/dev/vport0p1"  # the only virtio device, and its only port: see machine.py
DISKS = ("ada1", "ada2", "ada3")
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": "/root"}
_LENGTH = struct.Struct("!Q")


def send(stream: BinaryIO, message: object) -> None:
    """Write one message."""
    data = pickle.dumps(message, protocol=4)
    rest = memoryview(_LENGTH.pack(len(data)) + data)
    while rest:  # a virtual serial port takes 32 KiB at a time
        rest = rest[stream.write(rest) :]
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read one message; EOFError when the other side has gone."""
    return pickle.loads(_exactly(stream, _LENGTH.unpack(_exactly(stream, _LENGTH.size))[0]))


def _exactly(stream: BinaryIO, size: int) -> bytes:
    parts: List[bytes] = []
    while size:
        part = stream.read(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def run(argv: List[str], data: bytes) -> Tuple[int, bytes, bytes]:
    """A command's exit status, output and error output."""
    done = subprocess.run(argv, input=data, capture_output=True, env=_ENVIRONMENT, check=False)
    return done.returncode, done.stdout, done.stderr


def path(place: str, method: str, arguments: Tuple[object, ...]) -> object:
    """Call a method of pathlib.Path."""
    found = getattr(pathlib.Path(place), method)(*arguments)
    return [str(entry) for entry in found] if method == "iterdir" else found


def write_at(place: str, data: bytes, offset: int) -> None:
    """Write into a file or device, as far as the device itself."""
    descriptor = os.open(place, os.O_WRONLY)
    try:
        while data:
            written = os.pwrite(descriptor, data, offset)
            data, offset = data[written:], offset + written
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def size_of(place: str) -> int:
    """The size of a file or device in bytes."""
    with open(place, "rb") as stream:
        return stream.seek(0, os.SEEK_END)


def wait_for(place: str, limit: float = 60.0) -> None:
    """Wait until a node is there."""
    end = time.monotonic() + limit
    while not os.path.exists(place):
        if time.monotonic() > end:
            raise OSError(f"{place} did not appear")
        time.sleep(0.05)


def hold(place: str) -> int:
    """Open a file or device, and keep it open; the number with which it is closed."""
    return os.open(place, os.O_RDWR)


_FUNCTIONS: Dict[str, Callable[..., object]] = {
    "run": run,
    "path": path,
    "write_at": write_at,
    "size_of": size_of,
    "wait_for": wait_for,
    "hold": hold,
    "release": os.close,
}


def _prepare() -> None:
    for kind, place in (("tmpfs", "/run"), ("tmpfs", "/tmp"), ("devpts", "/dev/pts")):
        os.makedirs(place, exist_ok=True)
        _must("mount", "-t", kind, kind, place)
    # The nodes of volumes are udev's; all else that it would look into takes time.
    for rules in pathlib.Path("/lib/udev/rules.d").iterdir():
        if rules.name != "60-zvol.rules":
            rules.unlink()
    _must("/lib/systemd/systemd-udevd", "--daemon")
    _must("modprobe", "-a", "virtio_pci", "virtio_console")
    _must("modprobe", "zfs")
    for number, disk in enumerate(DISKS, 2):
        wait_for(f"/dev/nvme0n{number}p1")
        os.symlink(f"/dev/nvme0n{number}p1", f"/dev/{disk}")
    wait_for("/dev/zfs")
    wait_for(_PORT)


def _must(*argv: str) -> None:
    status, output, errors = run(list(argv), b"")
    if status:
        raise OSError(f"{' '.join(argv)}: {status}: {(output + errors).decode(errors='replace')}")


def _serve(port: BinaryIO) -> None:
    send(port, ("ready", None))
    while True:
        name, arguments = receive(port)
        try:
            answer: Tuple[object, object] = (_FUNCTIONS[name](*arguments), None)
        except OSError as error:
            answer = (None, error)
        send(port, answer)


def main() -> None:
    try:
        _prepare()
        with open(_PORT, "r+b", buffering=0) as port:
            _serve(port)
    except (OSError, EOFError) as error:
        print(f"agent: {error}", file=sys.stderr)
    finally:
        pathlib.Path("/proc/sysrq-trigger").write_text("o")  # off
        time.sleep(60)  # the kernel panics when process 1 ends before it is off


if __name__ == "__main__":
    main()
