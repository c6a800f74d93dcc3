# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a DHCP server has to be able to do so that the module dhcp_server can set it up."""

from __future__ import annotations

import abc
from typing import Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.declared import Declared
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.system.rc import Wanted

#: The first line of each configuration of ours, in which `#` begins a comment everywhere.
HEAD = "# Made by Apiary (apiary.bhyve.dhcp_server); what is changed here by hand is set right by its next task.\n"


class ServerKind(abc.ABC):
    """One DHCP server. Its reservations are the business of the :class:`Backend` of the same name."""

    #: As the option ``backend`` says it, and FreeBSD's package of it.
    name: str
    package: str
    #: Whether it answers DNS as well.
    answers_dns = False

    @abc.abstractmethod
    def installed(self, host: Host) -> bool:
        """Whether the server's program is there."""

    @abc.abstractmethod
    def check(self, declared: Declared) -> None:
        """BadInput for what this server cannot be told (pure)."""

    @abc.abstractmethod
    def check_service(self, host: Host, daemons: Sequence[Daemon]) -> None:
        """BadInput where rc.conf(5) says what keeps a daemon from its configuration. UnknownState."""

    @abc.abstractmethod
    def render(self, declared: Declared, daemon: Daemon) -> str:
        """A daemon's whole configuration: it begins with :data:`HEAD` and has our file of reservations in it (pure)."""

    @abc.abstractmethod
    def variables(self, declared: Declared, daemons: Sequence[Daemon]) -> Sequence[Wanted]:
        """What rc.conf(5) says so that the daemons start at boot with what was declared (pure)."""

    @abc.abstractmethod
    def variables_off(self, daemons: Sequence[Daemon]) -> Sequence[Wanted]:
        """What rc.conf(5) says of daemons that are not there any more (pure)."""

    @abc.abstractmethod
    def running(self, host: Host, daemon: Daemon) -> bool:
        """Whether it runs. UnknownState when nobody can say."""

    @abc.abstractmethod
    def restart(self, host: Host, daemon: Daemon) -> None:
        """Have it run with what is in its files now, also when it did not run. CommandError."""

    @abc.abstractmethod
    def stop(self, host: Host, daemon: Daemon) -> None:
        """End it. CommandError."""
