# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ipfw(8): rules, and translation of addresses in the kernel.

Built: -f, -q; add (allow, deny, count, nat) with addresses, a port, in, out, via, recv, xmit and a set; delete by
numbers; list; flush; nat NUMBER config (if, redirect_port, deny_in, same_ports, unreg_only, reset), nat NUMBER delete,
nat show config.
"""

from __future__ import annotations

import ipaddress
import sys
from typing import List, NoReturn, Sequence

from ..ipfw import KEPT, LAST, Redirect, Rule, Translation, kernel, look
from ..modules import loaded
from ..system import cli

PATHS = ("/sbin/ipfw",)
_ALLOW, _DENY = ("allow", "accept", "pass", "permit"), ("deny", "drop")
_PROTOCOLS = ("ip", "all", "ip4", "tcp", "udp", "icmp")
_MODES = ("deny_in", "same_ports", "unreg_only", "reset")


class _Failed(Exception):
    """Ends the command: the text behind ``ipfw: ``, and the status."""

    def __init__(self, text: str, status: int = cli.EX_DATAERR) -> None:
        super().__init__(text)
        self.status = status


def _usage() -> int:
    print('usage: ipfw [options]\ndo "ipfw -h" or "man ipfw" for details', file=sys.stderr)
    return cli.EX_USAGE


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "abcdDefhinNp:qs:Stv", _usage)
    letters = {letter for letter, _value in options}
    if letters - set("fq"):
        cli.not_built("ipfw", f"-{min(letters - set('fq'))}")
    if not words:
        return _usage()
    try:
        return _run(words, quiet="q" in letters)
    except _Failed as failed:
        cli.warn("ipfw", str(failed))
        return failed.status


def _run(words: List[str], quiet: bool) -> int:
    command, *rest = words
    if not loaded("ipfw"):
        reads = command in ("list", "show")
        what, status = ("retrieving config failed", cli.EX_OSERR) if reads else ("setsockopt(IP_FW_XADD)", 69)
        raise _Failed(f"{what}: Protocol not available", status)
    if command == "nat":
        return _nat(rest, quiet)
    if command == "add":
        return _add(rest, quiet)
    if command == "delete":
        return _delete(rest, quiet)
    if command == "list" and not rest:
        for rule in look().rules:
            print(rule.text())
        print(LAST)
        return 0
    if command == "flush" and not rest:
        with kernel() as ipfw:
            ipfw.rules = [rule for rule in ipfw.rules if rule.set == KEPT]
        if not quiet:
            print("Flushed all rules.")
        return 0
    _not_built(" ".join(words))


def _not_built(what: str) -> NoReturn:
    cli.not_built("ipfw", what)


# rules


def _add(words: List[str], quiet: bool) -> int:
    with kernel() as ipfw:
        number = int(words.pop(0)) if words and words[0].isdecimal() else 0
        if not number:
            number = min(max((rule.number for rule in ipfw.rules), default=0) // 100 * 100 + 100, 65534)
        rule = _rule(number, words)
        ipfw.rules.append(rule)
    if not quiet:
        print(rule.text())
    return 0


def _rule(number: int, words: List[str]) -> Rule:
    group = 0
    if words[:1] == ["set"]:
        group = int(words[1])
        words = words[2:]
        if group > KEPT:
            raise _Failed(f"invalid set {group}")
    action = words.pop(0) if words else ""
    if action in _ALLOW:
        action = "allow"
    elif action in _DENY:
        action = "deny"
    elif action == "nat" and words:
        action = f"nat {words.pop(0)}"
    elif action != "count":
        _not_built(f"the action '{action}'")
    if len(words) < 5 or words[1] != "from" or words[3] != "to":
        raise _Failed("missing ``from''" if len(words) < 2 or words[1] != "from" else "missing ``to''", cli.EX_USAGE)
    proto, _from, source, _to, target, *rest = words
    if proto not in _PROTOCOLS:
        _not_built(f"the protocol '{proto}'")
    rule = Rule(number, group, action, "ip" if proto == "all" else proto, _address(source), _address(target))
    return _ends(rule, rest)


def _ends(rule: Rule, words: List[str]) -> Rule:
    if words and words[0].isdecimal():
        rule = rule._replace(port=int(words.pop(0)))
    while words:
        word = words.pop(0)
        if word in ("in", "out"):
            rule = rule._replace(direction=word)
        elif word in ("via", "recv", "xmit") and words:
            if word == "xmit" and rule.direction == "in":
                raise _Failed("xmit is incompatible with in")
            rule = rule._replace(by=word, interface=words.pop(0))
        else:
            _not_built(f"'{word}'")
    return rule


def _address(text: str) -> str:
    if text in ("any", "me"):
        return text
    try:
        network = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise _Failed(f"hostname ``{text}'' unknown", 68) from None
    return str(network.network_address) if network.prefixlen == 32 else str(network)


def _delete(words: List[str], quiet: bool) -> int:
    if not words or not all(word.isdecimal() for word in words):
        _not_built("delete " + " ".join(words))
    with kernel() as ipfw:
        for word in words:
            kept = [rule for rule in ipfw.rules if rule.number != int(word)]
            if len(kept) == len(ipfw.rules) and not quiet:
                cli.warn("ipfw", f"rule {word} not found")
            ipfw.rules = kept
    return 0


# translation


def _nat(words: List[str], quiet: bool) -> int:
    if not loaded("ipfw_nat"):
        raise _Failed("setsockopt(IP_FW_NAT44_XCONFIG): Invalid argument", 1)
    if words == ["show", "config"]:
        for number, one in sorted(look().translations.items()):
            print(one.text(number))
        return 0
    if len(words) > 1 and words[1].isdecimal():
        words = [words[1], words[0], *words[2:]]
    if len(words) < 2 or not words[0].isdecimal() or words[1] not in ("config", "delete"):
        _not_built("nat " + " ".join(words))
    number = int(words[0])
    with kernel() as ipfw:
        if words[1] == "config":
            ipfw.translations[number] = _config(words[2:])
            if not quiet:
                print(ipfw.translations[number].text(number))
        elif ipfw.translations.pop(number, None) is None:
            if not quiet:
                cli.warn("ipfw", f"nat {number} not available")
            return cli.EX_UNAVAILABLE
    return 0


def _config(words: List[str]) -> Translation:
    if not words:
        raise _Failed("missing option")
    one = Translation("", [], [])
    while words:
        word = words.pop(0)
        if word == "if" and words:
            one = one._replace(interface=words.pop(0))
        elif word in _MODES:
            one.modes.append(word)
        elif word == "redirect_port":
            if len(words) < 3:
                raise _Failed("redirect_port: not enough arguments")
            proto, inside, outside, words = words[0], words[1], words[2], words[3:]
            address, _colon, port = inside.partition(":")
            if not port.isdecimal():
                raise _Failed("redirect_port: invalid local port range")
            if not outside.isdecimal():
                raise _Failed("redirect_port: invalid public port range")
            one.redirects.append(Redirect(proto, address, int(port), int(outside)))
        elif word in ("ip", "log", "redirect_addr", "redirect_proto", "reverse", "proxy_only", "skip_global"):
            _not_built(f"nat with {word}")
        else:
            raise _Failed(f"unrecognised option ``{word}''")
    return one
