# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks made from images, in the plan of their guest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, List

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.images import Image
from ansible_collections.apiary.bhyve.plugins.module_utils.storage.zfs import Dataset

MIB = 1 << 20
VOLUME = "zroot/apiary/web1/root"
GOLDEN = "zroot/apiary/.images/web"


def image(kind: str, size: int = 64 * MIB) -> Image:
    return Image("web", kind, ("/x",), "/x", "", {"sha256": "a"}, "raw", size, size, 0)


def volume(name: str, **props: str) -> Dataset:
    values = {"type": "volume", "volsize": str(64 * MIB), "volblocksize": "16384", "refreservation": "0"}
    values.update({"used": "0", "referenced": "0", "origin": "-", **props})
    return Dataset(name, "volume", {key: (value, "-") for key, value in values.items()})


@pytest.fixture
def hive(fleet: Any) -> Any:
    """A host with a golden volume."""
    datasets = {**fleet.observed.datasets, GOLDEN: volume(GOLDEN)}
    fleet.observed = replace(fleet.observed, datasets=datasets, images={"web": image("zvol")})
    return fleet


Request = Callable[..., Dict[str, Any]]


def steps(hive: Any, request_of: Request, **disk: Any) -> List[str]:
    given = {"name": "root", "image": "web", **disk}
    plan = hive.plan(request_of(memory="1G", disks=[given]))
    found: List[str] = plan.plan().descriptions().get("web1", [])
    return [step for step in found if "/root" in step]


def test_a_volume_is_cloned_grown_and_has_its_space_reserved(hive: Any, request_of: Request) -> None:
    assert steps(hive, request_of, size="1G") == [
        f"clone {GOLDEN}@golden to {VOLUME}",
        f"grow volume {VOLUME} from 64M to 1G",
        f"set refreservation=auto on volume {VOLUME}",
    ]


def test_a_sparse_clone_of_the_images_own_size_is_one_step(hive: Any, request_of: Request) -> None:
    assert steps(hive, request_of, backing="sparse-zvol") == [f"clone {GOLDEN}@golden to {VOLUME}"]


def test_declared_properties_are_set_on_the_clone(hive: Any, request_of: Request) -> None:
    found = steps(hive, request_of, backing="sparse-zvol", properties={"compression": "zstd"})
    assert found[1:] == [f"set compression=zstd on volume {VOLUME}"]


def test_a_file_is_copied_and_grown(hive: Any, request_of: Request) -> None:
    hive.observed = replace(hive.observed, images={"web": image("file")})
    assert steps(hive, request_of, backing="sparse-file", size="1G") == [
        "copy /apiary/.images/web.img to /apiary/web1/root.img",
        "grow file /apiary/web1/root.img from 64M to 1G",
    ]


def test_a_clone_without_its_reservation_gets_it(hive: Any, request_of: Request) -> None:
    request = request_of(memory="1G", disks=[{"name": "root", "image": "web"}])
    hive.make(request)
    hive.observed = replace(
        hive.observed, datasets={**hive.observed.datasets, VOLUME: volume(VOLUME, origin=f"{GOLDEN}@golden")}
    )
    assert steps(hive, request_of) == [f"set refreservation=auto on volume {VOLUME}"]
    # A promoted clone, or one that was made sparse by hand, is left as it is.
    hive.observed = replace(hive.observed, datasets={**hive.observed.datasets, VOLUME: volume(VOLUME)})
    assert steps(hive, request_of) == []


def test_an_image_counts_only_while_the_disk_does_not_exist(hive: Any, request_of: Request) -> None:
    hive.make(request_of(memory="1G", disks=[{"name": "root", "image": "web", "size": "1G"}]))
    hive.observed = replace(hive.observed, images={})
    assert not hive.plan(request_of(memory="1G", disks=[{"name": "root", "image": "web", "size": "1G"}])).changed


@pytest.mark.parametrize(
    ("kind", "disk", "reason"),
    [
        ("zvol", {"image": "other"}, "there is no image 'other' on this host; there are: web"),
        ("zvol", {"size": "32M"}, "size: 32M is less than the image web has, 64M"),
        ("zvol", {"backing": "file"}, "use backing: zvol or sparse-zvol"),
        ("file", {}, "use backing: file or sparse-file"),
        ("iso", {}, "use controller: ahci-cd and path: /apiary/.images/web.iso"),
        ("zvol", {"volblocksize": "64K"}, "block size, 16K, not 64K"),
        ("zvol", {"properties": {"encryption": "on"}}, "encryption: those of a clone are its image's"),
    ],
)
def test_what_cannot_be_made(hive: Any, request_of: Request, kind: str, disk: Dict[str, Any], reason: str) -> None:
    hive.observed = replace(hive.observed, images={"web": image(kind)})
    with pytest.raises(BadInput, match=f"^guest web1: disk root: .*{reason}"):
        steps(hive, request_of, **disk)
