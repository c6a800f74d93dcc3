# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bhyvectl does: options, requests to vmm, output (bhyvectl.c)."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from ... import paths, state, vmm
from . import tables

_FAILED = 255
#: FreeBSD's numbers where Linux's differ.
_ERRNO = {errno.EALREADY: 37, errno.EAGAIN: 35, errno.EDEADLK: 11, errno.ECONNREFUSED: 61}
#: What the request for a checkpoint returns when it was sent: a variable that was never set.
_SENT = 64
_RELEASE_15 = 1500000
_RIP_LOADED = 0xFFFFFFFF80200000


def _names(host: vmm.Hardware) -> List[str]:
    cut = tables.OPTIONS.index("destroy") + 1
    snapshot = tables.SNAPSHOT if "bhyvectl" in host.snapshot else ()
    cpu = tables.AMD if state.peek("disk", "host").get("cpu") == "amd" else tables.INTEL
    return [*tables.OPTIONS[:cut], *snapshot, *tables.OPTIONS[cut:], *cpu]


def _usage(host: vmm.Hardware) -> int:
    lines = ["Usage: bhyvectl --vm=<vmname>", *(f"       [--{name}]" for name in _names(host))]
    sys.stderr.write("\n".join(lines) + "\n")
    return 1


def _parse(words: List[str], host: vmm.Hardware) -> Optional[Dict[str, str]]:
    """getopt_long(3): names may be cut short where only one fits. None after an error, which is told."""
    known = {name.partition("=")[0]: "=" in name for name in _names(host)}
    known.update({"vm": True, "cpu": True})
    for name in tables.NOT_THERE:
        known.pop(name, None)
    found: Dict[str, str] = {}
    while words:
        word = words.pop(0)
        name, equals, value = word[2:].partition("=")
        fits = [name] if name in known else [option for option in known if option.startswith(name)]
        if not word.startswith("--") or not name or not fits:
            sys.stderr.write(f"bhyvectl: unrecognized option `{word}'\n")
            return None
        if len(fits) > 1:
            sys.stderr.write(f"bhyvectl: option `--{name}' is ambiguous\n")
            return None
        if known[fits[0]] and not equals:
            if not words:
                sys.stderr.write(f"bhyvectl: option `{word}' requires an argument\n")
                return None
            value = words.pop(0)
        elif not known[fits[0]] and equals:
            sys.stderr.write(f"bhyvectl: option `--{name}' doesn't allow an argument\n")
            return None
        found[fits[0]] = value
    return found


def _cpus(numbers: List[int]) -> str:
    return " ".join(str(number) for number in numbers) if numbers else "(none)"


class _Machine:
    """The machine that is asked about."""

    def __init__(self, name: str, cpu: int, node: Dict[str, Any]) -> None:
        self.name, self.cpu, self.node = name, cpu, node

    @property
    def ran(self) -> bool:
        return bool(self.node["active"])

    def stats(self) -> None:
        print(f"vcpu{self.cpu} stats:")
        for name in tables.STATS:
            print(f"{name:<40}\t{self.counter(name)}")

    def counter(self, name: str) -> int:
        if name == "Resident memory":
            return 45056 if self.ran else 4096
        if name == "Wired memory":
            return int(self.node["memory"]) if self.node["wired"] else 0
        if not self.ran or self.cpu != 0:
            return 0
        counted = {"number of times in/out was intercepted": 50805, "total number of vm exits": 51700}
        return counted.get(name, 0)

    def segments(self) -> None:
        size = int(self.node["memory"])
        bootrom = "bootrom" in self.node["io"]
        print("ID  Length      Name")
        if size:
            print(f"0   {_length(size):<12}sysmem")
        if bootrom:
            print(f"1   {_length(16 << 20):<12}bootrom")
        print("Address     Length      Segment     Offset      Prot  Flags")
        if size:
            print(f"{0:<12X}{_length(size):<12}{'sysmem':<12}{0:<12X}{'RWX':<6}")
        if bootrom:
            print(f"{0xFF000000:<12X}{_length(4096):<12}{'bootrom':<12}{0:<12X}{'R--':<6}")

    def rip(self) -> None:
        loaded = self.node["load"] is not None and self.cpu == 0
        print(f"rip[{self.cpu}]\t\t0x{_RIP_LOADED if loaded else 0:016x}")

    def active(self) -> None:
        print(f"active cpus:\t {_cpus(self.node['active'])}")

    def suspended(self) -> None:
        print(f"suspended cpus:\t {_cpus(self.node['active'] if self.node['suspended'] else [])}")

    def topology(self) -> None:
        sockets, cores, threads = self.node["topology"]
        limit = vmm.hardware().maxcpu
        print(f"cpu_topology:\tsockets={sockets}, cores={cores}, threads={threads}, maxcpus={limit}")

    def rtc(self) -> None:
        now = int(time.time()) if self.ran else 0
        print(f"rtc time {now:#x}: {time.strftime('%a %b %d %H:%M:%S %Y', time.gmtime(now))}")

    def everything(self) -> None:
        """--get-all. The registers are those before the first instruction, whatever the guest has done since."""
        self.segments()
        for line in tables.REGISTERS:
            print(line.replace("[0]", f"[{self.cpu}]"))
        print("rtc nvram[000]: 0x00")
        now = int(time.time()) if self.ran else 0
        prefix = "0" if not now else f"{now:#x}"
        print(f"rtc time {prefix}: {time.strftime('%a %b %d %H:%M:%S %Y', time.gmtime(now))}")
        for line in tables.CAPABILITIES:
            print(line)
        self.active()
        self.suspended()
        print("pending:\tn/a\ncurrent:\tn/a")
        self.stats()
        self.topology()


def _length(size: int) -> str:
    """humanize_number(3) as print_segment uses it: kilobytes, bytes below one page's worth."""
    return f"{size >> 10}KB" if size >= 65536 else f"{size}B"


#: In the order in which bhyvectl.c looks at them.
_QUERIES: Tuple[Tuple[str, Callable[[_Machine], None]], ...] = (
    ("get-rip", _Machine.rip),
    ("get-rtc-time", _Machine.rtc),
    ("get-active-cpus", _Machine.active),
    ("get-suspended-cpus", _Machine.suspended),
    ("get-stats", _Machine.stats),
    ("get-cpu-topology", _Machine.topology),
)
_DONE = {
    *("vm", "cpu", "create", "destroy", "get-all", "inject-nmi"),
    *("force-reset", "force-poweroff", "checkpoint", "suspend"),
}


def _suspend(name: str, reason: str) -> int:
    try:
        vmm.suspend(name, reason)
    except OSError as error:
        print(f"errno = {_ERRNO.get(error.errno or 0, error.errno)}")
        return _FAILED
    vmm.poke(name, reason)
    return 0


def _checkpoint(host: vmm.Hardware, name: str, options: Dict[str, str]) -> int:
    """A request to the socket of a bhyve that has snapshots; nobody waits for what becomes of it.

    Up to 14.x the exit status of a request that was sent is 64, whatever comes of it; of both options only the
    checkpoint is asked for. Since 14.0-RELEASE the directory is opened here, without a word if it cannot be.
    """
    suspend = "checkpoint" not in options
    file = options["suspend" if suspend else "checkpoint"]
    folder = None
    if not host.recorded:
        try:
            folder = os.open(os.path.dirname(file.rstrip("/")) or ".", os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            return _ERRNO.get(error.errno or 0, error.errno or 0)
        file = os.path.basename(file.rstrip("/")) or "."
    request = json.dumps({"cmd": "checkpoint", "filename": file, "suspend": suspend}).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(paths.root(f"/var/run/bhyve/{name}"))
        except OSError as error:
            sys.stderr.write(f"connect() failed: {os.strerror(error.errno or 0)}\n")
            return _ERRNO.get(error.errno or 0, error.errno or 0)
        if folder is None:
            connection.sendall(request)
        else:
            socket.send_fds(connection, [request], [folder])
    return _SENT if host.osreldate < _RELEASE_15 else 0


def _create(name: str) -> int:
    try:
        vmm.create(name)
    except OSError as error:
        print(f"errno = {_ERRNO.get(error.errno or 0, error.errno)}")
        return _FAILED
    return 0


def run(words: List[str]) -> int:
    """bhyvectl's main: parse, create, open, ask, act, destroy."""
    host = vmm.hardware()
    options = _parse(words, host)
    if options is None or "vm" not in options:
        return _usage(host)
    if host.osreldate >= _RELEASE_15 and {"checkpoint", "suspend"} <= set(options):
        return _usage(host)
    missing = set(options) - _DONE - {name for name, _unused in _QUERIES}
    if missing:
        sys.stderr.write(f"STANDIN: bhyvectl: --{sorted(missing)[0]} is not built\n")
        return 99
    name = options["vm"]
    if "create" in options:
        status = _create(name)
        if status:
            return status
    node = vmm.get(name)
    if node is None or os.geteuid() != 0:
        reason = "No such file or directory" if node is None else "Permission denied"
        sys.stderr.write(f"vm_open: {name} could not be opened: {reason}\n")
        return 1
    machine = _Machine(name, int(options.get("cpu", "0")), node)
    for option, query in _QUERIES:
        if option in options:
            query(machine)
    if "get-all" in options:
        machine.everything()
    status = 0
    for option, reason in (("force-reset", "reset"), ("force-poweroff", "poweroff")):
        if option in options and not status:
            status = _suspend(name, reason)
    if "destroy" in options and not status:
        vmm.destroy(name)
    if ("checkpoint" in options or "suspend" in options) and not status:
        status = _checkpoint(host, name, options)
    return status
