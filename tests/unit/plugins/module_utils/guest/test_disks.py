# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose disks are whose: what is mounted, in a pool, or open in another process is not given to a guest."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.changes import DestroyDataset
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.in_use import check_disks
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.disks.properties import SetProperties
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


def cloned(watched: Any, clone: str, origin: str) -> None:
    """Let the disk root of a guest be a clone of another's."""
    if clone not in watched.observed.guests:
        watched.make(name=clone, memory="1G", disks=[{"name": "root", "size": "1G"}])
    volume = watched.observed.datasets[f"zroot/apiary/{clone}/root"]
    props = {**volume.props, "origin": (f"zroot/apiary/{origin}/root@gold", "-")}
    datasets = {**watched.observed.datasets, volume.name: replace(volume, props=props)}
    watched.observed = replace(watched.observed, datasets=datasets)


GONE = {"state": "absent", "destroy": True}
ROOT_GONE = {"disks": [{"name": "root", **GONE}]}


@pytest.mark.parametrize("names", list(itertools.permutations(("web1", "web2", "web3"))))
@pytest.mark.parametrize("how", [GONE, ROOT_GONE])
def test_clones_go_before_what_they_were_cloned_from(
    host: Files, watched: Any, request_of: Make, names: Tuple[str, ...], how: Dict[str, Any]
) -> None:
    watched.make(memory="1G", disks=[{"name": "root", "size": "1G"}])
    cloned(watched, "web2", "web1")
    cloned(watched, "web3", "web2")
    requests = [request_of(name=name, **how) for name in names]
    check(host, watched, *requests)
    plan = watched.plan(*requests)
    assert [one.name for one in plan.guests] == list(names), "told in the order of the task"
    destroyed = [one.dataset for one in plan.plan().changes if isinstance(one, DestroyDataset)]
    assert [name.split("/")[2] for name in destroyed] == ["web3", "web2", "web1"]
    assert plan.plan().needs == {"web1": ("web2",), "web2": ("web3",)}


def test_a_clone_that_stays_is_named(host: Files, watched: Any, request_of: Make) -> None:
    watched.make(memory="1G", disks=[{"name": "root", "size": "1G"}])
    cloned(watched, "web2", "web1")
    cloned(watched, "web3", "web1")
    gone = [request_of(name=name, **GONE) for name in ("web1", "web2")]
    for requests in (gone, [*gone, request_of(name="web3", state="absent")], [gone[0], request_of(name="web3")]):
        with pytest.raises(BadInput, match="guest web1: .* these are clones of it: .*zroot/apiary/web3/root"):
            check(host, watched, *requests)


def test_clones_of_each_other_are_not_destroyed_together(watched: Any, request_of: Make) -> None:
    watched.make(memory="1G", disks=[{"name": "root", "size": "1G"}])
    cloned(watched, "web2", "web1")
    cloned(watched, "web1", "web2")
    with pytest.raises(BadInput, match="web1 and web2 cannot be destroyed together.*promote one"):
        watched.plan(*(request_of(name=name, **GONE) for name in ("web1", "web2")))


NODE = "/dev/zvol/zroot/apiary/web1/data"
DATA = {"name": "data", "size": "1G"}


def opened(fleet: Any, pid: int, mode: str = "rw") -> None:
    fleet.observed = replace(fleet.observed, open_files=[OpenFile(pid, "bhyve", NODE, mode, "/dev", 99)])


def test_a_disk_that_a_process_has_open_is_not_destroyed(host: Files, watched: Any, request_of: Make) -> None:
    watched.make(memory="1G", disks=[DATA], running=True)
    pid = watched.observed.guests["web1"].pid
    gone = request_of(disks=[{"name": "data", "state": "absent", "destroy": True}])
    check(host, watched, gone)
    for user in (pid, 77):
        opened(watched, user, "r")
        with pytest.raises(BadInput, match=f"is in use by .* \\(pid {user}\\) and is not destroyed under it"):
            check(host, watched, gone)
    # The task stops the guest first: then its own bhyve is no obstacle, another process is.
    opened(watched, pid)
    check_disks(host, watched.desired(gone), watched.observed, stops=["web1"])
    opened(watched, 77)
    with pytest.raises(BadInput, match="pid 77"):
        check_disks(host, watched.desired(gone), watched.observed, stops=["web1"])


def test_a_guest_is_not_destroyed_with_a_disk_that_another_one_has_open(
    host: Files, watched: Any, request_of: Make
) -> None:
    watched.make(memory="1G", disks=[DATA], running=True)
    gone = request_of(state="absent", destroy=True)
    opened(watched, watched.observed.guests["web1"].pid)
    check(host, watched, gone)
    opened(watched, 77)
    with pytest.raises(BadInput, match=r"web1/data is in use by bhyve \(pid 77\)"):
        check(host, watched, gone)
    check(host, watched, request_of(state="absent"))


def test_a_volume_is_not_made_read_only_under_a_guest_that_writes(host: Files, watched: Any) -> None:
    watched.make(memory="1G", disks=[DATA], running=True)
    step = SetProperties("web1", "zroot/apiary/web1/data", (("readonly", "on"),))
    pid = watched.observed.guests["web1"].pid
    opened(watched, pid, "r")
    check_disks(host, [], watched.observed, steps=[step])
    opened(watched, pid, "rw")
    with pytest.raises(BadInput, match="writes to it and would fail"):
        check_disks(host, [], watched.observed, steps=[step])
    check_disks(host, [], watched.observed, stops=["web1"], steps=[step])


def test_a_ctl_port_is_a_device_that_nobody_else_has(host: Files, watched: Any, request_of: Make) -> None:
    san = {"name": "san", "controller": "virtio-scsi", "path": "/dev/cam/ctl1.0"}
    with pytest.raises(BadInput, match="there is no port /dev/cam/ctl1.0 of the CAM target layer"):
        check(host, watched, request_of(memory="1G", disks=[san]))
    host.devices.append("/dev/cam/ctl1.0")
    check(host, watched, request_of(memory="1G", disks=[san]))
    port = OpenFile(77, "bhyve", "/dev/cam/ctl1.0", "rw", "/dev", 98)
    watched.observed = replace(watched.observed, open_files=[port])
    with pytest.raises(BadInput, match="two writers destroy its data"):
        check(host, watched, request_of(memory="1G", disks=[san]))


def test_an_empty_drive_needs_no_medium(host: Files, watched: Any, request_of: Make) -> None:
    check(host, watched, request_of(memory="1G", disks=[{"name": "cd", "controller": "ahci-cd", "path": ""}]))
