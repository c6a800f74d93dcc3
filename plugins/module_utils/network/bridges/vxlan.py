# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vxlan(4) as the uplink of a bridge: Ethernet between hosts, in UDP."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Union

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface

PORT = 4789
_ETHERMTU = 1500
_IDS = range(1, 1 << 24)
#: ifconfig(8) takes no 65535.
_PORTS = range(1, 65535)
_INTERFACE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")
#: What the outer headers cost: Ethernet, IPv4 or IPv6, UDP, VXLAN.
_HEADERS = {4: 14 + 20 + 8 + 8, 6: 14 + 40 + 8 + 8}

_Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


@dataclass(frozen=True)
class Vxlan:
    """A network between hosts; ``id`` 0: none. One of ``remote`` and ``group`` is set, with ``group`` also ``dev``.

    ``interface``, ``mtu`` and ``source`` are given out: its vxlan(4), what a frame can hold without being cut in two,
    and the address of ``dev`` by which it joins an IPv4 group, where ``local`` does not say.
    """

    id: int = 0
    local: str = ""
    remote: str = ""
    group: str = ""
    dev: str = ""
    port: int = PORT
    interface: str = ""
    mtu: int = 0
    source: str = ""

    def __bool__(self) -> bool:
        return bool(self.id)

    @property
    def options(self) -> Dict[str, Any]:
        """What was declared: the options that are set."""
        fields = {"id": self.id, "local": self.local, "remote": self.remote, "group": self.group, "dev": self.dev}
        return {**{key: value for key, value in fields.items() if value}, "port": self.port} if self else {}

    @property
    def bound(self) -> str:
        """The address that the kernel is told to send from, '' for that of the way."""
        return self.local or self.source

    @property
    def create_args(self) -> List[str]:
        """The words behind ``ifconfig vxlan1000 create``."""
        words = ["vxlanid", str(self.id)]
        words += ["vxlanlocal", self.bound] if self.bound else []
        words += ["vxlanremote", self.remote] if self.remote else ["vxlangroup", self.group, "vxlandev", self.dev]
        if self.port != PORT:
            words += ["vxlanlocalport", str(self.port), "vxlanremoteport", str(self.port)]
        return words

    def same_network(self, other: Vxlan) -> bool:
        """Whether the same was declared."""
        return self.options == other.options

    def is_live(self, live: Interface) -> bool:
        """Whether the kernel's interface has these ends; of ``dev`` it does not tell."""
        ends = live.vxlan
        return ends is not None and (ends.id, ends.local, ends.far, ends.port) == (
            self.id,
            self.bound,
            self.remote or self.group,
            self.port,
        )


def vxlan_options() -> Dict[str, Any]:
    """The argument specification of the option."""
    return {
        "type": "dict",
        "options": {
            "id": {"type": "int"},
            "local": {"type": "str"},
            "remote": {"type": "str"},
            "group": {"type": "str"},
            "dev": {"type": "str"},
            "port": {"type": "int"},
        },
    }


def parse_vxlan(params: Optional[Mapping[str, Any]], at: str) -> Optional[Vxlan]:
    """The option; one without anything in it means none. BadInput."""
    if params is None:
        return None
    given = {key: value for key, value in params.items() if value not in (None, "")}
    if not given:
        return Vxlan()
    at = f"{at}vxlan"
    number, port = given.get("id", 0), given.get("port", PORT)
    if number not in _IDS:
        said = number if "id" in given else "none is given"
        raise BadInput(f"{at}: id: {said}; a VXLAN has a network identifier from {_IDS[0]} to {_IDS[-1]}")
    if port not in _PORTS:
        raise BadInput(f"{at}: port: {port}; allowed are {_PORTS[0]} to {_PORTS[-1]}")
    found = Vxlan(
        id=number,
        local=_address(given, "local", False, at),
        remote=_address(given, "remote", False, at),
        group=_address(given, "group", True, at),
        dev=str(given.get("dev", "")),
        port=port,
    )
    _check_ends(found, at)
    return found


def _address(given: Mapping[str, Any], key: str, multicast: bool, at: str) -> str:
    text = str(given.get(key, ""))
    if not text:
        return ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise BadInput(f"{at}: {key}: {text!r} is not an IP address") from error
    if multicast and not address.is_multicast:
        raise BadInput(f"{at}: {key}: {text} is no multicast address; for one other host there is remote")
    if not multicast and (address.is_multicast or address.is_unspecified):
        raise BadInput(f"{at}: {key}: {text} is not the address of a host")
    return address.compressed


def _check_ends(vxlan: Vxlan, at: str) -> None:
    if bool(vxlan.remote) == bool(vxlan.group):
        said = "both are given" if vxlan.remote else "neither is given"
        raise BadInput(f"{at}: remote, for one other host, or group, for any number of them: {said}")
    if vxlan.group and not vxlan.dev:
        raise BadInput(f"{at}: dev: group needs the interface by which {vxlan.group} is reached, such as em0")
    if vxlan.dev and not vxlan.group:
        raise BadInput(
            f"{at}: dev: the interface is for a group; to {vxlan.remote} the host finds its way by its routes"
        )
    if vxlan.dev and not _INTERFACE.fullmatch(vxlan.dev):
        raise BadInput(f"{at}: dev: {vxlan.dev!r} is not the name of an interface")
    far = vxlan.remote or vxlan.group
    if vxlan.local and _version(vxlan.local) != _version(far):
        raise BadInput(f"{at}: local: {vxlan.local} and {far} have to be both IPv4 or both IPv6")
    if vxlan.local == far:
        raise BadInput(f"{at}: remote: {far} is the address of this host (local)")


def _version(text: str) -> int:
    return ipaddress.ip_address(text).version


def underlay(vxlan: Vxlan, interfaces: Mapping[str, Interface]) -> Optional[Interface]:
    """The interface that carries it, where that is declared: ``dev``, else the one with the address ``local``."""
    if vxlan.dev:
        return interfaces.get(vxlan.dev)
    if not vxlan.local:
        return None
    wanted = ipaddress.ip_address(vxlan.local)
    for one in interfaces.values():
        if any(ipaddress.ip_interface(text).ip == wanted for text in (*one.inet, *one.inet6)):
            return one
    return None


def overhead(vxlan: Vxlan) -> int:
    """Bytes of a packet that the outer headers take."""
    return _HEADERS[_version(vxlan.remote or vxlan.group)]


def on_carrier(vxlan: Vxlan, interfaces: Mapping[str, Interface]) -> Vxlan:
    """With what follows from the interface that carries it: the MTU that fits, 1500 where that is more or not known.

    An IPv4 group is joined on the interface with the local address, else on that of the default route, which need not
    be ``dev``; so it gets the address of that.
    """
    below = underlay(vxlan, interfaces)
    mtu = min(below.mtu if below is not None else _ETHERMTU, _ETHERMTU) - overhead(vxlan)
    by_address = bool(vxlan.group) and ":" not in vxlan.group and not vxlan.local
    addresses = below.inet if below is not None and by_address else ()
    return replace(vxlan, mtu=mtu, source=addresses[0].partition("/")[0] if addresses else "")


def vxlan_to_json(vxlan: Vxlan) -> Dict[str, Any]:
    """What host.json says of it."""
    source = {"source": vxlan.source} if vxlan.source else {}
    return {**vxlan.options, "interface": vxlan.interface, "mtu": vxlan.mtu, **source}


def vxlan_from_json(data: Optional[Mapping[str, Any]]) -> Vxlan:
    """Out of host.json; None: there is none. ValueError, KeyError or TypeError for what is none."""
    if data is None:
        return Vxlan()
    texts = {key: str(data.get(key, "")) for key in ("local", "remote", "group", "dev", "source")}
    return Vxlan(
        id=int(data["id"]), port=int(data["port"]), interface=str(data["interface"]), mtu=int(data["mtu"]), **texts
    )
