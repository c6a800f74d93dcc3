# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the host: everything the planner needs, with a constant number of commands."""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from typing import Any, Dict, Optional, Sequence, Set

from ansible_collections.apiary.bhyve.plugins.module_utils import allocations
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.state import RESUME, RESUMING
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.hostconf import (
    HostConf,
    not_prepared,
    read_capabilities,
    read_conf,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import FORMER, GUEST_NAME
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import (
    Alive,
    Generation,
    HostDevices,
    Observed,
    ObservedGuest,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.pxe.read import read_chainload
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.reservations.state import read_dhcp
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.wired import SYSCTLS, parse_wired
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.network.interfaces import read_interfaces
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.devices import read_devices
from ansible_collections.apiary.bhyve.plugins.module_utils.passthru.loader import read_loader
from ansible_collections.apiary.bhyve.plugins.module_utils.places import ALLOCATIONS, RUN
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import (
    read_listeners,
    read_open_files,
    read_processes,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.labels import read_labels
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.mounts import (
    read_mounts,
    read_pool_members,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Dataset, read_datasets
from ansible_collections.apiary.bhyve.plugins.module_utils.system.sysctl import read_sysctls

_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def observe(host: Host) -> Observed:
    """Read the host. BadInput if it is not prepared, UnknownState or CommandError if something cannot be read."""
    conf = read_conf(host)
    capabilities = read_capabilities(host)
    hostuuid = _hostuuid(host)
    datasets = _datasets(host, conf)
    processes = read_processes(host)
    root = conf.layout.root
    names = host.listdir(root)
    if names is None:
        raise not_prepared(f"the directory {root} is missing")
    # A file that somebody put there, such as an ISO image, is no guest.
    names = [name for name in names if not _is_file(host, f"{root}/{name}")]
    nodes = set(host.listdir("/dev/vmm") or ())
    alive = Alive(processes)
    ran = set(host.listdir(RUN) or ())
    # Also those whose directory is gone and whose runtime state or allocations are left, so that these can go as well.
    ran = {name for name in ran if GUEST_NAME.fullmatch(name) and _is_directory(host, f"{RUN}/{name}")}
    rollbacks = _rollbacks(host, conf)
    checkpoints = [name for name in host.listdir(conf.layout.all_checkpoints) or () if GUEST_NAME.fullmatch(name)]
    guests = {
        name: replace(
            _guest(host, conf, name, alive, name in rollbacks),
            node=name in nodes,
            ran=name in ran,
            rollback=rollbacks.get(name, ""),
            **(_checkpoints(host, conf, name) if name in checkpoints else {}),
        )
        for name in sorted({*names, *ran, *rollbacks, *checkpoints})
        if GUEST_NAME.fullmatch(name)
    }
    guests.update(_unmounted(conf, datasets, guests))
    return Observed(
        conf=conf,
        capabilities=capabilities,
        hostuuid=hostuuid,
        guests=guests,
        datasets=datasets,
        interfaces=read_interfaces(host),
        processes=processes,
        chainload=read_chainload(host),
        allocations=allocations.load(host.read(ALLOCATIONS), ALLOCATIONS),
        free_bytes=datasets[conf.layout.dataset].size("available") if datasets else 0,
        dhcp=read_dhcp(host),
    )


def observe_more(host: Host, observed: Observed, needs: Set[str]) -> Observed:
    """Read what this plan needs beyond the usual.

    "listeners" (VNC ports), "disks" (who uses them), "labels" (other names of disks), "wired" (memory that may still
    be wired), "pci" (the host's devices, and which are reserved for guests).
    """
    if "listeners" in needs:
        observed = replace(observed, listeners=read_listeners(host))
    if "wired" in needs:
        observed = replace(observed, wired=parse_wired(read_sysctls(host, SYSCTLS)))
    if "pci" in needs:
        reserved = frozenset(read_loader(host).places)
        observed = replace(observed, host_devices=HostDevices(read_devices(host), reserved))
    if "disks" in needs and observed.open_files is None:
        members = read_pool_members(host) if observed.with_zfs else []
        observed = replace(observed, open_files=read_open_files(host), mounts=read_mounts(host), pool_members=members)
    if "labels" in needs:
        observed = replace(observed, labels=read_labels(host))
    return observed


def _hostuuid(host: Host) -> str:
    """What records are marked with as this host's: anything else would make its guests another's."""
    argv = ["sysctl", "-n", "kern.hostuuid"]
    text = host.run(argv, what="cannot read this host's UUID").stdout.strip()
    if not _UUID.fullmatch(text):
        raise UnknownState(f"`{' '.join(argv)}` printed no UUID but {text!r}")
    return text


def _datasets(host: Host, conf: HostConf) -> Dict[str, Dataset]:
    name = conf.layout.dataset
    if not name:
        return {}
    datasets = read_datasets(host, name)
    if name not in datasets:
        raise not_prepared(f"the dataset {name} does not exist")
    root = datasets[name]
    if not root.mounted:
        raise UnknownState(
            f"the dataset {name} is not mounted, so its guests cannot be seen; "
            f"mount it (zfs mount {name}) and try again"
        )
    if root.value("mountpoint") != conf.layout.root:
        raise UnknownState(
            f"the dataset {name} is mounted on {root.value('mountpoint')}, not on {conf.layout.root}; "
            "run the role apiary.bhyve.bhyve_host again"
        )
    return datasets


def _rollbacks(host: Host, conf: HostConf) -> Dict[str, str]:
    """The unfinished rollbacks by guest: the snapshot is the first line of the file."""
    names = [name for name in host.listdir(conf.layout.rollbacks) or () if GUEST_NAME.fullmatch(name)]
    return {name: ((host.read(conf.layout.rollback(name)) or "").splitlines() or ["?"])[0] for name in names}


def _checkpoints(host: Host, conf: HostConf, guest: str) -> Dict[str, Any]:
    """What a guest has of checkpoints, for those who only have to know that."""
    directory = conf.layout.checkpoints(guest)
    entries = host.listdir(directory) or []
    suspended = host.readlink(f"{directory}/{RESUME}") if RESUME in entries else None
    return {
        "checkpoints": tuple(name for name in entries if name not in (RESUME, RESUMING)),
        "keeps_checkpoints": True,
        "suspended": suspended or "",
    }


def _unmounted(
    conf: HostConf, datasets: Dict[str, Dataset], seen: Dict[str, ObservedGuest]
) -> Dict[str, ObservedGuest]:
    """Guests whose dataset is not mounted: their directory is missing or empty, and says nothing."""
    result: Dict[str, ObservedGuest] = {}
    prefix = f"{conf.layout.dataset}/"
    for dataset in datasets.values():
        name = dataset.name[len(prefix) :]
        if dataset.is_volume or not GUEST_NAME.fullmatch(name) or dataset.mounted:
            continue
        error = UnknownState(
            f"the dataset {dataset.name} is not mounted, so the guest {name} cannot be seen; "
            f"mount it (zfs mount {dataset.name}) and try again"
        )
        result[name] = replace(seen.get(name, ObservedGuest(name)), record=None, error=error)
    return result


def _guest(host: Host, conf: HostConf, name: str, alive: Alive, rolled_back: bool) -> ObservedGuest:
    directory = conf.layout.directory(name)
    listing = host.listdir(directory)
    entries = tuple(listing or ())
    path = conf.layout.record(name)
    error: Optional[ApiaryError] = None
    found: Optional[Record] = None
    text = host.read(path)
    if text is not None:
        try:
            found = record.load(text, path, name, rolled_back)
        except UnknownState as trouble:
            error = trouble
    bhyve = alive.bhyve(name)
    link = host.readlink(conf.layout.boot(name))
    run = f"{RUN}/{name}"
    generation = (host.read(f"{run}/generation") or "").strip()
    boot = _generation(host, directory, link) if link else None
    running: Optional[Generation] = None
    if bhyve is not None and generation:
        running = boot if boot and boot.name == generation else _generation(host, directory, generation)
    return ObservedGuest(
        name=name,
        exists=listing is not None,
        entries=entries,
        record=found,
        former=host.read(conf.layout.former(name)) if text is None and FORMER in entries else None,
        boot=boot,
        running=running,
        generation=generation,
        pid=bhyve.pid if bhyve else None,
        started=bhyve.started if bhyve else "",
        supervised=_supervised(host, alive, name),
        # The runtime's file `stop` is there while a stop is asked for (docs/runtime.md, Files).
        stop_asked=host.stat(f"{run}/stop") is not None,
        status=parse_status(host.read(f"{run}/status") or ""),
        file_sizes=_file_sizes(host, directory, entries),
        # ZFS shows them there, in no listing, and without a command.
        snapshots=bool(host.listdir(f"{directory}/.zfs/snapshot")),
        error=error,
    )


def _supervised(host: Host, alive: Alive, name: str) -> bool:
    notes = (host.read(f"{RUN}/{name}/{who}") for who in ("supervisor", "loader"))
    return any(alive.noted(note, name) for note in notes)


def _is_file(host: Host, path: str) -> bool:
    status = host.lstat(path)
    return status is not None and stat.S_ISREG(status.st_mode)


def _is_directory(host: Host, path: str) -> bool:
    status = host.lstat(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def _generation(host: Host, directory: str, name: str) -> Generation:
    base = f"{directory}/{name}"
    return Generation(name, host.read(f"{base}/bhyve.conf"), host.read(f"{base}/guest.rc"))


def _file_sizes(host: Host, directory: str, entries: Sequence[str]) -> Dict[str, int]:
    sizes: Dict[str, int] = {}
    for entry in entries:
        if entry.endswith(".img"):
            status = host.stat(f"{directory}/{entry}")
            if status is not None:
                sizes[entry[: -len(".img")]] = status.st_size
    return sizes


def parse_status(text: str) -> Dict[str, str]:
    """The key=value lines of the runtime's status file."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {key: value for key, equals, value in pairs if equals}
