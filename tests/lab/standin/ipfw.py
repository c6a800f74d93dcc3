# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ipfw(4) in the kernel (document ``ipfw``): rules and translations, kept in step with nft(8).

The first rule that matches decides. A translation is no decision while net.inet.ip.fw.one_pass is 0, else it lets pass.
Translated are packets of connections that begin here; in which rule's place that happens counts for ``nat`` alone, so
rules before a ``nat`` that let pass keep nothing from being translated.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, NamedTuple

from . import paths, state

_NFT = paths.LINUX + "/usr/sbin/nft"
_TABLE = "standin_ipfw"
#: The set that no flush empties, and that cannot be switched off.
KEPT = 31
LAST = "65535 deny ip from any to any"


class Rule(NamedTuple):
    """One rule; '' and 0 for what it does not say. ``by``: via, recv or xmit."""

    number: int
    set: int
    action: str
    proto: str
    source: str
    target: str
    port: int = 0
    direction: str = ""
    by: str = ""
    interface: str = ""

    def text(self) -> str:
        """As it is printed."""
        words = [f"{self.number:05}", self.action, self.proto, "from", self.source, "to", self.target]
        words += [str(self.port)] if self.port else []
        words += [self.direction] if self.direction else []
        return " ".join([*words, self.by, self.interface] if self.by else words)


class Redirect(NamedTuple):
    """A port that leads to another address."""

    proto: str
    address: str
    to_port: int
    port: int

    def text(self) -> str:
        """As it is printed."""
        return f"redirect_port {self.proto} {self.address}:{self.to_port} {self.port}"


class Translation(NamedTuple):
    """A translation to the address of an interface."""

    interface: str
    modes: List[str]
    redirects: List[Redirect]

    def text(self, number: int) -> str:
        """As it is printed; modes in the kernel's order, the last redirect first, as it keeps them."""
        words = [f"ipfw nat {number} config if {self.interface}"]
        words += [mode for mode in ("deny_in", "same_ports", "unreg_only", "reset") if mode in self.modes]
        return " ".join([*words, *(one.text() for one in self.redirects)])


class Kernel:
    """What is loaded."""

    def __init__(self, document: Dict[str, Any]) -> None:
        self._document = document
        self.rules = [Rule(*fields) for fields in document.get("rules", [])]
        self.translations = {
            int(number): Translation(fields[0], fields[1], [Redirect(*one) for one in fields[2]])
            for number, fields in document.get("nat", {}).items()
        }

    def keep(self) -> None:
        """Write it back. Rules of one number stay in the order in which they came."""
        self.rules.sort(key=lambda rule: rule.number)
        self._document.update(
            rules=[list(rule) for rule in self.rules],
            nat={
                str(number): [one.interface, one.modes, [list(redirect) for redirect in one.redirects]]
                for number, one in self.translations.items()
            },
        )


@contextmanager
def kernel() -> Iterator[Kernel]:
    """ipfw, under the state's lock; what is changed is kept, and made real, on a clean exit."""
    with state.kernel("ipfw") as document:
        found = Kernel(document)
        yield found
        found.keep()
        apply(found)


def look() -> Kernel:
    """ipfw as it is."""
    return Kernel(state.peek("kernel", "ipfw"))


def apply(ipfw: Kernel) -> None:
    """Have the kernel of the lab do what the rules say. Without a host around it there is none."""
    if paths.DETACHED:
        return
    import subprocess

    from .system import sysctl

    interfaces = state.peek("kernel", "ifnet").get("interfaces", {})
    devices = {one["name"]: one["linux"] for one in interfaces.values()}
    text = f"add table ip {_TABLE}\ndelete table ip {_TABLE}\n"
    if sysctl.value("net.inet.ip.fw.enable") == "1":
        text += _table(ipfw, devices, sysctl.value("net.inet.ip.fw.one_pass") != "0")
    done = subprocess.run([_NFT, "-f", "-"], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"nft: {done.stderr.strip()}\n{text}")


def _table(ipfw: Kernel, devices: Dict[str, str], one_pass: bool) -> str:
    chains = [
        ("redirect", "nat", "prerouting", "-100", _translations(ipfw, "in", devices)),
        ("translate", "nat", "postrouting", "100", _translations(ipfw, "out", devices)),
        ("in", "filter", "prerouting", "-90", _filters(ipfw, "in", devices, one_pass)),
        ("out", "filter", "postrouting", "110", _filters(ipfw, "out", devices, one_pass)),
    ]
    text = f"table ip {_TABLE} {{\n"
    for name, kind, hook, priority, rules in chains:
        lines = [f"type {kind} hook {hook} priority {priority};", *rules]
        text += f"chain ipfw_{name} {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"
    return text + "}\n"


def _translations(ipfw: Kernel, direction: str, devices: Dict[str, str]) -> List[str]:
    found: List[str] = []
    for rule in ipfw.rules:
        action, _blank, number = rule.action.partition(" ")
        if action != "nat" or rule.direction not in ("", direction) or int(number) not in ipfw.translations:
            continue
        match = _match(rule, direction, devices)
        if direction == "out":
            found.append(f"{match} masquerade")
            continue
        for one in ipfw.translations[int(number)].redirects:
            found.append(f"{match} {one.proto} dport {one.port} dnat to {one.address}:{one.to_port}")
    return found


def _filters(ipfw: Kernel, direction: str, devices: Dict[str, str], one_pass: bool) -> List[str]:
    found = []
    for rule in ipfw.rules:
        if rule.direction not in ("", direction):
            continue
        if rule.action == "deny":
            found.append(f"{_match(rule, direction, devices)} drop")
        elif rule.action == "allow" or (rule.action.startswith("nat ") and one_pass):
            found.append(f"{_match(rule, direction, devices)} accept")
    return [*found, "drop"]


def _match(rule: Rule, direction: str, devices: Dict[str, str]) -> str:
    words = []
    if rule.interface:
        name = "iifname" if rule.by == "recv" or (rule.by == "via" and direction == "in") else "oifname"
        words.append(f'{name} "{devices.get(rule.interface, rule.interface)}"')
    for word, address in (("saddr", rule.source), ("daddr", rule.target)):
        if address == "me":
            words.append(f"fib {word} type local")
        elif address != "any":
            words.append(f"ip {word} {address}")
    if rule.port:
        words.append(f"{rule.proto} dport {rule.port}")
    elif rule.proto in ("tcp", "udp", "icmp"):
        words.append(f"meta l4proto {rule.proto}")
    return " ".join(words)
