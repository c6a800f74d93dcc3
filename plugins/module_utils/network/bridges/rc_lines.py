# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Switches in rc.conf(5): the lines that make the same network at boot, and keep it when networks are restarted.

Only one form survives ``service netif restart``: a clone that is ``:sticky`` (it stays, and the taps in it), with its
members among ``create_args_IF`` (given only when it is made: adding a member again is an error that costs the address
behind it), and its address alone in ``ifconfig_IF``. A VLAN has to be a sticky clone before the bridge: made by
``vlans_IF`` it comes too late to be a member. See network.subr(8), rc.conf(5).

A restart brings all interfaces down, and up again those that rc.conf knows. Guests' taps it does not know, so a script
that rc(8) reads when it starts the bridge (``start_if.IF``) brings them up.
"""

from __future__ import annotations

import re
from typing import Collection, Dict, List, Mapping, Optional, Sequence, Set

from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Port, Switch
from ansible_collections.apiary.bhyve.plugins.module_utils.rc_values import is_yes

CLONES = "cloned_interfaces"
STICKY = "cloned_interfaces_sticky"
DEFAULT = "ifconfig_DEFAULT"

#: Capabilities that a bridge takes from its members when the first tap joins. Many cards renegotiate their link then;
#: so the uplink does without from the start. Each is told by words of ifconfig(8), which count in their order.
OFFLOADS = ("lro", "tso", "txcsum", "txcsum6")
_CAPABILITIES = {
    "lro": {"LRO"},
    "tso": {"TSO4", "TSO6"},
    "tso4": {"TSO4"},
    "tso6": {"TSO6"},
    "txcsum": {"TXCSUM"},
    "txcsum6": {"TXCSUM_IPV6"},
}
OFFLOAD_OPTIONS = frozenset().union(*_CAPABILITIES.values())
NO_OFFLOADS = tuple(f"-{word}" for word in OFFLOADS)

#: The first line is how we know that it is ours.
START_HEADER = "# Made by apiary.bhyve.bhyve_switch.\n"
START_SCRIPT = (
    START_HEADER
    + """\
# `service netif restart` brings all interfaces down, the taps of running guests too, of which rc.conf has no word.
for apiary_tap in $(/sbin/ifconfig -g apiary); do
\t/sbin/ifconfig "$apiary_tap" up
done
"""
)

_ADDRESS_WORDS = frozenset(("inet", "inet6", "dhcp", "syncdhcp", "nosyncdhcp"))
_ADDRESSES = ("ifconfig_IF", "ifconfig_IF_ipv6", "ifconfig_IF_alias0", "ifconfig_IF_aliases", "ipv4_addrs_IF")


def variable(pattern: str, interface: str) -> str:
    """The variable for an interface: ``IF`` stands for its name, in which punctuation becomes ``_``."""
    return pattern.replace("IF", re.sub(r"[.+/-]", "_", interface))


def names(switches: Sequence[Switch]) -> List[str]:
    """All variables that have to be read to judge and write these switches."""
    found = [CLONES, STICKY, DEFAULT]
    for switch in switches:
        if switch.manual:
            continue
        found += lines(switch)
        if switch.uplink:
            found += [variable(pattern, switch.uplink) for pattern in ("vlans_IF", *_ADDRESSES)]
        found += made_names(switch.former)
    return list(dict.fromkeys(found))


def start_script(interface: str) -> str:
    """The script that rc(8) reads before it configures the interface."""
    return f"/etc/start_if.{interface}"


def create_args(switch: Switch) -> List[str]:
    """The words behind ``ifconfig bridge1000 create``, at boot and now.

    The address family word has to be the first. The description comes before the member, so that a bridge whose member
    is missing is still known for what it is; the MTU behind it, for the first member brings its own.
    """
    words = ["ether", switch.mac] if switch.mac else []
    words += ["descr", switch.tag]
    words += ["vlanfilter"] if switch.vlan_filter else []
    if switch.member:
        words += ["addm", switch.member, *switch.lanes.words]
        words += ["stp", switch.member] if switch.stp else []
    return words + (["mtu", str(switch.fixed_mtu)] if switch.fixed_mtu else [])


def made_args(switch: Switch) -> List[str]:
    """The words behind ``ifconfig em0.82 create`` or ``ifconfig vxlan1000 create``, at boot and now."""
    return [*(switch.vxlan.create_args if switch.vxlan else []), "descr", switch.tag]


def lines(switch: Switch) -> Dict[str, Optional[str]]:
    """The variables that are the switch's alone, and their values; None: there is none of that name."""
    four = [text for text in switch.all_addresses if ":" not in text]
    six = [text for text in switch.all_addresses if ":" in text]
    main = "SYNCDHCP" if switch.by_dhcp else f"inet {four.pop(0)} up" if four else "up"
    aliases = [f"inet {text}" for text in four] + [f"inet6 {text}" for text in six[1:]]
    found: Dict[str, Optional[str]] = {
        variable("create_args_IF", switch.interface): " ".join(create_args(switch)),
        variable("ifconfig_IF", switch.interface): main,
        variable("ifconfig_IF_ipv6", switch.interface): f"inet6 {six[0]}" if six else None,
        variable("ifconfig_IF_aliases", switch.interface): " ".join(aliases) or None,
    }
    if switch.made:
        found[variable("create_args_IF", switch.made)] = " ".join(made_args(switch))
        found[variable("ifconfig_IF", switch.made)] = "up"
    return found


def made_names(ports: Sequence[Port]) -> List[str]:
    """The variables of those of the ports that were made: VLANs and vxlans."""
    patterns = ("create_args_IF", "ifconfig_IF")
    return [variable(pattern, port.made) for port in ports if port.made for pattern in patterns]


def uplink_line(current: Optional[str], default: Optional[str], offloads: bool) -> str:
    """``ifconfig_em0`` of an uplink: what is there, so that it comes up, and without offloads unless they may stay.

    ``current`` is its value; where there is none, ``default`` counts (``ifconfig_DEFAULT``).
    """
    base = (current if current is not None else default or "").strip()
    if not base:
        base = "up"
    return base if offloads else " ".join([base, *_missing(base.split())])


def offload_words(options: Collection[str]) -> List[str]:
    """What switches these capabilities on again, checksums first, which the others need."""
    words = ("txcsum", "txcsum6", "tso4", "tso6", "lro")
    return [word for word in words if _CAPABILITIES[word] <= set(options)]


def _missing(words: Sequence[str]) -> List[str]:
    on = set(OFFLOAD_OPTIONS)
    for word in words:
        capabilities = _CAPABILITIES.get(word.lstrip("-"), set())
        on = on - capabilities if word.startswith("-") else on | capabilities
    return [f"-{word}" for word in OFFLOADS if on & _CAPABILITIES[word]]


def clones(rc: Mapping[str, Optional[str]]) -> Dict[str, str]:
    """The clones that rc.conf makes, by name: the whole word, such as ``bridge0:sticky``."""
    return {word.partition(":")[0]: word for word in (rc.get(CLONES) or "").split()}


def is_sticky(interface: str, rc: Mapping[str, Optional[str]]) -> bool:
    """Whether a clone stays when networks are restarted; what is no clone stays always."""
    word = clones(rc).get(interface)
    return word is None or word.endswith(":sticky") or (is_yes(rc.get(STICKY)) and not word.endswith(":nosticky"))


def clone_list(
    current: Optional[str], switches: Sequence[Switch], gone: Collection[str], below: Optional[Mapping[str, str]] = None
) -> str:
    """``cloned_interfaces`` with these switches, without what is ``gone``; what is right keeps its place.

    Each switch needs its VLAN or vxlan before its bridge, and before both what they are made on, if that is a clone as
    well: the uplink, and what carries its vxlan (``below``, by switches, of which those that carry others come first).
    """
    words = [word for word in (current or "").split() if word.partition(":")[0] not in gone]
    # A list that needs no change keeps its spelling.
    text = current or "" if len(words) == len((current or "").split()) else " ".join(words)
    for switch in switches:
        own = [f"{name}:sticky" for name in (switch.made, switch.interface) if name]
        mine = {word.partition(":")[0] for word in own}
        made_on = {switch.uplink, _clone_of((below or {}).get(switch.name, ""))}
        before = [word for word in words if word.partition(":")[0] in made_on]
        if _in_order(words, [*before, *own], mine):
            continue
        words = [word for word in words if word.partition(":")[0] not in mine] + own
        text = " ".join(words)
    return text


def _clone_of(interface: str) -> str:
    """By which name an interface is made: both ends of an epair by one."""
    return re.sub(r"(epair\d+)[ab]\Z", r"\1", interface)


def _in_order(words: Sequence[str], wanted: Sequence[str], mine: Set[str]) -> bool:
    """Whether the wanted words are there in that order, and none of our interfaces is there in another spelling."""
    if [word for word in words if word in wanted] != list(wanted):
        return False
    return sum(word.partition(":")[0] in mine for word in words) == len(mine)


def address_names(interface: str) -> List[str]:
    """The variables that can give an interface an address at boot."""
    return [variable(pattern, interface) for pattern in _ADDRESSES]


def address_words(interface: str, rc: Mapping[str, Optional[str]]) -> str:
    """What of an interface's variables gives it an address at boot, '' if nothing does."""
    for pattern in _ADDRESSES:
        name = variable(pattern, interface)
        value = rc.get(name)
        if value is None and pattern == "ifconfig_IF":
            name, value = DEFAULT, rc.get(DEFAULT)
        words = (value or "").split()
        if words and (pattern == "ipv4_addrs_IF" or _ADDRESS_WORDS & {word.lower() for word in words}):
            return f"{name}={value}"
    return ""
