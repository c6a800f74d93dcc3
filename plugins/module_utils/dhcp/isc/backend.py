# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ISC's dhcpd: dhcpd.conf(5) with our file included, tried by ``dhcpd -t``, taken by a restart (it knows no reload)."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import replace
from typing import List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import Backend, Known, Update
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.adopt import taken_over
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.conf import Found, interpret
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.render import (
    check_statements,
    hooked_in,
    rendered,
    with_hook,
    with_other_hook,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.isc.statements import parse
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, CommandError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import RUN
from ansible_collections.apiary.bhyve.plugins.module_utils.rc_values import is_yes
from ansible_collections.apiary.bhyve.plugins.module_utils.system.rc import read_values

DHCPD = "/usr/local/sbin/dhcpd"
PACKAGE = "isc-dhcp44-server"
CONF = "/usr/local/etc/dhcpd.conf"
CONF6 = "/usr/local/etc/dhcpd6.conf"
HOSTS = "/usr/local/etc/apiary/dhcpd.hosts"
HOSTS6 = "/usr/local/etc/apiary/dhcpd6.hosts"

_TIMEOUT = 120.0
#: What the services read when rc.conf says nothing.
_DEFAULTS = {"isc-dhcpd": CONF, "isc-dhcpd6": CONF6}
#: dhcpd(8) says these whatever it was asked, and its complaint stands between.
_BANNER = re.compile(
    r"(Internet Systems Consortium DHCP Server|Copyright |All rights reserved|For info, please visit|Config file:|"
    r"Database file:|PID file:|exiting\.|$).*"
)
_BUG_REPORT = "If you think you have received this message due to a bug"


class Isc(Backend):
    """isc-dhcpd, and isc-dhcpd6 for IPv6."""

    name = "isc"

    def daemons(self) -> Tuple[Daemon, ...]:
        return (Daemon(CONF, HOSTS, "isc-dhcpd"), Daemon(CONF6, HOSTS6, "isc-dhcpd6", family=6))

    def take_over(self, known: Known) -> Tuple[Known, Tuple[Reservation, ...]]:
        if known.daemon.family == 6:
            return known, ()
        conf, found = taken_over(known.conf, known.daemon.conf)
        names = {one.name for one in found}
        hosts = tuple(one for one in known.hosts if one.where != known.daemon.conf or one.name not in names)
        return replace(known, hosts=hosts, taken_over=conf), tuple(found)

    def check(self, one: Reservation, daemons: Sequence[Daemon], at: str) -> None:
        check_statements(one, at)

    def read(self, host: Host, daemon: Daemon) -> Known:
        require_dhcpd(host)
        conf = host.read(daemon.conf)
        if conf is None:
            raise BadInput(
                f"conf: {daemon.conf} does not exist; write the server's configuration first, by the role "
                "apiary.bhyve.dhcp_server or by hand"
            )
        _check_conf_of_service(host, daemon)
        statements = parse(conf, daemon.conf)
        found = interpret(statements, daemon.conf)
        found.includes = [
            path for path in found.includes if os.path.normpath(path) != os.path.normpath(daemon.hosts_file)
        ]
        _read_included(host, daemon, found)
        return Known(
            daemon,
            conf,
            host.read(daemon.hosts_file),
            bool(hooked_in(statements, daemon.hosts_file)),
            is_running(host, daemon.service),
            tuple(found.subnets),
            tuple(found.hosts),
        )

    def hooked(self, conf: str, daemon: Daemon, files: Mapping[str, str]) -> str:
        return with_hook(conf, daemon.hosts_file, daemon.conf)

    def render(self, reservations: Sequence[Reservation], known: Known) -> str:
        return rendered(reservations, known.daemon.family)

    def validate(self, host: Host, update: Update) -> None:
        validate_conf(host, update.daemon, update.conf, update.hosts_text)

    def activation(self, update: Update) -> str:
        return f"restart {update.daemon.service}"

    def activate(self, host: Host, update: Update) -> None:
        restart(host, update.daemon.service)


def require_dhcpd(host: Host) -> None:
    """BadInput unless the server is installed."""
    if host.stat(DHCPD) is None:
        raise BadInput(
            f"backend: isc: {DHCPD} does not exist; install the package {PACKAGE}, which the role "
            "apiary.bhyve.dhcp_server does"
        )


def is_running(host: Host, service: str) -> bool:
    """What rc(8) knows. UnknownState when it does not say."""
    argv = ["service", service, "onestatus"]
    done = host.run(argv, what=f"cannot ask whether {service} runs", accept=(0, 1), timeout=_TIMEOUT)
    if done.rc == 0 and " is running as pid " in done.stdout:
        return True
    if done.rc == 1 and " is not running" in done.stdout:
        return False
    said = (done.stderr or done.stdout).strip() or "nothing"
    raise UnknownState(f"service: `{' '.join(argv)}` exited {done.rc} and said: {said}; nothing was changed")


def restart(host: Host, service: str) -> None:
    """Have it run with its files as they are now, also if it did not. CommandError."""
    host.run(
        ["service", service, "onerestart"],
        what=f"cannot restart {service} with its new configuration",
        timeout=_TIMEOUT,
        hint="See /var/log/messages; the files are in place, and the next task tries again",
    )


def validate_conf(host: Host, daemon: Daemon, conf: str, hosts_text: str) -> None:
    """``dhcpd -t`` on both texts together, before any of them is in its place. CommandError says what it minds."""
    # Where no file outlasts a boot (rc.d/cleanvar), should it come now.
    host.mkdir(RUN, 0o755, parents=True)
    folder = tempfile.mkdtemp(prefix=".dhcpd-", dir=RUN)
    try:
        paths = {os.path.join(folder, "dhcpd.conf"): daemon.conf, os.path.join(folder, "hosts"): daemon.hosts_file}
        staged_conf, staged_hosts = paths
        host.write(staged_conf, with_other_hook(conf, daemon.hosts_file, staged_hosts, daemon.conf), mode=0o600)
        host.write(staged_hosts, hosts_text, mode=0o600)
        family = ["-6"] if daemon.family == 6 else []
        argv = [DHCPD, *family, "-t", "-cf", staged_conf]
        what = f"{DHCPD} refuses the new configuration"
        try:
            host.run(argv, what=what, timeout=_TIMEOUT)
        except CommandError as error:
            said = complaint(error.stderr or error.stdout, tuple(paths.items()))
            raise CommandError(what, argv, error.rc, error.stdout, said, "Nothing was changed") from error
    finally:
        shutil.rmtree(folder)


def complaint(text: str, paths: Sequence[Tuple[str, str]]) -> str:
    """What dhcpd minds, without what it always says, with the files' real names."""
    kept: List[str] = []
    for line in text.splitlines():
        if line.startswith(_BUG_REPORT):
            break
        if not _BANNER.fullmatch(line):
            kept.append(line.rstrip())
    said = "\n".join(kept)
    for staged, real in paths:
        said = said.replace(staged, real)
    return said


def _check_conf_of_service(host: Host, daemon: Daemon) -> None:
    """BadInput when rc.conf gives the service another configuration than the one that we are to change."""
    variable = f"{variables_of(daemon)}_conf"
    values = read_values(host, [variable, *_chroot_variables(daemon)]).values
    told: Optional[str] = values[variable] or _DEFAULTS.get(daemon.service)
    if told and os.path.realpath(told) != os.path.realpath(daemon.conf):
        raise BadInput(f"conf: by rc.conf {daemon.service} reads {told} ({variable}), not {daemon.conf}")
    check_chroot(values, daemon)


def variables_of(daemon: Daemon) -> str:
    """What its variables in rc.conf begin with."""
    return daemon.service.rpartition("isc-")[2].replace("-", "_")


def check_service(host: Host, daemons: Sequence[Daemon]) -> None:
    """BadInput where rc.conf says of the services what keeps our file from them."""
    values = read_values(host, [name for daemon in daemons for name in _chroot_variables(daemon)]).values
    for daemon in daemons:
        check_chroot(values, daemon)


def check_chroot(values: Mapping[str, Optional[str]], daemon: Daemon) -> None:
    """BadInput for a chroot into which the rc script would not copy our file, so that dhcpd would not start (pure).

    Source: net/isc-dhcp44-server, files/isc-dhcpd.in, setup_chroot: the configuration, and what is below includedir.
    """
    enable, includes = _chroot_variables(daemon)
    if not is_yes(values[enable]):
        return
    folder, below = os.path.dirname(os.path.normpath(daemon.hosts_file)), os.path.normpath(values[includes] or "/")
    if below == "/" or os.path.commonpath([folder, below]) != below:
        raise BadInput(
            f"hosts_file: by rc.conf {daemon.service} runs in a chroot ({enable}), into which {daemon.hosts_file} is "
            f'only copied with {includes}="{folder}"; say so in rc.conf'
        )


def _chroot_variables(daemon: Daemon) -> Tuple[str, str]:
    return f"{variables_of(daemon)}_chroot_enable", f"{variables_of(daemon)}_includedir"


def _read_included(host: Host, daemon: Daemon, found: Found) -> None:
    """What the other files say that the configuration includes, each once."""
    seen = {daemon.conf}
    waiting = list(found.includes)
    while waiting:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        text = host.read(path)
        if text is None:
            raise UnknownState(f"{daemon.conf} includes {path}, which does not exist; mend that first")
        more = interpret(parse(text, path), path)
        if any(os.path.normpath(one) == os.path.normpath(daemon.hosts_file) for one in more.includes):
            raise BadInput(
                f"hosts_file: {path} includes {daemon.hosts_file}; it has its place in {daemon.conf} itself, so take "
                "that line out"
            )
        found.subnets += more.subnets
        found.hosts += more.hosts
        waiting += more.includes
