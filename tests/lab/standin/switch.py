# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches that hosts' uplinks are plugged into: a Linux bridge in a network namespace of its own, one a switch."""

from __future__ import annotations

import hashlib
import os
import subprocess
from typing import Dict, List

_BRIDGE = "br0"


def namespace(lab: str, name: str) -> str:
    """The network namespace of the switch ``name`` of the lab in the directory ``lab``."""
    return f"{_prefix(lab)}-{name}"


def _prefix(lab: str) -> str:
    return "standin-" + hashlib.sha256(os.path.abspath(lab).encode()).hexdigest()[:6]


def mac(host: str, interface: str) -> str:
    """A host's own MAC address of an uplink: locally administered, the same at each boot."""
    digest = hashlib.sha256(f"{host}/{interface}".encode()).digest()
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in digest[:3])


def _port(host: str, interface: str) -> str:
    """The name of a cable's end in the switch."""
    return "p" + hashlib.sha256(f"{host}/{interface}".encode()).hexdigest()[:8]


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(words)} exited {done.returncode}: {done.stderr.strip()}")


def _namespaces() -> List[str]:
    done = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False)
    return [line.split()[0] for line in done.stdout.splitlines() if line.strip()]


def ensure(lab: str, name: str) -> None:
    """Make the switch unless it is there."""
    space = namespace(lab, name)
    if space in _namespaces():
        return
    _ip("netns", "add", space)
    # Without addresses of its own: a switch sends no frames by itself.
    _ip("-n", space, "link", "add", _BRIDGE, "type", "bridge", "mcast_snooping", "0")
    _ip("-n", space, "link", "set", _BRIDGE, "addrgenmode", "none")
    _ip("-n", space, "link", "set", _BRIDGE, "up")


def plug(space: str, host: str, interface: str) -> None:
    """Give the calling network namespace ``interface``, whose other end lies in the switch's namespace ``space``."""
    port = _port(host, interface)
    address = mac(host, interface)
    _ip(
        *("link", "add", interface, "address", address, "type", "veth"),
        *("peer", "name", port, "netns", space),
    )
    _ip("-n", space, "link", "set", port, "addrgenmode", "none")
    _ip("-n", space, "link", "set", port, "master", _BRIDGE, "up")


def unplug(lab: str, host: str, uplinks: Dict[str, str]) -> None:
    """Take the cables of a host that is off out of their switches. The kernel does so too, but in its own time."""
    there = _namespaces() if uplinks else []
    for interface, name in uplinks.items():
        space = namespace(lab, name)
        if space in there:
            # That the kernel was faster is fine: then there is no such device.
            subprocess.run(
                ["ip", "-n", space, "link", "delete", _port(host, interface)], capture_output=True, check=False
            )


def plugs(lab: str, uplinks: Dict[str, str]) -> Dict[str, str]:
    """Interface -> namespace of its switch, with every switch made."""
    for name in sorted(set(uplinks.values())):
        ensure(lab, name)
    return {interface: namespace(lab, name) for interface, name in uplinks.items()}


def clean(lab: str) -> None:
    """Remove the lab's switches that no host is plugged into any more."""
    for space in _namespaces():
        if not space.startswith(_prefix(lab) + "-"):
            continue
        question = ["ip", "-n", space, "-brief", "link", "show", "master", _BRIDGE]
        ports = subprocess.run(question, capture_output=True, text=True, check=False)
        if not ports.stdout.strip():
            _ip("netns", "delete", space)
