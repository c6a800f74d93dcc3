# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tftp(1): the client, with its commands on standard input, or one file by a URL."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path
from typing import Callable, Dict, List, NoReturn, Optional, Sequence, Tuple

from ..system import cli
from ..tftp.transfer import Failed, Transfer

PATHS = ("/usr/bin/tftp",)
_MODES = {"ascii": "netascii", "netascii": "netascii", "binary": "octet", "image": "octet", "octet": "octet"}
_GET_USAGE = """\
usage: get file [localname]
       get [host:]file [localname]
       get [host1:]file1 [host2:]file2 ... [hostN:]fileN"""
_PUT_USAGE = """\
usage: put file [remotename]
       put file host:remotename
       put file1 file2 ... fileN [[host:]remote-directory]"""


class Client:
    """What the commands have set so far."""

    def __init__(self) -> None:
        self.server: Optional[Tuple[int, Tuple[str, int]]] = None
        self.mode = "octet"
        self.packet_timeout = 5
        self.block_size = 512

    def connect(self, host: str, port: str = "tftp") -> None:
        """Where to ask from now on; what is wrong is told, and then nowhere."""
        self.server = None
        try:
            number = int(port) if port.isdigit() else socket.getservbyname(port, "udp")
        except OSError:
            cli.warn("tftp", "Service was not recognized for socket type")
            return
        try:
            found = socket.getaddrinfo(host, number, 0, socket.SOCK_DGRAM)
        except socket.gaierror:
            cli.warn("tftp", "Name does not resolve")
            return
        self.server = (int(found[0][0]), (str(found[0][4][0]), number))

    def transfer(self) -> Transfer:
        assert self.server is not None
        return Transfer(*self.server, self.mode, self.packet_timeout, self.block_size)


def _get(client: Client, words: List[str]) -> None:
    if len(words) < 2:
        print(_GET_USAGE)
        return
    for word in words[1:]:
        if client.server is None and ":" not in word:
            print(f"No remote host specified and no host given for file '{word}'")
            print(_GET_USAGE)
            return
    if len(words) > 3:
        cli.not_built("tftp", "get of more than one file")
    host, colon, name = words[1].rpartition(":")
    if colon:
        client.connect(host.strip("[]"))
        if client.server is None:
            return
    target = words[2] if len(words) == 3 else name.rstrip("/").rpartition("/")[2]
    try:
        Path(target).write_bytes(b"")
    except OSError as error:
        cli.warn("tftp", f"{target}: {cli.strerror(error)}")
        return
    began = time.monotonic()
    try:
        content, blocks = client.transfer().receive(name)
    except Failed as failed:
        # The empty file stays.
        _failed(failed)
        return
    Path(target).write_bytes(content)
    print(f"Received {len(content)} bytes during {time.monotonic() - began:.1f} seconds in {blocks} blocks")


def _failed(failed: Failed) -> None:
    print("\n".join(failed.lines))


def _put(client: Client, words: List[str]) -> None:
    if len(words) < 2:
        print(_PUT_USAGE)
        return
    if client.server is None:
        print("No target machine specified.")
        return
    if len(words) > 3 or ":" in words[-1]:
        cli.not_built("tftp", "this form of put")
    name = words[2] if len(words) == 3 else words[1].rpartition("/")[2]
    try:
        content = Path(words[1]).read_bytes()
    except OSError as error:
        cli.warn("tftp", f"{words[1]}: {cli.strerror(error)}")
        return
    began = time.monotonic()
    try:
        blocks = client.transfer().send(name, content)
    except Failed as failed:
        _failed(failed)
        return
    print(f"Sent {len(content)} bytes during {time.monotonic() - began:.1f} seconds in {blocks} blocks")


def _connect(client: Client, words: List[str]) -> None:
    if not 2 <= len(words) <= 3:
        print(f"usage: {words[0]} [host [port]]")
        return
    client.connect(*words[1:])


def _mode(client: Client, words: List[str]) -> None:
    if len(words) == 1:
        print(f"Using {client.mode} mode to transfer files.")
        return
    if len(words) == 2 and words[1] in _MODES:
        client.mode = _MODES[words[1]]
        return
    if len(words) == 2:
        print(f"{words[1]}: unknown mode")
    print(f"usage: {words[0]} [ {' | '.join(_MODES)} ]")


def _number(words: List[str]) -> Optional[int]:
    if len(words) != 2 or not words[1].isdigit():
        print(f"usage: {words[0]} value")
        return None
    return int(words[1])


def _rexmt(client: Client, words: List[str]) -> None:
    number = _number(words)
    client.packet_timeout = client.packet_timeout if number is None else number


def _timeout(client: Client, words: List[str]) -> None:
    # The recorded one tries twelve times whatever this says.
    _number(words)


def _block_size(client: Client, words: List[str]) -> None:
    number = _number(words)
    if number is None or not 8 <= number <= 65464:
        print("Blocksize should be between 8 and 65464 bytes.")
        return
    client.block_size = number
    print(f"Blocksize is now {number} bytes.")


def _quit(client: Client, words: List[str]) -> NoReturn:
    sys.stdout.flush()
    os._exit(0)


_COMMANDS: Dict[str, Callable[[Client, List[str]], None]] = {
    "connect": _connect,
    "mode": _mode,
    "put": _put,
    "get": _get,
    "quit": _quit,
    "binary": lambda client, words: _mode(client, ["mode", "octet"]),
    "ascii": lambda client, words: _mode(client, ["mode", "netascii"]),
    "rexmt": _rexmt,
    "timeout": _timeout,
    "blocksize": _block_size,
}
_UNBUILT = ("verbose", "status", "trace", "debug", "blocksize2", "rollover", "options", "help", "packetdrop", "?")


def _command(client: Client, words: List[str]) -> None:
    name = words[0]
    found = [one for one in (*_COMMANDS, *_UNBUILT) if one.startswith(name)]
    if name in found:
        found = [name]
    if not found:
        print("?Invalid command")
    elif len(found) > 1:
        print("?Ambiguous command")
    elif found[0] in _UNBUILT:
        cli.not_built("tftp", found[0])
    else:
        _COMMANDS[found[0]](client, words)


def _by_url(url: str) -> int:
    host, slash, rest = url[len("tftp://") :].partition("/")
    if not slash:
        print("Invalid URI: Couldn't find / after hostname", file=sys.stderr)
        return 1
    path, _semicolon, option = rest.partition(";")
    client = Client()
    client.mode = "octet"
    if option.startswith("mode="):
        mode = option[len("mode=") :]
        if mode not in _MODES:
            print(f"Invalid mode: '{mode}'", file=sys.stderr)
            return 1
        client.mode = _MODES[mode]
    client.connect(host)
    _get(client, ["get", path])
    return 0


def main(argv: Sequence[str]) -> int:
    client = Client()
    if argv[1:] and argv[1].startswith("tftp://"):
        return _by_url(argv[1])
    if len(argv) > 1:
        _connect(client, list(argv))
    for line in sys.stdin:
        words = line.split()
        if words:
            _command(client, words)
    return 0
