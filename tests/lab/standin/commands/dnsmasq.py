# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dnsmasq(8), the very same program, on the host once its package is installed, which links to it.

On FreeBSD its leases are in another place, and before dnsmasq 2.93 on FreeBSD 15 it is compiled without inotify.
Only on Linux does it bind DHCP's socket to the one interface where it offers all that it has (whichdevice in
src/dhcp-common.c).
"""

from __future__ import annotations

import os
import sys
from typing import Iterator, List, Sequence, Tuple

from ..system.realdaemon import become

PATHS = ("/usr/libdata/standin/dnsmasq",)
_LEASES = "/var/db/dnsmasq.leases"
_CONF = "/usr/local/etc/dnsmasq.conf"
_WATCHED = ("dhcp-hostsdir", "dhcp-optsdir", "hostsdir")
_DEEPEST = 8


def _arguments(argv: Sequence[str]) -> Iterator[str]:
    """The options that were given in long form, and the configuration's path, as lines of a configuration."""
    words = list(argv)
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ""
        if word.startswith("--"):
            yield word[2:] if "=" in word else f"{word[2:]}={following}"
        elif word == "-C":
            yield f"conf-file={following}"
        elif word.startswith("-C"):
            yield f"conf-file={word[2:]}"


def _of_directory(value: str) -> List[str]:
    """The files that conf-dir reads: DIRECTORY, with ,*.conf only those, with ,.bak all but those."""
    folder, *rules = value.split(",")
    if not os.path.isdir(folder):
        return []
    only = tuple(rule[1:] for rule in rules if rule.startswith("*") and rule != "*")
    but = tuple(rule for rule in rules if rule and not rule.startswith("*"))
    names = [name for name in sorted(os.listdir(folder)) if not (name.startswith((".", "#")) or name.endswith("~"))]
    names = [name for name in names if not (only and not name.endswith(only)) and not (but and name.endswith(but))]
    return [os.path.join(folder, name) for name in names]


def _lines(lines: Iterator[str], depth: int = 0) -> Iterator[Tuple[str, str]]:
    """Options and their values, also those of the files that are read by them."""
    for line in lines:
        key, _unused, value = (part.strip() for part in line.partition("="))
        yield key, value
        files = [value] if key == "conf-file" else _of_directory(value) if key == "conf-dir" else []
        for path in files:
            if depth < _DEEPEST and os.path.isfile(path):
                with open(path, encoding="utf-8", errors="surrogateescape") as stream:
                    yield from _lines(iter(stream.read().splitlines()), depth + 1)


def main(argv: Sequence[str]) -> int:
    given = list(_arguments(argv[1:]))
    keys = {line.partition("=")[0] for line in given}
    unbound: List[str] = []
    if "test" not in keys and not {"help", "version"} & keys:
        if "conf-file" not in keys:
            given.append(f"conf-file={_CONF}")
        read = list(_lines(iter(given)))
        if any(key in _WATCHED for key, _value in read):
            text = "dhcp-hostsdir, dhcp-optsdir and hostsdir are not supported on this platform"
            print(f"\ndnsmasq: {text}", file=sys.stderr)
            return 1
        # A name with an asterisk keeps it from that; it serves lo anyway.
        unbound = ["--interface=l*"] if any(key == "interface" for key, _value in read) else []
    words = [*unbound, *argv[1:]]
    if not {"conf-file"} & keys:
        words = ["-C", _CONF, *words]
    if "dhcp-leasefile" not in keys and not any(word.startswith("-l") for word in words):
        # What a file says goes before it.
        words = [f"--dhcp-leasefile={_LEASES}", *words]
    become("dnsmasq", words, {})
