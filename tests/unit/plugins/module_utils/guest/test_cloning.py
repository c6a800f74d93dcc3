# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones of guests: what they have of their source, what is new, in which order they are made, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, List, Sequence

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest import changes, config, record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.clones.source import read_sources
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.origin import Origin
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.planner import FleetPlan, plan_fleet
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host, Result
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import volume_reservation

Make = Callable[..., Dict[str, Any]]
MIB, GIB = 1 << 20, 1 << 30
ROOT = {"name": "root", "size": "20G"}
DATA = {"name": "data", "size": "1G", "backing": "sparse-zvol"}
LOGS = {"name": "logs", "size": "1G", "backing": "sparse-file"}
LAN = {"name": "lan", "switch": "bridge0", "mac": "5a:00:00:00:00:01"}


class Pool(Host):
    """Answers `zfs get` from a fleet's datasets, and from snapshots that the test names."""

    def __init__(self, fleet: Any, snapshots: Sequence[str] = ()) -> None:
        super().__init__()
        self.fleet = fleet
        self.snapshots = snapshots

    def run(self, argv: Sequence[str], **_options: Any) -> Result:
        self.commands.append(tuple(argv))
        assert argv[:2] == ["zfs", "get"]
        properties, asked = argv[8].split(","), argv[9:]
        lines: List[str] = []
        for name, one in self.fleet.observed.datasets.items():
            if any(name == top or name.startswith(f"{top}/") for top in asked):
                known = {"written": "0", **{key: value for key, (value, _source) in one.props.items()}}
                lines += [f"{name}\t{prop}\t{known.get(prop, '-')}\t-" for prop in properties]
        for txg, full in enumerate(self.snapshots, 1):
            name = full.partition("@")[0]
            if not any(name == top or name.startswith(f"{top}/") for top in asked):
                continue
            size = self.fleet.observed.datasets[name].props.get("volsize", ("-", "-"))[0]
            known = {"type": "snapshot", "createtxg": str(txg), "creation": "1", "used": "0", "volsize": size}
            known.update(referenced="4096", userrefs="0")
            lines += [f"{full}\t{prop}\t{known.get(prop, '-')}\t-" for prop in properties]
        return Result(tuple(argv), 0, "".join(f"{line}\n" for line in lines), "")


def look(fleet: Any, *requests: Dict[str, Any], snapshots: Sequence[str] = ()) -> Pool:
    """Read what the task's clones are made from, as the module does."""
    pool = Pool(fleet, snapshots)
    fleet.observed = read_sources(pool, requests, fleet.observed)
    return pool


def plan(fleet: Any, *requests: Dict[str, Any], snapshots: Sequence[str] = ()) -> FleetPlan:
    look(fleet, *requests, snapshots=snapshots)
    planned: FleetPlan = fleet.plan(*requests)
    return planned


def steps(planned: FleetPlan, name: str = "web2") -> List[str]:
    return next(one for one in planned.guests if one.name == name).describe()


def written(planned: FleetPlan) -> List[record.Record]:
    """The records that the plan writes for web2, in order."""
    found = [one for one in planned.plan().changes if isinstance(one, changes.WriteFile) and "guest.json" in one.path]
    return [record.load(one.content, one.path, "web2") for one in found if one.path == "/apiary/web2/guest.json"]


def keys_of(planned: FleetPlan) -> Dict[str, str]:
    return config.parse(next(one.conf for one in planned.plan().changes if isinstance(one, changes.WriteGeneration)))


def test_a_clone_is_made_in_an_order_that_a_second_run_can_complete(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT, DATA, LOGS], nics=[LAN])
    planned = plan(fleet, request_of(name="web2", clone_from="web1"))
    assert steps(planned) == [
        "create dataset zroot/apiary/web2",
        "allocate tap1001 for NIC lan",
        "write first boot mark /apiary/web2/firstboot",
        "write record /apiary/web2/guest.json",
        "take snapshot zroot/apiary/web1@apiary-clone-web2",
        "copy /apiary/web1/.zfs/snapshot/apiary-clone-web2/uefi-vars.fd to /apiary/web2/uefi-vars.fd",
        "clone zroot/apiary/web1/root@apiary-clone-web2 to zroot/apiary/web2/root",
        "set refreservation=auto on volume zroot/apiary/web2/root",
        "clone zroot/apiary/web1/data@apiary-clone-web2 to zroot/apiary/web2/data",
        "copy /apiary/web1/.zfs/snapshot/apiary-clone-web2/logs.img to /apiary/web2/logs.img",
        "let snapshot zroot/apiary/web1@apiary-clone-web2 go with the last clone of it",
        "write record of the whole clone /apiary/web2/guest.json",
        "write boot generation /apiary/web2/boot.1",
        "let /apiary/web2/boot point to boot.1",
    ]
    begun, whole = written(planned)
    assert begun.incomplete and begun.origin is not None and begun.origin.missing == ("root", "data", "logs")
    assert not whole.incomplete and whole.identity == begun.identity


def test_what_is_new_in_a_clone_and_what_is_not(fleet: Any, request_of: Make) -> None:
    vnc = {"port": "5907", "password": "secret"}
    source = fleet.make(
        uuid="22222222-2222-4333-8444-555555555555",
        memory="2G",
        cpus=3,
        tags=["shop"],
        protected=True,
        vnc=vnc,
        disks=[ROOT, {"name": "fast", "size": "1G", "controller": "nvme"}],
        nics=[LAN],
    )
    planned = plan(fleet, request_of(name="web2", clone_from="web1"))
    clone = written(planned)[-1]
    assert clone.identity.uuid != source.identity.uuid
    assert clone.identity.macs["lan"] not in ("", source.identity.macs["lan"])
    assert clone.guest.nics[0].mac == ""
    assert clone.identity.slots == source.identity.slots
    assert clone.identity.serials == source.identity.serials
    assert clone.guest.vnc is not None and (clone.guest.vnc.port, clone.guest.vnc.password) == (0, "secret")
    assert not clone.guest.protected
    assert (clone.guest.memory, clone.guest.cpus, clone.guest.tags) == (2 * GIB, 3, ("shop",))
    # bhyve derives it from the name unless it is told; web1's is what the boot entries name.
    place = source.identity.slots["disk/fast"]
    assert keys_of(planned)[f"pci.{place}.eui64"] == clone.identity.eui64["fast"]
    assert planned.guests[0].entry["status"]["origin"] == {
        "clone_from": "web1",
        "clone_mode": "clone",
        "complete": True,
    }


def test_options_of_the_task_are_laid_over_the_clone(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT, LOGS], nics=[LAN])
    request = request_of(
        name="web2",
        clone_from="web1",
        memory="4G",
        uefi={"vars": "/fw/OTHER.fd"},
        disks=[{"name": "root", "size": "+4G"}, {"name": "logs", "state": "absent"}, {"name": "more", "size": "1G"}],
        nics=[{"name": "lan", "mac": "5a:00:00:00:00:02"}],
    )
    planned = plan(fleet, request)
    done = steps(planned)
    assert "grow volume zroot/apiary/web2/root from 20G to 24G" in done
    assert "create volume zroot/apiary/web2/more of 1G" in done
    assert "copy the firmware's variables to /apiary/web2/uefi-vars.fd" in done
    assert not any("logs" in step for step in done)
    clone = written(planned)[-1]
    assert clone.guest.memory == 4 * GIB and clone.identity.macs["lan"] == "5a:00:00:00:00:02"


def test_a_full_copy_depends_on_nothing(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT])
    done = steps(plan(fleet, request_of(name="web2", clone_from="web1", clone_mode="copy", promote=True)))
    assert "copy zroot/apiary/web1/root@apiary-clone-web2 to zroot/apiary/web2/root" in done
    assert done[-6:-3] == [
        "set refreservation=auto on volume zroot/apiary/web2/root",
        "let snapshot zroot/apiary/web1@apiary-clone-web2 go",
        "let snapshot zroot/apiary/web2@apiary-clone-web2 go",
    ]


def test_a_promoted_clone_owns_its_volumes(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT, DATA])
    done = steps(plan(fleet, request_of(name="web2", clone_from="web1", promote=True)))
    dropped = done.index("let snapshot zroot/apiary/web1@apiary-clone-web2 go with the last clone of it")
    assert done[dropped + 1 : dropped + 3] == [
        f"promote zroot/apiary/web2/{disk} over zroot/apiary/web1/{disk}@apiary-clone-web2" for disk in ("root", "data")
    ]


def made_clone(fleet: Any, request_of: Make, **origin: Any) -> None:
    """web2, which was cloned from web1 before."""
    fleet.make(name="web1", memory="2G", disks=[ROOT])
    fleet.make(request_of(name="web2", memory="2G", disks=[ROOT]))
    whole = Origin("web1", "apiary-clone-web2", True, "clone", **origin)
    seen = fleet.observed.guests["web2"]
    guests = {**fleet.observed.guests, "web2": replace(seen, record=replace(seen.record, origin=whole))}
    volume = "zroot/apiary/web2/root"
    one = fleet.observed.datasets[volume]
    props = {**one.props, "origin": ("zroot/apiary/web1/root@apiary-clone-web2", "-")}
    datasets = {**fleet.observed.datasets, volume: replace(one, props=props)}
    fleet.observed = replace(fleet.observed, guests=guests, datasets=datasets)


def test_a_clone_that_is_there_is_only_compared(fleet: Any, request_of: Make) -> None:
    made_clone(fleet, request_of)
    request = request_of(name="web2", clone_from="web1")
    pool = look(fleet, request)
    assert not fleet.plan(request).changed
    assert pool.commands == []
    for wrong, part in (
        ({"clone_from": "web3"}, "is a clone of web1, not of web3"),
        ({"clone_from": "web1@golden"}, "is a clone of web1, not of web1@golden"),
        ({"clone_from": "web1", "clone_mode": "copy"}, "was made by clone, not by copy"),
    ):
        with pytest.raises(BadInput, match=part):
            fleet.plan(request_of(name="web2", **wrong))
    with pytest.raises(BadInput, match="exists and is no clone"):
        fleet.plan(request_of(name="web1", clone_from="web2"))


def test_a_clone_is_promoted_later(fleet: Any, request_of: Make) -> None:
    made_clone(fleet, request_of)
    request = request_of(name="web2", promote=True)
    snapshots = ["zroot/apiary/web1@apiary-clone-web2", "zroot/apiary/web1/root@apiary-clone-web2"]
    planned = plan(fleet, request, snapshots=snapshots)
    assert steps(planned) == ["promote zroot/apiary/web2/root over zroot/apiary/web1/root@apiary-clone-web2"]
    with pytest.raises(BadInput, match="the snapshots nightly of zroot/apiary/web1/root would go over"):
        plan(fleet, request, snapshots=["zroot/apiary/web1/root@nightly", *snapshots])
    assert plan(fleet, request, snapshots=[*snapshots, "zroot/apiary/web1/root@nightly"]).changed, "a newer one stays"


def test_a_half_made_clone_is_completed_by_whatever_task_comes_next(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT, DATA])
    fleet.make(request_of(name="web2", memory="2G", disks=[ROOT, DATA]))
    seen = fleet.observed.guests["web2"]
    begun = replace(seen.record, origin=Origin("web1", "apiary-clone-web2", True, "clone", ("root", "data")))
    datasets = dict(fleet.observed.datasets)
    del datasets["zroot/apiary/web2/data"]
    root = datasets["zroot/apiary/web2/root"]
    datasets[root.name] = replace(root, props={**root.props, "refreservation": ("0", "-")})
    entries = tuple(name for name in seen.entries if not name.startswith("boot"))
    half = replace(seen, record=begun, boot=None, entries=entries)
    fleet.observed = replace(fleet.observed, datasets=datasets, guests={**fleet.observed.guests, "web2": half})
    snapshots = [f"zroot/apiary/{name}@apiary-clone-web2" for name in ("web1", "web1/root", "web1/data")]
    planned = plan(fleet, request_of(name="web2", state="started"), snapshots=snapshots)
    assert steps(planned) == [
        "clone zroot/apiary/web1/data@apiary-clone-web2 to zroot/apiary/web2/data",
        "set refreservation=auto on volume zroot/apiary/web2/root",
        "let snapshot zroot/apiary/web1@apiary-clone-web2 go with the last clone of it",
        "write record of the whole clone /apiary/web2/guest.json",
        "write boot generation /apiary/web2/boot.1",
        "let /apiary/web2/boot point to boot.1",
        "start",
    ]
    assert not written(planned)[-1].incomplete
    with pytest.raises(BadInput, match="is gone before the disks data were made from it"):
        plan(fleet, request_of(name="web2"))
    gone = fleet.plan(request_of(name="web2", state="absent", destroy=True))
    assert "let snapshot zroot/apiary/web1@apiary-clone-web2 go with the last clone of it" in steps(gone)


def test_a_half_made_clone_whose_source_lost_the_disk(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT])
    fleet.make(request_of(name="web2", memory="2G", disks=[DATA]))
    seen = fleet.observed.guests["web2"]
    begun = replace(seen.record, origin=Origin("web1", "apiary-clone-web2", True, "copy", ("data",)))
    datasets = {name: one for name, one in fleet.observed.datasets.items() if name != "zroot/apiary/web2/data"}
    guests = {**fleet.observed.guests, "web2": replace(seen, record=begun)}
    fleet.observed = replace(fleet.observed, datasets=datasets, guests=guests)
    with pytest.raises(BadInput, match="guest web1 has no disks data any more"):
        plan(fleet, request_of(name="web2"))


def test_the_snapshot_of_an_earlier_clone_is_not_used_again(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT])
    planned = plan(
        fleet, request_of(name="web2", clone_from="web1"), snapshots=["zroot/apiary/web1/root@apiary-clone-web2"]
    )
    assert "take snapshot zroot/apiary/web1@apiary-clone-web2-2" in steps(planned)


def test_reading_for_many_clones_is_one_command(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[DATA])
    many = [request_of(name=f"c{number}", clone_from="web1") for number in range(20)]
    assert len(look(fleet, *many).commands) == 1
    assert len(plan_fleet(fleet.desired(*many), fleet.observed).guests) == 20


WRONG = [
    ({"clone_from": "nobody"}, "there is no guest nobody on this host; there are: web1"),
    ({"clone_from": "web1@gone"}, "gone of guest web1: there is no such snapshot; there is none"),
    ({"clone_from": "web1@"}, "neither a guest nor GUEST@SNAPSHOT"),
    ({"clone_from": "web2"}, "a guest cannot be a clone of itself"),
    ({"clone_from": "web1", "disks": [{"name": "root", "size": "10G"}]}, "shrinking destroys data"),
    ({"clone_from": "web1", "disks": [{"name": "root", "backing": "file"}]}, "backing is zvol and cannot become file"),
    (
        {"clone_from": "web1", "disks": [{"name": "root", "properties": {"encryption": "on"}}]},
        "encryption: a clone has them from its source",
    ),
]


@pytest.mark.parametrize(("given", "part"), WRONG)
def test_bad_input(fleet: Any, request_of: Make, given: Dict[str, Any], part: str) -> None:
    fleet.make(memory="2G", disks=[ROOT])
    with pytest.raises(BadInput, match=part):
        plan(fleet, request_of(name="web2", **given))


def test_a_source_that_runs(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT], running=True)
    with pytest.raises(BadInput, match=r"guest web1 runs; stop it first .* clone_from: web1@SNAPSHOT"):
        plan(fleet, request_of(name="web2", clone_from="web1"))


def test_a_source_that_the_task_changes(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT])
    clone = request_of(name="web2", clone_from="web1")
    for other in ({"state": "absent"}, {"disks": [{"name": "root", "size": "30G"}]}):
        with pytest.raises(BadInput, match="this task changes the disks of guest web1"):
            plan(fleet, request_of(**other), clone)


def test_disks_that_are_somebody_elses(fleet: Any, request_of: Make) -> None:
    iso = {"name": "iso", "controller": "ahci-cd", "path": "/iso/a.iso"}
    raw = {"name": "raw", "path": "/dev/da7"}
    fleet.make(memory="2G", disks=[ROOT, iso, raw, {"name": "old", "size": "1G"}])
    fleet.observed.guests["web1"] = replace(
        fleet.observed.guests["web1"],
        record=fleet.desired(request_of(disks=[{"name": "old", "state": "detached"}]))[0].record,
    )
    with pytest.raises(BadInput, match="disk raw: path: /dev/da7 is written to by guest web1"):
        plan(fleet, request_of(name="web2", clone_from="web1"))
    for disk in ({"name": "raw", "state": "absent"}, {"name": "raw", "path": "/dev/da8"}, {"name": "raw", "ro": True}):
        planned = plan(fleet, request_of(name="web2", clone_from="web1", disks=[disk]))
        clone = written(planned)[-1].guest
        assert "old" not in [one.name for one in clone.disks]
        assert next(one for one in clone.disks if one.name == "iso").path == "/iso/a.iso"


def test_room_for_thick_clones_and_for_the_snapshot_of_a_thick_source(fleet: Any, request_of: Make) -> None:
    fleet.make(memory="2G", disks=[ROOT])
    request = request_of(name="web2", clone_from="web1")
    fleet.observed = replace(fleet.observed, free_bytes=volume_reservation(20 * GIB, 16384) - 1)
    with pytest.raises(BadInput, match=r"not enough space: guest web2: disk root 20\.\d GiB"):
        plan(fleet, request)
    fleet.observed = replace(fleet.observed, free_bytes=volume_reservation(20 * GIB, 16384))
    assert plan(fleet, request).changed


def test_a_host_without_zfs_copies_files_while_the_source_is_locked(fleet: Any, request_of: Make) -> None:
    layout = replace(fleet.observed.conf.layout, dataset="")
    fleet.observed = replace(
        fleet.observed, conf=replace(fleet.observed.conf, layout=layout), datasets={}, free_bytes=0
    )
    fleet.make(memory="2G", disks=[LOGS])
    done = steps(plan(fleet, request_of(name="web2", clone_from="web1")))
    assert "copy /apiary/web1/logs.img to /apiary/web2/logs.img" in done
    assert not any("snapshot" in step for step in done)
    for given, part in (({"clone_mode": "clone"}, "needs ZFS"), ({"clone_from": "web1@x"}, "snapshots need ZFS")):
        with pytest.raises(BadInput, match=part):
            plan(fleet, request_of(**{"name": "web2", "clone_from": "web1", **given}))
