# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bhyve_snapshot takes, refuses, prunes and plans, without a host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import (
    ApiaryError,
    BadInput,
    CommandError,
    UnknownState,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import Identity
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots import note as snapshot_note
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots import steps as snapshot_steps
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.changes import Batch, DestroySnapshots
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.merge import merge_records, merge_slots
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.options import (
    Wanted,
    module_options,
    parse_age,
    wanted_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.past import Past
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.plan import Element, Planner
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.snapshots.rollback import (
    case_of,
    plan_rollbacks,
    target_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import Disk
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import OpenFile, Process
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import Point, Storage
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Dataset

from .conftest import Fleet

NOW = 1_000_000.0
WEB1 = "zroot/apiary/web1"
DAY = 86400


def params(**given: Any) -> Dict[str, Any]:
    """Options as AnsibleModule hands them over."""
    return {**dict.fromkeys(module_options()), **given}


def dataset(name: str, written: int = 0, reserved: int = 0, available: int = 1 << 40, kind: str = "volume") -> Dataset:
    values = {"type": kind, "written": written, "refreservation": reserved, "available": available}
    return Dataset(name, kind, {key: (str(value), "-") for key, value in values.items()})


def points(name: str, txg: int, state: str = "stopped", disks: Sequence[str] = ("root",), **more: Any) -> List[Point]:
    """A snapshot of web1; ``more`` is for the point on the guest's dataset."""
    created = int(NOW) - (100 - txg) * DAY
    volumes = [Point(f"{WEB1}/{disk}", name, txg, created, volsize=20 << 30, state=state) for disk in disks]
    return [Point(WEB1, name, txg, created, state=state, **more), *volumes]


def storage_of(*groups: List[Point], written: int = 0, reserved: int = 0, available: int = 1 << 40) -> Storage:
    datasets = {
        WEB1: dataset(WEB1, available=available, kind="filesystem"),
        f"{WEB1}/root": dataset(f"{WEB1}/root", written, reserved),
    }
    return Storage(datasets, tuple(point for group in groups for point in group))


@pytest.fixture
def web1(fleet: Fleet) -> Fleet:
    """A guest that is off, with a disk on a volume."""
    fleet.make(memory="1G", disks=[{"name": "root", "size": "20G"}])
    return fleet


# options


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "vm: give one snapshot by vm, or many by snapshots"),
        ({"vm": "-x", "name": "a"}, "cannot be a guest's name"),
        ({"vm": "web1"}, "needs the name of a snapshot"),
        ({"vm": "web1", "name": "a@b"}, "cannot be a snapshot's name"),
        ({"vm": "web1", "name": "-r"}, "cannot be a snapshot's name"),
        ({"vm": "web1", "name": "a,b"}, "cannot be a snapshot's name"),
        ({"vm": "web1", "name": ""}, "cannot be a snapshot's name"),
        ({"vm": "web1", "state": "absent"}, "either the name"),
        ({"vm": "web1", "state": "absent", "name": "a", "match": "a*"}, "either the name"),
        ({"vm": "web1", "name": "a", "keep": 1}, "keep: it needs match"),
        ({"vm": "web1", "name": "a", "older_than": "1d"}, "older_than: it needs match"),
        ({"vm": "web1", "name": "a", "match": "a*"}, "it needs keep or older_than"),
        ({"vm": "web1", "name": "a", "match": "a*", "keep": 0}, "1 and more"),
        ({"vm": "web1", "name": "a", "match": "a*", "older_than": "1"}, "is not an age"),
        ({"vm": "web1", "name": "a", "destroy_newer": True}, "rolled_back only"),
        ({"vm": "web1", "name": "a", "restart": "if_needed"}, "rolled_back only"),
        ({"vm": "web1", "name": "a", "state": "rolled_back", "match": "a*"}, "the one snapshot"),
        ({"vm": "web1", "snapshots": []}, "beside it"),
        ({"snapshots": [{"vm": "web1", "name": "a"}, {"vm": "web1", "name": "a"}]}, "is there twice"),
        ({"snapshots": [{"vm": "w", "name": "a"}, {"vm": "w", "name": "b", "state": "rolled_back"}]}, "not clear"),
    ],
)
def test_bad_input_is_seen_without_the_host(given: Dict[str, Any], text: str) -> None:
    with pytest.raises(BadInput, match=text):
        wanted_of(params(**given))


def test_flat_and_list_form_mean_the_same() -> None:
    element = {"vm": "web1", "name": "daily-1", "match": "daily-*", "keep": 3, "older_than": "2w"}
    assert wanted_of(params(**element)) == wanted_of(params(snapshots=[element]))
    assert wanted_of(params(**element))[0].older_than == 14 * DAY


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43200), ("7d", 7 * DAY)])
def test_ages(text: str, seconds: int) -> None:
    assert parse_age(text, "older_than") == seconds


def test_a_pattern_fits_whole_names() -> None:
    wanted = Wanted("web1", match="daily-*")
    assert wanted.matches("daily-1") and not wanted.matches("my-daily-1")


# taking, destroying, pruning


def plan(web1: Fleet, storage: Storage, *wanted: Wanted) -> List[Element]:
    planner = Planner(web1.observed, storage, NOW)
    elements = [planner.plan(one) for one in wanted]
    planner.check_space()
    return elements


def test_what_is_there_is_kept(web1: Fleet) -> None:
    [element] = plan(web1, storage_of(points("a", 1, state="")), Wanted("web1", name="a"))
    assert not element.changed and element.before == element.after
    assert element.entry["consistency"] is None


def test_a_guest_that_runs_is_crash_consistent(fleet: Fleet) -> None:
    fleet.make(memory="1G", disks=[{"name": "root", "size": "20G"}], running=True)
    [element] = plan(fleet, storage_of(), Wanted("web1", name="a"))
    assert element.entry["consistency"] == "crash_consistent"
    assert element.describe() == [f"take snapshot {WEB1}@a (crash-consistent)"]


def test_a_name_that_somebody_gave_to_one_disk_is_taken(web1: Fleet) -> None:
    with pytest.raises(BadInput, match="the name is taken by zroot/apiary/web1/root@a"):
        plan(web1, storage_of(points("a", 1)[1:]), Wanted("web1", name="a"))


def test_a_name_that_is_too_long_for_zfs(web1: Fleet) -> None:
    storage = storage_of()
    long = f"{WEB1}/{'x' * 140}"
    storage = replace(storage, datasets={**storage.datasets, long: dataset(long)})
    with pytest.raises(BadInput, match="longer than the 255 characters"):
        plan(web1, storage, Wanted("web1", name="y" * 128))


def test_a_reservation_has_to_fit_beside_the_snapshot(web1: Fleet) -> None:
    storage = storage_of(written=5 << 30, reserved=20 << 30, available=4 << 30)
    with pytest.raises(BadInput, match="reservation of zroot/apiary/web1/root again 5.0 GiB"):
        plan(web1, storage, Wanted("web1", name="a"))
    plan(web1, storage_of(written=5 << 30, reserved=0, available=4 << 30), Wanted("web1", name="a"))


@pytest.mark.parametrize(
    ("keep", "older_than", "pruned"),
    [
        (2, None, ["d1", "d2"]),
        (4, None, []),
        (9, None, []),
        (None, 50 * DAY, ["d1", "d2"]),
        (3, 50 * DAY, ["d1"]),
        (1, 95 * DAY, ["d1"]),
        (None, None, ["d1", "d2", "d3", "d4"]),
    ],
)
def test_pruning(web1: Fleet, keep: Optional[int], older_than: Optional[int], pruned: List[str]) -> None:
    ours = [points(f"d{number}", txg) for number, txg in ((1, 2), (2, 40), (3, 70), (4, 99))]
    storage = storage_of(points("d0", 1, state=""), *ours, points("other", 3))
    wanted = Wanted("web1", "absent", match="d*", keep=keep, older_than=older_than)
    [element] = plan(web1, storage, wanted)
    assert element.entry["pruned"] == pruned
    expected = [DestroySnapshots("web1", WEB1, tuple(pruned))] if pruned else []
    assert element.changes == expected
    assert set(element.before["snapshots"]) - set(element.after["snapshots"]) == set(pruned)


def test_the_new_snapshot_counts_and_never_goes(web1: Fleet) -> None:
    storage = storage_of(points("d1", 1), points("d2", 2))
    [element] = plan(web1, storage, Wanted("web1", name="d3", match="d*", keep=1))
    assert element.entry["pruned"] == ["d1", "d2"]
    # The name is there already and is the oldest: it stays as well.
    [element] = plan(web1, storage, Wanted("web1", name="d1", match="d*", keep=1))
    assert element.entry["pruned"] == ["d2"]


def test_what_cannot_go_is_named(web1: Fleet) -> None:
    cloned, held = points("d1", 1, clones=("zroot/c",)), points("d2", 2, holds=1)
    storage = replace(storage_of(cloned, held), tags={f"{WEB1}@d2": ["keep"]})
    for name, text in (("d1", "clones of it: zroot/c"), ("d2", "held: zroot/apiary/web1@d2 by keep")):
        with pytest.raises(BadInput, match=text):
            plan(web1, storage, Wanted("web1", "absent", name))
    [element] = plan(web1, storage, Wanted("web1", "absent", match="*"))
    assert not element.changed and len(element.warnings) == 2


def test_absent_needs_no_guest(web1: Fleet) -> None:
    assert not plan(web1, Storage(), Wanted("nobody", "absent", "a"))[0].changed
    with pytest.raises(BadInput, match="there is no such guest"):
        plan(web1, Storage(), Wanted("nobody", name="a"))


def test_a_host_without_zfs_is_told_so(web1: Fleet) -> None:
    conf = replace(web1.observed.conf, layout=replace(web1.observed.conf.layout, dataset=""))
    web1.observed = replace(web1.observed, conf=conf)
    with pytest.raises(BadInput, match="snapshots need ZFS"):
        plan(web1, Storage(), Wanted("web1", name="a"))


class Refusing(Host):
    """A host on which zfs(8) refuses some commands."""

    def __init__(self, refused: Sequence[str]) -> None:
        super().__init__()
        self.refused = refused

    def run(self, argv: Sequence[str], **_options: Any) -> Any:
        self.commands.append(tuple(argv))
        if any(word in argv for word in self.refused):
            raise CommandError("cannot", argv, 1, stderr="out of space")
        return None


def test_one_guests_trouble_is_not_the_others() -> None:
    host, batch = Refusing(["z/b@x"]), Batch("stopped", ["z/a@x", "z/b@x"])
    batch.take(host, "z/a@x")
    with pytest.raises(CommandError):
        batch.take(host, "z/b@x")
    assert [argv[5:] for argv in host.commands] == [("z/a@x", "z/b@x"), ("z/a@x",), ("z/b@x",)]
    host, batch = Refusing([]), Batch("stopped", ["z/a@x", "z/b@x"])
    batch.take(host, "z/a@x")
    batch.take(host, "z/b@x")
    assert len(host.commands) == 1


# rollback


def back(**more: Any) -> Wanted:
    return Wanted("web1", "rolled_back", "a", **more)


@pytest.mark.parametrize(
    ("wanted", "newer", "text"),
    [
        (back(), points("b", 2), "would destroy what is newer: zroot/apiary/web1/root@b, zroot/apiary/web1@b"),
        (back(destroy_newer=True), points("b", 2, clones=("zroot/c",)), r"zroot/c \(of zroot/apiary/web1@b\)"),
        (back(destroy_newer=True), points("b", 2, holds=1), "are held: zroot/apiary/web1@b"),
        (Wanted("web1", "rolled_back", "z"), [], "there is no snapshot z; there are: a"),
    ],
)
def test_a_rollback_that_is_refused(web1: Fleet, wanted: Wanted, newer: List[Point], text: str) -> None:
    with pytest.raises(BadInput, match=text):
        target_of(wanted, web1.observed, storage_of(points("a", 1), newer), None)


def test_a_rollback_of_a_running_or_protected_guest_is_refused(fleet: Fleet) -> None:
    fleet.make(memory="1G", disks=[{"name": "root", "size": "20G"}], running=True)
    storage = storage_of(points("a", 1))
    with pytest.raises(BadInput, match="it runs"):
        target_of(back(), fleet.observed, storage, None)
    assert target_of(back(restart=True), fleet.observed, storage, None).seen.active
    fleet.make(name="safe", memory="1G", protected=True)
    with pytest.raises(BadInput, match="it is protected"):
        target_of(replace(back(), vm="safe"), fleet.observed, storage, None)


def test_another_rollback_than_the_interrupted_one_is_refused(web1: Fleet) -> None:
    record = web1.observed.guest("web1").record
    assert record is not None
    note = snapshot_note.Note("b", record, False)
    with pytest.raises(BadInput, match="was interrupted"):
        target_of(back(), web1.observed, storage_of(points("a", 1)), note)


def rollback(web1: Fleet, storage: Storage, past: Past, note: Optional[snapshot_note.Note] = None) -> Element:
    target = target_of(back(destroy_newer=True), web1.observed, storage, note)
    [element] = plan_rollbacks([case_of(target, past, web1.observed)], web1.observed, storage, frozenset())
    return element


def past_of(web1: Fleet, same: bool = True) -> Past:
    seen = web1.observed.guest("web1")
    assert seen.record is not None
    return Past(seen.record, seen.entries, seen.boot, dict(seen.file_sizes), same)


def test_nothing_is_done_when_nothing_was_written(web1: Fleet) -> None:
    assert not rollback(web1, storage_of(points("a", 1)), past_of(web1)).changed


@pytest.mark.parametrize(("written", "same", "newer"), [(1, True, []), (0, False, []), (0, True, points("b", 2))])
def test_what_calls_for_a_rollback(web1: Fleet, written: int, same: bool, newer: List[Point]) -> None:
    element = rollback(web1, storage_of(points("a", 1), newer, written=written), past_of(web1, same))
    steps = element.describe()
    also = ", destroying what is newer" if newer else ""
    assert steps == [
        "note in /apiary/.rollback/web1 that web1 is rolled back to a",
        f"roll back to {WEB1}/root@a{also}",
        f"roll back to {WEB1}@a{also}",
        "remove the note /apiary/.rollback/web1",
    ]


def test_an_interrupted_rollback_is_done_again_from_todays_record(web1: Fleet) -> None:
    record = web1.observed.guest("web1").record
    assert record is not None
    newer = Record(record.guest, replace(record.identity, uuid="f" * 8 + record.identity.uuid[8:]), record.owner)
    element = rollback(web1, storage_of(points("a", 1)), past_of(web1), snapshot_note.Note("a", newer, False))
    assert any(step.startswith("write record") for step in element.describe())
    begin = element.changes[0]
    assert isinstance(begin, snapshot_steps.BeginRollback)
    assert snapshot_note.load(begin.content, "note", "web1").record == newer


# the record after a rollback


def records(past: Sequence[Disk], today: Sequence[Disk], web1: Fleet) -> Tuple[Record, Record]:
    base = web1.observed.guest("web1").record
    assert base is not None
    names = {disk.name for disk in (*past, *today)}
    identity = Identity(base.identity.uuid, {}, {"rng": "0.9.0"}, {name: f"S{name}" for name in names})

    def of(disks: Sequence[Disk]) -> Record:
        return Record(replace(base.guest, disks=tuple(disks)), identity, base.owner)

    return of(past), of(today)


def zvol(name: str, **more: Any) -> Disk:
    return Disk(name, "zvol", "virtio-blk", size=1 << 30, **more)


def test_disks_after_a_rollback(web1: Fleet) -> None:
    iso = Disk("iso", "path", "ahci-cd", path="/x.iso")
    past, today = records(
        [zvol("root"), zvol("again"), zvol("lost"), iso], [zvol("root"), zvol("again"), zvol("later")], web1
    )
    merged = merge_records(past, today, {"root"}, {"root", "again", "later"}, set())
    found = {disk.name: disk.detached for disk in merged.record.guest.disks}
    assert found == {"root": False, "again": True, "iso": False, "later": True}
    assert (merged.detached, merged.gone) == (("again", "later"), ("lost",))


def test_a_file_that_is_a_volume_now_is_refused(web1: Fleet) -> None:
    past, today = records([Disk("logs", "file", "virtio-blk", size=1 << 30)], [zvol("logs")], web1)
    with pytest.raises(BadInput, match="is a volume now"):
        merge_records(past, today, set(), {"logs"}, {"logs"})


def test_addresses_given_since_stay_unless_what_comes_back_was_there() -> None:
    past = {"disk/root": "0.2.0", "disk/old": "0.3.0"}
    today = {"disk/root": "0.2.0", "disk/new": "0.3.0", "nic/lan": "0.4.0"}
    assert merge_slots(past, today) == {"disk/root": "0.2.0", "disk/old": "0.3.0", "nic/lan": "0.4.0"}


def test_disks_in_files_that_would_be_lost_are_named(fleet: Fleet) -> None:
    logs = {"name": "logs", "size": "1G", "backing": "sparse-file"}
    fleet.make(memory="1G", disks=[{"name": "root", "size": "20G"}, logs])
    past = replace(past_of(fleet), file_sizes={})
    target = target_of(back(), fleet.observed, storage_of(points("a", 1)), None)
    with pytest.raises(BadInput, match=r"would be lost: logs \(/apiary/web1/logs.img\)"):
        case_of(target, past, fleet.observed)


# the note and the look before the first change


def test_the_note_is_read_back(web1: Fleet) -> None:
    record = web1.observed.guest("web1").record
    assert record is not None
    note = snapshot_note.Note("a", record, True)
    text = snapshot_note.dump(note)
    assert text.splitlines()[0] == "a"
    assert snapshot_note.load(text, "/n", "web1") == note
    for bad in ("", "a\n", "a\n{}", "a\n[]", 'a\n{"schema": 9}'):
        with pytest.raises(UnknownState):
            snapshot_note.load(bad, "/n", "web1")


@pytest.mark.parametrize(
    ("processes", "files", "text"),
    [
        ([Process(7, "x", "bhyve: web1 (bhyve)")], [], "was started meanwhile"),
        ([Process(7, "x", "/bin/sh /usr/local/libexec/apiary run web1 1.2")], [], "was started meanwhile"),
        ([], [OpenFile(9, "dd", f"/dev/zvol/{WEB1}/root", "rw", "/dev", 1)], "is open in process 9"),
    ],
)
def test_a_guest_that_came_up_meanwhile_is_left_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    processes: List[Process],
    files: List[OpenFile],
    text: str,
) -> None:
    monkeypatch.setattr(snapshot_steps, "RUN", str(tmp_path / "run"))
    monkeypatch.setattr(snapshot_steps, "read_processes", lambda host: processes)
    monkeypatch.setattr(snapshot_steps, "read_open_files", lambda host: files)
    monkeypatch.setattr(Host, "write", lambda self, path, content, **_: Path(path).write_text(content))
    (tmp_path / "run/web1").mkdir(parents=True)
    (tmp_path / "run/web1/supervisor").write_text("7 x\n")
    note = tmp_path / ".rollback/web1"
    begin = snapshot_steps.BeginRollback("web1", str(note), "a\n", "a", (f"/dev/zvol/{WEB1}/root",))
    with pytest.raises(ApiaryError, match=text):
        begin.apply(Host())
    assert not note.exists()
    # One that was there before stays: that rollback is still unfinished.
    note.write_text("a\n")
    with pytest.raises(ApiaryError, match=text):
        begin.apply(Host())
    assert note.exists()
