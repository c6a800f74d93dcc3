# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One transfer of a client."""

from __future__ import annotations

import socket
import struct
from typing import List, Tuple

_RRQ, _WRQ, _DATA, _ACK, _ERROR, _OACK = range(1, 7)
_TRIES = 12


class Failed(Exception):
    """The transfer has failed; what the client prints of it."""

    def __init__(self, lines: List[str]) -> None:
        super().__init__(lines)
        self.lines = lines


class Transfer:
    """Packets to and from one server."""

    def __init__(self, family: int, server: Tuple[str, int], mode: str, timeout: int, block_size: int) -> None:
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.settimeout(timeout or 1)
        self._to: Tuple[str, int] = server
        self._mode = mode
        self._block_size = block_size

    def _request(self, operation: int, name: str) -> bytes:
        words = [name, self._mode]
        if self._block_size != 512:
            words += ["blksize", str(self._block_size)]
        return struct.pack("!H", operation) + b"".join(word.encode() + b"\0" for word in words)

    def _ask(self, packet: bytes, last: str) -> Tuple[int, bytes]:
        """Send a packet until something comes; its operation and the rest."""
        said: List[str] = []
        for attempt in range(1, _TRIES + 1):
            self._socket.sendto(packet, self._to)
            try:
                data, peer = self._socket.recvfrom(65536)
            except (socket.timeout, ConnectionRefusedError):
                said += ["receive_packet: timeout", f"Try {attempt}, didn't receive answer from remote."]
                continue
            # The server answers from a port of its own.
            self._to = (str(peer[0]), int(peer[1]))
            operation = struct.unpack("!H", data[:2])[0]
            if operation == _ERROR:
                text = data[4:].rstrip(b"\0").decode("utf-8", "replace")
                # FreeBSD's prints the code as it was on the wire.
                swapped = struct.unpack("<H", data[2:4])[0]
                tail = last or f"Error code {swapped}: {text}"
                raise Failed([f"Got ERROR packet: {text}", tail])
            return operation, data[2:]
        raise Failed([*said, "Transfer timed out."])

    def _block(self, rest: bytes) -> Tuple[int, bytes]:
        return struct.unpack("!H", rest[:2])[0], rest[2:]

    def receive(self, name: str) -> Tuple[bytes, int]:
        """Fetch a file; what is in it, in how many blocks. Failed."""
        size, packet, blocks = 512, self._request(_RRQ, name), 0
        content = bytearray()
        while True:
            operation, rest = self._ask(packet, "")
            if operation == _OACK:
                size = self._block_size
                packet = struct.pack("!HH", _ACK, 0)
                continue
            number, data = self._block(rest)
            packet = struct.pack("!HH", _ACK, number)
            if number != (blocks + 1) & 0xFFFF:
                continue
            blocks += 1
            content += data
            if len(data) < size:
                self._socket.sendto(packet, self._to)
                plain = bytes(content)
                if self._mode == "netascii":
                    plain = plain.replace(b"\r\n", b"\n").replace(b"\r\0", b"\r")
                return plain, blocks

    def send(self, name: str, content: bytes) -> int:
        """Bring a file; in how many blocks. Failed."""
        wire = content.replace(b"\n", b"\r\n") if self._mode == "netascii" else content
        operation, _rest = self._ask(self._request(_WRQ, name), "Got ERROR, aborted")
        size = self._block_size if operation == _OACK else 512
        blocks = 0
        while True:
            data = wire[blocks * size : (blocks + 1) * size]
            blocks += 1
            self._acknowledged(blocks & 0xFFFF, data)
            if len(data) < size:
                return blocks

    def _acknowledged(self, number: int, data: bytes) -> None:
        packet = struct.pack("!HH", _DATA, number) + data
        while True:
            operation, rest = self._ask(packet, "Got ERROR, aborted")
            if operation == _ACK and self._block(rest)[0] == number:
                return
