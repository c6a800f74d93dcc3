# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ifconfig(8)'s keywords for any interface, for addresses and for neighbour discovery."""

from __future__ import annotations

from typing import Dict, List, Sequence

from ...ifnet import bridge, clones, link
from ...ifnet.errors import NotBuilt
from ...ifnet.facts import VLAN_BRIDGES
from ...ifnet.kernel import group_name_error
from ...ifnet.types import (
    IFF_DEBUG,
    IFF_LINK0,
    IFF_LINK1,
    IFF_LINK2,
    IFF_MONITOR,
    IFF_NOARP,
    IFF_PPROMISC,
    IFF_STATICARP,
    ND6_AUTO_LINKLOCAL,
    ND6_IFDISABLED,
    ND6_NO_DAD,
    ND6_PERFORMNUD,
)
from . import bridge_words, clone_words, lane_words, values, vxlan_words
from .session import Session, Word, explained, warn
from .values import IfconfigError

Arguments = Sequence[str]

_FLAGS = {
    "debug": (IFF_DEBUG, True),
    "-debug": (IFF_DEBUG, False),
    "arp": (IFF_NOARP, False),
    "-arp": (IFF_NOARP, True),
    "link0": (IFF_LINK0, True),
    "-link0": (IFF_LINK0, False),
    "link1": (IFF_LINK1, True),
    "-link1": (IFF_LINK1, False),
    "link2": (IFF_LINK2, True),
    "-link2": (IFF_LINK2, False),
    "monitor": (IFF_MONITOR, True),
    "-monitor": (IFF_MONITOR, False),
    "staticarp": (IFF_STATICARP, True),
    "-staticarp": (IFF_STATICARP, False),
}
_CAPABILITIES = {
    "rxcsum": 0x1,
    "txcsum": 0x2,
    "netcons": 0x4,
    "vlanmtu": 0x8,
    "vlanhwtag": 0x10,
    "polling": 0x40,
    "vlanhwcsum": 0x80,
    "tso": 0x300,
    "tso4": 0x100,
    "tso6": 0x200,
    "lro": 0x400,
    "wol": 0x3800,
    "wol_ucast": 0x800,
    "wol_mcast": 0x1000,
    "wol_magic": 0x2000,
    "vlanhwfilter": 0x10000,
    "vlanhwtso": 0x40000,
    "rxcsum6": 0x200000,
    "txcsum6": 0x400000,
}
_ND6 = {
    "accept_rtadv": 0x2,
    "prefer_source": 0x4,
    "no_radr": 0x40,
    "no_prefer_iface": 0x80,
    "nud": ND6_PERFORMNUD,
    "auto_linklocal": ND6_AUTO_LINKLOCAL,
    "no_dad": ND6_NO_DAD,
}
#: Keywords that FreeBSD has and this lab has not.
_NOT_BUILT = (
    "vnet", "-vnet", "tunnel", "-tunnel", "deletetunnel", "media", "mediaopt", "-mediaopt", "mode", "instance",
    "tunnelfib", "carp", "vhid", "laggproto", "laggport", "-laggport", "ssid", "wlandev", "pltime", "vltime",
    "deprecated", "-deprecated", "autoconf", "-autoconf", "maclabel", "ipdst", "vxlanportrange", "vxlantimeout",
    "vxlanmaxaddr", "vxlanflush", "vxlanflushall", "vxlanhwcsum", "-vxlanhwcsum", "vxlanhwtso", "-vxlanhwtso",
)  # fmt: skip
#: Those that came with the bridges of FreeBSD 15.
_NOT_BUILT_15 = ("ifvlanproto", "qinq", "-qinq", "defqinq", "-defqinq")


def _up(session: Session, _arguments: Arguments) -> None:
    link.up(session.net, session.interface)


def _down(session: Session, _arguments: Arguments) -> None:
    link.down(session.net, session.interface)


def _promisc(on: bool) -> Word:
    def change(session: Session, _arguments: Arguments) -> None:
        interface = session.interface
        if bool(interface["flags"] & IFF_PPROMISC) != on:
            session.net.set_flag(interface, IFF_PPROMISC, on)
            session.net.promiscuous(interface, 1 if on else -1)

    return Word("promisc" if on else "-promisc", change)


def _flag(name: str, bit: int, on: bool) -> Word:
    return Word(name, lambda session, _arguments: session.net.set_flag(session.interface, bit, on))


def _capability(name: str, bits: int, on: bool) -> Word:
    def change(session: Session, _arguments: Arguments) -> None:
        interface = session.interface
        wanted = interface["options"] | bits if on else interface["options"] & ~bits
        interface["options"] = wanted & interface["capabilities"]

    return Word(name, change)


def _nd6(name: str, bit: int, on: bool) -> Word:
    def change(session: Session, _arguments: Arguments) -> None:
        interface = session.interface
        interface["nd6"] = interface["nd6"] | bit if on else interface["nd6"] & ~bit

    return Word(name, change, family="inet6")


def _ifdisabled(session: Session, _arguments: Arguments) -> None:
    session.interface["nd6"] |= ND6_IFDISABLED


def _not_ifdisabled(session: Session, _arguments: Arguments) -> None:
    link.enable_inet6(session.net, session.interface)


def _alias(session: Session, _arguments: Arguments) -> None:
    session.set_alias(True)


def _not_alias(session: Session, _arguments: Arguments) -> None:
    session.set_alias(False)


def _netmask(session: Session, arguments: Arguments) -> None:
    session.prefix = values.netmask(arguments[0])


def _broadcast(session: Session, arguments: Arguments) -> None:
    session.broadcast = values.inet(arguments[0])[0]


def _prefixlen(session: Session, arguments: Arguments) -> None:
    session.prefix = values.inet6("::/" + arguments[0])[1]


def _anycast(session: Session, _arguments: Arguments) -> None:
    session.anycast = True


def _eui64(session: Session, _arguments: Arguments) -> None:
    session.eui64 = True


def _metric(session: Session, arguments: Arguments) -> None:
    session.interface["metric"] = values.number(arguments[0])


def _mtu(session: Session, arguments: Arguments) -> None:
    interface = session.interface
    mtu = values.number(arguments[0])
    with explained("ioctl SIOCSIFMTU (set mtu)"):
        if "bridge" in interface:
            bridge.set_mtu(session.net, interface, mtu)
        else:
            session.net.set_mtu(interface, mtu)


def _name(session: Session, arguments: Arguments) -> None:
    with explained("ioctl SIOCSIFNAME (set name)"):
        session.net.rename(session.interface, arguments[0])
    session.name = arguments[0]
    session.print_name = True


def _description(session: Session, arguments: Arguments) -> None:
    with explained("ioctl SIOCSIFDESCR (set descr)"):
        session.net.describe(session.interface, arguments[0])


def _no_description(session: Session, _arguments: Arguments) -> None:
    session.net.describe(session.interface, "")


def _group(session: Session, arguments: Arguments) -> None:
    problem = group_name_error(arguments[0])
    if problem:
        raise IfconfigError(problem)
    session.net.add_group(session.interface, arguments[0])


def _no_group(session: Session, arguments: Arguments) -> None:
    problem = group_name_error(arguments[0])
    if problem:
        raise IfconfigError(problem.replace("setifgroup", "unsetifgroup"))
    session.net.remove_group(session.interface, arguments[0])


def _fib(session: Session, arguments: Arguments) -> None:
    """This lab's kernel has net.fibs=1."""
    if values.number(arguments[0]) != 0:
        warn("ioctl (SIOCSIFFIB): Invalid argument")


def _create(session: Session, _arguments: Arguments) -> None:
    """Creation happens when the first word that needs the interface is read."""


def _destroy(session: Session, _arguments: Arguments) -> None:
    with explained("SIOCIFDESTROY"):
        clones.destroy(session.net, session.interface)


def _not_built(name: str) -> Word:
    def refuse(_session: Session, _arguments: Arguments) -> None:
        raise NotBuilt(f"the keyword {name}")

    return Word(name, refuse, clone=name.startswith("vxlan"))


def table(release: int) -> Dict[str, Word]:
    """Every keyword that ifconfig(8) of this release (kern.osreldate) knows."""
    words: List[Word] = [
        Word("up", _up),
        Word("down", _down),
        _promisc(True),
        _promisc(False),
        Word("add", _alias),
        Word("alias", _alias),
        Word("-alias", _not_alias),
        Word("delete", _not_alias),
        Word("remove", _not_alias),
        Word("netmask", _netmask, 1),
        Word("broadcast", _broadcast, 1),
        Word("prefixlen", _prefixlen, 1, family="inet6"),
        Word("anycast", _anycast, family="inet6"),
        Word("eui64", _eui64, family="inet6"),
        Word("ifdisabled", _ifdisabled, family="inet6"),
        Word("-ifdisabled", _not_ifdisabled, family="inet6"),
        Word("metric", _metric, 1),
        Word("mtu", _mtu, 1, request="ioctl SIOCSIFMTU (set mtu)"),
        Word("name", _name, 1, request="ioctl SIOCSIFNAME (set name)"),
        Word("description", _description, 1, request="ioctl SIOCSIFDESCR (set descr)"),
        Word("descr", _description, 1, request="ioctl SIOCSIFDESCR (set descr)"),
        Word("-description", _no_description, request="ioctl SIOCSIFDESCR (set descr)"),
        Word("-descr", _no_description, request="ioctl SIOCSIFDESCR (set descr)"),
        Word("group", _group, 1),
        Word("-group", _no_group, 1),
        Word("fib", _fib, 1),
        Word("create", _create, clone=True),
        Word("plumb", _create, clone=True),
        Word("destroy", _destroy, request="SIOCIFDESTROY"),
        Word("unplumb", _destroy, request="SIOCIFDESTROY"),
    ]
    words += [_not_built(name) for name in _NOT_BUILT]
    words += [_not_built(name) for name in _NOT_BUILT_15 if release >= VLAN_BRIDGES]
    words += [_flag(name, bit, on) for name, (bit, on) in _FLAGS.items()]
    for name, bits in _CAPABILITIES.items():
        words += [_capability(name, bits, True), _capability("-" + name, bits, False)]
    for name, bit in _ND6.items():
        words += [_nd6(name, bit, True), _nd6("-" + name, bit, False)]
    words += bridge_words.words() + clone_words.words() + vxlan_words.words()
    if release >= VLAN_BRIDGES:
        words += lane_words.words()
    return {word.name: word for word in words}
