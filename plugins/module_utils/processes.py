# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who runs on the host, what they have open, where they listen: ps(1), fstat(1), sockstat(1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator, List, Sequence, Set

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

PS = ("ps", "-axww", "-o", "pid,lstart,command")
FSTAT = ("fstat",)
SOCKSTAT = ("sockstat", "-46l", "-P", "tcp")
#: The same, and where datagrams are waited for.
LISTENING = ("sockstat", "-46l")
CONNECTED = ("sockstat", "-46c", "-P", "tcp")

# In the C locale lstart is always 24 characters wide; "-" stands for a process whose data are gone.
_PROCESS = re.compile(r" *(\d+) ([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}|-) *(.*)")
_OPEN = re.compile(
    r"\S+ +(?P<command>\S.*?) +(?P<pid>\d+) +(?P<fd>text|wd|root|jail|tr|mmap|ctty|\d+)(?P<other>\*?)(?: (?P<rest>.*))?"
)
_VNODE = re.compile(
    r" *(?P<mount>[/-].*?) +(?P<inode>\d+) +(?P<kind>[-bcdlpsw?])[-rwxsStT?]{9}[+ ]?"
    r" +(?P<what>\S+) +(?P<mode>r|w|rw|-)(?: +\S.*)?"
)
_LISTENER = re.compile(
    r"\S+ +(?P<command>\S.*?) +(?P<pid>\d+|\?) +(?:\d+|\?) +(?P<protocol>[a-z]+[46]+)"
    r" +(?P<local>\S+):(?P<port>\d+|\*) +\S+ *"
)


@dataclass(frozen=True)
class Process:
    """A process; ``started`` is ps's lstart, which with the pid names it for good."""

    pid: int
    started: str
    command: str


@dataclass(frozen=True)
class OpenFile:
    """A file that a process has open.

    ``name`` is the path of a device node (/dev/zvol/zroot/apiary/web1/root), else ''. A regular file is known by the
    mount point of its file system and its inode number, which is all that fstat(1) tells. ``mode`` is r, w, rw or -.
    """

    pid: int
    command: str
    name: str
    mode: str
    mount: str
    inode: int


@dataclass(frozen=True)
class Socket:
    """This host's end of a connection."""

    address: str
    port: int


@dataclass(frozen=True)
class Listener:
    """A listening socket; ``address`` is ``*`` for any address, IPv6 addresses come without brackets."""

    command: str
    pid: int
    protocol: str
    address: str
    port: int


def _rows(text: str, argv: Sequence[str], header: Sequence[str], row: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """The lines of a table under its header; UnknownState for another header, or none, and for another line."""
    lines = text.splitlines()
    if not lines or lines[0].split()[: len(header)] != list(header):
        raise UnknownState(f"`{' '.join(argv)}` did not print its header but {lines[:1]}")
    for line in lines[1:]:
        match = row.fullmatch(line)
        if match is None:
            raise UnknownState(f"`{' '.join(argv)}` printed a line that cannot be read: {line!r}")
        yield match


def parse_ps(text: str) -> List[Process]:
    """Read the output of :data:`PS`, header included. UnknownState for a line that is none of its."""
    rows = _rows(text, PS, ("PID", "STARTED", "COMMAND"), _PROCESS)
    return [Process(int(match[1]), match[2], match[3]) for match in rows]


def parse_fstat(text: str) -> List[OpenFile]:
    """Read the output of fstat(1); pipes, sockets and files that it can say nothing about are left out."""
    files: List[OpenFile] = []
    for match in _rows(text, FSTAT, ("USER", "CMD", "PID", "FD"), _OPEN):
        vnode = _VNODE.fullmatch(match["rest"] or "")
        if match["other"] or vnode is None:
            continue
        name = f"/dev/{vnode['what']}" if vnode["kind"] in "bc" else ""
        files.append(
            OpenFile(int(match["pid"]), match["command"], name, vnode["mode"], vnode["mount"], int(vnode["inode"]))
        )
    return files


def parse_sockstat(text: str) -> List[Listener]:
    """Read the output of :data:`SOCKSTAT`; sockets without a port are left out."""
    listeners: List[Listener] = []
    for match in _rows(text, SOCKSTAT, ("USER", "COMMAND", "PID"), _LISTENER):
        if match["port"] != "*":
            pid = 0 if match["pid"] == "?" else int(match["pid"])
            address = match["local"].strip("[]")
            listeners.append(Listener(match["command"], pid, match["protocol"], address, int(match["port"])))
    return listeners


def parse_ssh_sockets(text: str) -> Set[Socket]:
    """Where sshd(8) has connections, from the output of :data:`CONNECTED`."""
    rows = _rows(text, CONNECTED, ("USER", "COMMAND", "PID"), _LISTENER)
    # sshd, and since OpenSSH 9.8 sshd-session for each connection; sockstat may cut that off.
    return {
        Socket(match["local"].strip("[]").partition("%")[0], int(match["port"]))
        for match in rows
        if match["command"].startswith("sshd")
    }


def read_ssh_sockets(host: Host) -> Set[Socket]:
    """The addresses and ports of this host by which somebody is connected by ssh."""
    return parse_ssh_sockets(host.run(CONNECTED, what="cannot list the connections").stdout)


def read_processes(host: Host) -> List[Process]:
    """All processes of the host, those of jails included."""
    return parse_ps(host.run(PS, what="cannot list the processes").stdout)


def read_open_files(host: Host) -> List[OpenFile]:
    """What all processes of the host have open."""
    return parse_fstat(host.run(FSTAT, what="cannot list the open files").stdout)


def read_listeners(host: Host) -> List[Listener]:
    """Where processes of the host listen for TCP, over IPv4 and IPv6."""
    return parse_sockstat(host.run(SOCKSTAT, what="cannot list the listening sockets").stdout)


def read_listening(host: Host) -> List[Listener]:
    """Where processes of the host wait for TCP or UDP, over IPv4 and IPv6."""
    return parse_sockstat(host.run(LISTENING, what="cannot list the listening sockets").stdout)
