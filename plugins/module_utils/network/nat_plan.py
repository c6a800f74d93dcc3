# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task has to do so that the addresses of switches are translated: pf(4), forwarding, and both at boot."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Collection, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, CommandError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network import nat, pf_conf
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switch_desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switch_record import Switch
from ansible_collections.apiary.bhyve.plugins.module_utils.places import NETWORK, PF, SWITCHES
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.system.files import (
    RemoveFile,
    plan_directory,
    plan_edit,
    plan_file,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.system.sysctl import SetSysctl, read_sysctls

FORWARDING = "net.inet.ip.forwarding"
_GATEWAY, _ENABLE, _RULES, _BOOT = "gateway_enable", "pf_enable", "pf_rules", "apiary_network_enable"
_YES = ("yes", "true", "on", "1")


@dataclass(frozen=True)
class Pf:
    """pf(4) as it is: whether it filters, whether its rules call our anchors, and which anchors have rules."""

    enabled: bool = False
    called: bool = False
    anchors: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Run(Change):
    """One command; ``what`` says what it does."""

    what: str
    argv: Tuple[str, ...]

    def describe(self) -> str:
        return self.what

    def apply(self, host: Host) -> None:
        host.run(self.argv, what=f"switch {self.subject}: cannot {self.what}")


def read_pf(host: Host) -> Pf:
    """With three commands, or one where pf is not in the kernel. CommandError, UnknownState."""
    what = "cannot read the state of pf"
    info = host.run(["pfctl", "-s", "info"], what=what, accept=(0, 1))
    if info.rc == 1:
        if "/dev/pf: No such file or directory" in info.stderr or "Failed to open netlink" in info.stderr:
            return Pf()
        raise CommandError(what, info.argv, info.rc, info.stdout, info.stderr)
    if not info.stdout.startswith("Status: "):
        raise UnknownState(f"{what}: `pfctl -s info` printed {info.stdout.splitlines()[:1]}")
    anchors = host.run(["pfctl", "-vs", "Anchors"], what=what).stdout.split()
    translation = host.run(["pfctl", "-s", "nat"], what=what).stdout
    called = f'nat-anchor "{pf_conf.ANCHORS}"' in translation
    return Pf(info.stdout.startswith("Status: Enabled"), called, tuple(anchors))


def rules_file(switch: str) -> str:
    """Where a switch's rules for pf are."""
    return f"{PF}/{switch}"


def switch_file(switch: str) -> str:
    """What ``apiary.network`` reads of a switch."""
    return f"{SWITCHES}/{switch}"


class NatPart:
    """The part of a task about bridges that is about translation. Nothing is read where no switch has or had any."""

    def __init__(
        self, desired: Sequence[Desired], after: Mapping[str, Switch], interfaces: Mapping[str, Interface]
    ) -> None:
        self._wanted = [one.new for one in desired if one.new is not None and one.new.nat]
        kept = {switch.name for switch in self._wanted}
        self._gone = [one.name for one in desired if one.old is not None and one.old.nat and one.name not in kept]
        self._after = after
        self._interfaces = interfaces
        self._pf = Pf()
        self._path = ""
        self._text: Optional[str] = None
        self._new = ""
        self._forwarding = False

    @property
    def concerned(self) -> bool:
        """Whether there is anything about translation in the task."""
        return bool(self._wanted or self._gone)

    @property
    def _needed(self) -> bool:
        """Whether a switch of the host is translated when the task is done."""
        return any(switch.nat for switch in self._after.values())

    def variables(self) -> List[str]:
        """The variables of rc.conf that have to be read."""
        return [_GATEWAY, _ENABLE, _RULES, _BOOT] if self.concerned else []

    def check(self, host: Host, values: Mapping[str, Optional[str]]) -> None:
        """Read what is needed, with the same commands for any number of switches. BadInput, UnknownState."""
        for switch in self._wanted:
            self._check_switch(switch)
        if not self.concerned:
            return
        if self._wanted and host.stat(NETWORK) is None:
            raise BadInput(
                f"switch {self._wanted[0].name}: nat: there is no {NETWORK}, which loads the rules at boot; run the "
                "role apiary.bhyve.bhyve_host"
            )
        self._path = values.get(_RULES) or "/etc/pf.conf"
        self._text = host.read(self._path)
        self._pf = read_pf(host)
        self._forwarding = read_sysctls(host, [FORWARDING]).get(FORWARDING) == "1"
        text = self._text or ""
        self._new = pf_conf.with_calls(text) if self._needed else pf_conf.without_calls(text)
        if self._pf.enabled:
            if self._new != text or self._pf.called != self._needed:
                self._check_rules(host)
        elif self._wanted and pf_conf.is_somebodys(text):
            raise BadInput(
                f"switch {self._wanted[0].name}: nat: pf is not enabled, and {self._path} has rules; switched on from "
                "here they might cut you off. If they are to count, start pf yourself (sysrc pf_enable=YES; service pf "
                "start), then run this again; if not, move the file away"
            )

    def _check_switch(self, switch: Switch) -> None:
        at = f"switch {switch.name}: "
        if len(pf_conf.anchor(switch.name)) > pf_conf.ANCHOR_MAX:
            most = pf_conf.ANCHOR_MAX - len(pf_conf.anchor(""))
            raise BadInput(
                f"{at}nat: the name is longer than the {most} characters that fit into the name of pf's anchor"
            )
        nat.check_nat(at, switch.nat, switch.interface, switch.addresses, switch.forwards, self._interfaces)
        others = {
            other.name: (other.nat, other.forwards) for other in self._after.values() if other.name != switch.name
        }
        nat.check_forwards_apart(at, switch.nat, switch.forwards, others)
        nat.check_lifeline(at, switch.forwards, os.environ.get("SSH_CONNECTION", ""))

    def _check_rules(self, host: Host) -> None:
        """BadInput when pf does not take its file with our lines, or without them."""
        tried = _try_rules(host, self._new)
        if not tried:
            return
        own = tried if self._new == (self._text or "") else _try_rules(host, self._text or "")
        if own:
            raise BadInput(f"{self._path} has errors: {own}; mend it, then run this again")
        raise BadInput(
            f"{self._path}: the lines that call the anchors {pf_conf.ANCHORS} do not fit in: {tried}; write them there "
            f'yourself: nat-anchor "{pf_conf.ANCHORS}", rdr-anchor "{pf_conf.ANCHORS}" and anchor "{pf_conf.ANCHORS}"'
        )

    def goals(self, values: Mapping[str, Optional[str]]) -> Dict[str, Optional[str]]:
        """Variables of rc.conf that have to say yes. None is ever taken back: others may count on it by now."""
        names = (_GATEWAY, _ENABLE, _BOOT) if self._wanted else ()
        return {name: "YES" for name in names if (values.get(name) or "").lower() not in _YES}

    def files(self, host: Host, plan: Plan) -> None:
        """Plan what is read at boot."""
        if self._wanted:
            plan_directory(host, plan, PF, 0o755)
            plan_directory(host, plan, SWITCHES, 0o755)
        for switch in self._wanted:
            name, path = switch.name, rules_file(switch.name)
            text = pf_conf.rules(name, switch.interface, switch.nat, switch.addresses, switch.forwards)
            plan_file(host, plan, path, text, 0o644)
            plan_file(host, plan, switch_file(name), f"type='bridge'\nfirewall='pf'\nrules='{path}'\n", 0o644)
        for name in self._gone:
            for path in (switch_file(name), rules_file(name)):
                old = host.read(path)
                if old is not None:
                    plan.add(RemoveFile(path))
                    plan.before[path], plan.after[path] = old, ""
        if self.concerned:
            what = "call" if self._needed else "do not call"
            plan_edit(host, plan, self._path, self._text, self._new, f"{what} the anchors {pf_conf.ANCHORS}")

    def live(self, written: Collection[str]) -> Tuple[List[Change], List[Change]]:
        """What lets go and what takes; ``written`` has the files among the subjects of the plan."""
        leave: List[Change] = []
        join: List[Change] = []
        for name in self._gone:
            if pf_conf.anchor(name) in self._pf.anchors:
                words = ("pfctl", "-q", "-a", pf_conf.anchor(name), "-f", "/dev/null")
                leave.append(Run(name, f"empty the anchor {pf_conf.anchor(name)} of pf", words))
        if self._wanted and not self._forwarding:
            join.append(SetSysctl(FORWARDING, "1"))
        join += self._main_rules()
        for switch in self._wanted:
            loaded = self._pf.enabled and pf_conf.anchor(switch.name) in self._pf.anchors
            if not loaded or rules_file(switch.name) in written or switch_file(switch.name) in written:
                what = f"load the anchor {pf_conf.anchor(switch.name)} of pf"
                join.append(Run(switch.name, what, (NETWORK, "start", switch.name)))
        return leave, join

    def _main_rules(self) -> List[Change]:
        names = [*(switch.name for switch in self._wanted), *self._gone]
        if not names:
            return []
        if self._pf.enabled:
            # Rules alone: states stay, so nobody's connection breaks.
            changed = self._new != (self._text or "") or self._pf.called != self._needed
            return [Run(names[0], f"load {self._path} into pf", ("pfctl", "-f", self._path))] if changed else []
        return [Run(names[0], "start pf", ("service", "pf", "start"))] if self._wanted else []

    def view(self, switch: Optional[Switch], done: bool) -> Dict[str, object]:
        """How the translation of a switch is in the kernel, or will be when all is ``done``, for the diff."""
        if switch is None or not switch.nat:
            return {}
        pf = Pf(True, True, (pf_conf.anchor(switch.name),)) if done else self._pf
        loaded = pf_conf.anchor(switch.name) in pf.anchors
        return {
            "pf": {"enabled": pf.enabled, "called": pf.called, "loaded": loaded},
            FORWARDING: done or self._forwarding,
        }


def _try_rules(host: Host, text: str) -> str:
    """What pfctl(8) says against rules, '' if nothing."""
    result = host.run(["pfctl", "-nf", "-"], what="cannot try rules of pf", accept=(0, 1), stdin=text)
    if not result.rc:
        return ""
    said = [line for line in result.stderr.splitlines() if "ALTQ" not in line]
    return "; ".join(line.replace("stdin:", "line ", 1) for line in said) or "pfctl does not say why"
