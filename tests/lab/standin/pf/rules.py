# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of pf(4), and how pfctl(8) prints them."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple

#: /etc/services, as far as rules here name ports that are printed by name.
SERVICES = {
    22: "ssh", 25: "smtp", 53: "domain", 67: "bootps", 68: "bootpc", 80: "http", 443: "https",
    546: "dhcpv6-client", 547: "dhcpv6-server", 8080: "http-alt",
}  # fmt: skip


class Place(NamedTuple):
    """What packets a rule is about: '' and 0 for any."""

    interface: str = ""
    family: str = ""
    proto: str = ""
    source: str = ""
    target: str = ""
    port: int = 0

    def words(self) -> List[str]:
        """As it is printed."""
        found = [f"on {self.interface}"] if self.interface else []
        found += [self.family] if self.family else []
        found += [f"proto {self.proto}"] if self.proto else []
        if not self.source and not self.target:
            return [*found, "all"]
        found.append(f"from {self.source} to {self.target}")
        return [*found, f"port = {SERVICES.get(self.port, self.port)}"] if self.port else found


class Rule(NamedTuple):
    """One rule; ``kind`` says which of the others count."""

    kind: str
    no: bool = False
    passing: bool = False
    action: str = ""
    direction: str = ""
    quick: bool = False
    place: Place = Place()
    state: bool = True
    target: str = ""
    to_port: int = 0
    anchor: str = ""

    def text(self) -> str:
        """As it is printed."""
        if self.anchor:
            return f'{self.kind} "{self.anchor}" all'
        words = [self.direction] if self.direction else []
        if self.kind == "scrub":
            return " ".join(["scrub", *words, *self.place.words(), "fragment reassemble"])
        if self.kind == "filter":
            words += ["quick"] if self.quick else []
            kept = ["flags S/SA keep state" if self._tcp() else "keep state"] if self.state else ["no state"]
            kept = kept if self.action.startswith("pass") else []
            return " ".join([self.action, *words, *self.place.words(), *kept])
        found = [*(["no"] if self.no else []), self.kind, *(["pass"] if self.passing else []), *self.place.words()]
        if self.target:
            found.append(f"-> {self.target}")
            found += [f"port {self.to_port}"] if self.to_port else []
            # An interface may have several addresses; its first is one.
            found += ["round-robin"] if self.target.endswith(")") and not self.target.endswith(":0)") else []
        return " ".join(found)

    def _tcp(self) -> bool:
        return self.place.proto in ("", "tcp")


class Ruleset:
    """The rules of pf.conf or of one anchor, by the lists that the kernel has."""

    def __init__(self) -> None:
        self.nat: List[Rule] = []
        self.rdr: List[Rule] = []
        self.scrub: List[Rule] = []
        self.filter: List[Rule] = []

    def of(self, kind: str) -> List[Rule]:
        """The list that rules of this kind are in."""
        found = {"nat": self.nat, "nat-anchor": self.nat, "rdr": self.rdr, "rdr-anchor": self.rdr, "scrub": self.scrub}
        return found.get(kind, self.filter)

    def lists(self) -> Dict[str, List[Rule]]:
        """All of them by name."""
        return {"nat": self.nat, "rdr": self.rdr, "scrub": self.scrub, "filter": self.filter}

    @property
    def empty(self) -> bool:
        """Whether there is no rule."""
        return not any(self.lists().values())

    def called(self) -> List[str]:
        """The anchors that its rules call."""
        return [rule.anchor for rules in self.lists().values() for rule in rules if rule.anchor]

    def to_json(self) -> Dict[str, Any]:
        """For the state."""
        return {name: [list(rule) for rule in rules] for name, rules in self.lists().items()}

    @classmethod
    def from_json(cls, data: Dict[str, Any]) -> Ruleset:
        """Out of the state."""
        ruleset = cls()
        for name, rules in ruleset.lists().items():
            for fields in data.get(name, []):
                rule = Rule(*fields)
                rules.append(rule._replace(place=Place(*rule.place)))
        return ruleset
