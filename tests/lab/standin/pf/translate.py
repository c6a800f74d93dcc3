# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pf's rules in the lab's kernel: one nft(8) table, replaced as a whole, so that packets really are translated.

Translation goes by the first rule that matches, filtering by the last, or by the first that is quick; the mark of a
packet holds the last verdict. What belongs to a known connection passes (pf's states are conntrack's here).
"""

from __future__ import annotations

import subprocess
from typing import Dict, Iterator, List

from .. import paths, state
from .kernel import Kernel
from .rules import Place, Rule, Ruleset

_NFT = paths.LINUX + "/usr/sbin/nft"
_TABLE = "standin_pf"
_BLOCKED = "0x1"


def apply(pf: Kernel) -> None:
    """Have the kernel of the lab do what pf's rules say. Without a host around it there is none."""
    if paths.DETACHED:
        return
    interfaces = state.peek("kernel", "ifnet").get("interfaces", {})
    devices = {one["name"]: one["linux"] for one in interfaces.values()}
    text = f"add table ip {_TABLE}\ndelete table ip {_TABLE}\n"
    if pf.enabled:
        text += _table(pf, devices)
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
        blocks = rule.action.startswith("block")
        last = f"meta mark set {_BLOCKED if blocks else '0x0'}"
        quick = "drop" if blocks else "accept"
        found.append(f"{_match(rule.place, direction, devices)} {quick if rule.quick else last}")
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
