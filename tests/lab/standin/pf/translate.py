# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pf's rules in the lab's kernel: one nft(8) table, replaced as a whole, so that packets really are translated.

Translation goes by the first rule that matches, filtering by the last, or by the first that is quick; the mark of a
packet holds the last verdict. What belongs to a known connection passes (pf's states are conntrack's here).

Frames that cross a bridge are in a table of their own, on the members that they come in by and leave by, where
net.link.bridge.pfil_member is 1 (sys/net/if_bridge.c, bridge_pfil); without states there, so rules that keep some are
not built.
"""

from __future__ import annotations

import subprocess
from typing import Any, Dict, Iterator, List

from .. import paths, state
from ..system import cli, sysctl
from .kernel import Kernel
from .rules import Place, Rule, Ruleset

_NFT = paths.LINUX + "/usr/sbin/nft"
_TABLE, _BRIDGED = "standin_pf", "standin_pf_bridged"
_BLOCKED = "0x1"


def apply(pf: Kernel) -> None:
    """Have the kernel of the lab do what pf's rules say. Without a host around it there is none."""
    if paths.DETACHED:
        return
    interfaces = state.peek("kernel", "ifnet").get("interfaces", {})
    devices = {one["name"]: one["linux"] for one in interfaces.values()}
    text = "".join(f"add table {table}\ndelete table {table}\n" for table in (f"ip {_TABLE}", f"bridge {_BRIDGED}"))
    if pf.enabled:
        text += _table(pf, devices)
        text += _bridged(pf, [one for one in interfaces.values() if one.get("bridge_index")], devices)
    done = subprocess.run([_NFT, "-f", "-"], input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"nft: {done.stderr.strip()}\n{text}")


def _table(pf: Kernel, devices: Dict[str, str]) -> str:
    skipped = [devices.get(name, name) for name in pf.skip]
    chains = [
        ("rdr", "nat", "prerouting", "-100", _translations(pf, "rdr", devices)),
        ("nat", "nat", "postrouting", "100", _translations(pf, "nat", devices)),
        ("in", "filter", "prerouting", "-90", _filters(pf, "in", devices, skipped)),
        ("out", "filter", "postrouting", "90", _filters(pf, "out", devices, skipped)),
    ]
    text = f"table ip {_TABLE} {{\n"
    for name, kind, hook, priority, rules in chains:
        lines = [f"type {kind} hook {hook} priority {priority};", *rules]
        text += f"chain pf_{name} {{\n" + "".join(f"  {line}\n" for line in lines) + "}\n"
    return text + "}\n"


def _bridged(pf: Kernel, members: List[Dict[str, Any]], devices: Dict[str, str]) -> str:
    """The table of what crosses bridges."""
    if _sysctl("pfil_bridge") == "1" or _sysctl("pfil_local_phys") == "1":
        cli.not_built("pf", "net.link.bridge.pfil_bridge and pfil_local_phys")
    if _sysctl("pfil_member") != "1":
        return ""
    names = {str(one["name"]) for one in members}
    rules = [rule for rule in _flat(pf, pf.main, "filter") if rule.place.interface in ("", *names)]
    translations = [rule for kind in ("nat", "rdr") for rule in _flat(pf, pf.main, kind)]
    if any(rule.action.startswith("pass") and rule.state for rule in rules):
        cli.not_built("pf", "states of what crosses a bridge")
    if any(rule.place.interface in names for rule in translations):
        cli.not_built("pf", "translation of what crosses a bridge")
    skipped = [devices.get(name, name) for name in pf.skip]
    # What is neither IP nor ARP is not shown to pf.
    lines = ["ether type { arp, 0x8035 } accept"]
    lines += ["ether type != { ip, ip6 } " + ("drop" if _sysctl("pfil_onlyip") == "1" else "accept")]
    for direction, name in (("in", "iifname"), ("out", "oifname")):
        lines += ["meta mark set 0x0"]
        for rule in rules:
            if rule.direction in ("", direction):
                passed = f"{name} != {{ {', '.join(skipped)} }} " if skipped else ""
                lines += [f"{passed}{_bridged_match(rule.place, name, devices)} {_verdict(rule)}"]
        lines += [f"meta mark {_BLOCKED} drop"]
    chain = ["type filter hook forward priority 0;", *lines]
    return f"table bridge {_BRIDGED} {{\nchain pf_members {{\n" + "".join(f"  {line}\n" for line in chain) + "}\n}\n"


def _sysctl(name: str) -> str:
    return sysctl.value(f"net.link.bridge.{name}") or ""


def _bridged_match(place: Place, name: str, devices: Dict[str, str]) -> str:
    if any(address not in ("", "any") for address in (place.source, place.target)):
        cli.not_built("pf", "addresses of what crosses a bridge")
    words = [f'{name} "{devices.get(place.interface, place.interface)}"'] if place.interface else []
    words += [f"meta protocol {'ip6' if place.family == 'inet6' else 'ip'}"] if place.family else []
    if place.proto:
        words += [f"meta l4proto {place.proto}"]
    if place.port:
        words += [f"th dport {place.port}"]
    return " ".join(words)


def _verdict(rule: Rule) -> str:
    """What a rule does: quick ones at once, others by the mark."""
    blocks = rule.action.startswith("block")
    if rule.quick:
        return "drop" if blocks else "accept"
    return f"meta mark set {_BLOCKED if blocks else '0x0'}"


def _flat(pf: Kernel, ruleset: Ruleset, kind: str) -> Iterator[Rule]:
    """The rules in the order in which they are asked, those of anchors in place of the calls."""
    for rule in ruleset.lists()[kind]:
        if not rule.anchor:
            yield rule
            continue
        names = pf.children(rule.anchor[:-2]) if rule.anchor.endswith("/*") else [rule.anchor]
        for name in names:
            if name in pf.anchors:
                yield from _flat(pf, pf.anchors[name], kind)


def _translations(pf: Kernel, kind: str, devices: Dict[str, str]) -> List[str]:
    found = []
    for rule in _flat(pf, pf.main, kind):
        direction = "out" if kind == "nat" else "in"
        match = _match(rule.place, direction, devices)
        if rule.no:
            verdict = "accept"
        elif kind == "rdr":
            verdict = f"dnat to {rule.target}" + (f":{rule.to_port}" if rule.to_port else "")
        else:
            verdict = "masquerade" if rule.target.endswith(")") else f"snat to {rule.target}"
        if rule.passing:
            # The connection's mark, for the chain that filters.
            verdict = f"ct mark set {_BLOCKED} {verdict}"
        found += [f"{match} {verdict}"] if rule.place.family != "inet6" else []
    return found


def _filters(pf: Kernel, direction: str, devices: Dict[str, str], skipped: List[str]) -> List[str]:
    name = "iifname" if direction == "in" else "oifname"
    found = [f'{name} "{device}" accept' for device in skipped]
    found += ["ct state established,related accept"]
    # Outgoing packets are translated after this chain: nat's rules that let pass are asked for here.
    if direction == "in":
        found += [f"ct mark {_BLOCKED} ct status dnat accept"]
    else:
        passing = [rule for rule in _flat(pf, pf.main, "nat") if rule.passing and rule.place.family != "inet6"]
        found += [f"{_match(rule.place, direction, devices)} accept" for rule in passing]
    found += ["meta mark set 0x0"]
    for rule in _flat(pf, pf.main, "filter"):
        if rule.direction not in ("", direction) or rule.place.family == "inet6":
            continue
        found.append(f"{_match(rule.place, direction, devices)} {_verdict(rule)}")
    return [*found, f"meta mark {_BLOCKED} drop"]


def _match(place: Place, direction: str, devices: Dict[str, str]) -> str:
    words = []
    if place.interface:
        name = "iifname" if direction == "in" else "oifname"
        words.append(f'{name} "{devices.get(place.interface, place.interface)}"')
    for word, address in (("saddr", place.source), ("daddr", place.target)):
        words += _address(word, address)
    if place.port:
        words.append(f"{place.proto or 'tcp'} dport {place.port}")
    elif place.proto:
        words.append(f"meta l4proto {place.proto}")
    return " ".join(words)


def _address(word: str, address: str) -> List[str]:
    no = "!= " if address.startswith("! ") else ""
    address = address[2:] if no else address
    if address in ("", "any"):
        return []
    if address.startswith("("):
        # One's own addresses: of this interface for those that come in, else of any.
        alone = word == "daddr" and address != "(self)"
        return [f"fib {word} . iif type {no}local"] if alone else [f"fib {word} type {no}local"]
    return [f"ip {word} {no}{address}"]
