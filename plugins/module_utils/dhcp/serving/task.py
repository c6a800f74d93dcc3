# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What dhcp_server does between its options and its result: one task, one lock, one plan."""

from __future__ import annotations

import ipaddress
import os
import stat
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils import allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp import note, record
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import Known, Update
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backends import find_backend
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.checks import check
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon, Server
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.planning import concerned, server_key
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving import resolver
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.bootfiles import (
    boot_file_options,
    boot_files_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.declared import (
    Declared,
    Place,
    check_boot_files,
    check_names,
    check_subnets,
    name_servers,
    network_of,
    scope_of,
    scope_options,
    served_of,
    subnet_options,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.kind import HEAD, ServerKind
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.servers import SERVERS, find_server
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.serving.steps import Remove, Run, Stop
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.steps import Owe, PutFile, owed_path
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import Interface, read_interfaces
from ansible_collections.apiary.bhyve.plugins.module_utils.places import ALLOCATIONS, DHCP_NOTE, RESERVATIONS
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.system import rc

SUBJECT = "dhcp_server"


@dataclass(frozen=True)
class Report:
    """A plan, the server as it will be (None: there is none), and what the user should know beside."""

    plan: Plan
    server: Optional[Server]
    interfaces: Tuple[str, ...]
    warnings: Tuple[str, ...]


def module_options() -> Dict[str, Any]:
    """The argument specification."""
    return {
        "backend": {"type": "str", "choices": list(SERVERS), "default": "isc"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "subnets": {"type": "list", "elements": "dict", "options": subnet_options()},
        "authoritative": {"type": "bool", "default": True},
        "resolver": {"type": "bool", "default": False},
        "forwarders": {"type": "list", "elements": "str"},
        "boot_files": {"type": "dict", "options": boot_file_options()},
        "replace": {"type": "bool", "default": False},
        **scope_options(),
    }


def plan_server(host: Host, params: Mapping[str, Any], check_mode: bool) -> Report:
    """Read the host and plan, under the host lock. BadInput, UnknownState, CommandError."""
    kind = find_server(params["backend"])
    before = note.read_server(host)
    if before is not None and before.backend != kind.name:
        raise BadInput(
            f"backend: {kind.name}; this host serves DHCP by {before.backend}: make that absent first (state: absent "
            f"with backend: {before.backend})"
        )
    if params["state"] == "absent":
        return _absent(host, kind, before)
    return _Present(host, kind, params, check_mode).plan(before)


def _absent(host: Host, kind: ServerKind, before: Optional[Server]) -> Report:
    daemons = before.daemons if before is not None else find_backend(kind.name).daemons()
    plan = Plan()
    _plan_rc(host, plan, kind.variables_off(_ours(host, daemons)))
    if kind.answers_dns:
        # While somebody still answers.
        resolver.plan_off(host, plan, SUBJECT)
    _plan_gone(host, plan, kind, daemons)
    text = host.read(RESERVATIONS)
    whole = record.load(text)
    key = daemons[0].hosts_file
    if key in whole and (before is not None or plan.changed):
        rest = {name: one for name, one in whole.items() if name != key}
        what = f"release all {len(whole[key])} reservations"
        plan.add(PutFile(SUBJECT, RESERVATIONS, record.dump(rest), 0o600, what=what))
    if before is not None:
        # Last: as long as it is there, somebody knows what else has to go.
        plan.add(Remove(SUBJECT, DHCP_NOTE))
        plan.before[DHCP_NOTE], plan.after[DHCP_NOTE] = note.dump(before), ""
    return Report(plan, None, (), ())


def _plan_gone(host: Host, plan: Plan, kind: ServerKind, daemons: Sequence[Daemon]) -> None:
    """Plan that daemons of ours end, and that their files go; a configuration that is not ours stays."""
    for daemon in _ours(host, daemons):
        if kind.installed(host) and kind.running(host, daemon):
            plan.add(Stop(SUBJECT, kind, daemon))
        for path in (daemon.hosts_file, *find_backend(kind.name).beside(daemon), daemon.conf):
            text = host.read(path)
            if text is not None:
                plan.add(Remove(SUBJECT, path))
                plan.before[path], plan.after[path] = text, ""


def _ours(host: Host, daemons: Sequence[Daemon]) -> List[Daemon]:
    """Those whose configuration is one that we have written."""
    return [daemon for daemon in daemons if is_ours(host.read(daemon.conf))]


def is_ours(conf: Optional[str]) -> bool:
    """Whether a configuration is one that we have written."""
    return conf is not None and conf.startswith(HEAD)


def _plan_rc(host: Host, plan: Plan, variables: Sequence[rc.Wanted]) -> None:
    """Plan what rc.conf says, in one go; it comes first, and the rest of the plan is not made without it."""
    if not variables:
        return
    mine = Plan()
    rc.plan_read(host, mine, variables, rc.read_values(host, [one.name for one in variables]))
    for change in mine.changes:
        plan.add(change)
    plan.before.update(mine.before)
    plan.after.update(mine.after)
    plan.needs[SUBJECT] = tuple(dict.fromkeys(change.subject for change in mine.changes))


class _Present:
    """A server is to be there."""

    def __init__(self, host: Host, kind: ServerKind, params: Mapping[str, Any], check_mode: bool) -> None:
        self._host = host
        self._kind = kind
        self._params = params
        self._backend = find_backend(kind.name)
        self._warnings: List[str] = []
        self._own: List[str] = []
        self._forwarders: Optional[Tuple[str, ...]] = None
        #: The tasks before this one have only been told then; on a bare host neither server nor switches exist.
        self._check_mode = check_mode
        self._installed = kind.installed(host)
        if not self._installed and not check_mode:
            raise BadInput(
                f"backend: {kind.name}: the server is not installed; install the package {kind.package}, which the "
                "role apiary.bhyve.dhcp_server does"
            )

    def plan(self, before: Optional[Server]) -> Report:
        """Everything is read and checked here, and tried by the server itself."""
        host, kind = self._host, self._kind
        declared = self._declared()
        kind.check(declared)
        server = self._server(declared)
        kind.check_service(host, server.daemons)
        whole = record.load(host.read(RESERVATIONS))
        reservations = whole.get(server_key(server), {})
        plan = Plan()
        gone = [] if before is None else [one for one in before.daemons if one.conf not in self._confs(server)]
        off = kind.variables_off(_ours(host, gone))
        _plan_rc(host, plan, [*kind.variables(declared, server.daemons), *off])
        _plan_gone(host, plan, kind, gone)
        knowns = [self._known(declared, daemon) for daemon in server.daemons]
        check(list(reservations.values()), reservations, knowns)
        if kind.answers_dns and not declared.resolver:
            resolver.plan_off(host, plan, SUBJECT)
        for known in knowns:
            self._plan_daemon(plan, known, reservations)
        if declared.resolver:
            # When there is somebody to be asked.
            resolver.plan_on(host, plan, SUBJECT, self._forwarders, self._own)
        text = note.dump(server)
        old = host.read(DHCP_NOTE)
        if old != text:
            # Before the server is told, for then this comes after all files.
            plan.changes.insert(self._place_of_note(plan), PutFile(SUBJECT, DHCP_NOTE, text, 0o644))
            plan.before[DHCP_NOTE], plan.after[DHCP_NOTE] = old or "", text
        return Report(plan, server, declared.interfaces(0), tuple(self._warnings))

    @staticmethod
    def _confs(server: Server) -> List[str]:
        return [daemon.conf for daemon in server.daemons]

    @staticmethod
    def _place_of_note(plan: Plan) -> int:
        return next((at for at, change in enumerate(plan.changes) if isinstance(change, Run)), len(plan.changes))

    def _declared(self) -> Declared:
        given = self._params.get("subnets")
        if not given:
            raise BadInput("subnets: which ones are to be served? With state: present there is at least one")
        check_subnets([network_of(one) for one in given])
        switches = allocations.load(self._host.read(ALLOCATIONS), ALLOCATIONS).switches
        interfaces = read_interfaces(self._host)
        self._own = [str(ipaddress.ip_interface(text).ip) for one in interfaces.values() for text in one.addresses]
        subnets = tuple(served_of(one, self._place(one, switches, interfaces)) for one in given)
        if all(one.network.version == 6 for one in subnets):
            raise BadInput("subnets: at least one must be of IPv4")
        self._check_dns(given)
        check_names(subnets)
        scope, params = scope_of(self._params, ""), self._params
        files = boot_files_of(params["boot_files"] or {})
        check_boot_files(files, subnets)
        return Declared(scope, bool(params["authoritative"]), subnets, bool(params["resolver"]), files)

    def _check_dns(self, subnets: Sequence[Mapping[str, Any]]) -> None:
        params = self._params
        if params["forwarders"] is not None:
            self._forwarders = name_servers(params["forwarders"], "forwarders")
            if not params["resolver"]:
                raise BadInput("forwarders: it is for resolver: true; otherwise dnsmasq asks those of /etc/resolv.conf")
            resolver.check_forwarders(self._forwarders, self._own)
        if not self._kind.answers_dns:
            asked = {"resolver": params["resolver"], "dns": any(one.get("dns") for one in subnets)}
            for option in (option for option, value in asked.items() if value):
                raise BadInput(f"{option}: {self._kind.name} answers no DNS; the backend dnsmasq does")

    def _place(
        self,
        given: Mapping[str, Any],
        switches: Mapping[str, Mapping[str, Any]],
        interfaces: Mapping[str, Interface],
    ) -> Place:
        """Where a subnet is served. BadInput."""
        at = f"subnet {given['subnet']}: "
        switch, interface = given.get("switch") or "", given.get("interface") or ""
        if bool(switch) == bool(interface):
            raise BadInput(f"{at}switch, interface: give one of them, by which its clients reach the host")
        if switch:
            if switch not in switches:
                return self._unknown(f"{at}switch: {switch} is not declared on this host", switch, switches)
            switch_record = switches[switch]
            name = str(switch_record.get("host_interface") or switch_record.get("interface") or "")
            uplink = any(switch_record.get(key) for key in ("uplink", "vxlan", "manual"))
        else:
            name = interface
            uplink = not any(
                one.get("interface") == name and not any(one.get(key) for key in ("uplink", "vxlan", "manual"))
                for one in switches.values()
            )
        if name not in interfaces:
            return self._unknown(f"{at}{'switch' if switch else 'interface'}: {name} does not exist", name, interfaces)
        addresses = interfaces[name].addresses
        if not addresses:
            raise BadInput(f"{at}{name} has no address, without which nobody is served there")
        if network_of(given).version == 6 and not any(text.startswith("fe80:") for text in interfaces[name].inet6):
            self._warnings.append(
                f"{at}{name} has no link-local address, and DHCP for IPv6 answers from one; a bridge gets it by "
                f"`ifconfig {name} inet6 auto_linklocal`, or by an address such as fe80::1/64"
            )
        return Place(name, addresses, uplink)

    def _unknown(self, message: str, name: str, others: Mapping[str, object]) -> Place:
        if not self._check_mode:
            raise BadInput(f"{message}; there are {', '.join(sorted(others)) or 'none'}")
        self._warnings.append(f"{message}; the task before it has not been done in check mode, or it will fail")
        return Place(name, (), False)

    def _server(self, declared: Declared) -> Server:
        defaults = self._backend.daemons()
        daemons = tuple(one for one in defaults if declared.of(one.family))
        domain = declared.scope.domain_name
        return Server(self._kind.name, daemons, domain, tuple(one.subnet for one in declared.subnets))

    def _known(self, declared: Declared, daemon: Daemon) -> Known:
        """A daemon as it will be, with the configuration that it is to have."""
        running = self._installed and self._kind.running(self._host, daemon)
        subnets = tuple(one.subnet for one in declared.of(daemon.family))
        conf = self._kind.render(declared, daemon)
        beside = {path: self._host.read(path) for path in self._backend.beside(daemon)}
        files = {path: text for path, text in beside.items() if text is not None}
        return Known(daemon, conf, self._host.read(daemon.hosts_file), True, running, subnets, files=files)

    def _plan_daemon(self, plan: Plan, known: Known, reservations: Mapping[str, Reservation]) -> None:
        host, daemon = self._host, known.daemon
        old = host.read(daemon.conf)
        mine = concerned(known, reservations)
        hosts_text = self._backend.render(mine, known)
        # Nobody is to be told before a restart, nor asked whether that can be done.
        quiet = replace(known, running=False)
        update = Update(quiet, known.conf, hosts_text, mine, mine, self._backend.render_beside(mine, known))
        keep = self._check_foreign(daemon, old)
        differs = old != known.conf or update.changes_hosts
        if differs and self._installed:
            self._backend.validate(host, update)
        owed = host.lstat(owed_path(daemon.service)) is not None
        rc_differs = bool(plan.needs.get(SUBJECT))
        run = differs or owed or rc_differs or not known.running
        if run and not owed:
            # Before rc.conf, which may be all that differs.
            plan.changes.insert(0, Owe(SUBJECT, daemon.service))
        if keep is not None and host.lstat(f"{daemon.conf}.orig") is None:
            plan.add(PutFile(SUBJECT, f"{daemon.conf}.orig", keep, 0o600, what="keep what was there"))
        ours = {daemon.hosts_file: (known.hosts_text, hosts_text)}
        ours.update({path: (known.files.get(path), text) for path, text in update.beside.items()})
        for path, (before, after) in ours.items():
            if before != after:
                plan.add(PutFile(SUBJECT, path, after, 0o644))
                plan.before[path], plan.after[path] = before or "", after
        if old != known.conf:
            status = host.stat(daemon.conf)
            mode = 0o644 if status is None else stat.S_IMODE(status.st_mode)
            plan.add(PutFile(SUBJECT, os.path.realpath(daemon.conf), known.conf, mode))
            plan.before[daemon.conf], plan.after[daemon.conf] = old or "", known.conf
        if run:
            plan.add(Run(SUBJECT, self._kind, daemon, known.running))

    def _check_foreign(self, daemon: Daemon, conf: Optional[str]) -> Optional[str]:
        """What is there and somebody else's, if it is to be replaced all the same. BadInput if it is not."""
        if conf is None or is_ours(conf) or conf == self._host.read(f"{daemon.conf}.sample"):
            return None
        if not self._params["replace"]:
            raise BadInput(
                f"replace: {daemon.conf} is a configuration that somebody else has written; with replace: true it is "
                f"replaced, and kept as {daemon.conf}.orig, or leave it and use dhcpd_host alone"
            )
        return conf
