# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reservations as host statements of dhcpd.conf(5), and our file's place in the administrator's (pure)."""

from __future__ import annotations

import re
from typing import Iterator, List, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.conf import is_include_of
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.statements import (
    Statement,
    is_whole,
    parse,
    quoted,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.options import (
    DATA,
    DOMAINS,
    NOT_ISC,
    TEXT,
    standard_option,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

_HEAD = """\
# Reservations, made by Apiary (apiary.bhyve). What is changed here by hand is set right by its next task about them.
"""
_HOOK = "# Reservations of Apiary (apiary.bhyve)\n"
_BYTES = re.compile(r"[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{1,2})+")
#: Options of DHCPv6 stand in its own space.
_SIX = "dhcp6."


def hooked_in(statements: Sequence[Statement], hosts_file: str) -> List[Statement]:
    """The statements of a configuration that include our file; they stand outside of all blocks."""
    return [one for one in statements if is_include_of(one, hosts_file)]


def with_hook(conf: str, hosts_file: str, where: str) -> str:
    """The configuration with ``include`` of our file at its end, unless it has that."""
    if hooked_in(parse(conf, where), hosts_file):
        return conf
    gap = "" if not conf or conf.endswith("\n") else "\n"
    return f"{conf}{gap}{_HOOK}include {quoted(hosts_file)};\n"


def with_other_hook(conf: str, hosts_file: str, other: str, where: str) -> str:
    """The same configuration, but with another file in place of ours."""
    for one in reversed(hooked_in(parse(conf, where), hosts_file)):
        token = one.words[1]
        conf = conf[: token.start] + quoted(other) + conf[token.end :]
    return conf


def check_statements(one: Reservation, at: str) -> None:
    """BadInput for what cannot stand in a host's block by itself."""
    check_words(one.options, one.statements, at)


def check_words(options: Sequence[Tuple[str, str]], statements: Sequence[str], at: str) -> None:
    """BadInput for options and statements that would not end where they stand."""
    for text in statements:
        if not is_whole(text):
            raise BadInput(f"{at}statements: {text!r} is no whole statement; each ends with a semicolon or a block")
    for name, value in options:
        if name in NOT_ISC:
            raise BadInput(f"{at}options: {name} is no option that dhcpd knows by name; define it in its configuration")
        if not _is_one(f"option {name} {option_value(name, value)};"):
            raise BadInput(f"{at}options: {name}: {value!r} is no value; dhcpd.conf(5) says how one is written")


def _is_one(text: str) -> bool:
    """Whether it is one statement, without a block."""
    return is_whole(text) and [one.block for one in parse(text, "")] == [None]


def rendered(reservations: Sequence[Reservation], version: int) -> str:
    """Our file for a daemon that serves this version of IP."""
    return _HEAD + "".join(line for one in reservations for line in _block(one, version))


def _block(one: Reservation, version: int) -> Iterator[str]:
    yield f"\nhost {one.name} {{\n"
    yield f"\thardware ethernet {one.mac};\n"
    if version == 6:
        yield f"\tfixed-address6 {', '.join(one.ip6)};\n"
    elif one.ip:
        yield f"\tfixed-address {', '.join(one.ip)};\n"
    if version == 4:
        yield from _boot(one)
    for key in ("default_lease_time", "max_lease_time"):
        if getattr(one, key):
            yield f"\t{key.replace('_', '-')} {getattr(one, key)};\n"
    for name, value in one.options:
        if name.startswith(_SIX) == (version == 6):
            yield f"\toption {name} {option_value(name, value)};\n"
    # They are words for one server; a host that has both gets them from IPv4's.
    if (version == 4) == bool(one.ip or not one.ip6):
        for text in one.statements:
            yield f"\t{text}\n"
    yield "}\n"


def _boot(one: Reservation) -> Iterator[str]:
    if one.hostname:
        yield f"\toption host-name {quoted(one.hostname)};\n"
    if one.filename:
        yield f"\tfilename {quoted(one.filename)};\n"
    if one.next_server:
        yield f"\tnext-server {one.next_server};\n"
    if one.server_name:
        yield f"\tserver-name {quoted(one.server_name)};\n"
    if one.root_path:
        yield f"\toption root-path {quoted(one.root_path)};\n"


def option_value(name: str, value: str) -> str:
    """The value as dhcpd.conf(5) has it: quotes around what is text; those of options that we do not know are given."""
    option = standard_option(name)
    if option is None or value.startswith('"'):
        return value
    if option.kind == TEXT or (option.kind == DATA and not _BYTES.fullmatch(value)):
        return quoted(value)
    if option.kind == DOMAINS:
        return ", ".join(quoted(item.strip()) for item in value.split(","))
    return value
