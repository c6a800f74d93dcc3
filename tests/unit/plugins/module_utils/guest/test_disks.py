# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose disks are whose: what is mounted, in a pool, or open in another process is not given to a guest."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks import check_disks
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import OpenFile, Process
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.mounts import Mount, PoolMember
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Dataset

Make = Callable[..., Dict[str, Any]]


class Files(Host):
    """A host whose files are those of a directory, device nodes being what the test says."""

    def __init__(self, directory: Path, devices: Optional[List[str]] = None) -> None:
        super().__init__()
        self.directory = directory
        self.devices = devices or []
        self.layouts: Optional[List[str]] = None

    def listdir(self, path: str) -> Optional[List[str]]:
        return self.layouts

    def stat(self, path: str) -> Optional[os.stat_result]:
        if path in self.devices:
            return os.stat(("/dev/null", "/dev/zero", "/dev/full")[self.devices.index(path)])
        return super().stat(f"{self.directory}{path}")


@pytest.fixture
def host(tmp_path: Path) -> Files:
    for name in ("fw/CODE.fd", "fw/VARS.fd", "iso/install.iso", "vm/disk.img"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"data")
    (tmp_path / "vm/empty.img").write_bytes(b"")
    return Files(tmp_path, ["/dev/ada1", "/dev/da0"])


@pytest.fixture
def watched(fleet: Any) -> Any:
    """A host of which we know who uses which disk."""
    fleet.observed = replace(
        fleet.observed,
        open_files=[],
        mounts=[Mount("/dev/ada1p2", "/", "ufs", "rw"), Mount("/dev/md0", "/vm", "ufs", "rw")],
        pool_members=[PoolMember("tank", "/dev/da0")],
    )
    return fleet


def check(host: Host, fleet: Any, *requests: Dict[str, Any]) -> None:
    check_disks(host, fleet.desired(*requests), fleet.observed)


@pytest.mark.parametrize(
    "path, message",
    [
        ("/vm/nothing", "does not exist"),
        ("/vm", "is a directory; bhyve would take it for a disk"),
        ("/vm/empty.img", "is empty"),
        ("/dev/ada1", "is mounted on this host (/dev/ada1p2 on /)"),
        ("/dev/da0", "is part of the ZFS pool tank"),
    ],
)
def test_a_path_that_is_no_disk_to_give(host: Files, watched: Any, request_of: Make, path: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        check(host, watched, request_of(memory="1G", disks=[{"name": "d", "path": path}]))
    assert message in str(caught.value)


def test_a_missing_iso_says_so(host: Files, watched: Any, request_of: Make) -> None:
    cd = {"name": "cd", "controller": "ahci-cd", "path": "/iso/no.iso"}
    with pytest.raises(BadInput, match="the ISO image /iso/no.iso does not exist"):
        check(host, watched, request_of(memory="1G", disks=[cd]))


def test_an_iso_that_went_after_the_installation_disturbs_nobody(host: Files, watched: Any, request_of: Make) -> None:
    watched.make(memory="1G", disks=[{"name": "cd", "controller": "ahci-cd", "path": "/iso/no.iso"}])
    check(host, watched, request_of(memory="2G"), request_of(name="gone", state="absent"))


def test_a_disk_in_use_by_another_guest(host: Files, watched: Any, request_of: Make) -> None:
    watched.make(name="db1", memory="1G", disks=[{"name": "d", "path": "/vm/disk.img"}], running=True)
    seen = watched.observed.guests["db1"]
    inode = os.stat(host.directory / "vm/disk.img").st_ino
    opened = OpenFile(seen.pid, "bhyve", "", "rw", "/vm", inode)
    elsewhere = replace(opened, mount="/other")
    request = request_of(memory="1G", disks=[{"name": "d", "path": "/vm/disk.img"}])
    watched.observed = replace(watched.observed, open_files=[elsewhere])
    check(host, watched, request)
    watched.observed = replace(watched.observed, open_files=[opened])
    with pytest.raises(BadInput, match=r"is in use by guest db1 \(pid 4000\)"):
        check(host, watched, request)
    # Its own bhyve is nobody else.
    check(host, watched, request_of(name="db1", state="restarted"))


def test_an_iso_may_be_shared(host: Files, watched: Any, request_of: Make) -> None:
    inode = os.stat(host.directory / "iso/install.iso").st_ino
    watched.observed = replace(watched.observed, open_files=[OpenFile(9, "bhyve", "", "r", "/", inode)])
    cd = {"name": "cd", "controller": "ahci-cd", "path": "/iso/install.iso"}
    check(host, watched, request_of(memory="1G", disks=[cd]), request_of(name="b", memory="1G", disks=[cd]))


def test_a_stranger_is_named(host: Files, watched: Any, request_of: Make) -> None:
    host.devices.append("/dev/zvol/tank/vol")
    watched.observed = replace(
        watched.observed,
        open_files=[OpenFile(99, "bhyve", "/dev/zvol/tank/vol", "rw", "/dev", 5)],
        processes=[Process(99, "x", "bhyve: foreign (bhyve)")],
    )
    with pytest.raises(BadInput, match=r"in use by bhyve: foreign \(bhyve\) \(pid 99\)"):
        check(host, watched, request_of(memory="1G", disks=[{"name": "d", "path": "/dev/zvol/tank/vol"}]))


def test_two_guests_of_a_task_that_would_run_on_one_disk(host: Files, watched: Any, request_of: Make) -> None:
    disk = {"name": "d", "path": "/vm/disk.img"}
    both = [request_of(name=name, memory="1G", state="started", disks=[disk]) for name in ("a", "b")]
    with pytest.raises(BadInput, match="is a disk of guest a in this task as well"):
        check(host, watched, *both)


def test_missing_firmware_says_where_it_comes_from(host: Files, watched: Any, request_of: Make) -> None:
    (host.directory / "fw/VARS.fd").unlink()
    with pytest.raises(BadInput, match="edk2-bhyve"):
        check(host, watched, request_of(memory="1G"))
    check(host, watched, request_of(memory="1G", firmware="bhyveload", loader={"host_path": "/vm"}))


def test_what_is_loaded_from_has_to_be_there(host: Files, watched: Any, request_of: Make) -> None:
    for loader, message in (
        ({"host_path": "/nowhere"}, "loader.host_path: /nowhere does not exist on this host"),
        ({"host_path": "/vm/disk.img"}, "loader.host_path: /vm/disk.img is no directory"),
        ({"host_path": "/vm", "program": "/vm"}, "loader.program: /vm is no file"),
    ):
        with pytest.raises(BadInput, match=message):
            check(host, watched, request_of(memory="1G", firmware="bhyveload", loader=loader))


def test_a_keyboard_layout_that_the_host_lacks(host: Files, watched: Any, request_of: Make) -> None:
    request = request_of(memory="1G", vnc={"keyboard": "klingon"})
    check(host, watched, request)
    host.layouts = ["de", "default"]
    with pytest.raises(BadInput, match="vnc.keyboard: this host has no layout 'klingon'; it has de, default"):
        check(host, watched, request)


def test_clones_are_never_destroyed_with_their_origin(host: Files, watched: Any, request_of: Make) -> None:
    watched.make(memory="1G", disks=[{"name": "root", "size": "1G"}])
    props = {"type": ("volume", "-"), "origin": ("zroot/apiary/web1/root@gold", "-"), "volsize": ("1", "-")}
    clone = Dataset("zroot/apiary/web2/root", "volume", props)
    watched.observed = replace(watched.observed, datasets={**watched.observed.datasets, clone.name: clone})
    for request in (
        request_of(state="absent", destroy=True),
        request_of(disks=[{"name": "root", "state": "absent", "destroy": True}]),
    ):
        with pytest.raises(BadInput, match="clones of it: zroot/apiary/web2/root"):
            check(host, watched, request)
