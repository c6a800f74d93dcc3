# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VLAN filtering on the ports of a Linux bridge, by two small programs on each port (bpf(2), tc-bpf(8)).

A Linux kernel need not have VLANs (bridge ``vlan_filtering``, 802.1Q devices); every one has tags on frames, and
programs for a device's two directions. A frame that comes in without a tag gets that of the port's untagged VLAN; one
that comes in or goes out with a tag passes when the port has it; one that goes out in the untagged VLAN loses its tag.
So within the bridge each frame has the tag of its VLAN. What this leaves out: the bridge learns addresses for all VLANs
together, not for each, so one Ethernet address must not be in two VLANs on two ports.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
from typing import Dict, List, Sequence, Tuple, Union

#: A set of VLANs, as ranges with both ends.
Ranges = Sequence[Sequence[int]]

# What an instruction does: its code, as bpf(2) has it.
_MOVE = 0xB7
_MOVE_REGISTER = 0xBF
_AND = 0x57
_LOAD_WORD = 0x61
_JUMP = 0x05
_IF_EQUAL = 0x15
_IF_NOT_EQUAL = 0x55
_IF_LESS = 0xA5
_IF_AT_MOST = 0xB5
_CALL = 0x85
_EXIT = 0x95
# Fields of a frame's context (struct __sk_buff), helpers, and what a program answers.
_TAGGED, _TAG = 20, 24
_PUSH, _POP = 18, 19
_PASS, _DROP = 0, 2
_8021Q = socket.htons(0x8100)

_SYSCALL = {"x86_64": 321, "aarch64": 280}
_PROG_LOAD = 5
_FOR_TC = 3

_REQUEST, _ACK, _CREATE, _EXCLUSIVE = 0x1, 0x4, 0x400, 0x200
_NEW_QDISC, _DELETE_QDISC, _NEW_FILTER = 36, 37, 44
_CLSACT_HANDLE, _CLSACT = 0xFFFF0000, 0xFFFFFFF1
_INGRESS, _EGRESS = 0xFFFFFFF2, 0xFFFFFFF3
_KIND, _OPTIONS = 1, 2
_BPF_FD, _BPF_NAME, _BPF_FLAGS = 6, 7, 8
_ALL_PROTOCOLS = 1 << 16 | socket.htons(0x0003)

#: An instruction (code, destination, source, jump, value) or a label. A jump is the label it goes to.
_Line = Union[str, Tuple[int, int, int, str, int]]


def _do(code: int, register: int = 0, source: int = 0, value: int = 0, to: str = "") -> _Line:
    return (code, register, source, to, value)


def _load(field: int) -> _Line:
    # The only instruction here whose offset is no jump.
    return (_LOAD_WORD, 2, 6, str(field), 0)


def _allowed(tagged: Ranges) -> List[_Line]:
    """Pass when the VLAN in register 2 is in the set, else drop."""
    lines: List[_Line] = []
    for number, (first, last) in enumerate(tagged):
        after = f"after {number}"
        lines += [_do(_IF_LESS, 2, value=first, to=after), _do(_IF_AT_MOST, 2, value=last, to="pass"), after]
    return [*lines, "drop", _do(_MOVE, 0, value=_DROP), _do(_EXIT)]


def _pop() -> List[_Line]:
    return [_do(_MOVE_REGISTER, 1, 6), _do(_CALL, value=_POP)]


_VLAN: List[_Line] = [_load(_TAG), _do(_AND, 2, value=0xFFF)]
_START: List[_Line] = [_do(_MOVE_REGISTER, 6, 1), _load(_TAGGED)]


def _end(untagged: int, tagged: Ranges) -> List[_Line]:
    """Where frames pass. The kernel takes no program with lines that nothing leads to."""
    return ["pass", _do(_MOVE, 0, value=_PASS), _do(_EXIT)] if untagged or tagged else []


def _incoming(untagged: int, tagged: Ranges) -> List[_Line]:
    lines = [*_START, _do(_IF_EQUAL, 2, to="untagged"), *_VLAN, _do(_IF_NOT_EQUAL, 2, to="tagged")]
    # A tag of VLAN 0 has a priority only: the frame counts as one without.
    lines += [*_pop(), "untagged"]
    if untagged:
        lines += [_do(_MOVE_REGISTER, 1, 6), _do(_MOVE, 2, value=_8021Q), _do(_MOVE, 3, value=untagged)]
        lines += [_do(_CALL, value=_PUSH), _do(_JUMP, to="pass")]
    else:
        lines += [_do(_JUMP, to="drop")]
    return [*lines, "tagged", *_allowed(tagged), *_end(untagged, tagged)]


def _outgoing(untagged: int, tagged: Ranges) -> List[_Line]:
    # The host's own frames have no VLAN unless they come through a vlan(4) on the bridge.
    lines = [*_START, _do(_IF_EQUAL, 2, to="drop"), *_VLAN]
    if untagged:
        lines += [_do(_IF_EQUAL, 2, value=untagged, to="pop")]
    lines += _allowed(tagged)
    if untagged:
        lines += ["pop", *_pop()]
    return [*lines, *_end(untagged, tagged)]


def _assemble(lines: Sequence[_Line]) -> bytes:
    labels: Dict[str, int] = {}
    count = 0
    for line in lines:
        if isinstance(line, str):
            labels[line] = count
        else:
            count += 1
    code = b""
    for line in lines:
        if isinstance(line, str):
            continue
        operation, register, source, to, value = line
        here = len(code) // 8
        offset = int(to) if operation == _LOAD_WORD else labels[to] - here - 1 if to else 0
        code += struct.pack("<BBhi", operation, source << 4 | register, offset, value)
    return code


def _loaded(code: bytes) -> int:
    """A descriptor of the program. OSError with what the kernel has against it."""
    text = ctypes.create_string_buffer(code, len(code))
    terms = ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(65536)
    places = (ctypes.addressof(text), ctypes.addressof(terms), ctypes.addressof(log))
    request = struct.pack("=IIQQIIQII", _FOR_TC, len(code) // 8, places[0], places[1], 1, len(log), places[2], 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    number = _SYSCALL[platform.machine()]
    fd = int(libc.syscall(number, _PROG_LOAD, ctypes.create_string_buffer(request, len(request)), len(request)))
    if fd < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"bpf: {os.strerror(error)}: {log.value.decode(errors='replace').strip()}")
    return fd


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + b"\0" * (-length % 4)


class _Kernel:
    """rtnetlink(7), as far as it is needed for this."""

    def __init__(self, device: str) -> None:
        self._index = socket.if_nametoindex(device)
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)

    def __enter__(self) -> _Kernel:
        return self

    def __exit__(self, *_unused: object) -> None:
        self._socket.close()

    def ask(self, kind: int, flags: int, handle: int, parent: int, info: int, attributes: bytes) -> int:
        """One request about the device; 0, or the error."""
        body = struct.pack("=BxxxiIII", 0, self._index, handle, parent, info) + attributes
        header = struct.pack("=IHHII", 16 + len(body), kind, flags | _REQUEST | _ACK, 1, 0)
        self._socket.send(header + body)
        answer = self._socket.recv(65536)
        return -int(struct.unpack_from("=i", answer, 16)[0])


def put(device: str, untagged: int, tagged: Ranges) -> None:
    """Filter a port: its VLAN for frames without a tag (0: none), and the VLANs it has with tags. OSError."""
    with _Kernel(device) as kernel:
        # That it is there already is fine.
        kernel.ask(_NEW_QDISC, _CREATE | _EXCLUSIVE, _CLSACT_HANDLE, _CLSACT, 0, _attribute(_KIND, b"clsact\0"))
        for parent, lines in ((_INGRESS, _incoming(untagged, tagged)), (_EGRESS, _outgoing(untagged, tagged))):
            fd = _loaded(_assemble(lines))
            try:
                options = _attribute(_BPF_FD, struct.pack("=I", fd)) + _attribute(_BPF_NAME, b"vlanfilter\0")
                options += _attribute(_BPF_FLAGS, struct.pack("=I", 1))
                attributes = _attribute(_KIND, b"bpf\0") + _attribute(_OPTIONS | 0x8000, options)
                error = kernel.ask(_NEW_FILTER, _CREATE, 1, parent, _ALL_PROTOCOLS, attributes)
            finally:
                os.close(fd)
            if error:
                raise OSError(error, f"{device}: {os.strerror(error)}")


def remove(device: str) -> None:
    """Let all pass again. That there was no filter, or is no such device, is fine."""
    try:
        with _Kernel(device) as kernel:
            kernel.ask(_DELETE_QDISC, 0, _CLSACT_HANDLE, _CLSACT, 0, b"")
    except OSError:
        return
