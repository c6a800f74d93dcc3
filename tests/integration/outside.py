# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest on a private switch, a server on the LAN behind the host's uplink, with real addresses and sockets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, List, Optional

from harness import PYTHON
from standin import switch
from standin.host import StandinHost

#: Runs in a network namespace: takes a JSON list a line, does it, answers with JSON.
_NODE = """
import json, os, socket, subprocess, sys, threading
kept = {}

def serve(port):
    listener = socket.create_server(("", port))
    def answer():
        while True:
            connection, peer = listener.accept()
            threading.Thread(target=talk, args=(connection, peer), daemon=True).start()
    def talk(connection, peer):
        connection.sendall(f"{name} {peer[0]}\\n".encode())
        while connection.recv(64):
            connection.sendall(b"still here\\n")
    threading.Thread(target=answer, daemon=True).start()

def connect(address, port, keep=""):
    try:
        connection = socket.create_connection((address, port), 3)
        said = connection.makefile().readline().strip()
    except OSError as error:
        return f"no: {type(error).__name__}"
    if keep:
        kept[keep] = connection
    return said

def again(keep):
    connection = kept[keep]
    connection.settimeout(3)
    try:
        connection.sendall(b"?")
        return connection.recv(64).decode().strip()
    except OSError as error:
        return f"no: {type(error).__name__}"

def ip(*words):
    done = subprocess.run([sys.argv[2], *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout

name = sys.argv[1]
print(json.dumps(os.getpid()), flush=True)
for line in sys.stdin:
    what, *rest = json.loads(line)
    print(json.dumps(globals()[what](*rest)), flush=True)
"""


class Node:
    """A machine with an address of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = int(self._answer())

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def do(self, what: str, *words: Any) -> Any:
        """Have it do something, and wait for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([what, *words]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def connect(self, address: str, port: int, keep: str = "") -> str:
        """Connect to a server: what it says first (who it is, and by which address it sees us), or why not."""
        return str(self.do("connect", address, port, keep))

    def again(self, keep: str) -> str:
        """Say something more on a connection that was kept."""
        return str(self.do("again", keep))

    def close(self) -> None:
        """Switch it off."""
        self._process.kill()
        self._process.communicate()


def _spawned(command: List[str], host: Optional[StandinHost] = None) -> subprocess.Popen[str]:
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes) if host is None else host.spawn(command, **pipes)


def server(host: StandinHost, wire: str, address: str, port: int) -> Node:
    """A server on the switch that an uplink of the host is plugged into."""
    space = switch.namespace(os.path.dirname(host.directory), wire)
    node = Node(_spawned(["ip", "netns", "exec", space, sys.executable, "-c", _NODE, "server", "ip"]))
    node.do("ip", "addr", "add", address, "dev", "br0")
    node.do("serve", port)
    return node


def guest(host: StandinHost, bridge: str, address: str, gateway: str, port: int) -> Node:
    """A guest on a bridge of the host; what goes through its cable goes through the bridge."""
    ip = "/.linux/usr/bin/ip"
    node = Node(_spawned(["/.linux/usr/bin/unshare", "-n", PYTHON, "-c", _NODE, "guest", ip], host))
    for words in (
        f"link add guest0 type veth peer name eth0 netns {node.pid}",
        f"link set guest0 master {bridge} up",
    ):
        host.run([ip, *words.split()], check=True)
    for words in (
        "link set lo up",
        f"addr add {address} dev eth0",
        "link set eth0 up",
        f"route add default via {gateway}",
    ):
        said = node.do("ip", *words.split())
        assert not said, said
    node.do("serve", port)
    return node
