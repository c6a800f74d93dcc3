# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of ifconfig(8) on one interface: its words in turn, then what has to wait for the last of them.

The kernel sees each word as it is read; only the address of ``inet`` and the parent of a vlan wait until all words are
read. So a word that fails leaves what stood before it done, and the address not given.
"""

from __future__ import annotations

import errno
import sys
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from ...ifnet import addresses, clones
from ...ifnet.errors import Refused
from ...ifnet.facts import NO_MEMBER_ADDRESSES
from ...ifnet.kernel import Ifnet
from ...ifnet.link import eui64
from ...ifnet.types import IFF_LOOPBACK, Interface, Vxlan
from . import values
from .values import FAMILIES, IfconfigError


class Session:
    """What ifconfig(8) keeps in its variables while it reads its words."""

    def __init__(self, net: Ifnet, name: str, creating: bool) -> None:
        self.net = net
        self.name = name
        self.creating = creating
        self.family = "inet"
        self.print_name = False
        # The address to be given and the one to be taken away, as the words left them.
        self.alias = 0
        self.clear = False
        self.give = True
        self.address: Optional[str] = None
        self.prefix: Optional[int] = None
        self.broadcast = ""
        self.removal: Optional[str] = None
        self.anycast = False
        self.eui64 = False
        self.vlan: Dict[str, str] = {}
        self.vxlan: Optional[Vxlan] = None
        self.deferred: List[Callable[[], None]] = []

    @property
    def interface(self) -> Interface:
        """The interface that the words are about, which exists from its creation on."""
        return self.net.get(self.name)

    def run(self, words: Sequence[str], table: Dict[str, Word]) -> None:
        """Read all words."""
        try:
            self._read(list(words), table)
            for action in self.deferred:
                action()
            self._addresses()
        finally:
            if self.print_name:
                print(self.name)

    def _read(self, words: List[str], table: Dict[str, Word]) -> None:
        self._family(words)
        while words:
            word = table.get(words[0])
            if self.creating and (word is None or not word.clone):
                self.create()
                self._family(words)
                continue
            if word is None:
                self._bare(words.pop(0))
                continue
            words.pop(0)
            self._call(word, words)
        if self.creating:
            self.create()

    def _family(self, words: List[str]) -> None:
        if words and words[0] in FAMILIES:
            self.family = FAMILIES[words.pop(0)]

    def _call(self, word: Word, words: List[str]) -> None:
        if word.family and self.family != word.family:
            raise IfconfigError(f"{word.name}: bad value")
        if word.greedy:
            self._permit(word)
            word.call(self, words)
            return
        if word.optional:
            word.call(self, words[:1])
            del words[:1]
            return
        if len(words) < word.arguments:
            many = "argument" if word.arguments == 1 else f"{word.arguments} arguments"
            raise IfconfigError(f"'{word.name}' requires {many}")
        arguments = words[: word.arguments]
        del words[: word.arguments]
        self._permit(word)
        word.call(self, arguments)

    def _permit(self, word: Word) -> None:
        if not self.net.facts.is_root() and not word.clone:
            raise IfconfigError(word.denied)

    def _bare(self, text: str) -> None:
        """A word that is no keyword is the address, a second one the broadcast address."""
        if self.address is not None or self.removal is not None:
            self.broadcast = values.inet(text)[0]
            return
        if self.family == "ether":
            self.address = text
            return
        address, prefix = values.inet(text) if self.family == "inet" else values.inet6(text)
        if self.alias == 0:
            self.clear = True
        if self.alias >= 0:
            self.address = address
            self.prefix = prefix if prefix is not None else self.prefix
        else:
            self.removal = address

    def create(self) -> None:
        """SIOCIFCREATE2; the name is printed if the kernel chose it."""
        self.creating = False
        try:
            created = clones.create(self.net, self.name, self._new_vlan(), self.vxlan)
        except Refused as refusal:
            if refusal.code == errno.EEXIST:
                raise IfconfigError(f"interface {self.name} already exists") from None
            raise IfconfigError(f"SIOCIFCREATE2: {refusal}") from None
        if created["name"] != self.name:
            self.name = created["name"]
            self.print_name = True

    def _new_vlan(self) -> Optional[Tuple[int, str, str]]:
        if not self.vlan:
            return None
        if "vlandev" not in self.vlan:
            raise IfconfigError("must specify a parent device for vlan create")
        if "vlan" not in self.vlan:
            raise IfconfigError("must specify a tag for vlan create")
        return int(self.vlan["vlan"]), self.vlan["vlandev"], self.vlan.get("vlanproto", "802.1q")

    def set_alias(self, on: bool) -> None:
        """``alias`` adds beside what is there; ``-alias`` turns the address given so far into the one to remove."""
        if on:
            self.alias = 1
            self.clear = False
            return
        if self.address is not None and self.alias == 0:
            self.removal = self.address
        self.alias = -1
        self.clear = True
        self.give = False

    def _addresses(self) -> None:
        if not self.net.facts.is_root() and (self.clear or self.address is not None):
            raise IfconfigError(f"ioctl ({'SIOCDIFADDR' if self.clear else 'SIOCAIFADDR'}): permission denied")
        if self.family == "ether":
            if self.address is not None:
                with explained("ioctl (SIOCAIFADDR)"):
                    self.net.set_ether(self.interface, self.address)
            return
        if self.clear:
            self._remove()
        if self.give and self.address is not None:
            with explained("ioctl (SIOCAIFADDR)"):
                self._give(self.address)

    def _remove(self) -> None:
        if self.family == "inet6" and self.removal is None:
            return
        try:
            addresses.delete(self.net, self.interface, self.family, self.removal)
        except Refused as refusal:
            if refusal.code != errno.EADDRNOTAVAIL or self.alias < 0:
                raise IfconfigError(f"ioctl (SIOCDIFADDR): {refusal}") from None

    def _give(self, address: str) -> None:
        if self.family == "inet6":
            prefix = 64 if self.prefix is None else self.prefix
            chosen = eui64(address, self.interface["ether"]) if self.eui64 else address
            addresses.add_inet6(self.net, self.interface, chosen, prefix, self.anycast)
            return
        if self.prefix is None:
            self.prefix = values.class_prefix(address)
            self._no_mask()
        addresses.add_inet(self.net, self.interface, address, self.prefix, self.broadcast)

    def _no_mask(self) -> None:
        """FreeBSD 14 warns; 15 refuses."""
        if self.interface["flags"] & IFF_LOOPBACK:
            return
        if self.net.facts.osreldate() >= NO_MEMBER_ADDRESSES:
            raise IfconfigError("ERROR: setting interface address without mask is no longer supported.")
        warn("WARNING: setting interface address without mask is deprecated,\ndefault mask may not be correct.")


class Word:
    """A keyword: how many arguments follow it, what it does. ``clone`` words are read before the interface is made.

    ``greedy`` ones get all words that follow, and take theirs off them.

    ``request`` is what the kernel is asked for, where ifconfig(8) names it to a user who may not.
    """

    def __init__(
        self,
        name: str,
        call: Callable[[Session, List[str]], None],
        arguments: int = 0,
        clone: bool = False,
        family: str = "",
        optional: bool = False,
        greedy: bool = False,
        request: str = "",
    ) -> None:
        self.name = name
        self.call = call
        self.arguments = arguments
        self.clone = clone
        self.family = family
        self.optional = optional
        self.greedy = greedy
        self.denied = f"{request}: Operation not permitted" if request else f"{name}: permission denied"


def warn(text: str) -> None:
    """warnx(3)."""
    print(f"ifconfig: {text}", file=sys.stderr)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """A refusal of the kernel ends the command with what was asked and the kernel's reason."""
    try:
        yield
    except Refused as refusal:
        raise IfconfigError(f"{what}: {refusal}") from None
