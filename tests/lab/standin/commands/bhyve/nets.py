# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network devices: virtio-net and e1000 over net_backends.c."""

from __future__ import annotations

import errno
import os
import re
import time
from typing import NamedTuple, Optional, Tuple

from ... import notes
from ...ifnet.errors import Refused
from .devices import DeviceError, abort
from .errors import fail, say, strerror
from .tree import Config

_MTU = (60, 65535)
#: Longest name of an interface (IFNAMSIZ - 1), also of one in a VALE switch.
_INTERFACE_NAME = 15


class Nic(NamedTuple):
    """A network device of the guest; ``fd``: where its frames go, None for a backend that passes none here."""

    slot: str
    model: str
    backend: str
    mac: str
    mtu: Optional[int]
    fd: Optional[int]


def _parse_mac(text: str) -> str:
    """ether_aton(3), unicast and not zero, or DeviceError."""
    parts = text.split(":")
    if len(parts) == 6 and all(re.fullmatch(r"[0-9A-Fa-f]{1,2}", part) for part in parts):
        octets = [int(part, 16) for part in parts]
        if any(octets) and not octets[0] & 1:
            return ":".join(f"{octet:02x}" for octet in octets)
    raise DeviceError(errno.ENOENT, f"Invalid MAC {text}")


def _generated_mac(slot: str, name: str) -> str:
    """The default: a fixed OUI and the hash of slot, function and the guest's name; the bus is not in it."""
    _unused, number, function = slot.split(".")
    import hashlib  # loads a large library, and few guests need it

    digest = hashlib.md5(f"{number}-{function}-{name}".encode(), usedforsecurity=False).digest()
    return "00:a0:98:" + ":".join(f"{octet:02x}" for octet in digest[:3])


def _tap(backend: str) -> int:
    """Open the tap; one that does not exist comes into being. Refused when somebody else has it."""
    from ... import taps

    try:
        fd = taps.open_tap(backend, os.getpid())
    except OSError as error:
        print(f"open of tap device /dev/{backend} failed")
        raise DeviceError(error.errno or errno.ENOENT) from None
    notes.note_open(backend, "rw")
    return fd


def _vale_port(backend: str) -> int:
    """Open the port of a VALE switch, which comes into being; its name is cut to an interface's length."""
    from ...ifnet import vale

    name = backend[:_INTERFACE_NAME]
    try:
        _check_vale_name(name)
        return vale.open_port(name, os.getpid())
    except Refused as refusal:
        if refusal.code == errno.EEXIST:
            fail(
                f"STANDIN: bhyve: {name}: sharing a port, and opening an interface by a switch's name, is not built", 99
            )
        print(f"Unable to nm_open(): interface '{backend}', errno ({strerror(refusal.code)})")
        raise DeviceError(errno.EINVAL) from None


def _check_vale_name(name: str) -> None:
    """nm_open() of net/netmap_user.h looks at the name before the kernel does. Refused: EINVAL."""
    problem = ""
    found = re.match(r"vale[0-9A-Za-z_]*", name)
    if ":" not in name:
        problem = f"missing ':' in vale name {name}"
    elif found is None or name[found.end()] != ":":
        problem = f"invalid bridge name {name}"
    elif found.end() + 1 == len(name):
        problem = f"invalid empty port name in {name}"
    if problem:
        seconds = time.monotonic() % 1000
        say(f"{seconds:3.6f} nm_open [964] {problem}")
        raise Refused(errno.EINVAL)


def _netgraph(config: Config, node: str) -> int:
    """net_backend_netgraph.c: a socket's node of its own, connected to a hook of a node that exists."""
    from ...ifnet.errors import NotBuilt, Refused
    from ...netgraph import sockets

    path, peerhook = config.get(f"{node}.path"), config.get(f"{node}.peerhook")
    if path is None:
        print("path must be provided")
        raise DeviceError(errno.ENOENT)
    if peerhook is None:
        print("peer hook must be provided")
        raise DeviceError(errno.ENOENT)
    hook = config.get(f"{node}.hook") or "vmlink"
    try:
        return sockets.connect(os.getpid(), config.get(f"{node}.socket"), path, hook, peerhook)
    except sockets.NameTaken as error:
        print("can't get Netgraph sockets")
        raise DeviceError(error.code) from None
    except Refused as error:
        print("can't connect to node")
        raise DeviceError(error.code) from None
    except NotBuilt as missing:
        fail(f"STANDIN: bhyve: {missing} is not built", 99)


def _open_backend(config: Config, node: str, backend: str) -> Optional[int]:
    kind = config.get(f"{node}.type")
    if kind == "tap" or kind is None and re.match(r"(tap|vmnet)", backend):
        return _tap(backend)
    if kind in ("netmap", "vale") or kind is None and re.match(r"(vale|netmap)", backend):
        return _vale_port(backend) if backend.startswith("vale") else None
    if kind == "netgraph" or kind is None and backend == "netgraph":
        return _netgraph(config, node)
    # unknown, and slirp without libslirp
    raise DeviceError(errno.ENOENT)


def _mtu(text: Optional[str]) -> Optional[int]:
    if text is None:
        return None
    if not text.isdigit() or not _MTU[0] <= int(text) <= _MTU[1]:
        raise DeviceError(errno.EINVAL)
    return int(text)


def _addresses(config: Config, slot: str, node: str) -> Tuple[str, Optional[int]]:
    mac = config.get(f"{node}.mac")
    address = _parse_mac(mac) if mac is not None else _generated_mac(slot, config.get("name") or "")
    return address, _mtu(config.get(f"{node}.mtu"))


def open_nic(config: Config, slot: str, node: str, model: str) -> Nic:
    """Make a network device: DeviceError with net_backends.c's own words."""
    mac, mtu = _addresses(config, slot, node)
    backend = config.get(f"{node}.backend")
    if backend is None:
        if model == "virtio-net":
            abort("(be != NULL)", "netbe_get_cap", "usr.sbin/bhyve/net_backends.c", 1060)
        raise DeviceError(errno.ENOENT)
    return Nic(slot, model, backend, mac, mtu, _open_backend(config, node, backend))
