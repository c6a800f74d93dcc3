# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kea: reservations in a file that its configuration includes, taken by config-reload or host_cmds."""

from __future__ import annotations

import os
import shlex
from typing import Dict, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import Backend, Known, Update
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea import hosts
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea.conf import read_conf, with_other_file
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.kea.control import Control
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.places import RUN
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import Process, read_processes

_SBIN = "/usr/local/sbin"
_STAGED = f"{RUN}/.kea"
_OF_PACKAGE = tuple(
    Daemon(
        conf=f"/usr/local/etc/kea/kea-dhcp{family}.conf",
        hosts_file=f"/usr/local/etc/apiary/kea-dhcp{family}.reservations",
        service="kea",
        family=family,
    )
    for family in (4, 6)
)


class Kea(Backend):
    """ISC's Kea."""

    name = "kea"

    def daemons(self) -> Tuple[Daemon, ...]:
        return _OF_PACKAGE

    def check(self, one: Reservation, daemons: Sequence[Daemon], at: str) -> None:
        hosts.check(one, at)

    def read(self, host: Host, daemon: Daemon) -> Known:
        if host.stat(program(daemon)) is None:
            raise BadInput(
                f"backend: kea: {program(daemon)} does not exist; install the package kea, which the role "
                "apiary.bhyve.dhcp_server does"
            )
        text, hosts_text = host.read(daemon.conf), host.read(daemon.hosts_file)
        if text is None:
            if daemon.family == 4:
                raise BadInput(
                    f"conf: {daemon.conf} does not exist; write the server's configuration first, by the role "
                    "apiary.bhyve.dhcp_server or by hand"
                )
            return Known(daemon, "", hosts_text, hooked=False, running=False)
        files: Dict[str, str] = {}

        def load(path: str) -> Optional[str]:
            found = host.read(os.path.join("/", path))
            files.update({} if found is None else {path: found})
            return found

        conf = read_conf(text, daemon, load)
        return Known(
            daemon, text, hosts_text, conf.hooked, is_running(host, daemon), conf.subnets(), conf.hosts(), files=files
        )

    def take_over(self, known: Known) -> Tuple[Known, Tuple[Reservation, ...]]:
        raise BadInput("adopt: CBSD's hook writes hosts for isc, and for no other server")

    def hooked(self, conf: str, daemon: Daemon, files: Mapping[str, str]) -> str:
        return read_conf(conf, daemon, files.get).with_hook()

    def render(self, reservations: Sequence[Reservation], known: Known) -> str:
        return hosts.render(reservations, known.daemon.family)

    def validate(self, host: Host, update: Update) -> None:
        daemon = update.daemon
        if update.known.running:
            _control(host, update).commands()
        staged = f"{_STAGED}/kea-dhcp{daemon.family}"
        host.mkdir(_STAGED, 0o700, parents=True)
        try:
            host.write(f"{staged}.reservations", update.hosts_text, mode=0o600)
            text = with_other_file(update.conf, daemon, f"{staged}.reservations")
            host.write(f"{staged}.conf", text, mode=0o600)
            host.run(
                [program(daemon), "-t", f"{staged}.conf"],
                what=f"kea does not take {daemon.conf} with the reservations",
                hint="Nothing was changed.",
            )
        finally:
            host.rmtree(_STAGED)

    def activation(self, update: Update) -> str:
        return f"have kea-dhcp{update.daemon.family} take its reservations, without a restart"

    def activate(self, host: Host, update: Update) -> None:
        control = _control(host, update)
        if update.changes_conf or not control.amend(update.before, update.after, update.daemon.family):
            control.reload()


def program(daemon: Daemon) -> str:
    """The path of a daemon's program."""
    return f"{_SBIN}/kea-dhcp{daemon.family}"


def is_running(host: Host, daemon: Daemon) -> bool:
    """Whether it runs with its configuration."""
    return any(_is_of(daemon, process) for process in read_processes(host))


def _is_of(daemon: Daemon, process: Process) -> bool:
    """Whether it is the daemon, started with its configuration."""
    try:
        words = shlex.split(process.command)
    except ValueError:
        return False
    named = [after for word, after in zip(words, words[1:]) if word == "-c"]
    return bool(words) and words[0] in (program(daemon), os.path.basename(program(daemon))) and named == [daemon.conf]


def _control(host: Host, update: Update) -> Control:
    """Its control socket: that of the task, or of the configuration with which it runs."""
    daemon = update.daemon
    path = daemon.socket or read_conf(update.known.conf, daemon, update.known.files.get).socket
    if not path:
        raise BadInput(
            f"socket: kea runs, and {daemon.conf} has no 'control-socket' of type unix by which it could be told; add "
            f"one ('socket-name': '/var/run/kea/kea{daemon.family}-ctrl-socket') and restart kea once"
        )
    return Control(host, path, f"kea-dhcp{daemon.family}")
