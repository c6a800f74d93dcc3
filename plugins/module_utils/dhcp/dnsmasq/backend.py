# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""dnsmasq: reservations in files that it reads again at SIGHUP."""

from __future__ import annotations

import ipaddress
import os
import shlex
import stat
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.backend import Backend, Known, KnownHost, Update
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.dnsmasq import conf as configuration
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.dnsmasq import hosts
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.dnsmasq.text import (
    Load,
    Option,
    own_options,
    read_options,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.note import Daemon
from ansible_collections.apiary.bhyve.plugins.module_utils.dhcp.reservation import Reservation
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import read_interfaces
from ansible_collections.apiary.bhyve.plugins.module_utils.places import RUN
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import read_processes
from ansible_collections.apiary.bhyve.plugins.module_utils.system.rc import read_values

PROGRAM = "/usr/local/sbin/dnsmasq"
_PID_FILE = "/var/run/dnsmasq.pid"
_CONF_VARIABLE = "dnsmasq_conf"
_FLAGS_VARIABLE = "dnsmasq_flags"
_CONFIGURATIONS = ("-C", "--conf-file", "-7", "--conf-dir", "--conf-script")
_ETHERS = "/etc/ethers"
_STAGED = f"{RUN}/.dnsmasq"
_OF_PACKAGE = Daemon(
    conf="/usr/local/etc/dnsmasq.conf",
    hosts_file="/usr/local/etc/apiary/dnsmasq.hosts",
    service="dnsmasq",
    family=0,
)


class Dnsmasq(Backend):
    """Simon Kelley's dnsmasq."""

    name = "dnsmasq"

    def daemons(self) -> Tuple[Daemon, ...]:
        return (_OF_PACKAGE,)

    def check(self, one: Reservation, daemons: Sequence[Daemon], at: str) -> None:
        hosts.check(one, at)

    def read(self, host: Host, daemon: Daemon) -> Known:
        if host.stat(PROGRAM) is None:
            raise BadInput(
                f"backend: dnsmasq: {PROGRAM} does not exist; install the package dnsmasq, which the role "
                "apiary.bhyve.dhcp_server does"
            )
        text = host.read(daemon.conf)
        if text is None:
            raise BadInput(
                f"conf: {daemon.conf} does not exist; write the server's configuration first, by the role "
                "apiary.bhyve.dhcp_server or by hand"
            )
        _check_conf_of_service(host, daemon)
        files: Dict[str, str] = {}

        def load(path: str) -> Optional[str]:
            found = host.read(path)
            files.update({} if found is None else {path: found})
            return "" if found is None and path == configuration.tags_file(daemon) else found

        options = read_options(text, daemon.conf, load, host.listdir)
        own = [ipaddress.ip_interface(one) for card in read_interfaces(host).values() for one in card.addresses]
        for path in (configuration.options_file(daemon), configuration.names_file(daemon)):
            load(path)
        return Known(
            daemon,
            text,
            host.read(daemon.hosts_file),
            configuration.is_hooked(options, daemon),
            running=is_running(host, daemon),
            subnets=configuration.subnets(options, own),
            hosts=tuple(_hosts(host, options, daemon, load)),
            files=files,
        )

    def take_over(self, known: Known) -> Tuple[Known, Tuple[Reservation, ...]]:
        raise BadInput("adopt: CBSD's hook writes hosts for isc, and for no other server")

    def hooked(self, conf: str, daemon: Daemon, files: Mapping[str, str]) -> str:
        texts = [(daemon.conf, conf), *files.items()]
        options = [one for path, text in texts if path != daemon.hosts_file for one in own_options(text, path)]
        return conf if configuration.is_hooked(options, daemon) else configuration.with_hook(conf, daemon)

    def render(self, reservations: Sequence[Reservation], known: Known) -> str:
        _check_boot(reservations, known)
        return hosts.render_hosts(reservations)

    def render_beside(self, reservations: Sequence[Reservation], known: Known) -> Dict[str, str]:
        return {
            configuration.options_file(known.daemon): hosts.render_options(reservations),
            configuration.tags_file(known.daemon): hosts.render_tags(reservations),
            configuration.names_file(known.daemon): hosts.render_names(reservations),
        }

    def beside(self, daemon: Daemon) -> Tuple[str, ...]:
        return configuration.options_file(daemon), configuration.tags_file(daemon), configuration.names_file(daemon)

    def validate(self, host: Host, update: Update) -> None:
        """With the lines of our files in the configuration: the files themselves it does not look into then."""
        daemon = update.daemon
        ours = hosts.as_configuration(update.hosts_text, update.beside[configuration.options_file(daemon)])
        host.mkdir(_STAGED, 0o700, parents=True)
        staged, tags = f"{_STAGED}/dnsmasq.conf", f"{_STAGED}/dnsmasq.tags"
        try:
            host.write(tags, update.beside[configuration.tags_file(daemon)], mode=0o600)
            host.write(staged, f"{configuration.with_other_tags(update.conf, daemon, tags)}\n{ours}", mode=0o600)
            host.run(
                [PROGRAM, "--test", "-C", staged],
                what=f"dnsmasq does not take {daemon.conf} with the reservations",
                hint="Nothing was changed.",
            )
        finally:
            host.rmtree(_STAGED)

    def activation(self, update: Update) -> str:
        if _needs_restart(update):
            return f"restart {update.daemon.service}, which reads only then its configuration and who has options"
        return f"have {update.daemon.service} read its reservations, without a restart"

    def activate(self, host: Host, update: Update) -> None:
        service = update.daemon.service
        pid = None if _needs_restart(update) else _pid(host, update.daemon)
        if pid is None:
            restart(host, update.daemon)
        else:
            host.run(["kill", "-HUP", str(pid)], what=f"cannot have {service} read its reservations")


def restart(host: Host, daemon: Daemon) -> None:
    """Have it run with its files as they are now, also if it did not. CommandError, ApiaryError."""
    host.run(["service", daemon.service, "onerestart"], what=f"cannot restart {daemon.service}")
    if not is_running(host, daemon):
        raise ApiaryError(f"{daemon.service} does not run after its restart; look at what it says in /var/log/messages")


def is_running(host: Host, daemon: Daemon) -> bool:
    """Whether it runs with its configuration."""
    return _pid(host, daemon) is not None


def _needs_restart(update: Update) -> bool:
    """Whether what it reads at its start has become more (a tag in vain is in nobody's way), or SIGHUP may end it."""
    path = configuration.tags_file(update.daemon)
    had = set(update.known.files.get(path, "").splitlines())
    texts = {**update.known.files, update.daemon.conf: update.known.conf}
    return (
        update.changes_conf
        or not had.issuperset(update.beside[path].splitlines())
        or configuration.ends_at_reload(texts, update.daemon)
    )


def _check_conf_of_service(host: Host, daemon: Daemon) -> None:
    """BadInput when rc.conf gives the service another configuration than the one that we are to change."""
    values = read_values(host, [_CONF_VARIABLE, _FLAGS_VARIABLE]).values
    check_flags_text(values[_FLAGS_VARIABLE])
    told = values[_CONF_VARIABLE] or _OF_PACKAGE.conf
    if os.path.realpath(told) != os.path.realpath(daemon.conf):
        raise BadInput(f"conf: rc.conf says that dnsmasq reads {told} ({_CONF_VARIABLE}), not {daemon.conf}")


def check_flags(host: Host) -> None:
    """BadInput where rc.conf has dnsmasq read more than its configuration."""
    check_flags_text(read_values(host, [_FLAGS_VARIABLE]).values[_FLAGS_VARIABLE])


def check_flags_text(flags: Optional[str]) -> None:
    """BadInput for flags that name a configuration: what is in that nobody knows here (pure)."""
    for word in (flags or "").split():
        if word.startswith(_CONFIGURATIONS):
            raise BadInput(
                f"conf: {_FLAGS_VARIABLE} of rc.conf names another configuration ({word}); say it by {_CONF_VARIABLE}, "
                "or by conf-file in the configuration"
            )


def _pid(host: Host, daemon: Daemon) -> Optional[int]:
    """The pid in the file of the rc script, if that is dnsmasq with this configuration."""
    text = (host.read(_PID_FILE) or "").strip()
    if not text.isdigit():
        return None
    running = [one.command for one in read_processes(host) if one.pid == int(text)]
    return int(text) if running and _is_of(daemon, running[0]) else None


def _is_of(daemon: Daemon, command: str) -> bool:
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    named = [after for word, after in zip(words, words[1:]) if word == "-C"]
    return words[:1] in ([PROGRAM], [os.path.basename(PROGRAM)]) and daemon.conf in named


def _hosts(host: Host, options: Sequence[Option], daemon: Daemon, load: Load) -> List[KnownHost]:
    """The entries of others: in the configuration, in files of theirs, and in ethers(5) if that is read."""
    entries = [option for option in options if option.name in ("dhcp-host", "G")]
    for option in options:
        if option.name == "dhcp-hostsfile" and option.value.strip('"') != daemon.hosts_file:
            for path in _files(host, option.value.strip('"')):
                entries += _lines(load(path) or "", path)
    found = [configuration.host_of(option) for option in entries]
    if any(option.name in ("read-ethers", "Z") for option in options):
        found += [configuration.host_of(option) for option in _ethers(host)]
    return [one for one in found if one is not None]


def _files(host: Host, path: str) -> List[str]:
    status = host.stat(path)
    if status is None or not stat.S_ISDIR(status.st_mode):
        return [path]
    return [os.path.join(path, name) for name in host.listdir(path) or ()]


def _lines(text: str, path: str) -> List[Option]:
    """The lines of a file of hosts, each as if it were the value of dhcp-host."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return list(own_options("\n".join(f"dhcp-host={line}" for line in lines), path))


def _ethers(host: Host) -> List[Option]:
    """ethers(5): a MAC address, and a name or an address."""
    lines = [line.partition("#")[0].split() for line in (host.read(_ETHERS) or "").splitlines()]
    return [Option("dhcp-host", ",".join(words[:2]), _ETHERS, 0) for words in lines if len(words) >= 2]


def _check_boot(reservations: Sequence[Reservation], known: Known) -> None:
    """BadInput where a dhcp-boot for everybody goes before what a reservation says."""
    texts = [(known.daemon.conf, known.conf), *known.files.items()]
    boot = configuration.boots_all(one for path, text in texts for one in own_options(text, path))
    for one in reservations:
        for key in ("filename", "next_server", "server_name"):
            if boot is not None and getattr(one, key):
                raise BadInput(
                    f"reservation {one.name}: {key}: {boot.source} has dhcp-boot={boot.value} for everybody, which "
                    "goes before it; give that a tag, such as dhcp-boot=tag:!known,…"
                )
