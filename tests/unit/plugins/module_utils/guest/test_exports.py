# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables of exports and imports: what goes in, what counts as the same, what a guest becomes on another host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, FrozenSet, Optional, Tuple

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.changes import (
    DestroyDataset,
    WriteFile,
    WriteGeneration,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.desired import Desired
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports import archive
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.archive import Content, Left, Manifest, Member
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.export_plan import (
    Element,
    FileFacts,
    Source,
    Target,
    check_source,
    plan,
    unwritten,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.import_plan import (
    Adapted,
    Incoming,
    adapt,
    needs,
    taken_on,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.options import (
    Export,
    Import,
    exports_of,
    imports_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.exports.place import Place, as_if_there
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.identity import Identity
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.names import Layout
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.observed import Observed, ObservedGuest
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.planner import plan_fleet
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.record import Record
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.spec import (
    Boot,
    Disk,
    Guest,
    Loader,
    Nic,
    Passthru,
    Vnc,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.snapshots import STATE
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.streams import MARK, Marks
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import WITH_POINTS, parse_datasets

MIB = 1 << 20
OWNER = "0a1b2c3d-0000-4000-8000-00000000beef"
UUID = "11111111-2222-4333-8444-555555555555"
NEW = "99999999-2222-4333-8444-555555555555"
WEB1 = "zroot/apiary/web1"

ROOT = Disk("root", "zvol", "virtio-blk", size=16 * MIB)
LOGS = Disk("logs", "sparse-file", "virtio-blk", size=8 * MIB)
ISO = Disk("iso", "path", "ahci-cd", path="/iso/a.iso")
RAW = Disk("raw", "path", "virtio-blk", path="/dev/da1")
GUEST = Guest("web1", "freebsd", 64 * MIB, disks=(ROOT, LOGS), nics=(Nic("lan", "virtio-net"),))
IDENTITY = Identity(UUID, {"lan": "5a:00:00:00:00:01"}, {"disk/root": "0.3.0"}, {"root": "A1", "logs": "B2"})
RECORD = Record(GUEST, IDENTITY, OWNER)
WRITTEN = f"written#{MARK}"
NEVER_MARKED = (f"{WEB1}/root", WRITTEN, "-")
NOTHING_THERE = Target(free=1 << 40)
FILES = {
    "guest.json": FileFacts(900, 1, 0o600, 4096),
    "uefi-vars.fd": FileFacts(540672, 2, 0o600, 8192),
    "hooks/prestart": FileFacts(10, 3, 0o755, 512),
    "logs.img": FileFacts(8 * MIB, 4, 0o600, 65536),
}


def marks(*rows: Tuple[str, str, str]) -> Marks:
    """What ZFS tells of web1's datasets, and more."""
    lines = [(WEB1, "type", "filesystem"), (f"{WEB1}/root", "type", "volume"), (f"{WEB1}/root", "volsize", "16777216")]
    lines += [(f"{WEB1}/root", "volblocksize", "16384"), (f"{WEB1}/root", "referenced", "1048576")]
    for name in (name for name, _prop, _value in rows if set(name) & set("@#")):
        lines += [(name, "type", "bookmark" if "#" in name else "snapshot"), (name, STATE, "-")]
    text = "".join(f"{name}\t{prop}\t{value}\t-\n" for name, prop, value in [*lines, NEVER_MARKED, *rows])
    return Marks(parse_datasets(text, WITH_POINTS))


def marked(written: str = "0", guid: str = "7") -> Marks:
    """The same after an export."""
    return marks((f"{WEB1}/root", WRITTEN, written), (f"{WEB1}/root#apiary-export", "guid", guid))


def seen(record: Optional[Record] = RECORD, **more: Any) -> ObservedGuest:
    name = record.guest.name if record is not None else "web1"
    return ObservedGuest(name, exists=record is not None, record=record, **more)


def source(record: Record = RECORD, files: Optional[Dict[str, FileFacts]] = None) -> Source:
    return Source("/apiary/web1", record, FILES if files is None else files)


def element(
    observed: Observed, target: Target = NOTHING_THERE, found: Optional[Marks] = None, **options: Any
) -> Element:
    """The plan of one export."""
    record = options.pop("record", RECORD)
    files = options.pop("files", None)
    wanted = Export("web1", "/backup/web1.apiary", **options)
    return plan(wanted, observed, found or marks(), source(record, files), target, "new-id", 1700000000)


def exported(observed: Observed, volumes: Dict[str, str]) -> Manifest:
    """The manifest of an export that is there already."""
    manifest = element(observed).manifest
    return replace(manifest, id="old-id", content=replace(manifest.content, volumes=volumes))


@pytest.fixture
def here(fleet: Any) -> Observed:
    """A host with web1 on ZFS."""
    observed: Observed = fleet.observed
    return replace(observed, guests={"web1": seen()}, hostuuid=OWNER)


def without_zfs(observed: Observed) -> Observed:
    conf = replace(observed.conf, layout=Layout("/apiary", ""))
    return replace(observed, conf=conf, datasets={})


def test_everything_goes_in_volumes_as_streams_and_files_as_images(here: Observed) -> None:
    found = element(here)
    assert found.write
    assert [(one.name, one.kind) for one in found.manifest.members] == [
        ("guest.json", "record"),
        ("files/hooks/prestart", "file"),
        ("files/uefi-vars.fd", "file"),
        ("disks/root.zfs.zst", "stream"),
        ("disks/logs.img.zst", "image"),
    ]
    assert found.manifest.consistency == "stopped"
    assert found.needed == 1048576 + 65536 + 8192 + 512
    assert element(here, format="image").manifest.formats == {"root": "image", "logs": "image"}


def test_a_running_guest_is_crash_consistent_and_only_on_zfs(here: Observed) -> None:
    running = replace(here, guests={"web1": seen(pid=7)})
    assert element(running).manifest.consistency == "crash_consistent"
    with pytest.raises(BadInput, match="it runs, and without ZFS"):
        check_source(Export("web1", "/x"), without_zfs(running), Marks())


@pytest.mark.parametrize(
    ("disks", "options", "message"),
    [
        ((ROOT, RAW), {}, "raw: /dev/da1 is given by its path .*skip_paths: true"),
        ((ROOT, LOGS), {"format": "stream"}, "logs: format: it is a file"),
        ((replace(ROOT, name="gone"),), {}, f"gone: {WEB1}/gone does not exist"),
        ((replace(LOGS, name="gone"),), {}, "gone: /apiary/web1/gone.img does not exist"),
    ],
)
def test_what_cannot_be_exported(here: Observed, disks: Any, options: Dict[str, Any], message: str) -> None:
    record = replace(RECORD, guest=replace(GUEST, disks=disks))
    with pytest.raises(BadInput, match=message):
        element(here, record=record, **options)


def test_media_and_skipped_paths_are_named(here: Observed) -> None:
    record = replace(RECORD, guest=replace(GUEST, disks=(ROOT, ISO, RAW, replace(LOGS, name="gone", detached=True))))
    manifest = element(here, record=record, skip_paths=True).manifest
    assert manifest.left == (Left("iso", "/iso/a.iso", True), Left("raw", "/dev/da1", False))
    assert manifest.formats == {"root": "stream"}


@pytest.mark.parametrize(
    ("found", "same"),
    [(marked(), True), (marked(written="4096"), False), (marked(written="-"), False), (marked(guid="8"), False)],
)
def test_the_same_is_what_nothing_was_written_to(here: Observed, found: Marks, same: bool) -> None:
    target = Target("export", exported(here, {"root": "7"}), free=1 << 40)
    if same:
        assert not element(here, target, found).changed
        return
    with pytest.raises(BadInput, match="force: true"):
        element(here, target, found)
    assert element(here, target, found, force=True).write


def test_a_file_that_was_touched_or_another_format_is_not_the_same(here: Observed) -> None:
    target = Target("export", exported(here, {"root": "7"}), free=1 << 40)
    with pytest.raises(BadInput, match="with other content"):
        element(here, target, marked(), files={**FILES, "logs.img": FileFacts(8 * MIB, 5, 0o600, 65536)})
    with pytest.raises(BadInput, match="made otherwise"):
        element(here, target, marked(), format="image")
    running = replace(here, guests={"web1": seen(pid=7)})
    with pytest.raises(BadInput, match="which runs and may have written since"):
        element(running, target, marked())


def test_an_export_of_a_snapshot_is_the_same_for_ever(here: Observed) -> None:
    snapshots = marks(
        (f"{WEB1}@daily", "guid", "1"),
        (f"{WEB1}/root@daily", "guid", "2"),
        (f"{WEB1}/root@daily", "volsize", "16777216"),
        (f"{WEB1}/root@daily", "referenced", "512"),
    )
    first = element(here, found=snapshots, snapshot="daily").manifest
    old = replace(first, content=replace(first.content, volumes={"root": "2"}))
    assert old.consistency == "crash_consistent"
    running = replace(here, guests={"web1": seen(pid=7)})
    assert not element(running, Target("export", old, free=1), snapshots, snapshot="daily").changed


def test_two_exports_of_the_same_content_are_told_to_be_the_same(here: Observed) -> None:
    assert unwritten(element(here), here, marked()) == {"root": "7"}
    assert unwritten(element(here), here, marked(written="512")) == {}
    running = replace(here, guests={"web1": seen(pid=7)})
    assert unwritten(element(running), running, marked()) == {}


def test_what_an_interrupted_export_left_goes(here: Observed) -> None:
    left = marks((f"{WEB1}@apiary-export", "guid", "1"), (f"{WEB1}/root@apiary-export", "guid", "2"))
    assert element(here, found=left).leftovers == [f"{WEB1}@apiary-export"]


def test_another_file_is_not_replaced_unasked(here: Observed) -> None:
    with pytest.raises(BadInput, match="exists and is no export"):
        element(here, Target("file", free=1))
    with pytest.raises(BadInput, match="is no file"):
        element(here, Target(problem="/backup/x is there and is no file"), force=True)
    other = replace(exported(here, {}), guest="db1", uuid=NEW)
    with pytest.raises(BadInput, match="is an export of guest db1"):
        element(here, Target("export", other, free=1))


def test_options_that_do_not_fit() -> None:
    one = {"vm": "web1", "path": "/b/x"}
    assert exports_of({"exports": [one]}) == [Export("web1", "/b/x")]
    assert imports_of({"path": "/b/x"}) == [Import("/b/x")]
    for params, message in (
        ({"vm": "web1"}, "path: give one export by vm and path, or many by exports"),
        ({"vm": "web1", "path": "x"}, "not the absolute path"),
        ({**one, "exports": [one]}, "exports: path, vm beside it"),
        ({"exports": [one, {**one, "vm": "db1"}]}, "/b/x is there twice"),
    ):
        with pytest.raises(BadInput, match=message):
            exports_of(params)
    with pytest.raises(BadInput, match="cannot be a guest's name"):
        imports_of({"path": "/b/x", "name": ".x"})


# the manifest


def manifest(**changes: Any) -> Manifest:
    """An export of web1."""
    members = (
        Member("guest.json", "record", 900, "0" * 64),
        Member("files/uefi-vars.fd", "file", 540672, "1" * 64, path="uefi-vars.fd", held=8192),
        Member("disks/root.zfs.zst", "stream", 5, "2" * 64, disk="root", bytes=16 * MIB, held=MIB, block=16384),
        Member("disks/logs.img.zst", "image", 6, "3" * 64, disk="logs", bytes=8 * MIB, held=4096),
    )
    values: Dict[str, Any] = {"content": Content({"root": "7"}, {"guest.json": "1 2"}), "members": members}
    base = Manifest("an-id", "web1", UUID, "other-host", 1700000000, "stopped", "", **values)
    return replace(base, **changes)


def test_a_manifest_is_read_as_it_was_written_and_fits_its_reserve() -> None:
    one = manifest(left=(Left("iso", "/iso/a.iso", True),))
    size = archive.reserve(one)
    sums = {member.name: (member.size, member.sha256) for member in one.members}
    data = archive.filled(one, sums, size)
    assert len(data) == size
    assert archive.load(data, "x") == one


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"schema": 1', '"schema": 2', "schema 2, this apiary.bhyve knows 1"),
        ('"format": "apiary-export"', '"format": "zip"', "not an export"),
        ('"path": "uefi-vars.fd"', '"path": "../../etc/passwd"', "damaged"),
        ('"name": "disks/root.zfs.zst"', '"name": "disks/../root"', "damaged"),
        ('"size": 900', '"size": -1', "negative"),
        ('"id"', '"it"', "cannot be read"),
        ("{", "[", "cannot be read"),
    ],
)
def test_a_manifest_that_is_none(before: str, after: str, message: str) -> None:
    text = archive.dump(manifest())
    assert before in text
    with pytest.raises(ApiaryError, match=message):
        archive.load(text.replace(before, after, 1).encode(), "/b/x.apiary")


@pytest.mark.parametrize(
    ("path", "good"),
    [
        ("seed.iso", True),
        ("hooks/pre start~", True),
        ("hooks/caf\udce9", True),
        ("guest.json", False),
        ("hooks/..", False),
        ("hooks/../x", False),
        ("/etc/passwd", False),
        ("boot.1/bhyve.conf", False),
    ],
)
def test_only_files_of_a_guest_come_out(path: str, good: bool) -> None:
    one = manifest()
    hook = Member(archive.file_member(path), "file", 1, "4" * 64, path=path)
    text = archive.dump(replace(one, members=(one.members[0], hook))).encode()
    if good:
        assert archive.load(text, "x").members[1].path == path
        return
    with pytest.raises(ApiaryError, match="does not belong to a guest"):
        archive.load(text, "x")


# the guest on another host


def incoming(name: str = "web1", record: Record = RECORD, left: Tuple[Left, ...] = (), **options: Any) -> Incoming:
    return Incoming(Import("/b/x", name, **options), name, manifest(left=left), record)


def adapted(observed: Observed, one: Optional[Incoming] = None, there: FrozenSet[str] = frozenset()) -> Adapted:
    return adapt(one or incoming(), observed, taken_on(observed), there, lambda: NEW)


@pytest.fixture
def empty(fleet: Any) -> Observed:
    """A host without guests."""
    observed: Observed = fleet.observed
    return replace(observed, guests={}, hostuuid="this-host")


def test_devices_of_the_other_host_stay_there(empty: Observed) -> None:
    guest = replace(GUEST, passthru=(Passthru("wan", "4/0/0"),))
    identity = replace(IDENTITY, slots={**IDENTITY.slots, "passthru/wan": "0.9.0"})
    found = adapted(empty, incoming(record=Record(guest, identity, OWNER)))
    assert found.record.guest.passthru == () and "passthru/wan" not in found.record.identity.slots
    assert "passthru: left out: wan (pci0:4:0:0)" in found.warnings[0]


def test_a_guest_keeps_its_identity_and_gets_a_new_owner(empty: Observed) -> None:
    found = adapted(empty, incoming("web2"))
    assert (found.record.guest.name, found.record.owner) == ("web2", "this-host")
    assert (found.record.identity.uuid, found.record.identity.macs) == (UUID, IDENTITY.macs)
    assert (found.record.identity.serials, found.record.identity.slots["disk/root"]) == (IDENTITY.serials, "0.3.0")
    assert not found.warnings


@pytest.mark.parametrize("what", ["uuid", "macs"])
def test_an_identity_that_somebody_has_is_an_error_that_names_the_option(here: Observed, what: str) -> None:
    other = replace(IDENTITY, uuid=NEW) if what == "macs" else replace(IDENTITY, macs={"lan": "5a:00:00:00:00:02"})
    guests = {"db1": seen(Record(replace(GUEST, name="db1"), other, OWNER))}
    with pytest.raises(BadInput, match=r"that of guest db1 .*keep_identity: false"):
        adapted(replace(here, guests=guests))


def test_a_copy_has_an_identity_of_its_own_and_boots_as_before(here: Observed) -> None:
    declared = replace(GUEST, nics=(Nic("lan", "virtio-net", mac="5a:00:00:00:00:01"),))
    one = incoming("web2", replace(RECORD, guest=declared), keep_identity=False)
    identity = adapted(here, one).record.identity
    assert identity.uuid == NEW
    assert identity.macs["lan"] not in IDENTITY.macs.values()
    assert (identity.serials, identity.slots["disk/root"]) == (IDENTITY.serials, "0.3.0")


def test_what_only_the_other_host_had_is_left_out_with_a_warning(here: Observed) -> None:
    guest = replace(
        GUEST,
        disks=(ROOT, LOGS, ISO, replace(ISO, name="tools", path="/iso/b.iso"), RAW),
        boot=Boot(after=("db1", "dns")),
        vnc=Vnc(port=5900),
    )
    others = {"dns": seen(Record(Guest("dns", "other", 64 * MIB), Identity(NEW), OWNER))}
    allocations = replace(here.allocations, vnc={"dns": 5900})
    left = (Left("iso", "/iso/a.iso", True), Left("tools", "/iso/b.iso", True), Left("raw", "/dev/da1", False))
    host = replace(here, guests=others, allocations=allocations, listeners=[])
    one = incoming(record=replace(RECORD, guest=guest), left=left)
    found = adapted(host, one, there=frozenset({"/iso/a.iso", "/dev/da1"}))
    assert {disk.name: disk.detached for disk in found.record.guest.disks} == {
        "root": False,
        "logs": False,
        "iso": False,
        "tools": True,
        "raw": True,
    }
    assert found.record.guest.boot.after == ("dns",)
    assert found.record.guest.vnc is not None and found.record.guest.vnc.port == 0
    assert len(found.warnings) == 4


def image(one: Incoming) -> Incoming:
    """The same export with all disks as images."""
    members = tuple(
        replace(member, kind="image", name="disks/root.img.zst") if member.disk == "root" else member
        for member in one.manifest.members
    )
    return replace(one, manifest=replace(one.manifest, members=members))


def test_streams_need_zfs_and_images_become_anything(empty: Observed) -> None:
    with pytest.raises(BadInput, match="this host has no ZFS; export the guest with format: image"):
        adapted(without_zfs(empty))
    with pytest.raises(BadInput, match="cannot become a file; export the guest with format: image"):
        adapted(empty, incoming(backing="file"))
    with pytest.raises(BadInput, match="backing: zvol needs ZFS"):
        adapted(without_zfs(empty), image(incoming(backing="zvol")))
    plain = adapted(without_zfs(empty), image(incoming())).record.guest
    assert [disk.backing for disk in plain.disks] == ["file", "sparse-file"]
    volumes = adapted(empty, incoming(backing="sparse-zvol")).record.guest
    assert [disk.backing for disk in volumes.disks] == ["sparse-zvol", "sparse-zvol"]


def test_space_is_that_of_thick_disks_and_of_what_thin_ones_hold(empty: Observed) -> None:
    one = incoming()
    sizes = {need.who.rpartition(": ")[2]: need.size for need in needs(one, adapted(empty, one))}
    assert sizes["root"] > 16 * MIB
    assert (sizes["logs"], sizes["uefi-vars.fd"]) == (4096, 8192)


def test_the_planner_makes_no_disks_and_its_steps_are_led_to_the_hidden_place(empty: Observed) -> None:
    disks = (replace(ROOT, image="debian-13", properties=(("compression", "zstd"),)), LOGS)
    record = replace(RECORD, guest=replace(GUEST, disks=disks, loader=Loader(host_path="/tiny"), firmware="bhyveload"))
    one = incoming("web2", record)
    here, place = adapted(empty, one), Place("web2", empty.conf.layout)
    there = as_if_there(empty, place, one.manifest, here)
    desired = Desired("web2", "present", {}, there.guest("web2"), here.whole)
    steps = plan_fleet([desired], there).guests[0].changes
    assert [type(step).__name__ for step in steps] == [
        "Allocate",
        "WriteFile",
        "WriteFile",
        "WriteGeneration",
        "SwitchBoot",
    ]
    led = [place.led(step) for step in steps]
    assert [getattr(step, "path", "") for step in led[1:3]] == [
        "/apiary/.partial-web2/firstboot",
        "/apiary/.partial-web2/guest.json",
    ]
    assert isinstance(led[3], WriteGeneration)
    assert led[3].directory == "/apiary/.partial-web2/boot.1"
    assert "/dev/zvol/zroot/apiary/web2/root" in led[3].conf


def test_a_step_that_an_import_does_not_know_is_refused(empty: Observed) -> None:
    place = Place("web2", empty.conf.layout)
    with pytest.raises(ApiaryError, match="an import cannot destroy zroot/apiary/web2"):
        place.led(DestroyDataset("web2", "zroot/apiary/web2"))
    with pytest.raises(ApiaryError, match="/apiary/web20/x is not within the guest"):
        place.led(WriteFile("web2", "/apiary/web20/x", "", "file"))
