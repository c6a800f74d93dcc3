# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task has to do so that pf(4) has the rules of switches, now and at boot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Collection, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, CommandError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.bridges.record import Switch
from ansible_collections.apiary.bhyve.plugins.module_utils.network.nat import pf_conf
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.boot_files import boot_path
from ansible_collections.apiary.bhyve.plugins.module_utils.network.switches.changes import Run
from ansible_collections.apiary.bhyve.plugins.module_utils.places import NETWORK, PF
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change, Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.system.files import (
    plan_directory,
    plan_edit,
    plan_file,
    plan_removal,
)

_ENABLE, _RULES = "pf_enable", "pf_rules"


@dataclass(frozen=True)
class Pf:
    """pf(4) as it is: whether it filters, whether its rules call our anchors, and which anchors have rules."""

    enabled: bool = False
    called: bool = False
    anchors: Tuple[str, ...] = ()


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


class PfPart:
    """The part of a task that is about switches which pf has rules of. Nothing is read where there is and was none.

    ``gone`` are those that it has none of any more, ``needed`` says whether it has of any of the host's.
    """

    def __init__(self, wanted: Sequence[Switch], gone: Sequence[str], needed: bool) -> None:
        self._wanted, self._gone, self._needed = wanted, gone, needed
        self._pf = Pf()
        self._path = ""
        self._text: Optional[str] = None
        self._new = ""

    def variables(self) -> List[str]:
        """The variables of rc.conf that have to be read."""
        return [_ENABLE, _RULES] if self._wanted or self._gone else []

    def goals(self) -> List[str]:
        """The variables of rc.conf that have to say yes."""
        return [_ENABLE] if self._wanted else []

    def check(self, host: Host, values: Mapping[str, Optional[str]]) -> None:
        """Read what is needed, with the same commands for any number of switches. BadInput, UnknownState."""
        if not self._wanted and not self._gone:
            return
        for switch in self._wanted:
            _check_name(switch)
        self._path = values.get(_RULES) or "/etc/pf.conf"
        self._text = host.read(self._path)
        self._pf = read_pf(host)
        text = self._text or ""
        self._new = pf_conf.with_calls(text) if self._needed else pf_conf.without_calls(text)
        if self._pf.enabled:
            if self._changed:
                self._check_rules(host)
        elif self._wanted and pf_conf.is_somebodys(text):
            first = self._wanted[0]
            raise BadInput(
                f"switch {first.name}: {first.rules_option}: pf is not enabled, and {self._path} has rules; switched "
                "on from here they might cut you off. If they are to count, start pf yourself (sysrc pf_enable=YES; "
                "service pf start), then run this again; if not, move the file away"
            )

    @property
    def _changed(self) -> bool:
        """Whether the main rules are not as they have to be."""
        return self._new != (self._text or "") or self._pf.called != self._needed

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

    def files(self, host: Host, plan: Plan) -> None:
        """Plan the rules and the lines that call them."""
        if self._wanted:
            plan_directory(host, plan, PF, 0o755)
        for switch in self._wanted:
            plan_file(host, plan, rules_file(switch.name), _rules(switch), 0o644)
        for name in self._gone:
            plan_removal(host, plan, rules_file(name))
        if self._wanted or self._gone:
            what = "call" if self._needed else "do not call"
            plan_edit(host, plan, self._path, self._text, self._new, f"{what} the anchors {pf_conf.ANCHORS}")

    def leave(self) -> List[Change]:
        """What goes now."""
        found: List[Change] = []
        for name in self._gone:
            if pf_conf.anchor(name) in self._pf.anchors:
                words = ("pfctl", "-q", "-a", pf_conf.anchor(name), "-f", "/dev/null")
                found.append(Run(name, f"empty the anchor {pf_conf.anchor(name)} of pf", words))
        return found

    def join(self, written: Collection[str]) -> List[Change]:
        """What is loaded now; ``written`` has the files among the subjects of the plan."""
        found: List[Change] = []
        names = [*(switch.name for switch in self._wanted), *self._gone]
        if names and self._pf.enabled and self._changed:
            # Rules alone: states stay, so nobody's connection breaks.
            found.append(Run(names[0], f"load {self._path} into pf", ("pfctl", "-f", self._path)))
        elif self._wanted and not self._pf.enabled:
            found.append(Run(names[0], "start pf", ("service", "pf", "start")))
        for switch in self._wanted:
            loaded = self._pf.enabled and pf_conf.anchor(switch.name) in self._pf.anchors
            files = (rules_file(switch.name), boot_path(switch.name))
            if not loaded or any(path in written for path in files):
                what = f"load the anchor {pf_conf.anchor(switch.name)} of pf"
                found.append(Run(switch.name, what, (NETWORK, "start", switch.name)))
        return found

    def view(self, switch: Switch, done: bool) -> Dict[str, object]:
        """How it is in the kernel, or will be when all is ``done``, for the diff."""
        pf = Pf(True, True, (pf_conf.anchor(switch.name),)) if done else self._pf
        loaded = pf_conf.anchor(switch.name) in pf.anchors
        return {"pf": {"enabled": pf.enabled, "called": pf.called, "loaded": loaded}}


def _rules(switch: Switch) -> str:
    if switch.nat:
        return pf_conf.rules(switch.name, switch.interface, switch.nat, switch.addresses, switch.forwards)
    return pf_conf.guard_rules(switch.name, switch.member)


def _check_name(switch: Switch) -> None:
    if len(pf_conf.anchor(switch.name)) > pf_conf.ANCHOR_MAX:
        most = pf_conf.ANCHOR_MAX - len(pf_conf.anchor(""))
        raise BadInput(
            f"switch {switch.name}: {switch.rules_option}: the name is longer than the {most} characters that fit into "
            "the name of a pf anchor"
        )


def _try_rules(host: Host, text: str) -> str:
    """What pfctl(8) says against rules, '' if nothing."""
    result = host.run(["pfctl", "-nf", "-"], what="cannot try rules of pf", accept=(0, 1), stdin=text)
    if not result.rc:
        return ""
    said = [line for line in result.stderr.splitlines() if "ALTQ" not in line]
    return "; ".join(line.replace("stdin:", "line ", 1) for line in said) or "pfctl does not say why"
