# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the disks of a task may be used: they exist, and nobody else has them.

bhyve does not look: it opens a disk that is mounted or in a pool read-only without a word, takes a directory for a
disk, and shares a disk with another bhyve (neither it nor ZFS refuses).
"""

from __future__ import annotations

import stat
from typing import Dict, List, Optional, Sequence

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.dependents import destroyed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.config import disk_path
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.properties import SetProperties, makes_read_only
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import PATH, Disk
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.validate import disks_to_check
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host, is_block_or_character_device
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Change
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import OpenFile
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.labels import unlabelled
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.mounts import Mount, is_part_of
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import volume_node

#: Where bhyve(8) finds keyboard layouts.
KEYBOARDS = "/usr/share/bhyve/kbdlayout"


def check_disks(
    host: Host,
    desired: Sequence[Desired],
    observed: Observed,
    stops: Sequence[str] = (),
    steps: Sequence[Change] = (),
) -> None:
    """Raise BadInput for a disk that is not there, not a disk, or somebody else's.

    ``stops`` are the guests that the task stops before it changes anything, ``steps`` what it then does.
    """
    claimed: Dict[str, str] = {}
    going = destroyed(desired, observed)
    for one in desired:
        if one.record is None:
            if one.destroy:
                dataset = observed.conf.layout.guest_dataset(one.name)
                going.check(f"guest {one.name}", dataset)
                for path in _data_of(one, observed):
                    _check_unused(host, one, path, f"guest {one.name}: ", observed, True)
            continue
        for disk in disks_to_check(one):
            _check_attached(host, one, disk, observed, claimed)
        for gone in one.removed:
            if gone.destroy:
                at = f"guest {one.name}: disk {gone.name}: "
                volume = observed.conf.layout.volume(one.name, gone.name)
                going.check(at.rstrip(": "), volume)
                for path in (volume_node(volume), observed.conf.layout.image(one.name, gone.name)):
                    _check_unused(host, one, path, at, observed, one.name in stops)
    for step in steps:
        if makes_read_only(step):
            _check_not_written(host, step, observed, stops)
    _check_firmware(host, desired, observed)
    for one in desired:
        if one.record is not None and (one.will_start or one.old is None):
            _check_loader(host, one)
            _check_keyboard(host, one)


def _check_attached(host: Host, one: Desired, disk: Disk, observed: Observed, claimed: Dict[str, str]) -> None:
    if disk.is_empty:
        return
    at = f"guest {one.name}: disk {disk.name}: "
    path = disk_path(disk, one.guest, observed.conf.layout)
    if disk.is_scsi:
        _check_port(host, path, at)
    elif disk.backing == PATH:
        _check_kind(host, path, at, disk)
        _check_host_use(host, path, at, observed)
    _check_openers(host, one, disk, path, at, observed)
    _check_claim(claimed, one, disk, path, at)


def _data_of(one: Desired, observed: Observed) -> List[str]:
    """The nodes and files in which a guest's data is."""
    layout = observed.conf.layout
    prefix = f"{layout.guest_dataset(one.name)}/"
    nodes = [dataset.node for dataset in observed.datasets.values() if dataset.name.startswith(prefix)]
    return [*nodes, *(layout.image(one.name, name) for name in one.seen.file_sizes)]


def _check_unused(host: Host, one: Desired, path: str, at: str, observed: Observed, stopped: bool) -> None:
    """Refuse to destroy what somebody has open: ZFS lets it through after a rename, and a file always.

    ``stopped``: the task stops the guest first.
    """
    for opener in openers(host, path, observed):
        if stopped and opener.pid == one.seen.pid:
            continue
        raise BadInput(
            f"{at}{path} is in use by {_who(opener, observed)} (pid {opener.pid}) and is not destroyed under it; stop "
            "that first, or detach the disk and restart the guest"
        )


def _check_not_written(host: Host, step: Change, observed: Observed, stops: Sequence[str]) -> None:
    if not isinstance(step, SetProperties):
        return
    for opener in openers(host, volume_node(step.volume), observed):
        own = observed.guest(step.subject).pid == opener.pid
        if "w" in opener.mode and not (own and step.subject in stops):
            raise BadInput(
                f"guest {step.subject}: readonly=on on {step.volume}: {_who(opener, observed)} (pid {opener.pid}) "
                "writes to it and would fail; stop that first"
            )


def _check_port(host: Host, path: str, at: str) -> None:
    status = host.stat(path)
    if status is None or not stat.S_ISCHR(status.st_mode):
        raise BadInput(
            f"{at}path: there is no port {path} of the CAM target layer; make it first (ctladm port -c -d ioctl, or "
            "`port ioctl/1/0` in ctl.conf(5)), with the kernel module ctl loaded"
        )


def _check_firmware(host: Host, desired: Sequence[Desired], observed: Observed) -> None:
    """The firmware of guests that are made or started; the files of one guest are those of most others."""
    looked: Dict[str, bool] = {}
    for one in desired:
        if one.record is None or one.guest.firmware != "uefi" or not (one.will_start or one.old is None):
            continue
        files = (
            ("uefi.code", one.guest.uefi_code or observed.conf.firmware_code),
            ("uefi.vars", one.guest.uefi_vars or observed.conf.firmware_vars),
        )
        for option, path in files:
            if path not in looked:
                status = host.stat(path)
                looked[path] = status is not None and stat.S_ISREG(status.st_mode) and status.st_size > 0
            if not looked[path]:
                raise BadInput(
                    f"guest {one.name}: {option}: the firmware file {path} is missing or empty; "
                    "install the package edk2-bhyve (role apiary.bhyve.bhyve_host) or name another file"
                )


def _check_loader(host: Host, one: Desired) -> None:
    """What bhyveload(8) takes from the host."""
    if one.guest.firmware != "bhyveload":
        return
    loader = one.guest.loader
    for option, path, is_kind, kind in (
        ("host_path", loader.host_path, stat.S_ISDIR, "directory"),
        ("program", loader.program, stat.S_ISREG, "file"),
    ):
        status = host.stat(path) if path else None
        if path and (status is None or not is_kind(status.st_mode)):
            problem = "does not exist on this host" if status is None else f"is no {kind}"
            raise BadInput(f"guest {one.name}: loader.{option}: {path} {problem}; name a {kind} for bhyveload")


def _check_keyboard(host: Host, one: Desired) -> None:
    layout = one.guest.vnc.keyboard if one.guest.vnc is not None else ""
    known = host.listdir(KEYBOARDS) if layout else None
    if known and layout not in known:
        raise BadInput(
            f"guest {one.name}: vnc.keyboard: this host has no layout {layout!r}; it has {', '.join(sorted(known))}"
        )


def _check_kind(host: Host, path: str, at: str, disk: Disk) -> None:
    status = host.stat(path)
    if status is None:
        what = "the ISO image" if disk.is_cd else "the disk"
        raise BadInput(f"{at}path: {what} {path} does not exist")
    if stat.S_ISDIR(status.st_mode):
        raise BadInput(f"{at}path: {path} is a directory; bhyve would take it for a disk")
    if is_block_or_character_device(status):
        return
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(f"{at}path: {path} is neither a file nor a device")
    if status.st_size == 0:
        raise BadInput(f"{at}path: {path} is empty")


def _check_host_use(host: Host, path: str, at: str, observed: Observed) -> None:
    labels = observed.labels or {}
    device = unlabelled(path, labels)
    for mount in observed.mounts or ():
        if is_part_of(unlabelled(mount.device, labels), device):
            raise BadInput(f"{at}path: {path} is mounted on this host ({mount.device} on {mount.point})")
    real = host.stat(path)
    for member in observed.pool_members or ():
        same = is_part_of(unlabelled(member.path, labels), device)
        if not same and real is not None:
            other = host.stat(member.path)
            same = other is not None and (other.st_dev, other.st_ino) == (real.st_dev, real.st_ino)
        if same:
            raise BadInput(f"{at}path: {path} is part of the ZFS pool {member.pool} on this host ({member.path})")


def _check_openers(host: Host, one: Desired, disk: Disk, path: str, at: str, observed: Observed) -> None:
    for opener in openers(host, path, observed):
        if one.seen.pid is not None and opener.pid == one.seen.pid:
            continue
        if disk.ro and "w" not in opener.mode:
            continue
        raise BadInput(
            f"{at}{path} is in use by {_who(opener, observed)} (pid {opener.pid}); two writers destroy its data, "
            "and nothing else refuses it"
        )


def openers(host: Host, path: str, observed: Observed) -> List[OpenFile]:
    """The processes that have a device or file open (fstat(1)). UnknownState when that was not read."""
    if observed.open_files is None or observed.mounts is None:
        raise UnknownState("who has which disk open was not read")
    named = [file for file in observed.open_files if file.name == path]
    status = host.stat(path)
    if named or status is None or is_block_or_character_device(status):
        return named
    # A regular file has no name in fstat's answer, but its file system and inode.
    point = _mount_point(path, observed.mounts)
    return [
        file for file in observed.open_files if not file.name and file.inode == status.st_ino and file.mount == point
    ]


def _mount_point(path: str, mounts: Sequence[Mount]) -> str:
    points = [mount.point for mount in mounts if path == mount.point or path.startswith(mount.point.rstrip("/") + "/")]
    return max(points, key=len, default="/")


def _who(opener: OpenFile, observed: Observed) -> str:
    for name, seen in observed.guests.items():
        if seen.pid == opener.pid:
            return f"guest {name}"
    title: Optional[str] = next((one.command for one in observed.processes if one.pid == opener.pid), None)
    return title or opener.command


def _check_claim(claimed: Dict[str, str], one: Desired, disk: Disk, path: str, at: str) -> None:
    """Two guests of one task that would both write one disk while they run."""
    if disk.ro or not (one.will_start or one.seen.active):
        return
    other = claimed.get(path)
    if other is not None and other != one.name:
        raise BadInput(f"{at}{path} is a disk of guest {other} in this task as well; only one of them can run with it")
    claimed[path] = one.name
