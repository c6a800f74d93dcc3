# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a guest's devices sit on its PCI bus: given once, kept for good.

A device that moves is another device to the guest: its NIC gets another name, its licence is void, its boot entry gone.
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, Mapping, Sequence, Set

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Guest

HOSTBRIDGE = "0.0.0"
FBUF = "0.29.0"
XHCI = "0.30.0"

_ADDRESS = re.compile(r"(?P<bus>\d{1,3})\.(?P<slot>\d{1,2})\.(?P<function>[0-7])")
_KEY = re.compile(r"pci\.(?P<address>\d+\.\d+\.\d+)\.(?P<rest>.+)")


def address_of(key: str) -> str:
    """The PCI address (bus.slot.function) that a bhyve_config(5) key is about, '' if it is about none."""
    match = _KEY.fullmatch(key)
    return match["address"] if match else ""


def check_address(address: str, option: str) -> None:
    """BadInput unless bhyve(8) knows this address: bus 0 to 255, slot 0 to 31, function 0 to 7."""
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["bus"]) > 255 or int(match["slot"]) > 31:
        raise BadInput(f"{option}: {address} is no PCI address; bus is 0 to 255, slot 0 to 31, function 0 to 7")


def lpc_address(guest: Guest) -> str:
    """Where the LPC bridge sits; bhyve wants it on bus 0."""
    return f"0.{guest.lpc_slot}.0"


def wanted_devices(guest: Guest) -> List[str]:
    """The devices that need an address of their own, in the order in which new ones get theirs."""
    devices = [f"disk/{disk.name}" for disk in guest.disks]
    devices += [f"nic/{nic.name}" for nic in guest.nics]
    devices += [f"passthru/{one.name}" for one in guest.passthru]
    if guest.rng:
        devices.append("rng")
    if guest.pxe is not None:
        # The last: the others are where they would be without it.
        devices.append("pxe")
    return devices


def fixed_devices(guest: Guest) -> Dict[str, str]:
    """The devices whose place is a habit of the field: host bridge, LPC bridge, frame buffer, tablet."""
    fixed = {"hostbridge": HOSTBRIDGE, "lpc": lpc_address(guest)}
    if guest.vnc is not None:
        fixed["fbuf"] = FBUF
        if guest.vnc.tablet:
            fixed["xhci"] = XHCI
    return fixed


def pinned_devices(guest: Guest) -> Dict[str, str]:
    """The devices whose place the user has chosen."""
    nics = {f"nic/{nic.name}": f"0.{nic.slot}.0" for nic in guest.nics if nic.slot}
    return {**nics, **{f"passthru/{one.name}": one.slot for one in guest.passthru if one.slot}}


def allocate_slots(guest: Guest, known: Mapping[str, str]) -> Dict[str, str]:
    """Addresses by device: chosen ones, those of ``known`` that are still wanted, and free ones for the rest.

    Slots 29 and 30 stay free for the frame buffer and the tablet. BadInput when ``options`` or ``lpc_slot`` put
    something where a device is, or when there is no room left.
    """
    where = f"guest {guest.name}: "
    fixed = fixed_devices(guest)
    given = {**known, **pinned_devices(guest)}
    slots = {device: given[device] for device in wanted_devices(guest) if device in given}
    taken_by_options = _devices_in_options(guest)
    places = {**slots, **fixed}
    _check_clashes(places, taken_by_options, where)
    used: Set[str] = {*places.values(), *taken_by_options, HOSTBRIDGE, FBUF, XHCI}
    free = (address for address in _candidates(guest.lpc_slot) if address not in used)
    for device in wanted_devices(guest):
        if device in slots:
            continue
        address = next(free, None)
        if address is None:
            raise BadInput(f"{where}there is no PCI address left for {device}; the guest has {len(slots)} devices")
        slots[device] = address
    _check_functions(guest, {*used, *slots.values()}, where)
    return slots


def _check_functions(guest: Guest, used: Set[str], where: str) -> None:
    """A guest does not look at functions 1 to 7 of a slot without function 0."""
    for device, address in pinned_devices(guest).items():
        slot, _dot, function = address.rpartition(".")
        if function != "0" and f"{slot}.0" not in used:
            raise BadInput(
                f"{where}{device} would sit at PCI address {address} without anything at {slot}.0, where the guest "
                "would not look for it; give it function 0, or put another function of the same device there"
            )


def _candidates(lpc_slot: int) -> Iterator[str]:
    """Where new devices go: slots of bus 0, then functions beside the LPC and host bridges, then bus 1.

    Functions only beside what is never removed: a guest does not look at functions 1 to 7 of a slot without function 0.
    """
    for slot in range(2, 29):
        if slot != lpc_slot:
            yield f"0.{slot}.0"
    for slot in (lpc_slot, 0):
        for function in range(1, 8):
            yield f"0.{slot}.{function}"
    for slot in range(1, 32):
        yield f"1.{slot}.0"


def _devices_in_options(guest: Guest) -> Dict[str, str]:
    """Addresses at which ``options`` makes a device of its own, with the key that does."""
    return {address_of(key): key for key, _value in guest.options if address_of(key) and key.endswith(".device")}


def _check_clashes(places: Mapping[str, str], options: Mapping[str, str], where: str) -> None:
    seen: Dict[str, str] = {}
    for device, address in places.items():
        if address in options:
            raise BadInput(
                f"{where}options: {options[address]} clashes with {device}, which sits at {address}; choose a free slot"
            )
        if address in seen:
            raise BadInput(f"{where}{device} and {seen[address]} would both sit at PCI address {address}")
        seen[address] = device


def needs_further_bus(addresses: Sequence[str]) -> bool:
    """Whether a device sits on another bus than 0; bhyve's MP table cannot describe that (bhyve(8), -Y)."""
    return any(not address.startswith("0.") for address in addresses)
