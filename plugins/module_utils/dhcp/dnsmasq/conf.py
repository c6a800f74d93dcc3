# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a configuration of dnsmasq says that concerns reservations, and how ours get into it (pure).

Source: dnsmasq(8), options dhcp-range, dhcp-host, dhcp-hostsfile, dhcp-optsfile, dhcp-option, dhcp-boot.
"""

from __future__ import annotations

import ipaddress
import os
import re
from typing import Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import KnownHost
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.dnsmasq.text import Option, own_options
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon, Network, Range, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState

#: An address of the host's own with its network.
Own = Union[ipaddress.IPv4Interface, ipaddress.IPv6Interface]

_HOOK = """\
# Reservations of Apiary (apiary.bhyve): the hosts, what some are told beside, by what those are told apart, and names.
"""
_MAC = re.compile(r"(?:[0-9a-f]{2}-)?((?:[0-9a-f]{1,2}[:-]){5}[0-9a-f]{1,2})", re.IGNORECASE)
_LEASE = re.compile(r"\d+[smhdw]?|infinite", re.IGNORECASE)
_TAGS = ("set:", "tag:", "net:")
_DEFAULT_LENGTH6 = 64


def options_file(daemon: Daemon) -> str:
    """The file beside ours, of what is said beside addresses."""
    return f"{daemon.hosts_file}.options"


def tags_file(daemon: Daemon) -> str:
    """The file beside ours that gives tags to the MAC addresses to which something is said; read at the start only."""
    return f"{daemon.hosts_file}.tags"


def names_file(daemon: Daemon) -> str:
    """The file beside ours of the names by which addresses are known, lease or none; read again at SIGHUP."""
    return f"{daemon.hosts_file}.names"


def is_hooked(options: Iterable[Option], daemon: Daemon) -> bool:
    """Whether all of our files are read."""
    named = {(option.name, option.value.strip('"')) for option in options}
    return all((name, path) in named for name, path in _hooks(daemon))


def with_hook(conf: str, daemon: Daemon) -> str:
    """The configuration with our files in it, at its end; what is there of some of them goes."""
    lines = tuple(f"{name}={path}\n" for name, path in _hooks(daemon))
    kept = "".join(line for line in conf.splitlines(keepends=True) if f"{line.strip()}\n" not in (*lines, _HOOK))
    return f"{kept}{'' if kept.endswith(chr(10)) or not kept else chr(10)}{_HOOK}{''.join(lines)}"


def with_other_tags(conf: str, daemon: Daemon, path: str) -> str:
    """The configuration reading the tags from another file."""
    lines = conf.splitlines(keepends=True)
    wanted = ("conf-file", tags_file(daemon))
    return "".join(
        f"conf-file={path}\n"
        if any((one.name, one.value.strip('"')) == wanted for one in own_options(line, ""))
        else line
        for line in lines
    )


def subnets(options: Sequence[Option], own: Sequence[Own]) -> Tuple[Subnet, ...]:
    """The networks of the ranges, with what is given to anybody in them. UnknownState for a range that cannot be read.

    ``own`` are the addresses of the host's interfaces: a range without netmask has that of the interface it is on.
    Where no interface has it, dnsmasq serves nobody of it, and it is left out.
    """
    routers = [address for option in options for address in _routers(option)]
    found: List[Subnet] = []
    for option in options:
        if option.name in ("dhcp-range", "F"):
            for network, dynamic in _ranges(option, own):
                near = {str(one.ip) for one in own if one.ip in network}
                near.update(text for text in routers if ipaddress.ip_address(text) in network)
                found.append(Subnet(str(network), ranges=dynamic, routers=tuple(sorted(near))))
    return tuple(found)


def host_of(text: Option) -> Optional[KnownHost]:
    """An entry of dhcp-host; None for one that says whom not to serve."""
    macs: List[str] = []
    addresses: List[str] = []
    name = ""
    for field in text.fields:
        match = _MAC.fullmatch(field)
        address = _address(field)
        if match is not None:
            parts = re.split("[:-]", match[1].lower())
            macs.append(":".join(part.zfill(2) for part in parts))
        elif address is not None:
            addresses.append(str(address))
        elif field == "ignore":
            return None
        elif field and not field.startswith((*_TAGS, "id:")) and not _LEASE.fullmatch(field) and "*" not in field:
            name = name or field
    return KnownHost(name or (macs or addresses or [text.value])[0], tuple(macs), tuple(addresses), text.source)


def boots_all(options: Iterable[Option]) -> Optional[Option]:
    """A dhcp-boot for whoever asks: it goes before what options say of boot files."""
    for option in options:
        if option.name in ("dhcp-boot", "M") and not (option.fields and option.fields[0].startswith(_TAGS)):
            return option
    return None


def ends_at_reload(texts: Mapping[str, str], daemon: Daemon) -> bool:
    """Whether a file of hosts that is not ours sets tags: then dnsmasq may end at SIGHUP (see ``hosts``)."""
    named = [
        option.value.strip('"')
        for path, text in texts.items()
        for option in own_options(text, path)
        if option.name == "dhcp-hostsfile" and option.value.strip('"') != daemon.hosts_file
    ]
    return any("set:" in text for path, text in texts.items() if path in named or os.path.dirname(path) in named)


def _hooks(daemon: Daemon) -> Tuple[Tuple[str, str], ...]:
    return (
        ("dhcp-hostsfile", daemon.hosts_file),
        ("dhcp-optsfile", options_file(daemon)),
        ("conf-file", tags_file(daemon)),
        ("addn-hosts", names_file(daemon)),
    )


def _address(field: str) -> Optional[Union[ipaddress.IPv4Address, ipaddress.IPv6Address]]:
    text = field[1:-1].partition("/")[0] if field.startswith("[") and field.endswith("]") else field
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _routers(option: Option) -> Iterator[str]:
    fields = [field for field in option.fields if not field.startswith(_TAGS)]
    if option.name in ("dhcp-option", "dhcp-option-force", "O") and fields[:1] in (["3"], ["option:router"]):
        yield from (field for field in fields[1:] if _address(field) is not None and field != "0.0.0.0")


def _ranges(option: Option, own: Sequence[Own]) -> Iterator[Tuple[Network, Tuple[Range, ...]]]:
    fields = option.fields
    while fields and fields[0].startswith(_TAGS):
        fields.pop(0)
    if not fields:
        return
    try:
        yield from _ranges6(fields, own) if ":" in fields[0] else _ranges4(fields, own)
    except ValueError as error:
        raise UnknownState(f"{option.source}, line {option.line}: {option.name}={option.value}: {error}") from error


def _ranges4(fields: List[str], own: Sequence[Own]) -> Iterator[Tuple[Network, Tuple[Range, ...]]]:
    """``FIRST[,LAST|static|proxy][,NETMASK[,BROADCAST]][,LEASE]``."""
    first = ipaddress.IPv4Address(fields[0])
    last, rest = None, fields[1:]
    if rest and _address(rest[0]) is not None:
        last, rest = ipaddress.IPv4Address(rest[0]), rest[1:]
    elif rest and rest[0] in ("static", "proxy"):
        rest = rest[1:]
    masks = [field for field in rest if _address(field) is not None]
    networks = [ipaddress.IPv4Network(f"{first}/{masks[0]}", strict=False)] if masks else _around(first, own)
    for network in networks:
        yield network, () if last is None else (Range(str(first), str(last)),)


def _ranges6(fields: List[str], own: Sequence[Own]) -> Iterator[Tuple[Network, Tuple[Range, ...]]]:
    """``FIRST[,LAST][,constructor:INTERFACE][,MODE,…][,PREFIXLENGTH][,LEASE]``."""
    first = ipaddress.IPv6Address(fields[0])
    last = next((ipaddress.IPv6Address(field) for field in fields[1:2] if ":" in field and _address(field)), None)
    lengths = [int(field) for field in fields[1:] if field.isdigit() and int(field) <= 128]
    length = lengths[0] if lengths else _DEFAULT_LENGTH6
    if not any(field.startswith("constructor:") for field in fields):
        network = ipaddress.IPv6Network(f"{first}/{length}", strict=False)
        yield network, () if last is None else (Range(str(first), str(last)),)
        return
    for one in own:
        if one.version == 6 and not one.ip.is_link_local and one.network.prefixlen == length:
            base = int(one.network.network_address)
            ends = () if last is None else (base + int(first), base + int(last))
            found = tuple(str(ipaddress.IPv6Address(end)) for end in ends)
            yield one.network, (Range(*found),) if found else ()


def _around(address: ipaddress.IPv4Address, own: Sequence[Own]) -> List[ipaddress.IPv4Network]:
    return list(
        {one.network for one in own if isinstance(one.network, ipaddress.IPv4Network) and address in one.network}
    )
