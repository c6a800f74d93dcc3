# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a DHCP server has to be able to do for us, so that one plan makes reservations on any of them.

``planning`` asks a :class:`Backend` in this order: ``check`` each wanted reservation, ``read`` each daemon once,
``render`` our file, ``hooked`` the administrator's configuration, ``validate`` both before anything is replaced; and
when both are in place, ``activate``.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon, Subnet
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host


@dataclass(frozen=True)
class KnownHost:
    """An entry that somebody else has made: ``where`` is the file that it stands in."""

    name: str
    macs: Tuple[str, ...]
    addresses: Tuple[str, ...]
    where: str


@dataclass(frozen=True)
class Known:
    """What was read of one daemon.

    ``conf`` is its configuration's text, ``hosts_text`` our file's (None: there is none), ``hooked`` whether the one
    has the other in it. ``subnets`` have their dynamic ranges and routers, ``hosts`` are not ours.
    ``running`` says whether the daemon runs now. ``taken_over`` is the configuration without what a task makes its own,
    where it does so.
    """

    daemon: Daemon
    conf: str
    hosts_text: Optional[str]
    hooked: bool
    running: bool
    subnets: Tuple[Subnet, ...] = ()
    hosts: Tuple[KnownHost, ...] = ()
    taken_over: Optional[str] = None


@dataclass(frozen=True)
class Update:
    """What becomes of one daemon: the texts of both files, and the reservations that make the difference."""

    known: Known
    conf: str
    hosts_text: str
    before: Tuple[Reservation, ...]
    after: Tuple[Reservation, ...]

    @property
    def daemon(self) -> Daemon:
        """Whose it is."""
        return self.known.daemon

    @property
    def changes_conf(self) -> bool:
        """Whether the server's own configuration becomes another."""
        return self.conf != self.known.conf

    @property
    def changes_hosts(self) -> bool:
        """Whether our file becomes another."""
        return self.hosts_text != self.known.hosts_text


class Backend(abc.ABC):
    """One DHCP server."""

    #: As the option ``backend`` says it.
    name: str

    @abc.abstractmethod
    def daemons(self) -> Tuple[Daemon, ...]:
        """Where FreeBSD's package has its files; of two daemons, for IPv4 and IPv6, that for IPv4 first."""

    @abc.abstractmethod
    def check(self, one: Reservation, daemons: Sequence[Daemon], at: str) -> None:
        """BadInput for what this server cannot be told (pure)."""

    @abc.abstractmethod
    def read(self, host: Host, daemon: Daemon) -> Known:
        """Read a daemon's configuration, with a constant number of commands.

        BadInput when the server is not installed or has no configuration, UnknownState when that cannot be read.
        """

    @abc.abstractmethod
    def take_over(self, known: Known) -> Tuple[Known, Tuple[Reservation, ...]]:
        """What of a daemon's configuration CBSD's hook has made, as reservations, and the daemon without it (pure).

        BadInput where something would be lost, and for a server that the hook does not know.
        """

    @abc.abstractmethod
    def hooked(self, conf: str, daemon: Daemon) -> str:
        """The administrator's configuration with ours in it, once; as it is if it has it (pure)."""

    @abc.abstractmethod
    def render(self, reservations: Sequence[Reservation], known: Known) -> str:
        """Our file, whole, of the reservations that concern this daemon, which are sorted by name (pure)."""

    @abc.abstractmethod
    def validate(self, host: Host, update: Update) -> None:
        """Have the server try the whole new configuration, in a place of its own; CommandError says what it minds."""

    @abc.abstractmethod
    def activation(self, update: Update) -> str:
        """What :meth:`activate` does, as a plan says it: "restart isc-dhcpd"."""

    @abc.abstractmethod
    def activate(self, host: Host, update: Update) -> None:
        """Have the daemon serve what is in the files now. It runs, or did before a task broke off that changed them."""
