# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ifconfig(8): network interfaces, their addresses, bridges, vlans, groups, descriptions.

Texts and exit statuses are those of recorded sessions (FreeBSD 14); what later releases print otherwise follows
``kern.osreldate``. The work is done in ``standin.ifnet``; this package reads the words and prints.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Dict, List, Optional, Sequence

from ...ifnet import clones
from ...ifnet.dataplane import DataplaneError
from ...ifnet.errors import NotBuilt
from ...ifnet.kernel import Ifnet
from ...ifnet.store import network
from ...ifnet.types import IFF_UP, NAME_MAX, Interface
from ...system import cli
from .show import Printer
from .values import FAMILIES, IfconfigError

PATHS = ("/sbin/ifconfig",)

_POLL_SECONDS = 0.05
_USAGE = """usage: ifconfig [-f type:format] [-g groupname] [-C] [-L] interface address_family
                [address [dest_address]] [parameters]
       ifconfig interface create
       ifconfig -a [-g groupname] [-C] [-L] [-d] [-m] [-u] [-v] [address_family]
       ifconfig -l [-d] [-u] [address_family]
       ifconfig [-g groupname] [-C] [-L] [-d] [-m] [-u] [-v]
"""


class _Options:
    """The options of the command line."""

    def __init__(self, found: cli.Options) -> None:
        letters = {letter for letter, _value in found}
        self.all = "a" in letters
        self.names = "l" in letters
        self.down = "d" in letters
        self.up = "u" in letters
        self.media = "m" in letters
        self.cloners = "C" in letters
        self.group: Optional[str] = None
        self.without: Optional[str] = None
        self.formats = _formats(os.environ.get("IFCONFIG_FORMAT", ""))
        for letter, value in found:
            if letter == "g":
                self.group = value
            elif letter == "G":
                self.without = value
            elif letter == "f":
                self.formats.update(_formats(value))

    def selected(self, interface: Interface) -> bool:
        """Whether -u, -d, -g and -G leave it in."""
        is_up = bool(interface["flags"] & IFF_UP)
        if (self.down and is_up) or (self.up and not is_up):
            return False
        if self.group is not None and self.group not in interface["groups"]:
            return False
        return self.without is None or self.without not in interface["groups"]


def _formats(text: str) -> Dict[str, str]:
    found: Dict[str, str] = {}
    for item in text.split(","):
        kind, _unused, style = item.partition(":")
        if kind:
            found[kind] = style
    return found


def main(argv: Sequence[str]) -> int:
    """ifconfig(8)."""
    try:
        found, rest = cli.getopt(argv, "CDG:Laf:dg:klmnuv")
    except cli.OptionError as error:
        sys.stderr.write(f"ifconfig: {error}\n{_USAGE}")
        return 1
    options = _Options(found)
    while True:
        try:
            return _once(options, rest)
        except clones.StillOpen:
            # The kernel waits in SIOCIFDESTROY until the last close; the state must not be held meanwhile.
            time.sleep(_POLL_SECONDS)
        except NotBuilt as missing:
            print(f"STANDIN: ifconfig: {missing} is not built", file=sys.stderr)
            return cli.NOT_BUILT
        except DataplaneError as error:
            print(f"STANDIN: ifconfig: the real devices could not be set: {error}", file=sys.stderr)
            return cli.NOT_BUILT


def _once(options: _Options, rest: List[str]) -> int:
    with network() as net:
        try:
            _run(net, options, rest)
        except IfconfigError as error:
            sys.stdout.flush()
            print(f"ifconfig: {error}", file=sys.stderr)
            return 1
        return 0


def _run(net: Ifnet, options: _Options, rest: List[str]) -> None:
    if options.cloners:
        print(" ".join(clones.listed(net.facts)))
    elif options.group is not None and not options.all and not options.names and not rest:
        _group(net, options.group)
    elif options.all or options.names or not rest:
        _every(net, options, rest)
    else:
        _one(net, options, rest[0], rest[1:])


def _group(net: Ifnet, group: str) -> None:
    for interface in net:
        if group in interface["groups"]:
            print(interface["name"])


def _every(net: Ifnet, options: _Options, rest: List[str]) -> None:
    family: Optional[str] = None
    if rest:
        if rest[0] not in FAMILIES:
            raise IfconfigError(f"{rest[0]}: bad value")
        family = FAMILIES[rest[0]]
        if len(rest) > 1:
            raise NotBuilt("changing every interface at once")
    chosen = [one for one in net if options.selected(one) and _has(one, family)]
    if options.names:
        print(" ".join(one["name"] for one in chosen))
        return
    printer = Printer(net, options.formats, family, options.media)
    for interface in chosen:
        printer.interface(interface)


def _has(interface: Interface, family: Optional[str]) -> bool:
    if family is None:
        return True
    if family == "ether":
        return bool(interface["ether"])
    return any(address["family"] == family for address in interface["addresses"])


def _one(net: Ifnet, options: _Options, name: str, rest: List[str]) -> None:
    creating = rest[:1] in (["create"], ["plumb"])
    interface = net.find(name)
    if interface is None and not creating:
        raise IfconfigError(f"interface {name} does not exist")
    if interface is not None and creating:
        raise IfconfigError(f"interface {name} already exists")
    if len(name) > NAME_MAX:
        raise IfconfigError(f"{name}: cloning name too long")
    if interface is not None and (not rest or (len(rest) == 1 and rest[0] in FAMILIES)):
        family = FAMILIES[rest[0]] if rest else None
        Printer(net, options.formats, family, options.media).interface(interface)
        return
    # Imported here: looking is far more frequent than changing, and starts faster without.
    from . import words
    from .session import Session

    Session(net, name, creating).run(rest, words.table(net.facts.osreldate()))
