# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the interface state, with what the kernel found at boot in it, and real devices kept in step."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from typing import Dict, Iterator, List, cast

from .. import devd, state
from ..pci import nics
from . import dataplane, tap
from .facts import Facts
from .kernel import DRIVERS, Ifnet
from .types import Document


@contextmanager
def network() -> Iterator[Ifnet]:
    """The interfaces, under the state's lock; changes are kept and made real on a clean exit.

    A user other than root sees a copy: the kernel lets everybody look, and refuses him every change.
    """
    if os.geteuid() != 0:
        yield _seen_by_user()
        return
    with state.kernel("ifnet") as document:
        plane = dataplane.here()
        net = Ifnet(cast(Document, document), plane, Facts())
        if "interfaces" not in document:
            probe(document, net)
            net.attached.clear()
        tap.close_dead(net)
        yield net
        if net.detached:
            _tell_netgraph(net)
        plane.flush()
    # devd(8) hears of it once the state can be had again.
    if net.attached:
        devd.interfaces_attached(net.attached)


def _tell_netgraph(net: Ifnet) -> None:
    # Imported here, for it opens the interfaces by this module.
    from ..netgraph import store

    store.forget(net, net.detached)


def _seen_by_user() -> Ifnet:
    document = state.peek("kernel", "ifnet")
    net = Ifnet(cast(Document, document), dataplane.Dataplane(), Facts())
    if "interfaces" not in document:
        document.update({"interfaces": {}, "order": [], "routes": []})
    tap.close_dead(net)
    return net


def probe(document: Dict[str, object], net: Ifnet) -> None:
    """What a booting kernel attaches: the network cards, then lo0."""
    document.update({"interfaces": {}, "order": [], "routes": []})
    cards = _cards(net.plane)
    taken = nics.taken() if cards else []
    for name in cards:
        if name not in taken:
            attach_card(net, name)
    net.attach("lo0", "lo", 0)["linux"] = "lo"


def attach_card(net: Ifnet, name: str) -> None:
    """The driver of a network card has attached."""
    driver = name.rstrip("0123456789")
    attached = net.attach(name, driver if driver in DRIVERS else "em", int(name[len(driver) :]), _ether(name))
    net.plane.line("link set dev", attached["linux"], "addrgenmode none")


def _cards(plane: dataplane.Dataplane) -> List[str]:
    """The veths that the lab gave this host carry the names of FreeBSD's network cards."""
    if not plane.real:
        return []
    return [name for _index, name in socket.if_nameindex() if name != "lo" and name[-1:].isdigit()]


def _ether(name: str) -> str:
    """The Ethernet address of a device of this network namespace (SIOCGIFHWADDR)."""
    import fcntl
    import struct

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe_socket:
        answer = fcntl.ioctl(probe_socket.fileno(), 0x8927, struct.pack("256s", name.encode("ascii")))
    return ":".join(f"{octet:02x}" for octet in answer[18:24])
