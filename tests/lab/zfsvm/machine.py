# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual machine with real OpenZFS, from outside: it starts, does what it is asked, and is gone."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Any, Dict, List

from . import agent

#: As the stand-in's tests have them: bytes by name.
DISKS = {"ada1": 16 << 30, "ada2": 128 << 20, "ada3": 128 << 20}
MEMORY = "1G"
_START_LIMIT = 180.0
_CALL_LIMIT = 120.0
_MIB = 1 << 20
_INIT = (
    "mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t devtmpfs dev /dev && modprobe qemu_fw_cfg && "
    "exec /usr/bin/python3 /sys/firmware/qemu_fw_cfg/by_name/opt/apiary/agent/raw"
)


class Machine:
    """QEMU with the image in one directory, and its disks in another. ``close`` must be called at the end."""

    def __init__(self, image: Path, work: Path) -> None:
        self._image, self._work = image, work
        self._log = work / "console.log"
        self._broken = False
        self._start()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._qemu = subprocess.Popen(
                _command(self._image, self._work, theirs.fileno(), self._log),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
            )
        ours.settimeout(_START_LIMIT)
        self._socket = ours
        self._input, self._output = ours.makefile("rb"), ours.makefile("wb")
        try:
            self._answer("start")
        except BaseException:
            self.close()
            raise
        ours.settimeout(_CALL_LIMIT)

    def call(self, function: str, *arguments: object) -> Any:
        """Call one of the agent's functions; its OSError is raised here.

        A machine that did not answer once is started anew, with empty disks.
        """
        if self._broken:
            self.close()
            self._broken = False
            self._start()
        agent.send(self._output, (function, arguments))
        return self._answer(function)

    def _answer(self, what: str) -> Any:
        try:
            value, error = agent.receive(self._input)
        except (EOFError, OSError) as problem:
            self._broken = True
            last = self._log.read_text(errors="replace").splitlines()[-5:] if self._log.exists() else []
            text = f"the virtual machine did not answer ({what}: {problem!r}); its console ends with:\n"
            raise RuntimeError(text + "\n".join(last)) from problem
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """Take the machine's power away; there is nothing on its disks to be kept."""
        self._qemu.kill()
        self._qemu.wait()
        for one in (self._input, self._output, self._socket):
            one.close()


def _command(image: Path, work: Path, channel: int, log: Path) -> List[str]:
    drives: Dict[str, str] = {"root": f"file={image / 'root.ext4'},snapshot=on"}
    for name, size in DISKS.items():
        drives[name] = f"file={_partitioned(work / f'{name}.img', size)},cache=unsafe,discard=unmap"
    # It ends with the tests, however they end.
    words = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-nodefaults", "-no-user-config"]
    words += ["-display", "none", "-machine", "q35", "-cpu", "max", "-smp", "1", "-m", MEMORY]
    words += ["-no-reboot", "-serial", f"file:{log}"]
    words += ["-kernel", str(image / "kernel"), "-fw_cfg", f"name=opt/apiary/agent,file={agent.__file__}"]
    words += ["-append", f'console=ttyS0 quiet panic=-1 root=/dev/nvme0n1 rw init=/bin/sh -- -c "{_INIT}"']
    words += ["-device", "nvme,id=nvme0,serial=apiary"]
    for number, (name, options) in enumerate(drives.items(), 1):
        words += ["-drive", f"if=none,id={name},format=raw,{options}"]
        words += ["-device", f"nvme-ns,drive={name},bus=nvme0,nsid={number}"]
    words += ["-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,fd={channel}"]
    return [*words, "-device", "virtserialport,chardev=agent,nr=1"]


def _partitioned(file: Path, size: int) -> Path:
    """A disk with one partition of that size: a partition ZFS takes as it is, a whole disk it would divide on Linux."""
    with open(file, "wb") as stream:
        os.truncate(stream.fileno(), size + 2 * _MIB)
    table = f"label: gpt\nstart={_MIB // 512}, size={size // 512}\n"
    subprocess.run(["sfdisk", "--quiet", str(file)], input=table.encode(), check=True, capture_output=True)
    return file
