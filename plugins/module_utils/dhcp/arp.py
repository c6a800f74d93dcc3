# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses for which the host answers ARP: arp(8), and static_arp_pairs of rc.conf(5) for the next boot."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Dict, List, Mapping, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import read_interfaces
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.system import rc

_PAIRS = "static_arp_pairs"
_ENTRY = re.compile(r"\S+ \((?P<address>[\d.]+)\) at (?P<mac>[0-9a-f:]+) on \S+ permanent published(?: .*)?")
_TIMEOUT = 60.0

#: MAC addresses by IPv4 address.
Published = Mapping[str, str]


@dataclass(frozen=True)
class Publish(Change):
    """Have the host answer ARP for an address."""

    address: str
    mac: str

    def describe(self) -> str:
        return f"publish the ARP entry {self.address} at {self.mac}"

    def apply(self, host: Host) -> None:
        argv = ["arp", "-S", self.address, self.mac, "pub"]
        what = f"cannot publish the ARP entry of {self.address}"
        done = host.run(argv, what=what, timeout=_TIMEOUT)
        # It exits 0 then (usr.sbin/arp/arp_netlink.c).
        if "cannot locate" in done.stderr:
            raise CommandError(what, argv, done.rc, done.stdout, done.stderr, "No interface is in its network")


@dataclass(frozen=True)
class Withdraw(Change):
    """Have the host no longer answer for an address."""

    address: str

    def describe(self) -> str:
        return f"remove the ARP entry {self.address}"

    def apply(self, host: Host) -> None:
        # 1: it is gone already.
        argv = ["arp", "-d", self.address]
        host.run(argv, what=f"cannot remove the ARP entry of {self.address}", accept=(0, 1), timeout=_TIMEOUT)


def published(reservations: Mapping[str, Reservation]) -> Dict[str, str]:
    """What is to be published of reservations (pure)."""
    return {address: one.mac for one in reservations.values() if one.publish_arp for address in one.ip}


def parse_arp(text: str) -> Dict[str, str]:
    """The published entries of ``arp -an`` (pure)."""
    found = (_ENTRY.fullmatch(line.strip()) for line in text.splitlines())
    return {one["address"]: one["mac"] for one in found if one is not None}


def plan_arp(host: Host, plan: Plan, subject: str, before: Published, after: Published) -> None:
    """Plan that what is wanted is published, now and at boot, and what was ours is not. Reads only where there is any.

    BadInput for an address in whose network the host has no interface.
    """
    if not before and not after:
        return
    now = parse_arp(host.run(["arp", "-an"], what="cannot list the ARP entries", timeout=_TIMEOUT).stdout)
    missing = [address for address, mac in after.items() if now.get(address) != mac]
    if missing:
        _check_reachable(host, missing)
    _plan_boot(host, plan, subject, before, after)
    for address in before:
        if address not in after and address in now:
            plan.add(Withdraw(subject, address))
    for address in missing:
        plan.add(Publish(subject, address, after[address]))


def _check_reachable(host: Host, addresses: Sequence[str]) -> None:
    networks = [
        ipaddress.ip_interface(text).network
        for interface in read_interfaces(host).values()
        for text in interface.addresses
    ]
    for text in addresses:
        if not any(ipaddress.ip_address(text) in network for network in networks):
            raise BadInput(f"publish_arp: the host has no interface in the network of {text} to answer for it on")


def _plan_boot(host: Host, plan: Plan, subject: str, before: Published, after: Published) -> None:
    """The lines of rc.conf; what follows in the plan is not done without them."""
    gone = [address for address in before if address not in after]
    wanted: List[rc.Wanted] = [rc.Wanted(f"static_arp_{_pair(address)}", state="absent") for address in gone]
    wanted += [rc.Wanted(f"static_arp_{_pair(address)}", f"{address} {mac} pub") for address, mac in after.items()]
    if gone:
        wanted.append(rc.Wanted(_PAIRS, " ".join(map(_pair, gone)), "remove"))
    if after:
        wanted.append(rc.Wanted(_PAIRS, " ".join(map(_pair, after)), "append"))
    mine = Plan()
    rc.plan_variables(host, mine, wanted)
    for change in mine.changes:
        plan.add(change)
    plan.before.update(mine.before)
    plan.after.update(mine.after)
    plan.needs[subject] = (*plan.needs.get(subject, ()), *dict.fromkeys(change.subject for change in mine.changes))


def _pair(address: str) -> str:
    """What rc.conf calls the entry; it may have letters, digits and _ only."""
    return f"apiary_{address.replace('.', '_')}"
