# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task has to do so that ipfw(8) translates the addresses of switches, now and at boot.

Each switch has a number, of its rules and of its translation. The rules are in set 31, which no flush empties. They are
made by ``apiary.network`` from the switch's file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Collection, Dict, FrozenSet, List, Mapping, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Switch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.nat.options import IPFW_NUMBERS, networks
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.boot_files import boot_path
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.changes import Run
from ansible_collections.apiary.bhyve.plugins.module_utils.places import NETWORK
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.rc_values import is_yes

_ENABLE = "firewall_enable"
_FILTERS, _ONE_PASS = "net.inet.ip.fw.enable", "net.inet.ip.fw.one_pass"
_TSO = frozenset(("TSO4", "TSO6"))


@dataclass(frozen=True)
class Ipfw:
    """ipfw as it is: of our numbers those that rules have, and those that translations have."""

    rules: FrozenSet[int] = frozenset()
    translations: FrozenSet[int] = frozenset()


def read_ipfw(host: Host) -> Ipfw:
    """With two commands, or three. CommandError."""
    what = "cannot read the rules of ipfw"
    rules = _numbers(host.run(["ipfw", "list"], what=what).stdout.splitlines(), 0)
    # Without that module there is no translation, and ipfw(8) would only say that it cannot be asked.
    if host.run(["kldstat", "-q", "-m", "ipfw_nat"], what=what, accept=(0, 1)).rc:
        return Ipfw(rules)
    translations = host.run(["ipfw", "nat", "show", "config"], what=what).stdout.splitlines()
    return Ipfw(rules, _numbers(translations, 2))


def _numbers(lines: Sequence[str], position: int) -> FrozenSet[int]:
    """Our numbers among the words at that position of the lines."""
    words = (line.split()[position : position + 1] for line in lines)
    return frozenset(int(word) for found in words for word in found if word.isdecimal() and int(word) in IPFW_NUMBERS)


def switch_lines(switch: Switch) -> str:
    """What ``apiary.network`` has to know of a switch, as sh variables."""
    ports = " ".join(f"redirect_port {one.proto} {one.address}:{one.to_port} {one.port}" for one in switch.forwards)
    nets = " ".join(str(network) for network in networks(switch.addresses))
    return f"number='{switch.ipfw}'\ninterface='{switch.nat}'\nnetworks='{nets}'\nforwards='{ports}'\n"


class IpfwPart:
    """The part of a task that is about switches which ipfw translates.

    ``gone`` are those that it translates no more, ``known`` the numbers that the task's switches had before.
    """

    def __init__(
        self,
        wanted: Sequence[Switch],
        gone: Sequence[Switch],
        known: Collection[int],
        interfaces: Mapping[str, Interface],
    ) -> None:
        self._wanted, self._gone, self._known, self._interfaces = wanted, gone, known, interfaces
        self._ipfw = Ipfw()

    def variables(self) -> List[str]:
        """The variables of rc.conf that have to be read."""
        return [_ENABLE] if self._wanted else []

    def sysctls(self) -> List[str]:
        """The kernel variables that have to be read."""
        return [_FILTERS, _ONE_PASS] if self._wanted or self._gone else []

    def check(self, host: Host, values: Mapping[str, Optional[str]], kernel: Mapping[str, str]) -> None:
        """Read what is needed, with the same commands for any number of switches. BadInput."""
        for switch in self._wanted:
            self._check(switch, kernel)
            if not is_yes(values.get(_ENABLE)):
                raise BadInput(
                    f"switch {switch.name}: nat: firewall: ipfw is enabled now, and would not be after a boot; say so "
                    f"in rc.conf (sysrc {_ENABLE}=YES), and where its rules come from (firewall_type)"
                )
        if (self._wanted or self._gone) and _FILTERS in kernel:
            self._ipfw = read_ipfw(host)
        for switch in self._wanted:
            new = switch.ipfw not in self._known
            if new and switch.ipfw in self._ipfw.rules | self._ipfw.translations:
                raise BadInput(
                    f"switch {switch.name}: nat: firewall: ipfw has a rule or a translation {switch.ipfw} already; the "
                    f"numbers {IPFW_NUMBERS[0]} to {IPFW_NUMBERS[-1]} have to be left to switches"
                )

    def _check(self, switch: Switch, kernel: Mapping[str, str]) -> None:
        at = f"switch {switch.name}: nat: firewall: "
        if kernel.get(_FILTERS) != "1":
            raise BadInput(
                f"{at}ipfw is not enabled, and switched on from here it might cut you off: without rules it lets "
                "nothing pass. Do it at the console (sysrc firewall_enable=YES firewall_type=open; service ipfw start)"
                ", then run this again"
            )
        if kernel.get(_ONE_PASS) != "0":
            raise BadInput(
                f"{at}{_ONE_PASS} is not 0, so what comes in by {switch.nat} would pass by all your other rules once "
                "it was looked at for translation; set it to 0, now and in sysctl.conf (bhyve_host, sysctls)"
            )
        outside = self._interfaces[switch.nat]
        if _TSO & set(outside.options):
            raise BadInput(
                f"{at}{switch.nat} has TSO, with which ipfw cannot translate; switch it off, now (ifconfig "
                f"{switch.nat} -tso) and in its line in rc.conf"
            )

    def leave(self) -> List[Change]:
        """What goes now."""
        found: List[Change] = []
        for switch in self._gone:
            number = str(switch.ipfw)
            if switch.ipfw in self._ipfw.rules:
                found.append(Run(switch.name, f"remove the rules {number} of ipfw", ("ipfw", "-q", "delete", number)))
            if switch.ipfw in self._ipfw.translations:
                words = ("ipfw", "-q", "nat", number, "delete")
                found.append(Run(switch.name, f"remove the translation {number} of ipfw", words))
        return found

    def join(self, written: Collection[str]) -> List[Change]:
        """What is made now; ``written`` has the files among the subjects of the plan."""
        found: List[Change] = []
        for switch in self._wanted:
            there = switch.ipfw in self._ipfw.rules & self._ipfw.translations
            if not there or boot_path(switch.name) in written:
                what = f"make the rules and the translation {switch.ipfw} of ipfw"
                found.append(Run(switch.name, what, (NETWORK, "start", switch.name)))
        return found

    def view(self, switch: Switch, done: bool) -> Dict[str, object]:
        """How it is in the kernel, or will be when all is ``done``, for the diff."""
        rules, translation = done or switch.ipfw in self._ipfw.rules, done or switch.ipfw in self._ipfw.translations
        return {"ipfw": {"number": switch.ipfw, "rules": rules, "translation": translation}}
