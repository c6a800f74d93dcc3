# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a fresh set of namespaces to a running init: mounts, device nodes, the loopback, pivot_root(2).

Started by ``unshare`` (see ``host``) as the first process of its namespace, with Debian's own Python, as
``root.py DIRECTORY READY_FD WITH_RC``. It does not return: it becomes ``init.py``.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import stat
import struct
import sys
from typing import Any, Dict, Optional

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from standin import switch  # the path to the package is set just above

_MS_RDONLY, _MS_NOSUID, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND, _MS_REC = 1, 2, 8, 32, 4096, 16384
_MNT_DETACH = 2
_IFF_UP = 1
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def mount(source: str, target: str, kind: Optional[str] = None, flags: int = 0, data: Optional[str] = None) -> None:
    """mount(2); OSError says what was to be mounted where."""
    words = [None if word is None else word.encode() for word in (source, target, kind, data)]
    _check(
        _libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]),
        f"mount {source} on {target}",
    )


def bind(source: str, target: str, writable: bool, recursive: bool = False) -> None:
    """Show a directory at a second place, read-only unless ``writable``."""
    mount(source, target, flags=_MS_BIND | (_MS_REC if recursive else 0))
    if not writable:
        mount(source, target, flags=_MS_REMOUNT | _MS_BIND | _MS_RDONLY)


def _devices(dev: str) -> None:
    """A /dev of FreeBSD's names; what belongs to the loaded modules comes and goes with the stand-ins."""
    mount("devfs", dev, "tmpfs", _MS_NOSUID, "mode=755,size=16m")
    for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8)):
        os.mknod(f"{dev}/{name}", stat.S_IFCHR | 0o666, os.makedev(1, minor))
        os.chmod(f"{dev}/{name}", 0o666)
    # In GENERIC. What it does is the stand-ins' part, which know who may open it.
    os.mknod(f"{dev}/netmap", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    os.mknod(f"{dev}/tty", stat.S_IFCHR | 0o666, os.makedev(5, 0))
    os.chmod(f"{dev}/tty", 0o666)
    # Python's locks between processes need it (Ansible gathers facts with them); FreeBSD has it elsewhere.
    os.mkdir(f"{dev}/shm")
    os.chmod(f"{dev}/shm", 0o1777)
    os.mkdir(f"{dev}/pts")
    mount("devpts", f"{dev}/pts", "devpts", _MS_NOSUID | _MS_NOEXEC, "newinstance,mode=620,ptmxmode=666")
    for link, target in (
        ("urandom", "random"),
        ("ptmx", "pts/ptmx"),
        ("fd", "/.linux/proc/self/fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ):
        os.symlink(target, f"{dev}/{link}")


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | _IFF_UP))


def _mounts(directory: str, lower: str, library: str) -> str:
    """Mount everything that a host sees below ``directory``/root; the root's path."""
    root = directory + "/root"
    upper, work = directory + "/overlay/upper", directory + "/overlay/work"
    for path in (root, upper, work):
        os.makedirs(path, exist_ok=True)
    mount("overlay", root, "overlay", data=f"lowerdir={lower},upperdir={upper},workdir={work}")
    _devices(root + "/dev")
    linux = root + "/.linux"
    bind("/usr", linux + "/usr", writable=False, recursive=True)
    bind("/etc", linux + "/etc", writable=False)
    packages = os.path.join(library, "..", "..", "build", "cache", "packages")
    if os.path.isdir(packages):
        # What tests/tools/setup-packages unpacked, since this Debian's own is another version.
        bind(os.path.realpath(packages), linux + "/packages", writable=False)
    mount("/dev", linux + "/dev", flags=_MS_BIND | _MS_REC)
    mount("proc", linux + "/proc", "proc")
    mount("sysfs", linux + "/sys", "sysfs", _MS_RDONLY)
    for name in ("disk", "kernel", "log"):
        bind(f"{directory}/{name}", f"{root}/.standin/{name}", writable=True, recursive=True)
    bind(library, f"{root}/.standin/lib", writable=False)
    # Beside the tree, so that hosts with the same tree share it.
    bytecode = os.path.dirname(lower) + "/bytecode"
    os.makedirs(bytecode, exist_ok=True)
    bind(bytecode, f"{root}/.standin/bytecode", writable=True)
    return root


def _enter(root: str) -> None:
    """Make ``root`` the namespace's root and let go of everything else."""
    os.chdir(root)
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _MNT_DETACH), "umount the old root")
    os.chdir("/")


def main() -> None:
    """Set the namespaces up and become init."""
    directory, ready, with_rc = sys.argv[1:4]
    # /proc is still the outer one: "self" is this process as the outside knows it.
    outer = os.readlink("/proc/self")
    with open("/proc/self/stat", encoding="utf-8") as stream:
        ticks = stream.read().rpartition(")")[2].split()[19]
    with open(directory + "/boot.json", encoding="utf-8") as stream:
        boot: Dict[str, Any] = json.load(stream)
    socket.sethostname(boot["hostname"])
    _loopback_up()
    for interface, space in boot["plugs"].items():
        switch.plug(space, boot["hostname"], interface)
    root = _mounts(directory, boot["lower"], boot["library"])
    with open(directory + "/init.pid", "w", encoding="ascii") as stream:
        stream.write(f"{outer} {ticks}\n")
    _enter(root)
    os.umask(0o022)
    os.execv(
        "/.linux/usr/bin/python3",
        ["/.linux/usr/bin/python3", "-IS", "/.standin/lib/standin/init.py", ready, with_rc],
    )


if __name__ == "__main__":
    main()
