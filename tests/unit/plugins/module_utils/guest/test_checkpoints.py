# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What checkpoint makes, refuses and removes, without a host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import config
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints import files, fit, manifest, support
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.known import Known, Live
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.manifest import File, Machine, Manifest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.options import (
    Wanted,
    module_options,
    wanted_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.plan import Element, Planner
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.state import Checkpoint, GuestCheckpoints
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.steps import SnapshotDisks
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import Storage
from ansible_collections.apiary.bhyve.plugins.module_utils.system.checkpoints import Checkpoints

from .conftest import GIB, Fleet
from .test_snapshots import WEB1, points, storage_of

MACHINE = Machine("FreeBSD 15.0-RELEASE one", "a" * 64, "Some CPU")
FILES = {name: File(size, str(size) * 8) for name, size in zip(manifest.FILES, (GIB, 84550, 2261))}
DEVICES = ("hostbridge", "lpc", "virtio-blk")
TOP = "/apiary/.checkpoints/web1"
ROOT = {"name": "root", "size": "20G", "controller": "virtio-blk"}


def params(**given: Any) -> Dict[str, Any]:
    """Options as AnsibleModule hands them over."""
    return {**dict.fromkeys(module_options()), **given}


@pytest.fixture
def web1(fleet: Fleet) -> Fleet:
    """A guest that runs, with a disk on a volume."""
    return running(fleet)


def running(fleet: Fleet, active: bool = True, **more: Any) -> Fleet:
    fleet.make(running=active, **{"memory": "1G", "disks": [ROOT], "rng": False, **more})
    capabilities = replace(fleet.observed.capabilities, checkpoints=Checkpoints((), DEVICES))
    fleet.observed = replace(fleet.observed, capabilities=capabilities)
    return fleet


def conf_of(fleet: Fleet) -> config.Keys:
    boot = fleet.observed.guest("web1").boot
    assert boot is not None and boot.conf is not None
    return config.parse(boot.conf)


def there(fleet: Fleet, name: str, created: int = 1, snapshot: bool = True, **more: Any) -> Checkpoint:
    """A checkpoint of web1 as it is."""
    noted = Manifest(
        guest="web1",
        uuid="u",
        name=name,
        kind=more.pop("kind", "checkpoint"),
        created=created,
        generation="boot.1",
        memory=GIB,
        cpus=1,
        machine=more.pop("machine", MACHINE),
        files=FILES,
        snapshot=f"checkpoint-{name}" if snapshot else "",
    )
    return Checkpoint(name, f"{TOP}/{name}", noted, conf=more.pop("conf", conf_of(fleet)), **more)


def known(fleet: Fleet, *checkpoints: Checkpoint, storage: Optional[Storage] = None, **more: Any) -> Known:
    """The host with these checkpoints and their snapshots."""
    live = more.pop("live", Live("", noted=True, socket=True))
    free = more.pop("free", 100 * GIB)
    mine = GuestCheckpoints("web1", {one.name: one for one in checkpoints}, **more)
    groups = [
        points(f"checkpoint-{one.name}", one.manifest.created, state="") for one in checkpoints if one.manifest.snapshot
    ]
    found = storage_of(*groups) if storage is None else storage
    return Known(fleet.observed, {"web1": mine}, MACHINE, found, {"web1": live}, free)


def plan(host: Known, *wanted: Wanted) -> List[Element]:
    planner = Planner(host)
    elements = [planner.plan(one) for one in wanted]
    planner.check_space()
    return elements


# options


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "vm and name: give one checkpoint by vm and name, or many by checkpoints"),
        ({"vm": "web1"}, "name: give one checkpoint"),
        ({"vm": "-x", "name": "a"}, "cannot be a guest's name"),
        ({"vm": "web1", "name": "a/b"}, "cannot be a checkpoint's name"),
        ({"vm": "web1", "name": ".."}, "cannot be a checkpoint's name"),
        ({"vm": "web1", "name": ".partial-a"}, "cannot be a checkpoint's name"),
        ({"vm": "web1", "name": "-n"}, "cannot be a checkpoint's name"),
        ({"vm": "web1", "name": "x" * 117}, "cannot be a checkpoint's name"),
        ({"vm": "web1", "name": "resume"}, "what the runtime calls its own"),
        ({"vm": "web1", "name": "resuming", "state": "absent"}, "what the runtime calls its own"),
        ({"vm": "web1", "name": "all"}, "all goes with state: absent only"),
        ({"vm": "web1", "name": "a", "keep": 0}, "allowed are 1 and more"),
        ({"vm": "web1", "name": "a", "state": "absent", "keep": 2}, "keep: it goes with state: present and suspended"),
        ({"vm": "web1", "name": "a", "state": "restored", "disks": False}, "disks: it goes with state: present and"),
        ({"vm": "web1", "name": "a", "force": True}, "force: it goes with state: restored only"),
        ({"vm": "web1", "name": "a", "destroy_newer": True}, "destroy_newer: it goes with state: restored only"),
        ({"vm": "web1", "name": "a", "restart": "if_needed"}, "restart: it goes with state: restored only"),
        ({"vm": "web1", "checkpoints": []}, "beside it"),
        ({"checkpoints": [{"vm": "w", "name": "a"}, {"vm": "w", "name": "a"}]}, "is there twice"),
        ({"checkpoints": [{"vm": "w", "name": "a"}, {"vm": "w", "name": "b", "state": "restored"}]}, "not clear"),
        (
            {"checkpoints": [{"vm": "w", "name": "a"}, {"vm": "w", "name": "all", "state": "absent"}]},
            "name: all stands",
        ),
    ],
)
def test_bad_input_is_seen_without_the_host(given: Dict[str, Any], text: str) -> None:
    with pytest.raises(BadInput, match=text):
        wanted_of(params(**given))


def test_what_is_left_out_is_not_asked_for() -> None:
    assert wanted_of(params(vm="web1", name="a")) == [Wanted("web1", "a")]
    assert wanted_of(params(vm="web1", name="a", restart="never", force=False)) == [Wanted("web1", "a")]


# manifest, files


def test_a_manifest_comes_back_from_its_text(web1: Fleet) -> None:
    noted = there(web1, "a").manifest
    text = manifest.dump(noted)
    assert manifest.load(text, "m") == noted
    assert "memory=1073741824\n" in text and "resume_at_boot=NO\nsnapshot=checkpoint-a\n" in text
    assert noted.size == GIB + 84550 + 2261


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("schema=1", "schema=2", "m has schema 2: update the collection"),
        ("cpus=1\n", "", "m cannot be read"),
        ("memory=1073741824", "memory=much", "m cannot be read"),
        ("size_ram.meta=2261", "size_ram.meta=", "m cannot be read"),
    ],
)
def test_a_manifest_that_makes_no_sense(web1: Fleet, old: str, new: str, text: str) -> None:
    whole = manifest.dump(there(web1, "a").manifest)
    assert old in whole
    with pytest.raises(UnknownState, match=text):
        manifest.load(whole.replace(old, new), "m")


META: Dict[str, Any] = {
    "basic metadata": {"ncpus": 1, "vmname": "web1", "memsize": 64 << 20, "memflags": 0},
    "structs": [{"debug_name": "vhpet", "size": 284, "file_offset": 0}],
    "devices": [{"dev_name": "virtio-blk", "size": 100, "file_offset": 284}],
}


@pytest.mark.parametrize(
    ("meta", "sizes", "text"),
    [
        ({}, {}, ""),
        ({"basic metadata": {}}, {}, "metadata are not what they should be"),
        ({"structs": 3}, {}, "metadata are not what they should be"),
        ({"structs": [], "kern_structs": [{"device": "vm", "size": 400, "file_offset": 0}]}, {}, "ends at 400"),
        ({"basic metadata": {**META["basic metadata"], "vmname": "db1"}}, {}, "name guest db1"),
        ({"basic metadata": {**META["basic metadata"], "ncpus": 2}}, {}, "2 CPUs"),
        ({}, {"ram": 1 << 20}, "ram has 1048576 bytes, and the guest's memory is 67108864"),
        ({}, {"ram.kern": 383}, "ram.kern has 383 bytes, and the state of the devices in it ends at 384"),
        ({"structs": [], "devices": []}, {"ram.kern": 0}, "ram.kern has 0 bytes"),
    ],
)
def test_what_bhyve_has_written_has_to_be_this_guest(meta: Dict[str, Any], sizes: Dict[str, int], text: str) -> None:
    found = {"ram": 64 << 20, "ram.kern": 384, "ram.meta": 900, **sizes}
    wrong = files.wrong_with({**META, **meta}, found, "web1", 64 << 20, 1)
    assert wrong if text else not wrong
    assert text in wrong


# what fits


@pytest.mark.parametrize(
    ("today", "machine", "said"),
    [
        ({}, MACHINE, []),
        ({"pci.0.29.0.rfb": "127.0.0.1:5999", "pci.0.29.0.password": "x", "acpi_tables": "false"}, MACHINE, []),
        ({"memory.size": "2G"}, MACHINE, ["memory.size: 1G in the checkpoint, 2G today"]),
        ({"cpus": "2"}, MACHINE, ["cpus: 1 in the checkpoint, 2 today"]),
        ({"pci.0.9.0.device": "virtio-rnd"}, MACHINE, ["pci.0.9.0.device: none in the checkpoint, virtio-rnd today"]),
        ({"uuid": "x"}, MACHINE, ["uuid: "]),
        (
            {},
            replace(MACHINE, kernel="FreeBSD 15.1"),
            ["the host's kernel: FreeBSD 15.0-RELEASE one in"],
        ),
        ({}, replace(MACHINE, bhyve="b" * 64), ["bhyve: another build"]),
        ({}, replace(MACHINE, cpu="Other"), ["the host's CPU: Some CPU in the checkpoint, Other today"]),
    ],
)
def test_what_differs_is_named(web1: Fleet, today: Mapping[str, str], machine: Machine, said: Sequence[str]) -> None:
    found = fit.differences(there(web1, "a"), {**conf_of(web1), **today}, machine)
    assert len(found) == len(said) and all(one.startswith(start) for one, start in zip(found, said))


def test_a_device_that_went_is_named_and_a_guest_without_a_generation_fits_nothing(web1: Fleet) -> None:
    keys = {key: value for key, value in conf_of(web1).items() if "virtio-blk" not in value}
    [found] = fit.differences(there(web1, "a"), keys, MACHINE)
    assert found.endswith("device: virtio-blk in the checkpoint, none today")
    assert fit.differences(there(web1, "a"), None, MACHINE) == ["the guest has nothing to boot from today"]


# what can be saved


def test_the_devices_that_a_guest_runs_with() -> None:
    conf = {"pci.0.4.0.device": "virtio-blk", "pci.0.4.0.path": "/d", "pci.0.31.0.device": "lpc"}
    words = "'-o' 'pci.0.7.0.device=ahci' '-o' 'pci.0.7.0.path=/iso'"
    found = support.devices_of({**conf, "tpm.type": "passthru", "tpm.path": "/dev/tpm0"}, words)
    assert found == {"pci.0.4.0": "virtio-blk", "pci.0.31.0": "lpc", "pci.0.7.0": "ahci", "tpm": "passthru"}
    assert support.devices_of({}, "'broken") == {}


@pytest.mark.parametrize(
    ("devices", "several", "text"),
    [
        ({"pci.0.4.0": "virtio-blk", "pci.0.5.0": "virtio-blk"}, True, ""),
        ({"pci.0.4.0": "virtio-blk", "pci.0.5.0": "virtio-blk"}, False, r"a second virtio-blk \(pci.0.5.0\)"),
        (
            {"pci.0.4.0": "nvme"},
            True,
            r"cannot save nvme \(pci.0.4.0\), and older ones would leave that out without a word; what it saves is: ",
        ),
        ({"tpm": "passthru"}, True, r"passthru \(tpm\)"),
    ],
)
def test_devices_that_bhyve_leaves_out(devices: Dict[str, str], several: bool, text: str) -> None:
    able = Checkpoints((), DEVICES, several)
    if not text:
        support.check_devices(devices, able, "")
        return
    with pytest.raises(BadInput, match=text):
        support.check_devices(devices, able, "")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"checkpoints": None}, "run the role apiary.bhyve.bhyve_host"),
        (
            {"checkpoints": Checkpoints(("kernel", "bhyve"), ())},
            "lacks that in: kernel, bhyve. Put WITH_BHYVE_SNAPSHOT=yes into .*`options BHYVE_SNAPSHOT`",
        ),
        ({"checkpoints": Checkpoints((), ("lpc",))}, r"cannot save hostbridge \(pci\.0\.0\.0\), virtio-blk \(pci\.0\."),
    ],
)
def test_a_host_that_cannot_save_says_what_is_missing(web1: Fleet, change: Dict[str, Any], text: str) -> None:
    web1.observed = replace(web1.observed, capabilities=replace(web1.observed.capabilities, **change))
    for state in ("present", "suspended"):
        with pytest.raises(BadInput, match=text):
            plan(known(web1), Wanted("web1", "a", state))


@pytest.mark.parametrize(
    ("wanted", "given", "text"),
    [
        (Wanted("web1", "a"), {"live": Live(noted=True)}, "has no socket /var/run/bhyve/web1; start the guest anew"),
        (Wanted("web1", "a"), {"live": Live(socket=True)}, "an earlier runtime has started it"),
        (Wanted("web1", "a"), {"free": GIB}, "not enough space: guest web1: memory and devices 1.1 GiB"),
        (Wanted("web1", "a" * 80), {}, "at most 95 characters for the path of its files, and .* has 119"),
        (Wanted("web1", "a"), {"broken": {"a": "there is no manifest"}}, "it is broken: there is no manifest"),
        (Wanted("nobody", "a"), {}, "there is no such guest"),
        (
            Wanted("web1", "a"),
            {"storage": storage_of(points("checkpoint-a", 1))},
            "there is a snapshot .*@checkpoint-a",
        ),
        (Wanted("web1", "a"), {"storage": storage_of(written=200 << 30, reserved=200 << 30)}, "the reservation of"),
    ],
)
def test_what_cannot_be_saved_is_refused_before(web1: Fleet, wanted: Wanted, given: Dict[str, Any], text: str) -> None:
    for state in ("present", "suspended"):
        with pytest.raises(BadInput, match=text):
            plan(known(web1, **given), replace(wanted, state=state, disks=True))


def test_a_guest_that_is_off_has_no_memory_to_save(fleet: Fleet) -> None:
    running(fleet, active=False)
    for state in ("present", "suspended"):
        with pytest.raises(BadInput, match="does not run"):
            plan(known(fleet), Wanted("web1", "a", state))
    # What is there is kept all the same.
    [element] = plan(known(fleet, there(fleet, "a")), Wanted("web1", "a"))
    assert element.describe() == [] and element.before == element.after
    assert element.entry["snapshot"] == f"{WEB1}@checkpoint-a"


def test_a_host_without_zfs_saves_memory_only_if_told_so(web1: Fleet) -> None:
    web1.observed = replace(web1.observed, datasets={})
    for given in (Wanted("web1", "a"), Wanted("web1", "a", disks=True), Wanted("web1", "a", "suspended", disks=True)):
        with pytest.raises(BadInput, match="disks: the guest is in the plain directory"):
            plan(known(web1, storage=Storage()), given)
    [element] = plan(known(web1, storage=Storage()), Wanted("web1", "a", disks=False))
    assert element.describe() == [f"take checkpoint {TOP}/a"]
    [element] = plan(known(web1, storage=Storage()), Wanted("web1", "a", "suspended"))
    assert element.describe() == [f"suspend to checkpoint {TOP}/a"]


# making


def test_a_checkpoint_with_its_disks(web1: Fleet) -> None:
    [element] = plan(known(web1), Wanted("web1", "a"))
    assert element.describe() == [f"take checkpoint {TOP}/a with the disks in {WEB1}@checkpoint-a"]
    assert element.before == {"state": "running", "checkpoints": {}}
    assert element.after == {"state": "running", "checkpoints": {"a": "checkpoint, disks in @checkpoint-a"}}
    [element] = plan(known(web1), Wanted("web1", "a", disks=False))
    assert element.describe() == [f"take checkpoint {TOP}/a"] and element.entry["snapshot"] == ""


def test_suspending_takes_the_snapshot_afterwards(web1: Fleet) -> None:
    [element] = plan(known(web1), Wanted("web1", "a", "suspended"))
    assert element.describe() == [
        f"suspend to checkpoint {TOP}/a",
        f"take snapshot {WEB1}@checkpoint-a of the disks",
    ]
    assert element.after == {"state": "suspended", "checkpoints": {"a": "suspended, disks in @checkpoint-a"}}


def test_a_guest_that_is_suspended_already(fleet: Fleet) -> None:
    running(fleet, active=False)
    mine = there(fleet, "a", kind="suspended")
    [element] = plan(known(fleet, mine, resume="a"), Wanted("web1", "a", "suspended"))
    assert element.describe() == []
    # A task that broke off before the snapshot: one of that name is of another moment.
    bare = there(fleet, "a", kind="suspended", snapshot=False)
    host = known(fleet, bare, resume="a", storage=storage_of(points("checkpoint-a", 1)))
    [element] = plan(host, Wanted("web1", "a", "suspended"))
    assert element.describe() == [f"take snapshot {WEB1}@checkpoint-a of the disks"]
    [change] = element.changes
    assert isinstance(change, SnapshotDisks) and change.old
    with pytest.raises(BadInput, match="is suspended already, to checkpoint a"):
        plan(known(fleet, mine, resume="a"), Wanted("web1", "b", "suspended"))


def test_one_that_the_guest_was_resumed_from_gives_way(web1: Fleet) -> None:
    used = there(web1, "a", kind="suspended", used=True)
    [element] = plan(known(web1, used), Wanted("web1", "a", "suspended"))
    assert element.describe()[:2] == [
        f"remove checkpoint {TOP}/a and {WEB1}@checkpoint-a",
        f"suspend to checkpoint {TOP}/a",
    ]
    with pytest.raises(BadInput, match="being resumed from it at this moment"):
        plan(known(web1, used, resuming="a"), Wanted("web1", "a", "suspended"))
    for other in (there(web1, "a", kind="suspended"), there(web1, "a", used=True)):
        with pytest.raises(BadInput, match="is there already and holds another moment"):
            plan(known(web1, other), Wanted("web1", "a", "suspended"))


def test_disks_given_by_a_path_are_named(fleet: Fleet) -> None:
    disks = [ROOT, {"name": "data", "path": "/dev/da7"}, {"name": "iso", "path": "/iso", "controller": "ahci-cd"}]
    running(fleet, disks=disks)
    abilities = replace(fleet.observed.capabilities, checkpoints=Checkpoints((), (*DEVICES, "ahci")))
    fleet.observed = replace(fleet.observed, capabilities=abilities)
    [element] = plan(known(fleet), Wanted("web1", "a"))
    assert element.entry["not_included"] == ["data"] and "the disks data are given by a path" in element.warnings[0]


# removing


@pytest.mark.parametrize(("keep", "pruned"), [(1, ["a", "b"]), (2, ["a"]), (3, []), (9, [])])
def test_the_oldest_go(web1: Fleet, keep: int, pruned: List[str]) -> None:
    host = known(web1, there(web1, "a", 1), there(web1, "b", 2))
    [element] = plan(host, Wanted("web1", "new", keep=keep))
    assert element.entry["pruned"] == pruned
    assert [*element.after["checkpoints"]] == [*(name for name in ("a", "b") if name not in pruned), "new"]
    host = known(web1, there(web1, "a", 1), there(web1, "b", 2), resume="a")
    [element] = plan(host, Wanted("web1", "new", keep=keep))
    assert "a" not in element.entry["pruned"]


def test_what_the_task_makes_counts_as_well(web1: Fleet) -> None:
    host = known(web1, there(web1, "a", 1), there(web1, "b", 2))
    elements = plan(host, Wanted("web1", "c", disks=False), Wanted("web1", "d", keep=3))
    assert elements[1].entry["pruned"] == ["a"]
    assert [*elements[1].after["checkpoints"]] == ["b", "c", "d"]


def test_what_cannot_go_is_named(web1: Fleet) -> None:
    snapshots = storage_of(points("checkpoint-a", 1, clones=("zroot/c",)), points("checkpoint-b", 2, holds=1))
    host = known(web1, there(web1, "a", 1), there(web1, "b", 2), storage=snapshots)
    for name, text in (
        ("a", "clones of its disks: zroot/c"),
        ("b", "its snapshot is held"),
        ("all", "cannot be removed"),
    ):
        with pytest.raises(BadInput, match=text):
            plan(host, Wanted("web1", name, "absent"))
    [element] = plan(host, Wanted("web1", "new", keep=1))
    assert element.entry["pruned"] == [] and len(element.warnings) == 2


def test_absent_one_and_all(web1: Fleet) -> None:
    host = known(web1, there(web1, "a"), there(web1, "b", snapshot=False), broken={"c": "why"})
    [element] = plan(host, Wanted("web1", "b", "absent"))
    assert element.describe() == [f"remove checkpoint {TOP}/b"]
    [element] = plan(host, Wanted("web1", "all", "absent"))
    assert len(element.changes) == 3 and element.after["checkpoints"] == {}
    assert plan(host, Wanted("web1", "z", "absent"))[0].describe() == []
    assert plan(host, Wanted("nobody", "all", "absent"))[0].describe() == []
    with pytest.raises(BadInput, match="being resumed from it"):
        plan(known(web1, there(web1, "a"), resuming="a"), Wanted("web1", "a", "absent"))


def test_a_suspended_guest_without_its_checkpoint_is_stopped(fleet: Fleet) -> None:
    running(fleet, active=False)
    seen = replace(fleet.observed.guest("web1"), suspended="a", checkpoints=("a",))
    fleet.observed = replace(fleet.observed, guests={"web1": seen})
    [element] = plan(known(fleet, there(fleet, "a", kind="suspended"), resume="a"), Wanted("web1", "a", "absent"))
    assert (element.before["state"], element.after["state"]) == ("suspended", "stopped")


def test_what_broke_off_goes_unless_somebody_is_at_it(web1: Fleet) -> None:
    snapshots = storage_of(points("checkpoint-x", 1))
    [element] = plan(known(web1, partial=("x",), storage=snapshots), Wanted("web1", "x"))
    assert element.describe()[0] == (f"remove {TOP}/.partial-x and {WEB1}@checkpoint-x, which another task has left")
    assert len(element.describe()) == 2
    busy = Live(noted=True, socket=True, at_work=True)
    [element] = plan(known(web1, partial=("x",), live=busy), Wanted("web1", "y"))
    assert len(element.describe()) == 1
