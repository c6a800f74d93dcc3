# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program by which addresses move: sh(1) on the host, on its own, for the connection may break at any of its steps.

Its state is the name of one file, which is renamed: ``moving``, ``waiting``; then whoever renames that one first has
decided: the second step of the task to ``confirmed``, or the program, when the time is over, to ``reverting`` and, when
all is as it was, ``reverted``. Only then has it ended. The file ``reason`` says why it put the old state back.

rc.conf is not touched here. It is written after the confirmation, so a host that boots before comes up as it was.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import List, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges import rc_lines as switch_rc
from ansible_collections.apiary.bhyve.plugins.module_utils.network.uplinks.moves import Move

_HEAD = """\
#!/bin/sh
# Made by apiary.bhyve.bhyve_switch: moves addresses between an uplink and its bridge, and back unless confirmed.
PATH=/sbin:/bin:/usr/sbin:/usr/bin
export PATH
cd @DIRECTORY@ || exit 1
exec > log 2>&1 < /dev/null

# A step that has to succeed; what it says is kept.
must()
{
\techo "+ $*"
\t"$@" > said 2>&1 && { cat said; return 0; }
\t_status=$?
\tcat said
\t[ -s reason ] || echo "\\`$*\\` exited $_status: $(tail -n 1 said)" > reason
\treturn 1
}

# A step that may fail.
may()
{
\techo "+ $*"
\t"$@" || :
}

# What has to be so in the end; if it fails, rc.conf helps.
try()
{
\techo "+ $*"
\t"$@" || helpless=yes
}

# Switching offloads makes many cards negotiate their link anew.
settle()
{
\t_left=15
\twhile [ "$_left" -gt 0 ] && ! ifconfig "$1" | grep -q 'status: active'; do
\t\tsleep 1
\t\t_left=$((_left - 1))
\tdone
}

# strip INTERFACE LINK [KEPT...]: take away its addresses but for those kept; those of the link only with LINK=yes.
strip()
{
\t_if=$1
\t_link=$2
\tshift 2
\tifconfig "$_if" > addresses || return 1
\twhile read -r _family _address _rest; do
\t\tcase $_family in
\t\tinet|inet6) ;;
\t\t*) continue ;;
\t\tesac
\t\tcase $_link,$_address in
\t\tno,fe80:*) continue ;;
\t\tesac
\t\tcase " $* " in
\t\t*" $_address "*) continue ;;
\t\tesac
\t\techo "+ ifconfig $_if $_family $_address -alias"
\t\tifconfig "$_if" "$_family" "$_address" -alias || return 1
\tdone < addresses
}

# The lease goes along, so that the same address is asked for at once.
lease()
{
\t[ ! -f "/var/db/dhclient.leases.$1" ] ||
\t\tsed "s/interface \\"$1\\";/interface \\"$2\\";/" "/var/db/dhclient.leases.$1" > "/var/db/dhclient.leases.$2"
}

# leased INTERFACE [OTHERS...]: has it an address besides these?
leased()
{
\t_if=$1
\tshift
\tifconfig "$_if" > addresses || return 1
\twhile read -r _family _address _rest; do
\t\tcase "$_family $_address " in
\t\t'inet 0.0.0.0 ') continue ;;
\t\t'inet '*) ;;
\t\t*) continue ;;
\t\tesac
\t\tcase " $* " in
\t\t*" $_address "*) ;;
\t\t*) return 0 ;;
\t\tesac
\tdone < addresses
\techo "$_if has got no address by DHCP"
\treturn 1
}

# route(8) says the same whether a route is there already or cannot be.
default()
{
\troute -n get "$1" default > /dev/null 2>&1 || route -n add "$1" default "$2"
}
"""

_TAIL = """
# The task that has started this ends first: what it says has to arrive by the old way.
left=10
while [ "$left" -gt 0 ] && kill -0 @PID@ 2> /dev/null; do
\tsleep 1
\tleft=$((left - 1))
done

if move; then
\tmv moving waiting
\tleft=@TIMEOUT@
\twhile [ "$left" -gt 0 ] && [ -e waiting ]; do
\t\tsleep 1
\t\tleft=$((left - 1))
\tdone
\tmv waiting reverting 2> /dev/null || exit 0
\techo 'no second step of the task has reached the host within @TIMEOUT@ s' > reason
else
\tmv moving reverting
fi
helpless=no
put_back
if [ "$helpless" = yes ]; then
\t# rc.conf still says how it was.
\tfor interface in @INTERFACES@; do
\t\tservice netif start "$interface"
\tdone
\tservice routing start
fi
mv reverting reverted
"""


@dataclass(frozen=True)
class Gateways:
    """The gateways of the default routes that go along, '' for none; with a lease dhclient sees to that of IPv4."""

    inet: str = ""
    inet6: str = ""


def program(moves: Sequence[Move], gateways: Gateways, directory: str, pid: int, timeout: int) -> str:
    """The whole program. ``pid`` is the process that it lets end first, ``timeout`` is in seconds."""
    forth: List[str] = []
    back: List[str] = []
    for move in moves:
        forth += _back(move, "must") if move.back else _forth(move, "must")
        back += _forth(move, "try") if move.back else _back(move, "try")
    forth += _routes(gateways, any(move.moved.dhcp for move in moves))
    back += _routes(gateways, False)
    ended = [f"{line} || return 1" if line.startswith("must ") else line for line in forth]
    interfaces = " ".join(shlex.quote(move.source.name) for move in moves)
    tail = _TAIL.replace("@PID@", str(pid)).replace("@TIMEOUT@", str(timeout)).replace("@INTERFACES@", interfaces)
    head = _HEAD.replace("@DIRECTORY@", shlex.quote(directory))
    return "".join((head, _function("move", ended), _function("put_back", back), tail))


def _function(name: str, lines: Sequence[str]) -> str:
    body = "".join(f"\t{line}\n" for line in lines)
    return f"\n{name}()\n{{\n{body}}}\n"


def _line(*words: str) -> str:
    return " ".join(shlex.quote(word) for word in words)


def _routes(gateways: Gateways, dhcp: bool) -> List[str]:
    """Default routes have gone with the addresses, and so have rc.conf's static ones."""
    lines = []
    if gateways.inet and not dhcp:
        lines.append(_line("may", "default", "-inet", gateways.inet))
    if gateways.inet6:
        lines.append(_line("may", "default", "-inet6", gateways.inet6))
    return [*lines, _line("may", "service", "routing", "static")]


def _forth(move: Move, do: str) -> List[str]:
    """From the uplink to the bridge. ``do``: must or try."""
    uplink, bridge, switch = move.uplink.name, move.switch.interface, move.switch
    lines: List[str] = []
    if not move.back:
        if switch_rc.OFFLOAD_OPTIONS & set(move.uplink.options):
            lines += [_line(do, "ifconfig", uplink, *switch_rc.NO_OFFLOADS), _line("may", "settle", uplink)]
        if move.bridge is None:
            ether = ("ether", switch.mac)
            lines.append(_line(do, "ifconfig", bridge, "create", *ether, "descr", switch.tag))
        elif move.bridge.ether.lower() != switch.mac:
            lines.append(_line(do, "ifconfig", bridge, "ether", switch.mac))
    lines += _give_up(move, uplink, do)
    if move.back or move.bridge is None or uplink not in move.bridge.members:
        # Where it has never been taken out, that it is a member already is no failure.
        lines.append(_line("may" if move.back and move.stays else do, "ifconfig", bridge, "addm", uplink))
    lines += [_line(do, "ifconfig", uplink, "up"), _line(do, "ifconfig", bridge, "up")]
    return lines + _take(move, bridge, do)


def _back(move: Move, do: str) -> List[str]:
    """From the bridge to the uplink: what a task asks for, or what was before it."""
    uplink, bridge = move.uplink.name, move.switch.interface
    lines: List[str] = []
    if not move.back and move.bridge is None:
        if move.moved.dhcp:
            lines.append(_line("may", "service", "dhclient", "forcestop", bridge))
        lines.append(_line(do, "ifconfig", bridge, "destroy"))
    else:
        lines += [*_give_up(move, bridge, do), *_again(move)]
        was = move.bridge is not None and uplink in move.bridge.members
        if not (move.stays if move.back else was):
            lines.append(_line("may", "ifconfig", bridge, "deletem", uplink))
        if not move.back and move.bridge is not None and move.bridge.ether.lower() != move.switch.mac:
            lines.append(_line("may", "ifconfig", bridge, "ether", move.bridge.ether))
    if not move.back:
        on = switch_rc.offload_words(move.uplink.options)
        lines += [_line("may", "ifconfig", uplink, *on)] if on else []
    return lines + _take(move, uplink, do)


def _give_up(move: Move, interface: str, do: str) -> List[str]:
    """An interface lets go of its addresses."""
    lines: List[str] = []
    if move.moved.dhcp:
        lines.append(_line("may", "service", "dhclient", "forcestop", interface))
    link = "no" if interface == move.switch.interface else "yes"
    lines.append(_line(do, "strip", interface, link, *_own(move, interface)))
    if interface == move.uplink.name:
        # As rc(8) leaves an interface of which rc.conf says nothing about IPv6; else it gets an address of the link.
        lines.append(_line("may", "ifconfig", interface, "inet6", "ifdisabled"))
    return lines


def _staying(move: Move) -> List[str]:
    """The addresses of the bridge that do not move: its own, and what it has besides before it gets any."""
    live = move.bridge.addresses if move.bridge is not None and not move.back else ()
    return list(dict.fromkeys([*move.switch.addresses, *live]))


def _own(move: Move, interface: str) -> List[str]:
    """The same of either interface, without prefix lengths."""
    return [text.partition("/")[0] for text in _staying(move)] if interface == move.switch.interface else []


def _again(move: Move) -> List[str]:
    """dhclient takes the first address of an interface away when it begins; those that stay have to be there again."""
    live = move.bridge.addresses if move.moved.dhcp and move.bridge is not None else ()
    return [_give("may", move.switch.interface, text) for text in _staying(move) if text in live]


def _give(do: str, interface: str, text: str) -> str:
    return _line(do, "ifconfig", interface, "inet6" if ":" in text else "inet", text, "alias")


def _leased(move: Move) -> List[str]:
    """The address that the interface had by DHCP."""
    return [text for text in move.going if ":" not in text and text not in move.moved.addresses]


def _take(move: Move, interface: str, do: str) -> List[str]:
    """An interface takes the addresses, as rc(8) gives them: first that by DHCP, for dhclient takes the first away."""
    lines: List[str] = []
    other = move.uplink.name if interface == move.switch.interface else move.switch.interface
    six = any(":" in text for text in (*move.going, *move.moved.addresses)) or bool(move.uplink.inet6)
    if interface == move.uplink.name:
        if six:
            lines.append(_line("may", "ifconfig", interface, "inet6", "-ifdisabled"))
        lines.append(_line("may", "ifconfig", interface, "up"))
    if move.moved.dhcp:
        lines.append(_line("may", "lease", other, interface))
        # It may run already, by devd(8); and it ends well without a lease too.
        lines.append(_line("may", "service", "dhclient", "forcestart", interface))
        leased = _line("leased", interface, *_own(move, interface))
        if do == "must":
            lines.append(f"must {leased}")
        else:
            # Without its server too the lease is good for a while; it takes the place of dhclient's 0.0.0.0.
            static = (_line("may", "ifconfig", interface, "inet", text) for text in _leased(move))
            lines += [f"{leased} || {one}" for one in static]
    lines += [_give(do, interface, text) for text in dict.fromkeys(move.moved.addresses)]
    return lines + (_again(move) if interface == move.switch.interface else [])
