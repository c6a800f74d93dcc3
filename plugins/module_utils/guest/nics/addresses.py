# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a DHCP server tells the guest of a NIC: addresses and host name, as they are declared."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any, Dict, Mapping, Tuple, Union

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import (
    Reservation,
    further_options,
    guest_owner,
    is_hostname,
    laid_over,
    to_json,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import AUTO, NONE, Nic

_FURTHER = tuple(further_options())
# Stand for what a NIC has, where only its further options are looked at.
_SOME_MAC = "5a:00:00:00:00:00"
_SOME_IP = "192.0.2.1"


def normal_ip(text: str, option: str) -> str:
    """An IPv4 address as it is usually written; '' and ``auto`` stay. BadInput."""
    if text in ("", AUTO):
        return text
    try:
        address = ipaddress.IPv4Address(text.strip())
    except ValueError as error:
        raise BadInput(
            f"{option}: {text!r} is neither an IPv4 address such as 10.10.0.11 nor auto ({error})"
        ) from error
    return _usable(address, option)


def normal_ip6(text: str, option: str) -> str:
    """An IPv6 address as RFC 5952 writes it; '' stays. BadInput."""
    if not text:
        return ""
    try:
        address = ipaddress.IPv6Address(text.strip())
    except ValueError as error:
        raise BadInput(f"{option}: {text!r} is not an IPv6 address such as fd00:10::11 ({error})") from error
    if address.is_link_local:
        raise BadInput(f"{option}: {text} is link-local, which a guest gives itself")
    return _usable(address, option)


def _usable(address: Union[ipaddress.IPv4Address, ipaddress.IPv6Address], option: str) -> str:
    if address.is_multicast or address.is_unspecified or address.is_loopback or str(address) == "255.255.255.255":
        raise BadInput(f"{option}: {address} is not an address that a guest can be given")
    return str(address)


def normal_hostname(text: str, option: str) -> str:
    """A host name; '' stays. BadInput."""
    if text and not is_hostname(text):
        raise BadInput(
            f"{option}: {text!r} is not a host name: letters, digits and hyphens, none of these at an end, at most 63 "
            "between two dots"
        )
    return text


def hostname_of(guest: str, nic: Nic) -> str:
    """The name that the guest is told: the one that is declared, else its own as far as hosts can have it."""
    return nic.hostname or (guest if is_hostname(guest) else "")


def reservation_name(guest: str, nic: str) -> str:
    """What the reservation of a guest's NIC is called."""
    return f"{guest}.{nic}"


def reservation_of(guest: str, nic: Nic, mac: str) -> Reservation:
    """What a DHCP server is to give to the NIC; ``auto`` stands for itself."""
    return replace(
        nic.dhcp,
        name=reservation_name(guest, nic.name),
        owner=guest_owner(guest),
        mac=mac,
        ip=(nic.ip,) if nic.ip else (),
        ip6=(nic.ip6,) if nic.ip6 else (),
        hostname=hostname_of(guest, nic),
    )


def merge_dhcp(base: Reservation, given: Mapping[str, Any], at: str) -> Reservation:
    """The further options of a reservation (``dhcp``) laid over those that are there. BadInput."""
    # What is of the NIC itself is filled in later, and checked there.
    whole = replace(base, mac=_SOME_MAC, ip=(_SOME_IP,))
    merged = laid_over(whole, "nic", "", {key: given.get(key) for key in _FURTHER}, f"{at}dhcp.")
    return replace(merged, mac="", ip=())


def shown_dhcp(further: Reservation) -> Dict[str, Any]:
    """The further options that are set, valid input again."""
    data = to_json(further)
    return {key: list(data[key]) if key == "statements" else data[key] for key in _FURTHER if key in data}


def of_a_copy(nic: Nic) -> Nic:
    """The NIC of a guest that is a copy of another: without the addresses and names that only one of them can have."""
    ip = nic.ip if nic.ip == AUTO else ""
    dhcp = replace(nic.dhcp, publish_arp=nic.dhcp.publish_arp and bool(ip))
    return replace(nic, mac="", ip=ip, ip6="", hostname="", dhcp=dhcp)


def declares(nic: Nic) -> Tuple[str, ...]:
    """The options of a NIC by which it has something of a DHCP server."""
    declared = tuple(option for option in ("ip", "ip6", "hostname") if getattr(nic, option))
    return (*declared, "dhcp") if shown_dhcp(nic.dhcp) else declared


def check_addresses(nic: Nic, at: str) -> None:
    """BadInput for options that need a switch where there cannot be one."""
    if nic.dhcp.publish_arp and not nic.ip:
        raise BadInput(f"{at}dhcp.publish_arp: of which address? Give ip as well")
    declared = declares(nic)
    if declared and nic.switch == NONE:
        raise BadInput(
            f"{at}{declared[0]}: with switch: none there is nothing but the host, and no DHCP server; give the "
            "guest its address by other means, or name a switch"
        )
