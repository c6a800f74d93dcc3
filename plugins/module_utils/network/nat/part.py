# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task has to do so that a firewall has rules of switches: its part, what the kernel has to know, the boot.

They translate addresses of a switch without an uplink (``nat``), or keep DHCP from crossing one (``dhcp_guard``).
"""

from __future__ import annotations

from typing import Collection, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Switch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.nat import options as nat
from ansible_collections.apiary.bhyve.plugins.module_utils.network.nat.ipfw_part import IpfwPart, switch_lines
from ansible_collections.apiary.bhyve.plugins.module_utils.network.nat.pf_part import PfPart, rules_file
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.boot_files import plan_boot_files
from ansible_collections.apiary.bhyve.plugins.module_utils.places import NETWORK
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import read_listeners, read_ssh_sockets
from ansible_collections.apiary.bhyve.plugins.module_utils.rc_values import is_yes
from ansible_collections.apiary.bhyve.plugins.module_utils.system.sysctl import SetSysctl, read_sysctls

FORWARDING = "net.inet.ip.forwarding"
#: Whether pf sees frames on the members of bridges, of all of the host. Source: sys/net/if_bridge.c, bridge_pfil.
PFIL_MEMBER = "net.link.bridge.pfil_member"
_GATEWAY, _BOOT = "gateway_enable", "apiary_network_enable"


class NatPart:
    """The part of a task about bridges that is about firewalls. Nothing is read where no switch has or had rules."""

    def __init__(
        self, desired: Sequence[Desired], after: Mapping[str, Switch], interfaces: Mapping[str, Interface]
    ) -> None:
        self._wanted = [one.new for one in desired if one.new is not None and one.new.firewall]
        self._translated = [switch for switch in self._wanted if switch.nat]
        before = [one.old for one in desired if one.old is not None and one.old.firewall]
        self._opened = {switch.name: switch.forwards for switch in before}
        kept = {switch.name: switch.firewall for switch in self._wanted}
        gone = [switch for switch in before if kept.get(switch.name) != switch.firewall]
        self._gone = [switch.name for switch in gone if switch.name not in kept]
        self._after = after
        self._interfaces = interfaces
        self._forwarding = False
        self._pf = PfPart(
            [switch for switch in self._wanted if switch.firewall == nat.PF],
            [switch.name for switch in gone if switch.firewall == nat.PF],
            any(switch.firewall == nat.PF for switch in after.values()),
        )
        self._ipfw = IpfwPart(
            [switch for switch in self._wanted if switch.firewall == nat.IPFW],
            [switch for switch in gone if switch.firewall == nat.IPFW],
            {switch.ipfw for switch in before},
            interfaces,
        )

    def variables(self) -> List[str]:
        """The variables of rc.conf that have to be read."""
        return [_GATEWAY, _BOOT, *self._pf.variables(), *self._ipfw.variables()] if self._wanted or self._gone else []

    def check(self, host: Host, values: Mapping[str, Optional[str]]) -> None:
        """Read what is needed, with the same commands for any number of switches. BadInput, UnknownState."""
        for switch in self._translated:
            self._check_switch(switch)
        opening = [switch for switch in self._translated if switch.forwards != self._opened.get(switch.name, ())]
        if opening:
            connected = {one.port for one in read_ssh_sockets(host)}
            sshd = [one for one in read_listeners(host) if one.command.startswith("sshd")]
            for switch in opening:
                own = [text.partition("/")[0] for text in self._interfaces[switch.nat].inet]
                served = {one.port for one in sshd if one.address in ("*", *own)}
                nat.check_lifeline(f"switch {switch.name}: ", switch.forwards, connected, served)
        if not self._wanted and not self._gone:
            return
        if self._wanted and host.stat(NETWORK) is None:
            first = self._wanted[0]
            raise BadInput(
                f"switch {first.name}: {first.rules_option}: this host is not prepared for guests (there is no "
                f"{NETWORK}, which loads the rules at boot); run the role apiary.bhyve.bhyve_host on it first"
            )
        guards = [switch for switch in self._wanted if switch.dhcp_guard]
        kernel = read_sysctls(host, [FORWARDING, *([PFIL_MEMBER] if guards else []), *self._ipfw.sysctls()])
        for switch in guards:
            _check_guard(switch, kernel)
        self._forwarding = kernel.get(FORWARDING) == "1"
        self._pf.check(host, values)
        self._ipfw.check(host, values, kernel)

    def _check_switch(self, switch: Switch) -> None:
        at = f"switch {switch.name}: "
        nat.check_nat(at, switch.nat, switch.interface, switch.addresses, switch.forwards, self._interfaces)
        others = {
            other.name: (other.nat, other.forwards) for other in self._after.values() if other.name != switch.name
        }
        nat.check_forwards_apart(at, switch.nat, switch.forwards, others)

    def goals(self, values: Mapping[str, Optional[str]]) -> Dict[str, Optional[str]]:
        """Variables of rc.conf that have to say yes. None is ever taken back: others may count on it by now."""
        gateway = (_GATEWAY,) if self._translated else ()
        names = (*gateway, _BOOT, *self._pf.goals()) if self._wanted else ()
        return {name: "YES" for name in names if not is_yes(values.get(name))}

    def files(self, host: Host, plan: Plan) -> None:
        """Plan what is read at boot."""
        self._pf.files(host, plan)
        plan_boot_files(host, plan, {switch.name: _boot_file(switch) for switch in self._wanted}, self._gone)

    def live(self, written: Collection[str]) -> Tuple[List[Change], List[Change]]:
        """What lets go and what takes; ``written`` has the files among the subjects of the plan."""
        join: List[Change] = []
        if self._translated and not self._forwarding:
            join.append(SetSysctl(FORWARDING, "1"))
        join += [*self._pf.join(written), *self._ipfw.join(written)]
        return [*self._pf.leave(), *self._ipfw.leave()], join

    def view(self, switch: Optional[Switch], done: bool) -> Dict[str, object]:
        """How the rules of a switch are in the kernel, or will be when all is ``done``, for the diff."""
        if switch is None or not switch.firewall:
            return {}
        part = self._pf if switch.firewall == nat.PF else self._ipfw
        forwarding = {FORWARDING: done or self._forwarding} if switch.nat else {}
        return {**part.view(switch, done), **forwarding}


def _check_guard(switch: Switch, kernel: Mapping[str, str]) -> None:
    """BadInput where pf would not see what crosses the bridge."""
    if kernel.get(PFIL_MEMBER) != "1":
        raise BadInput(
            f"switch {switch.name}: dhcp_guard: pf sees nothing of what crosses a bridge unless {PFIL_MEMBER} is 1. "
            "Then its rules hold for the frames of all bridges of the host, so that is not done along the way; if "
            f"pf.conf is fit for it, set it first (bhyve_host, sysctls: {{{PFIL_MEMBER}: 1}})"
        )


def _boot_file(switch: Switch) -> str:
    rules = f"rules='{rules_file(switch.name)}'\n" if switch.firewall == nat.PF else switch_lines(switch)
    return f"type='bridge'\nfirewall='{switch.firewall}'\n{rules}"
