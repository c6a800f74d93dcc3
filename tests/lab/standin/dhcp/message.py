# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DHCP messages of a client (RFC 2131) as Ethernet frames, for an interface that has no address yet."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Dict, Optional

DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
_MASK, _ROUTERS, _BROADCAST, _REQUESTED, _TIME = 1, 3, 28, 50, 51
_TYPE, _SERVER, _WANTED, _T1, _CLIENT = 53, 54, 55, 58, 61
_MAGIC = b"\x63\x82\x53\x63"
_LIST = bytes((_MASK, _BROADCAST, 2, 121, _ROUTERS, 15, 6, 12, 119, 26))


@dataclass(frozen=True)
class Answer:
    """What a server has said; times in seconds."""

    kind: int
    address: str
    server: str
    mask: str
    broadcast: str
    router: str
    time: int
    renewal: int


def frame(ether: bytes, transaction: int, kind: int, address: str = "", server: str = "") -> bytes:
    """A message of ours to everybody; ``address`` is the one asked for, ``server`` whose offer that was."""
    options = bytes((_TYPE, 1, kind, _CLIENT, 7, 1)) + ether
    if address:
        options += bytes((_REQUESTED, 4)) + socket.inet_aton(address)
    if server:
        options += bytes((_SERVER, 4)) + socket.inet_aton(server)
    options += bytes((_WANTED, len(_LIST))) + _LIST + b"\xff"
    head = struct.pack("!BBBBIHH16s16s", 1, 1, 6, 0, transaction, 0, 0, b"", ether)
    payload = (head + bytes(192) + _MAGIC + options).ljust(300, b"\0")
    udp = struct.pack("!HHHH", 68, 67, 8 + len(payload), 0) + payload
    ip = _ip(len(udp))
    return b"\xff" * 6 + ether + b"\x08\x00" + ip + udp


def _ip(length: int) -> bytes:
    words = (0x4510, 20 + length, 0, 0, (128 << 8) | 17, 0, 0, 0, 0xFFFF, 0xFFFF)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!10H", *words[:5], ~total & 0xFFFF, *words[6:])


def parse(data: bytes, ether: bytes, transaction: int) -> Optional[Answer]:
    """A server's message to us out of an Ethernet frame, None if it is anything else."""
    if len(data) < 14 + 20 + 8 + 240 or data[12:14] != b"\x08\x00" or data[23] != 17:
        return None
    start = 14 + (data[14] & 15) * 4
    if struct.unpack_from("!H", data, start + 2)[0] != 68:
        return None
    bootp = data[start + 8 :]
    if bootp[0] != 2 or bootp[4:8] != struct.pack("!I", transaction) or bootp[28:34] != ether:
        return None
    options = _options(bootp[240:]) if bootp[236:240] == _MAGIC else {}
    if _TYPE not in options:
        return None
    address = socket.inet_ntoa(bootp[16:20])
    mask = _text(options, _MASK) or "255.255.255.0"
    seconds = _number(options, _TIME, 43200)
    return Answer(
        kind=options[_TYPE][0],
        address=address,
        server=_text(options, _SERVER),
        mask=mask,
        broadcast=_text(options, _BROADCAST) or _broadcast(address, mask),
        router=_text(options, _ROUTERS),
        time=seconds,
        renewal=_number(options, _T1, seconds // 2),
    )


def _options(data: bytes) -> Dict[int, bytes]:
    found: Dict[int, bytes] = {}
    at = 0
    while at + 1 < len(data) and data[at] != 255:
        if data[at] == 0:
            at += 1
            continue
        found[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
    return found


def _text(options: Dict[int, bytes], code: int) -> str:
    value = options.get(code, b"")[:4]
    return socket.inet_ntoa(value) if len(value) == 4 else ""


def _number(options: Dict[int, bytes], code: int, default: int) -> int:
    value = options.get(code, b"")
    return int.from_bytes(value, "big") if len(value) == 4 else default


def _broadcast(address: str, mask: str) -> str:
    pairs = zip(socket.inet_aton(address), socket.inet_aton(mask))
    return socket.inet_ntoa(bytes(one | (~other & 255) for one, other in pairs))
