# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task says of images, what is known of them, and what follows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput, UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host
from ansible_collections.apiary.bhyve.plugins.module_utils.plan import Plan
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.download import Part
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_options import (
    Request,
    parse_request,
    requests_of,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_plan import (
    Seen,
    differences,
    entry,
    plan_images,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.image_read import parse_snapshots, read_images
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import (
    Image,
    Progress,
    Store,
    dump_image,
    dump_progress,
    load_image,
    load_progress,
    required,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Dataset

URL = "https://example.org/pub/disk.raw.xz"
A, B = "a1" * 32, "b2" * 32
IMAGE = Image(
    name="web",
    kind="zvol",
    sources=(URL, "https://other.example.org/disk.raw.xz"),
    origin=URL,
    checksum="",
    digests={"sha256": A},
    format="raw.xz",
    size=6 << 20,
    virtual_size=5 << 20,
    made=1763730000,
)


def request(**given: Any) -> Request:
    return parse_request({"name": "web", **given})


@pytest.mark.parametrize(
    ("source", "with_zfs", "kind"),
    [
        (URL, True, "zvol"),
        (URL, False, "file"),
        ("https://example.org/disk.iso", True, "iso"),
        ("https://example.org/DISK.ISO?token=1", False, "iso"),
        ("/var/tmp/disk.iso.xz", True, "iso"),
        ("/var/tmp/disk.iso.txt", True, "zvol"),
    ],
)
def test_the_kind_follows_from_the_sources_name_and_the_host(source: str, with_zfs: bool, kind: str) -> None:
    assert request(source=[source]).default_kind(with_zfs) == kind
    assert request(source=[source], kind="file").default_kind(with_zfs) == "file"


@pytest.mark.parametrize(
    ("name", "needs"),
    [("disk.qcow2", True), ("disk.QCOW2.xz", True), ("disk.raw", False), ("qcow2.img", False)],
)
def test_a_qcow2_image_is_expected_by_its_name(name: str, needs: bool) -> None:
    assert request(source=[f"https://example.org/{name}"]).needs_qemu_img is needs


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"name": "a/b"}, "cannot be an image's name"),
        ({"name": "a@b"}, "cannot be an image's name"),
        ({"name": "a" * 64}, "cannot be an image's name"),
        ({"name": "disk.qcow2"}, "leave the ending out"),
        ({"source": ["https://"]}, "write a URL"),
        ({"source": ["https://[::1/x"]}, "not a URL"),
        ({"source": ["file:///x"]}, "write a URL"),
        ({"source": ["https://example.org/a b"]}, "write a URL"),
        ({"source": ["https://me@example.org/x"]}, "names and passwords"),
        ({"source": ["https://example.org"]}, "names a directory"),
        ({"source": [URL, "/x"]}, "all are URLs"),
        ({"source": ["/x", "/y"]}, "all are URLs"),
        ({"checksum": A}, "image web: checksum: "),
        ({"volblocksize": "3K"}, "not a power of two"),
        ({"volblocksize": "8K", "kind": "iso"}, "not for kind: iso"),
        ({"retries": 101}, "retries: 101"),
        ({"timeout": 4000}, "timeout: 4000"),
    ],
)
def test_what_cannot_be_is_refused(given: Dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        request(**given)


def test_one_image_or_many_but_no_mixture() -> None:
    assert [one.name for one in requests_of({"name": "web", "images": None})] == ["web"]
    assert [one.name for one in requests_of({"images": [{"name": "a"}, {"name": "b"}]})] == ["a", "b"]
    assert requests_of({"images": []}) == []
    for params, reason in (
        ({"name": None, "images": None}, "give one image by name"),
        ({"name": "web", "images": []}, "name beside it"),
        ({"images": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}, "a is there twice, as element 1 and as element 3"),
    ):
        with pytest.raises(BadInput, match=reason):
            requests_of(params)


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({}, True),
        ({"source": [URL]}, True),
        ({"source": ["https://new.example.org/disk.raw.xz", URL]}, True),
        ({"source": ["https://other.example.org/disk.raw.xz"]}, False),
        ({"checksum": f"sha256:{A}"}, True),
        ({"checksum": f"sha256:{A}", "source": ["/anywhere"]}, True),
        ({"checksum": f"sha256:{B}", "source": [URL]}, False),
        ({"checksum": "sha512:" + "c" * 128, "source": [URL]}, False),
        ({"checksum": "sha256:https://example.org/SUMS", "source": [URL]}, False),
        ({"kind": "zvol"}, True),
        ({"kind": "file"}, False),
    ],
)
def test_whether_an_image_is_what_a_task_wants(given: Dict[str, Any], same: bool) -> None:
    assert (differences(request(**given), IMAGE) == []) is same


def test_the_same_file_of_digests_is_no_difference() -> None:
    image = replace(IMAGE, checksum="sha256:https://example.org/SUMS")
    assert differences(request(checksum="sha256:https://example.org/SUMS", source=[URL]), image) == []
    assert differences(request(checksum="sha256:https://example.org/NEW", source=[URL]), image)


def test_records_come_back_as_they_were_written() -> None:
    assert load_image(dump_image(IMAGE), "x") == IMAGE
    part = Part(URL, 10, 20, '"etag"', "date")
    progress = Progress("web", "downloading", 50, {"kind": "zvol"}, part)
    assert load_progress(dump_progress(progress), "x") == progress
    assert load_progress(dump_progress(replace(progress, image=IMAGE)), "x").image == IMAGE


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "name": "web"}'])
def test_a_record_that_makes_no_sense_is_not_taken_for_none(text: str) -> None:
    with pytest.raises(UnknownState, match="^/x "):
        load_image(text, "/x")
    with pytest.raises(UnknownState, match="^/x "):
        load_progress(text, "/x")


def test_an_image_of_an_unknown_kind_is_refused() -> None:
    text = json.dumps({**json.loads(dump_image(IMAGE)), "kind": "tape"})
    with pytest.raises(UnknownState, match="tape"):
        load_image(text, "/x")


def test_snapshots_and_their_clones() -> None:
    text = "z/.images/web@golden\tz/vm1/root,z/vm2/root\nz/.images/other@golden\t\nz/.images/third@golden\t-\n"
    assert parse_snapshots(text) == {
        "z/.images/web@golden": ["z/vm1/root", "z/vm2/root"],
        "z/.images/other@golden": [],
        "z/.images/third@golden": [],
    }
    for bad in ("z/.images/web@golden\n", "z/.images/web\t-\n", "a@b\tc\td\n"):
        with pytest.raises(UnknownState, match="cannot be read"):
            parse_snapshots(bad)


def test_a_missing_image_is_named_with_those_that_there_are() -> None:
    with pytest.raises(BadInput, match="image: there is no image 'other' on this host; there are: web"):
        required({"web": IMAGE}, "other", "image")
    assert required({"web": IMAGE}, "web", "image") is IMAGE


class Place:
    """A host with images in a directory, and volumes that are told and not there."""

    def __init__(self, root: Path) -> None:
        (root / ".images").mkdir()
        self.store = Store(str(root), "z")
        self.datasets: Dict[str, Dataset] = {}
        self.snapshots: Dict[str, List[str]] = {}
        self.dataset("z", "filesystem", mountpoint=str(root), volmode="dev")
        self.dataset("z/.images", "filesystem")

    def dataset(self, name: str, kind: str, **props: str) -> None:
        values = {"type": kind, "mounted": "yes", "origin": "-", **props}
        self.datasets[name] = Dataset(name, kind, {key: (value, "-") for key, value in values.items()})

    def image(self, image: Image, clones: Sequence[str] = ()) -> None:
        Path(self.store.record(image.name)).write_text(dump_image(image))
        if image.kind == "zvol":
            self.dataset(self.store.volume(image.name), "volume")
            self.snapshots[self.store.snapshot(image.name)] = list(clones)
        else:
            Path(self.store.file(image.name, image.kind)).write_bytes(b"x")

    def see(self, users: Optional[Mapping[str, Sequence[str]]] = None) -> Seen:
        images = read_images(Host(), self.store, self.datasets, self.snapshots)
        return Seen(self.store, self.datasets, images, users or {})

    def plan(self, *given: Dict[str, Any], users: Optional[Mapping[str, Sequence[str]]] = None) -> Plan:
        return plan_images(Host(), [parse_request({"name": "web", **one}) for one in given], self.see(users))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_what_there_is_is_read(place: Place) -> None:
    place.image(IMAGE, ["z/vm1/root"])
    place.image(replace(IMAGE, name="cd", kind="iso"))
    seen = place.see()
    assert sorted(seen.images.images) == ["cd", "web"]
    assert (entry("web", seen)["state"], entry("web", seen)["clones"]) == ("present", ["z/vm1/root"])
    assert entry("cd", seen)["path"].endswith("/.images/cd.iso")
    assert entry("none", seen) == {"name": "none", "state": "absent"}
    assert not place.plan({"source": [URL]}).changed


def test_an_image_without_its_data_is_broken_and_made_anew(place: Place) -> None:
    for missing in ("volume", "snapshot"):
        place.image(IMAGE)
        del place.snapshots["z/.images/web@golden"]
        if missing == "volume":
            del place.datasets["z/.images/web"]
        seen = place.see()
        assert entry("web", seen)["state"] == "broken"
        assert f"the {missing} z/.images/web" in entry("web", seen)["message"]
        assert place.plan({"source": [URL]}).descriptions()["web"] == [f"make anew image z/.images/web from {URL}"]
        with pytest.raises(
            BadInput, match=f"the {missing} z/.images/web.* is missing; to make it anew, give its source"
        ):
            place.plan({})


def test_a_volume_without_a_record_is_not_ours(place: Place) -> None:
    place.dataset("z/.images/web", "volume")
    with pytest.raises(BadInput, match="z/.images/web is there and belongs to no image"):
        place.plan({"source": [URL]})
    assert not place.plan({"state": "absent"}).changed


def test_clones_and_users_hold_an_image(place: Place) -> None:
    place.image(IMAGE, ["z/vm1/root"])
    place.image(replace(IMAGE, name="cd", kind="iso"))
    with pytest.raises(BadInput, match="cannot be removed while these are clones of it: z/vm1/root"):
        place.plan({"state": "absent"})
    with pytest.raises(BadInput, match="cannot be made anew while these are clones of it: z/vm1/root"):
        place.plan({"source": ["https://example.org/new"], "force": True})
    users = {place.store.file("cd", "iso"): ["guest vm1 disk cd"]}
    with pytest.raises(BadInput, match="these use it as it is: guest vm1 disk cd"):
        place.plan({"name": "cd", "state": "absent"}, users=users)
    anew = {"name": "cd", "source": ["https://example.org/new.iso"], "force": True}
    assert place.plan(anew, users=users).changed


def test_what_a_broken_run_left_is_cleared_away(place: Place) -> None:
    Path(place.store.partial("web", "json")).write_text(dump_progress(Progress("web", "writing", 70)))
    place.dataset("z/.images/.partial-web", "volume")
    seen = place.see()
    assert entry("web", seen) == {"name": "web", "state": "interrupted", "phase": "writing", "progress": 70}
    assert place.plan({"state": "absent"}).descriptions() == {
        "web": ["clear away what an interrupted task left of image web"]
    }
    place.image(IMAGE)
    assert place.plan({}).descriptions() == {"web": ["clear away what an interrupted task left of image web"]}


def test_an_image_that_was_named_and_not_recorded_is_ours(place: Place) -> None:
    Path(place.store.partial("web", "json")).write_text(dump_progress(Progress("web", "ready", 100, {}, image=IMAGE)))
    place.dataset("z/.images/web", "volume")
    assert place.plan({"source": [URL]}).descriptions()["web"] == [f"make image z/.images/web from {URL}"]
    assert place.plan({"state": "absent"}).descriptions()["web"] == [
        "remove image /dev/zvol/z/.images/web",
        "clear away what an interrupted task left of image web",
    ]


def test_images_that_cannot_be_seen_are_not_absent(place: Place) -> None:
    place.dataset("z/.images", "filesystem", mounted="no")
    with pytest.raises(UnknownState, match="z/.images is not mounted"):
        place.see()


def test_the_place_for_images_is_made_once_in_a_task(place: Place) -> None:
    (Path(place.store.directory)).rmdir()
    del place.datasets["z/.images"]
    plan = place.plan({"source": [URL]}, {"name": "other", "source": [URL]})
    assert plan.descriptions() == {
        "web": ["create dataset z/.images", f"make image z/.images/web from {URL}"],
        "other": [f"make image z/.images/other from {URL}"],
    }
