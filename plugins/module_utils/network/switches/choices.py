# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a switch of any kind gets where its task leaves it open: uplink and MAC address, which stay once chosen."""

from __future__ import annotations

import re
from typing import Mapping, Optional

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.options import AUTO, Request
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.mac import derive_mac


def interface_of(wanted: Optional[str], known: str, default: Optional[str], option: str) -> str:
    """The interface of the host's that an option names, or leaves to the default route.

    ``known`` is the one that the switch has, '' for none; ``default`` is that of the default route, if it was asked
    for. BadInput, naming the ``option``.
    """
    if wanted != AUTO:
        return known if wanted is None else wanted
    if known:
        return known
    if not default:
        raise BadInput(f"{option}: auto, but the host has no default route; name the interface")
    return default


def mac_of(request: Request, known: str, uplink: str, interfaces: Mapping[str, Interface], own: str = "") -> str:
    """The address that is pinned: the one given, the one it has, or one that no other host of the LAN makes.

    The kernel's own derives from the host's UUID, which hosts cloned from one image share, and from twenty bits of a
    hash. This one derives from the address of a network card: the uplink's, else the host's first. ``own`` is the
    switch's interface, which is none.
    """
    if request.mac:
        return request.mac
    if known and request.mac is None:
        return known
    card = interfaces.get(uplink) or _first_card(interfaces, own)
    # A host without any network card leaves it to the kernel.
    return derive_mac(card.ether, request.name) if card is not None and card.ether else ""


def _first_card(interfaces: Mapping[str, Interface], own: str) -> Optional[Interface]:
    """The first interface that nobody cloned: drivers of hardware put theirs in no group."""
    cards = (one for one in interfaces.values() if one.ether and not one.groups and re.search(r"\d\Z", one.name))
    return next((one for one in cards if one.name != own), None)
