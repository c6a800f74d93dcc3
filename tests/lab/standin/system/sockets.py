# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's sockets and whose they are: Linux's tables of the namespace, and what stand-ins noted."""

from __future__ import annotations

import os
import socket
from typing import Dict, List, NamedTuple, Tuple

from .. import notes, paths, processes, state
from ..processes import Process

_LISTEN, _ESTABLISHED = "0A", "01"
_UNIX_TYPES = {"0001": "stream", "0002": "dgram", "0005": "seqpac"}


class Socket(NamedTuple):
    """A socket; addresses as sockstat(1) prints them. ``local_port``, ``foreign_port``: 0 for local domain sockets."""

    process: Process
    descriptor: int
    protocol: str  # tcp4, tcp6, udp4, udp6, stream, dgram, seqpac
    local: str
    foreign: str
    listening: bool
    local_port: int = 0
    foreign_port: int = 0


def _address(text: str, family: int) -> Tuple[str, int]:
    """An address of /proc/net in hexadecimal: little-endian words, and the port."""
    digits, _unused, port = text.partition(":")
    raw = bytes.fromhex(digits)
    packed = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    name = socket.inet_ntop(family, packed)
    return "*" if name in ("0.0.0.0", "::") else name, int(port, 16)


def _rows(table: str) -> List[List[str]]:
    try:
        with open(f"{paths.PROC}/self/net/{table}", encoding="utf-8", errors="replace") as stream:
            return [line.split() for line in stream.readlines()[1:]]
    except OSError:
        return []


def _owners() -> Dict[int, Tuple[Process, int]]:
    """Inode of a socket -> the process and descriptor. What a hidden helper holds is its visible ancestor's."""
    visible = {process.pid: process for process in processes.table()}
    found: Dict[int, Tuple[Process, int]] = {}
    for name in sorted((name for name in os.listdir(paths.PROC) if name.isdigit()), key=int):
        try:
            descriptors = os.listdir(f"{paths.PROC}/{name}/fd")
        except OSError:
            continue
        pid = int(name)
        while pid and pid not in visible:
            fields = notes.stat_fields(str(pid))
            pid = int(fields[2]) if fields is not None else 0
        if not pid:
            continue
        for descriptor in descriptors:
            try:
                target = os.readlink(f"{paths.PROC}/{name}/fd/{descriptor}")
            except OSError:
                continue
            if target.startswith("socket:["):
                found.setdefault(int(target[len("socket:[") : -1]), (visible[pid], int(descriptor)))
    return found


def _internet(owners: Dict[int, Tuple[Process, int]]) -> List[Socket]:
    found = []
    for table, family in (
        ("tcp", socket.AF_INET),
        ("tcp6", socket.AF_INET6),
        ("udp", socket.AF_INET),
        ("udp6", socket.AF_INET6),
    ):
        protocol = table[:3] + ("6" if family == socket.AF_INET6 else "4")
        for row in _rows(table):
            owner = owners.get(int(row[9]))
            if owner is None:
                continue
            local, local_port = _address(row[1], family)
            foreign, foreign_port = _address(row[2], family)
            listening = row[3] == _LISTEN if table.startswith("tcp") else foreign_port == 0
            there = f"{foreign}:{foreign_port or '*'}"
            found.append(Socket(*owner, protocol, f"{local}:{local_port}", there, listening, local_port, foreign_port))
    return found


def _noted(table: Dict[int, Process]) -> List[Socket]:
    """Listeners that FreeBSD would have and Linux does not allow (document ``sockets``)."""
    found = []
    for entry in state.peek("kernel", "sockets").get("listeners", []):
        process = table.get(int(entry["pid"]))
        if process is not None and process.comm == entry["command"]:
            address = "*" if entry["address"] in ("0.0.0.0", "::") else entry["address"]
            port = int(entry["port"])
            found.append(Socket(process, 4, str(entry["proto"]), f"{address}:{port}", "*:*", True, port))
    return found


def _local(owners: Dict[int, Tuple[Process, int]]) -> List[Socket]:
    found = []
    for row in _rows("unix"):
        owner = owners.get(int(row[6]))
        if owner is None or (len(row) > 7 and row[7].startswith(paths.BASE)):
            continue
        path = row[7] if len(row) > 7 and row[7].startswith("/") else ""
        listening = row[3] == "00010000" or (row[4] == "0002" and bool(path))
        shown = path or "(not connected)"
        found.append(Socket(*owner, _UNIX_TYPES.get(row[4], "stream"), shown, "", listening))
    return found


def table() -> List[Socket]:
    """Every socket that a visible process has, the newest process first, as sockstat(1) lists them."""
    owners = _owners()
    everybody = {process.pid: process for process in processes.table()}
    found = [*_internet(owners), *_noted(everybody), *_local(owners)]
    return sorted(found, key=lambda one: (-one.process.pid, one.descriptor))
