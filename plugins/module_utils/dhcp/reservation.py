# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A reservation: what a DHCP server gives to one network card, in words of no particular server."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, fields, replace
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.network.mac import normalise_mac

#: Asks for any address that is free in the range for such; resolved by ``planning``, the address is kept.
AUTO = "auto"
#: Whose reservations are those of the module of this name, without a group (:func:`owner_of`); a guest's are
#: ``guest NAME`` (:func:`guest_owner`).
DHCPD_HOST = "dhcpd_host"

_LONGEST_TIME = 2**32 - 1
#: What all servers take as the name of a host's entry.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_GROUP = re.compile(r"[A-Za-z0-9._-]{1,253}")
_OPTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True)
class Reservation:
    """What one card is given. Empty and 0 mean: not set.

    ``owner`` is ``dhcpd_host``, ``dhcpd_host GROUP`` or ``guest NAME``. ``ip`` and ``ip6`` may hold :data:`AUTO` while
    it is asked for, never in the record. ``options`` are options of DHCP by name (dhcp-options(5)) and their values,
    ``statements`` words of the server's own configuration language. ``publish_arp``: the host answers ARP for its
    addresses.
    """

    name: str
    owner: str
    mac: str
    ip: Tuple[str, ...] = ()
    ip6: Tuple[str, ...] = ()
    hostname: str = ""
    filename: str = ""
    next_server: str = ""
    server_name: str = ""
    root_path: str = ""
    default_lease_time: int = 0
    max_lease_time: int = 0
    options: Tuple[Tuple[str, str], ...] = ()
    statements: Tuple[str, ...] = ()
    publish_arp: bool = False

    @property
    def addresses(self) -> Tuple[str, ...]:
        """Those of both families."""
        return (*self.ip, *self.ip6)


def owner_of(group: str) -> str:
    """The owner of the reservations that dhcpd_host makes for a group of machines, '' for none. BadInput."""
    if group and not _GROUP.fullmatch(group):
        raise BadInput(f"group: {group!r}; 1 to 253 letters, digits, '.', '_' and '-' are allowed")
    return f"{DHCPD_HOST} {group}" if group else DHCPD_HOST


def guest_owner(guest: str) -> str:
    """The owner of the reservations of a guest's NICs."""
    return f"guest {guest}"


def further_options() -> Dict[str, Dict[str, Any]]:
    """Argument specification of what a reservation has beside its addresses and names: a NIC's ``dhcp``."""
    return {
        "filename": {"type": "str"},
        "next_server": {"type": "str"},
        "server_name": {"type": "str"},
        "root_path": {"type": "str"},
        "default_lease_time": {"type": "int"},
        "max_lease_time": {"type": "int"},
        "options": {"type": "dict"},
        "statements": {"type": "list", "elements": "str"},
        "publish_arp": {"type": "bool"},
    }


def reservation_options() -> Dict[str, Dict[str, Any]]:
    """Argument specification of a whole reservation but for its name and state, for dhcpd_host."""
    return {
        "mac": {"type": "str"},
        "ip": {"type": "list", "elements": "str"},
        "ip6": {"type": "list", "elements": "str"},
        "hostname": {"type": "str"},
        **further_options(),
    }


def laid_over(old: Optional[Reservation], name: str, owner: str, given: Mapping[str, Any], at: str) -> Reservation:
    """What a task gives of a reservation, laid over the one that is there; ``given`` has :func:`reservation_options`.

    None or missing: as it is, and for a new one not set, but the host name, which is the reservation's name where it
    is one. What is empty unsets. BadInput says where (``at``, such as "hosts: web1: ") and what is allowed.
    """
    check_name(name, at)
    base = old or Reservation(name, owner, "", hostname=name if is_hostname(name) else "")
    changes: Dict[str, Any] = {
        key: given[key]
        for key in (*_TEXTS, "default_lease_time", "max_lease_time", "publish_arp")
        if given.get(key) is not None
    }
    for key in ("ip", "ip6"):
        if given.get(key) is not None:
            changes[key] = tuple(dict.fromkeys(_address(key, str(text), at) for text in given[key] if str(text)))
    if given.get("mac") is not None:
        changes["mac"] = normalise_mac(given["mac"], f"{at}mac")
    if given.get("options") is not None:
        changes["options"] = option_texts(given["options"], at)
    if given.get("statements") is not None:
        changes["statements"] = tuple(text.strip() for text in given["statements"] if text.strip())
    result = replace(base, **changes)
    check_reservation(result, at)
    return result


def option_texts(given: Mapping[str, Any], at: str) -> Tuple[Tuple[str, str], ...]:
    """Options of DHCP by name, with their values as texts. BadInput."""
    found = tuple(sorted((str(name), _value(value, f"{at}options: {name}")) for name, value in given.items()))
    for name, value in found:
        if not _OPTION.fullmatch(name):
            raise BadInput(f"{at}options: {name!r} is not the name of an option, such as domain-name-servers")
        _check_text(value, f"{at}options: {name}")
    return found


def check_name(name: str, at: str) -> None:
    """BadInput for a name that a server would not take for a host's entry."""
    if not _NAME.fullmatch(name) or len(name) > 255:
        raise BadInput(
            f"{at}name: {name!r}; letters, digits, _ and - are allowed, and single dots between them, 255 characters"
        )


def is_hostname(text: str) -> bool:
    """Whether it is a host name: labels of letters, digits and inner hyphens, dots between them (RFC 952, RFC 1123)."""
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.split("."))


def check_reservation(one: Reservation, at: str) -> None:
    """BadInput for what can be said against a reservation by looking at nothing else."""
    if not one.mac:
        raise BadInput(f"{at}mac: is needed; by it the server knows whom it gives the address")
    if one.hostname and not is_hostname(one.hostname):
        raise BadInput(
            f"{at}hostname: {one.hostname!r} is not a host name; letters, digits and hyphens inside a label, at most "
            "63 of them, and dots between labels are allowed"
        )
    for key in _TEXTS:
        _check_text(getattr(one, key), f"{at}{key}")
    if one.next_server and not (_is_ipv4(one.next_server) or is_hostname(one.next_server)):
        raise BadInput(f"{at}next_server: {one.next_server!r} is neither an IPv4 address nor a host name")
    for key in ("default_lease_time", "max_lease_time"):
        if not 0 <= getattr(one, key) <= _LONGEST_TIME:
            raise BadInput(f"{at}{key}: {getattr(one, key)}; allowed are 1 to {_LONGEST_TIME} seconds, 0 for none")
    if one.max_lease_time and one.default_lease_time > one.max_lease_time:
        raise BadInput(
            f"{at}default_lease_time: {one.default_lease_time} is more than max_lease_time {one.max_lease_time}"
        )
    if one.publish_arp and not one.ip:
        raise BadInput(f"{at}publish_arp: of which address? Give ip as well")


def to_json(one: Reservation) -> Dict[str, Any]:
    """For a record: what is set, without the name, which is the key there."""
    data = {key: value for key, value in vars(one).items() if value and key != "name"}
    if one.options:
        data["options"] = dict(one.options)
    return data


def from_json(name: str, data: Mapping[str, Any]) -> Reservation:
    """The reverse of :func:`to_json`. UnknownState when the record says what we do not know."""
    unknown = sorted(data.keys() - _FIELDS)
    if unknown:
        raise UnknownState(f"the record of reservation {name} has {', '.join(unknown)}, which is not known here")
    values: Dict[str, Any] = dict(data)
    for key in ("ip", "ip6", "statements"):
        if key in values:
            values[key] = tuple(str(item) for item in values[key])
    if "options" in values:
        values["options"] = tuple(sorted((str(key), str(value)) for key, value in values["options"].items()))
    return Reservation(name, **values)


_FIELDS = frozenset(field.name for field in fields(Reservation))
_TEXTS = ("hostname", "filename", "next_server", "server_name", "root_path")


def _address(key: str, text: str, at: str) -> str:
    if text == AUTO:
        return AUTO
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        address = None
    if address is None or address.version != (6 if key == "ip6" else 4):
        kind = "an IPv6" if key == "ip6" else "an IPv4"
        raise BadInput(f"{at}{key}: {text!r} is not {kind} address; allowed are one without a prefix length, and auto")
    return str(address)


def _value(value: Any, option: str) -> str:
    """The value of a DHCP option as text: a list with commas between."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    items: List[Any] = list(value) if isinstance(value, (list, tuple)) else [None]
    if not all(isinstance(item, (str, int)) and not isinstance(item, bool) for item in items):
        raise BadInput(f"{option}: {value!r}; a text, a number, true, false, or a list of texts and numbers is allowed")
    return ", ".join(str(item) for item in items)


def _check_text(text: str, option: str) -> None:
    if any(not character.isprintable() for character in text):
        raise BadInput(f"{option}: {text!r} has characters that cannot be printed")


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
